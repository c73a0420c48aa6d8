//! Consumers that ask for streams of their own.

use std::string::{String, ToString};
use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::StreamId;
use crate::time::Instant;
use crate::wire::control::*;
use crate::wire::driver::*;
use crate::wire::enums::Mode;

const fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

const fn range(first: u32, last: u32) -> IdRange {
    IdRange::new(id(first), id(last)).unwrap()
}

const PRIVATE: Config<'static> = Config {
    private_descriptors: const { &[range(31_000, 31_001)] },
    private_controls: const { &[range(32_000, 32_999)] },
    answers_hellos: true,
    ..CONFIG
};

fn rig(config: Config<'static>) -> Rig {
    let mut rig = Rig::fresh(config, Instant::from_ns(100 * SECOND), Default::default());
    rig.files();
    rig
}

const IPC: &[u8] = b"aeron:ipc";

/// The bytes of a hello on the camera: its descriptor and control requests as they stand on the wire.
fn hello(consumer: u32, descriptor: (&[u8], u32), control: (&[u8], u32)) -> Vec<u8> {
    let unusable = |(channel, stream_id)| StreamRequest::Unusable { channel, stream_id };
    let message = ConsumerHello {
        stream_id: CAMERA,
        consumer_id: client(consumer),
        supports_shm: true,
        supports_progress: false,
        mode: Mode::Stream,
        max_rate_hz: None,
        expected_layout_version: None,
        progress: ProgressHints::default(),
        descriptor: unusable(descriptor),
        control: unusable(control),
    };
    let mut buffer = [0; 512];
    let len = message.encode(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

const NOTHING: (&[u8], u32) = (b"", 0);

/// A descriptor stream and nothing else.
fn wish(consumer: u32, stream: u32) -> Vec<u8> {
    hello(consumer, (IPC, stream), NOTHING)
}

/// Channel and id of a stream of its own; `None`: the shared one.
type Own = Option<(String, u32)>;

/// The configs that are due: consumer, descriptor, control.
fn configs(rig: &mut Rig) -> Vec<(u32, Own, Own)> {
    let mut heard = Vec::new();
    while let Some((event, bytes)) = rig.hear_one() {
        let Event::Configured {
            stream,
            consumer,
            descriptor,
            control,
        } = event
        else {
            continue;
        };
        let config = ConsumerConfig::try_from(ConsumerConfigView::parse(&bytes).unwrap()).unwrap();
        assert_eq!((config.stream_id, config.consumer_id), (stream, consumer));
        assert_eq!(config.payload_fallback_uri, None);
        assert_eq!((config.use_shm, config.mode), (true, Mode::Stream));
        let own = |endpoint: Option<Endpoint<'_>>| {
            endpoint.map(|it| (it.channel.to_string(), it.stream_id.get()))
        };
        let own = (own(config.descriptor), own(config.control));
        let ids = |own: &Own| own.as_ref().and_then(|(_, raw)| StreamId::new(*raw));
        assert_eq!((ids(&own.0), ids(&own.1)), (descriptor, control));
        heard.push((consumer.get(), own.0, own.1));
    }
    heard
}

fn own(raw: u32) -> Own {
    Some(("aeron:ipc".into(), raw))
}

#[test] // req: D-159, P-015, P-025, P-026, P-031
fn a_consumer_with_a_lease_gets_the_streams_it_asks_for() {
    let mut rig = rig(PRIVATE);
    rig.attached(consumer(7));
    let channel = b"aeron:ipc?term-length=64k";
    rig.send(&hello(7, (IPC, 31_001), (channel, 32_500)));
    let control = Some(("aeron:ipc?term-length=64k".into(), 32_500));
    assert_eq!(configs(&mut rig), [(7, own(31_001), control)]);
    assert_eq!(rig.driver.counters().configs, 1);
    // What the hello says about memory and mode comes back.
    let mut modest = wish(7, 31_001);
    modest[8 + 8] = 0;
    modest[8 + 10] = 2;
    rig.send(&modest);
    let (_, bytes) = rig.hear_one().unwrap();
    let config = ConsumerConfig::try_from(ConsumerConfigView::parse(&bytes).unwrap()).unwrap();
    assert_eq!((config.use_shm, config.mode), (false, Mode::RateLimited));
}

#[test] // req: D-159, D-169
fn the_wished_id_is_a_preference() {
    let mut rig = rig(PRIVATE);
    for raw in 7..=9 {
        rig.attached(consumer(raw));
    }
    // Outside of the range, then one that somebody has.
    rig.send(&wish(7, 5));
    assert_eq!(configs(&mut rig), [(7, own(31_000), None)]);
    rig.send(&wish(8, 31_000));
    assert_eq!(configs(&mut rig), [(8, own(31_001), None)]);
    // The range is exhausted.
    // req: D-161
    rig.send(&hello(9, (IPC, 31_000), (IPC, 32_000)));
    assert_eq!(configs(&mut rig), [(9, None, own(32_000))]);
    // Another wish does not change what is held.
    rig.send(&wish(7, 31_001));
    assert_eq!(configs(&mut rig), []);
}

#[test] // req: D-160, P-010, P-014, P-015, P-016
fn requests_that_cannot_be_met_are_declined_and_spoil_nothing() {
    let long = [IPC, b"?", &[b'x'; 200]].concat();
    for (what, request) in [
        ("id 0, trap 1", (IPC, 0)),
        ("an id without a channel", (&b""[..], 31_000)),
        ("an id that is none", (IPC, u32::MAX)),
        ("an id above the highest", (IPC, 1 << 31)),
        (
            "into the network",
            (b"aeron:udp?endpoint=10.0.0.1:4000", 31_000),
        ),
        ("another medium", (b"aeron:ipcx", 31_000)),
        ("no channel at all", (b"shm", 31_000)),
        ("not printable", (b"aeron:ipc\n", 31_000)),
        ("too long", (&long, 31_000)),
    ] {
        let mut rig = rig(PRIVATE);
        rig.attached(consumer(7));
        rig.send(&hello(7, request, (IPC, 32_000)));
        assert_eq!(configs(&mut rig), [(7, None, own(32_000))], "{what}");
        rig.send(&hello(7, (IPC, 31_000), NOTHING));
        assert_eq!(configs(&mut rig), [(7, own(31_000), None)], "{what}");
    }
    let config = Config {
        private_descriptors: &[],
        private_controls: &[],
        ..PRIVATE
    };
    let mut rig = rig(config);
    rig.attached(consumer(7));
    rig.send(&hello(7, (IPC, 31_000), (IPC, 32_000)));
    assert_eq!(configs(&mut rig), [(7, None, None)]);
}

#[test] // req: P-007, P-008, P-020
fn nobody_else_is_answered() {
    for (config, asker, message) in [
        // A supervisor answers.
        (
            Config {
                answers_hellos: false,
                ..PRIVATE
            },
            consumer(7),
            wish(7, 31_000),
        ),
        // Not its lease, not its role, not its stream, no mode there is.
        (PRIVATE, consumer(8), wish(7, 31_000)),
        (PRIVATE, producer(7), wish(7, 31_000)),
        (
            PRIVATE,
            ShmAttachRequest {
                stream_id: Some(LIDAR),
                ..consumer(7)
            },
            wish(7, 31_000),
        ),
        (PRIVATE, consumer(7), {
            let mut message = wish(7, 31_000);
            message[8 + 10] = 3;
            message
        }),
    ] {
        let mut rig = rig(config);
        rig.attached(asker);
        rig.send(&message);
        assert_eq!(configs(&mut rig), []);
        assert_eq!(rig.driver.counters().ignored.hellos, 1);
    }
    // Nor a consumer that is happy with the shared streams.
    let mut rig = rig(PRIVATE);
    rig.attached(consumer(7));
    rig.send(&hello(7, NOTHING, NOTHING));
    assert_eq!(configs(&mut rig), []);
    // Nor one whose OK is still on its way.
    rig.ask(consumer(8));
    rig.send(&wish(8, 31_000));
    assert_eq!(configs(&mut rig), []);
}

#[test] // req: P-033
fn a_config_is_sent_when_there_is_something_to_say() {
    let mut rig = rig(PRIVATE);
    let lease = rig.attached(consumer(7));
    rig.send(&wish(7, 31_000));
    assert_eq!(configs(&mut rig).len(), 1);
    let wait = |rig: &mut Rig, ns: u64| {
        rig.pass(ns).keepalive(&lease);
        rig.settle();
    };
    for _ in 0..5 {
        wait(&mut rig, SECOND);
        rig.send(&wish(7, 31_000));
        assert_eq!(configs(&mut rig), []);
    }
    // Other contents: another channel, then none, then the first again, with the id it held all the time.
    let other = b"aeron:ipc?mtu=8k";
    rig.send(&hello(7, (other, 31_000), NOTHING));
    let told = Some(("aeron:ipc?mtu=8k".into(), 31_000));
    assert_eq!(configs(&mut rig), [(7, told, None)]);
    rig.send(&hello(7, NOTHING, NOTHING));
    assert_eq!(configs(&mut rig), [(7, None, None)]);
    rig.send(&hello(7, NOTHING, NOTHING));
    assert_eq!(configs(&mut rig), []);
    rig.attached(consumer(8));
    rig.send(&wish(8, 31_000));
    assert_eq!(configs(&mut rig), [(8, own(31_001), None)]);
    rig.send(&wish(7, 31_001));
    assert_eq!(configs(&mut rig), [(7, own(31_000), None)]);
    // Away for more than five seconds.
    for _ in 0..5 {
        wait(&mut rig, SECOND);
    }
    rig.send(&wish(7, 31_000));
    assert_eq!(configs(&mut rig), []);
    for _ in 0..5 {
        wait(&mut rig, SECOND);
    }
    wait(&mut rig, 1);
    rig.send(&wish(7, 31_000));
    assert_eq!(configs(&mut rig).len(), 1);
    // A producer that knows no assignment yet.
    rig.attached(producer(9));
    rig.send(&wish(7, 31_000));
    assert_eq!(configs(&mut rig).len(), 1);
    rig.send(&wish(7, 31_000));
    assert_eq!(configs(&mut rig), []);
}

#[test] // req: D-169
fn ids_are_free_again_when_the_lease_ends() {
    let mut rig = rig(PRIVATE);
    let leases: Vec<_> = (7..=9).map(|raw| rig.attached(consumer(raw))).collect();
    for raw in 7..=9 {
        rig.send(&wish(raw, 31_000));
    }
    let told = [
        (7, own(31_000), None),
        (8, own(31_001), None),
        (9, None, None),
    ];
    assert_eq!(configs(&mut rig), told);
    // Hellos may stay away for long: the lease counts.
    for _ in 0..10 {
        rig.pass_and_tick(SECOND);
        for lease in &leases {
            rig.keepalive(lease);
        }
    }
    rig.settle();
    rig.send(&wish(9, 31_000));
    assert_eq!(configs(&mut rig), [(9, None, None)]);
    rig.detach(&leases[0], 1);
    rig.send(&wish(9, 31_000));
    assert_eq!(configs(&mut rig), [(9, own(31_000), None)]);
    // By expiry, too.
    rig.pass(3 * SECOND).keepalive(&leases[2]);
    rig.pass_and_tick(SECOND);
    rig.settle();
    rig.attached(consumer(7));
    rig.send(&wish(7, 31_001));
    assert_eq!(configs(&mut rig), [(7, own(31_001), None)]);
}

#[test] // req: P-034
fn a_config_that_could_not_be_sent_is_kept_until_it_is_superseded() {
    let mut rig = rig(PRIVATE);
    let lease = rig.attached(consumer(7));
    rig.send(&wish(7, 31_000));
    assert!(rig.is_due());
    assert_eq!(rig.driver.poll_timeout(), Instant::from_ns(0));
    rig.send(&hello(7, (IPC, 31_000), (IPC, 32_000)));
    assert!(rig.is_due());
    assert_eq!(configs(&mut rig), [(7, own(31_000), own(32_000))]);
    // Nobody is told anything after the end of the lease, and its place is free again.
    for _ in 0..CONSUMERS {
        rig.send(&hello(7, (IPC, 31_000), NOTHING));
        rig.send(&hello(7, NOTHING, (IPC, 32_000)));
    }
    rig.detach(&lease, 1);
    assert_eq!(configs(&mut rig), []);
    for raw in 1..=CONSUMERS as u32 {
        rig.attached(consumer(raw));
        rig.send(&wish(raw, 31_000));
        assert_eq!(configs(&mut rig).len(), 1, "{raw}");
    }
}

#[test]
fn a_full_table_of_consumers_leaves_the_rest_on_the_shared_streams() {
    let mut rig = rig(PRIVATE);
    for raw in 1..=CONSUMERS as u32 + 1 {
        rig.attached(consumer(raw));
        rig.send(&wish(raw, 31_000));
    }
    rig.settle();
    assert_eq!(rig.driver.counters().configs, CONSUMERS as u64);
    assert_eq!(rig.driver.counters().ignored.hellos, 1);
}
