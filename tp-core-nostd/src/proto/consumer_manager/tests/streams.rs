//! Private streams: every state with every input, and who may have which.

use super::super::*;
use super::rig::*;
use crate::ids::StreamId;
use crate::wire::control::{ConsumerHello, Endpoint, StreamRequest};
use std::format;
use std::string::String;

/// Ann asked for stream 31000, and the order is where its name says.
fn states() -> [(&'static str, Rig); 4] {
    let [shared, mut wanted, mut opening, mut open] = [(); 4].map(|()| Rig::answering());
    let mut shared = shared;
    shared.manager.handle_hello(at(0), &hello(ANN));
    shared.told();
    for rig in [&mut wanted, &mut opening, &mut open] {
        rig.manager.handle_hello(at(0), &asking(ANN, 31_000, 0));
    }
    opening.orders();
    open.settle();
    open.told();
    [
        ("shared", shared),
        ("wanted", wanted),
        ("opening", opening),
        ("open", open),
    ]
}

// req: C-082, C-083, C-084, W-190, W-191, W-197, W-204, W-205, T-16, P-033
#[test]
fn every_input_in_every_state() {
    let half = ConsumerHello {
        descriptor: StreamRequest::Unusable {
            channel: b"aeron:ipc",
            stream_id: 0,
        },
        ..hello(ANN)
    };
    type Change<'t> = &'t dyn Fn(&mut Rig);
    let inputs: [(&str, Change<'_>); 9] = [
        ("hello, same", &|rig| {
            rig.manager.handle_hello(at(9), &asking(ANN, 31_000, 0));
        }),
        ("hello, other", &|rig| {
            rig.manager.handle_hello(at(9), &asking(ANN, 31_001, 0));
        }),
        ("hello, none", &|rig| {
            rig.manager.handle_hello(at(9), &hello(ANN));
        }),
        ("hello, half", &|rig| {
            rig.manager.handle_hello(at(9), &half);
        }),
        ("qos", &|rig| rig.manager.handle_qos(at(9), &qos(ANN))),
        ("opened", &|rig| {
            if let Some(key) = rig.keys.last() {
                rig.manager.opened(*key);
            }
        }),
        ("failed", &|rig| {
            if let Some(key) = rig.keys.last() {
                rig.manager.failed(*key);
            }
        }),
        ("stale", &|rig| rig.manager.poll(at(5_001))),
        ("gone", &|rig| rig.manager.handle_gone(ANN)),
    ];
    let mut table = String::new();
    for (input, apply) in inputs {
        for (state, mut rig) in states() {
            apply(&mut rig);
            let told = rig.told();
            let ordered = rig.settle();
            let then = rig.told();
            table += &format!("{input:12} {state:7}: {told} | {ordered} | {then}\n");
        }
    }
    // What is told at once, what is ordered, and what is told when that is done.
    let reviewed = "\
hello, same  shared : - | open31000 | 1 31000/0
hello, same  wanted : - | open31000 | 1 31000/0
hello, same  opening: - | - | 1 31000/0
hello, same  open   : - | - | -
hello, other shared : - | open31001 | 1 31001/0
hello, other wanted : - | open31001 | 1 31001/0
hello, other opening: - | close+open31001 | 1 31001/0
hello, other open   : - | close+open31001 | 1 31001/0
hello, none  shared : - | - | -
hello, none  wanted : 1 0/0 | - | -
hello, none  opening: 1 0/0 | close | -
hello, none  open   : 1 0/0 | close | -
hello, half  shared : 1 0/0 | - | -
hello, half  wanted : 1 0/0 | - | -
hello, half  opening: 1 0/0 | close | -
hello, half  open   : 1 0/0 | close | -
qos          shared : - | - | -
qos          wanted : - | open31000 | 1 31000/0
qos          opening: - | - | 1 31000/0
qos          open   : - | - | -
opened       shared : - | - | -
opened       wanted : - | open31000 | 1 31000/0
opened       opening: 1 31000/0 | - | -
opened       open   : - | - | -
failed       shared : - | - | -
failed       wanted : - | open31000 | 1 31000/0
failed       opening: 1 0/0 | - | -
failed       open   : 1 0/0 | - | -
stale        shared : - | - | -
stale        wanted : - | - | -
stale        opening: - | close | -
stale        open   : - | close | -
gone         shared : - | - | -
gone         wanted : - | - | -
gone         opening: - | close | -
gone         open   : - | close | -
";
    assert_eq!(table, reviewed);
}

#[test] // req: W-181, W-182, W-184, W-185, W-186, W-188, T-16, P-015, P-016, P-042, T-53
fn each_half_of_a_hello_is_judged_by_itself() {
    let on = |channel, id| {
        let stream_id = StreamId::new(id).unwrap();
        StreamRequest::Of(Endpoint { channel, stream_id })
    };
    let unusable = |stream_id| StreamRequest::Unusable {
        channel: b"aeron:ipc",
        stream_id,
    };
    let long = "aeron:ipc?term-length=64k|alias=abcdef";
    use DeclineReason::{Channel, ChannelTooLong, Reserved, Taken, Unusable};
    let udp = "aeron:udp?endpoint=1.2.3.4:5";
    #[rustfmt::skip]
    let rows = [
        // descriptor                     control                told             declined
        (ask(0),                          ask(0),                "1 0/0",         &[][..]),
        (ask(31_000),                     ask(32_000),           "1 31000/32000", &[]),
        (unusable(0),                     ask(32_000),           "1 0/32000",     &[Unusable]),
        (ask(31_000),                     unusable(0),           "1 31000/0",     &[Unusable]),
        (unusable(1 << 31),               unusable(u32::MAX),    "1 0/0",         &[Unusable]),
        (ask(31_000),                     ask(31_000),           "1 31000/0",     &[Taken]),
        (ask(1_100),                      ask(0),                "1 0/0",         &[Reserved]),
        (ask(31_009),                     unusable(0),           "1 0/0",         &[Taken, Unusable]), // Ben's
        (on("aeron:ipc?term-length=64k", 31_000), ask(0),        "1 31000/0",     &[]),
        (on(long, 31_000),                ask(0),                "1 0/0",         &[ChannelTooLong]),
        (on("aeron:ipc-mine", 31_000),    ask(0),                "1 0/0",         &[Channel]),
        (on(udp, 31_000),                 ask(0),                "1 0/0",         &[Channel]),
    ];
    for (descriptor, control, expected, why) in rows {
        let policy = ManagerPolicy {
            reserved: StreamId::new(1_100).into_iter().collect(),
            ..ManagerPolicy::default()
        };
        let mut rig = Rig::new(manager(true, policy));
        rig.manager.handle_hello(at(0), &asking(BEN, 31_009, 0));
        rig.settle();
        assert_eq!(rig.told(), "2 31009/0");
        let asked = ConsumerHello {
            descriptor,
            control,
            ..hello(ANN)
        };
        rig.manager.handle_hello(at(0), &asked);
        rig.settle();
        assert_eq!(rig.told(), expected, "{asked:?}");
        let counted = rig.manager.counters();
        let counted = why.iter().filter(|why| counted.declined(**why) > 0);
        assert_eq!(counted.count(), why.len(), "{asked:?}");
    }
}

#[test] // req: T-39, C-086, P-044
fn policy_can_decline_and_choose_channels() {
    let policy = ManagerPolicy {
        descriptors: StreamPolicy {
            enabled: true,
            channel: "aeron:ipc?alias=own".try_into().ok(),
        },
        controls: StreamPolicy {
            enabled: false,
            channel: None,
        },
        ..ManagerPolicy::default()
    };
    let mut rig = Rig::new(manager(true, policy));
    rig.manager
        .handle_hello(at(0), &asking(ANN, 31_000, 32_000));
    rig.settle();
    assert_eq!(rig.told(), "1 31000/0");
    let ann = rig.manager.consumers().next().unwrap();
    let assigned = ann.descriptor.map(|endpoint| endpoint.channel);
    assert_eq!(assigned, Some("aeron:ipc?alias=own"));

    // Control streams are for who supports progress.
    let mut rig = Rig::answering();
    let quiet = ConsumerHello {
        supports_progress: false,
        ..asking(ANN, 0, 32_000)
    };
    rig.manager.handle_hello(at(0), &quiet);
    rig.settle();
    assert_eq!(rig.told(), "1 0/0");
    assert_eq!(
        rig.manager.counters().declined(DeclineReason::NoProgress),
        1
    );
}

#[test] // req: C-085, P-006, P-045
fn who_does_not_answer_follows_who_does() {
    let mut rig = Rig::following();
    rig.manager.handle_hello(at(0), &asking(ANN, 31_000, 0));
    assert_eq!((rig.settle(), rig.told()), ("-".into(), "-".into()));
    for (config, ordered) in [
        (assigning(ANN, 31_005, 0), "open31005"),
        (assigning(ANN, 31_005, 0), "-"),
        (assigning(ANN, 31_005, 32_005), "open32005"),
        (assigning(ANN, 31_006, 32_005), "close+open31006"),
        (assigning(ANN, 0, 0), "close+close"),
        // It may come before the hello, and be of other streams.
        (assigning(BEN, 31_007, 0), "open31007"),
    ] {
        rig.manager.handle_config(at(1), &config);
        assert_eq!(
            (rig.settle().as_str(), rig.told().as_str()),
            (ordered, "-"),
            "{config:?}"
        );
    }
    let foreign = crate::wire::control::ConsumerConfig {
        stream_id: StreamId::new(9).unwrap(),
        ..assigning(ANN, 31_009, 0)
    };
    rig.manager.handle_config(at(1), &foreign);
    assert_eq!(rig.settle(), "-");

    let mut rig = Rig::answering();
    rig.manager.handle_hello(at(0), &hello(ANN));
    rig.manager.handle_config(at(1), &assigning(ANN, 31_005, 0));
    assert_eq!(rig.settle(), "-", "our own coming back");
}

#[test] // req: C-083
fn late_results_of_streams_no_longer_wanted_change_nothing() {
    let mut rig = Rig::answering();
    rig.manager.handle_hello(at(0), &asking(ANN, 31_000, 0));
    rig.orders();
    let first = rig.key();
    rig.manager.handle_hello(at(1), &asking(ANN, 31_001, 0));
    rig.manager.opened(first);
    assert_eq!(
        (rig.told(), rig.orders()),
        ("-".into(), "close+open31001".into())
    );
    rig.manager.failed(first);
    rig.manager.opened(first);
    assert_eq!(rig.told(), "-");
    rig.manager.opened(rig.key());
    assert_eq!(rig.told(), "1 31001/0");
}

#[test] // req: W-191, P-014, P-033
fn a_request_that_is_declined_is_answered_once() {
    let mut rig = Rig::answering();
    let mut tell = |hello: &ConsumerHello<'_>| {
        rig.manager.handle_hello(at(0), hello);
        rig.settle();
        rig.told()
    };
    let udp = ConsumerHello {
        descriptor: StreamRequest::Of(Endpoint {
            channel: "aeron:udp",
            stream_id: StreamId::new(31_000).unwrap(),
        }),
        ..hello(ANN)
    };
    assert_eq!(tell(&hello(ANN)), "1 0/0");
    assert_eq!(tell(&udp), "1 0/0", "declined");
    assert_eq!(tell(&udp), "-", "as it knows");
    assert_eq!(tell(&hello(ANN)), "-", "nothing asked, nothing answered");
    assert_eq!(tell(&udp), "1 0/0", "asked anew");
}
