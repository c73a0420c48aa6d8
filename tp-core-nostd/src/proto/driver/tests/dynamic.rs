//! Streams that clients bring into being.

use std::vec::Vec;

use super::super::*;
use super::rig::*;
use crate::ids::{LeaseId, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::driver::*;

pub(super) const REJECTED: i32 = 3;
const INVALID_PARAMS: i32 = 2;

pub(super) const fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

pub(super) const DYNAMIC: Config<'static> = Config {
    dynamic: Some(Dynamic {
        ids: const { &[IdRange::new(id(20_000), id(20_002)).unwrap()] },
        profile: 0,
    }),
    ..CONFIG
};
pub(super) const KEEPING: Config<'static> = Config {
    retention: Some(Retention {
        keep: 2,
        min_age: Duration::from_secs(3),
        on_startup: false,
    }),
    ..DYNAMIC
};

pub(super) fn rig(config: Config<'static>) -> Rig {
    let mut rig = Rig::fresh(config, Instant::from_ns(100 * SECOND), Default::default());
    rig.files();
    rig
}

/// An attach that may bring the stream into being; 0 asks for any.
pub(super) fn create(request: ShmAttachRequest, stream: u32) -> ShmAttachRequest {
    ShmAttachRequest {
        stream_id: StreamId::new(stream),
        publish_mode: PublishMode::ExistingOrCreate,
        ..request
    }
}

pub(super) fn join(request: ShmAttachRequest, stream: u32) -> ShmAttachRequest {
    ShmAttachRequest {
        publish_mode: PublishMode::RequireExisting,
        ..create(request, stream)
    }
}

pub(super) fn known(rig: &Rig) -> Vec<u32> {
    let dynamic = rig.driver.streams().filter(|status| status.dynamic);
    dynamic.map(|status| status.stream.get()).collect()
}

#[test] // req: D-048, D-049, D-156, D-157, D-166, D-167
fn any_stream_is_the_next_free_one_of_the_range() {
    let mut rig = rig(DYNAMIC);
    let first = rig.attached(create(producer(1), 0));
    assert_eq!(holder(&first).stream, id(20_000));
    // By number, and the one after it in turn.
    let second = rig.attached(create(consumer(2), 20_001));
    assert_eq!(holder(&second).stream, id(20_001));
    rig.ask(create(producer(3), 0));
    let orders = rig.files();
    let stream = id(20_002);
    let epoch = crate::ids::Epoch::new(rig.now.as_ns()).unwrap();
    let profile = rig.driver.config().profiles[0];
    assert_eq!(
        orders[..2],
        [
            FileOrder::Scan { stream },
            FileOrder::Provision {
                stream,
                epoch,
                profile
            }
        ]
    );
    let (_, bytes) = rig.hear_one().unwrap();
    let response =
        ShmAttachResponse::try_from(ShmAttachResponseView::parse(&bytes).unwrap()).unwrap();
    let grant = response.outcome.unwrap();
    assert_eq!(grant.stream_id, stream);
    assert!(grant.header_region_uri.path().contains("/20002/"));
    assert_eq!(rig.announces(), [(stream, epoch.get(), Some(3))]);
    // It is a stream like any other.
    assert_eq!(
        holder(&rig.attached(join(consumer(4), 20_002))).stream,
        stream
    );
    let answer = rig.answer_to(&attach_message(&create(producer(5), 20_002)));
    assert_eq!(answer, (REJECTED, "producer already attached".into()));
}

#[test] // req: D-059, D-166
fn a_repeat_asks_for_any_stream_as_the_first_did() {
    let mut rig = rig(DYNAMIC);
    let first = rig.attached(create(producer(1), 0));
    rig.ask(create(producer(1), 0));
    let (again, _) = rig.hear_one().unwrap();
    assert_eq!(holder(&again), holder(&first));
    // By the number it got it is another attach.
    let answer = rig.answer_to(&attach_message(&create(producer(1), 20_000)));
    assert_eq!(answer, (REJECTED, "client_id already attached".into()));
    assert_eq!(known(&rig), [20_000]);
}

#[test] // req: D-047, D-158, D-166
fn what_may_not_be_brought_into_being_is_refused_and_leaves_nothing() {
    let unknown = "stream not provisioned";
    let outside = "stream_id is outside of the dynamic range";
    let rows = [
        // Row 9 before row 10.
        (DYNAMIC, join(consumer(1), 0), REJECTED, unknown),
        (DYNAMIC, join(consumer(1), 20_000), REJECTED, unknown),
        (DYNAMIC, join(consumer(1), 30_000), REJECTED, unknown),
        (CONFIG, create(consumer(1), 20_000), REJECTED, unknown),
        (CONFIG, create(consumer(1), 0), REJECTED, unknown),
        // Row 10.
        (
            DYNAMIC,
            create(consumer(1), 19_999),
            INVALID_PARAMS,
            outside,
        ),
        (
            DYNAMIC,
            create(consumer(1), 20_003),
            INVALID_PARAMS,
            outside,
        ),
        // Row 11.
        (
            Config {
                dynamic: DYNAMIC.dynamic.map(|dynamic| Dynamic {
                    profile: 1,
                    ..dynamic
                }),
                ..DYNAMIC
            },
            create(consumer(1), 0),
            INVALID_PARAMS,
            "stream has no payload pools",
        ),
        // Row 13.
        (
            DYNAMIC,
            ShmAttachRequest {
                desired_node_id: Some(0),
                ..create(consumer(1), 0)
            },
            REJECTED,
            "desired node id is not available",
        ),
    ];
    for (config, request, code, text) in rows {
        let mut rig = rig(config);
        let answer = rig.answer_to(&attach_message(&request));
        assert_eq!(answer, (code, text.into()), "{request:?}");
        assert_eq!(known(&rig), [0_u32; 0], "{request:?}");
        assert_eq!(rig.order(), None);
    }
}

#[test] // req: D-166
fn an_exhausted_range_is_refused_until_an_id_is_free_again() {
    let mut rig = rig(DYNAMIC);
    let leases: Vec<_> = (1..=3)
        .map(|client| rig.attached(create(consumer(client), 0)))
        .collect();
    let answer = rig.answer_to(&attach_message(&create(consumer(9), 0)));
    assert_eq!(answer, (INVALID_PARAMS, "no stream_id is left".into()));
    rig.detach(&leases[1], 1);
    rig.settle();
    assert_eq!(known(&rig), [20_000, 20_002]);
    let next = rig.attached(create(consumer(9), 0));
    assert_eq!(holder(&next).stream, id(20_001));
}

#[test]
fn a_full_table_of_streams_is_no_id_left() {
    let dynamic = Some(Dynamic {
        ids: const { &[IdRange::new(id(20_000), id(29_999)).unwrap()] },
        profile: 0,
    });
    let mut rig = rig(Config { dynamic, ..DYNAMIC });
    let room = STREAMS as u32 - 3;
    for client in 1..=room {
        rig.attached(create(consumer(client), 0));
    }
    for stream in [0, 25_000] {
        let answer = rig.answer_to(&attach_message(&create(consumer(99), stream)));
        assert_eq!(answer, (INVALID_PARAMS, "no stream_id is left".into()));
    }
}

#[test] // req: D-060
fn a_stream_whose_files_cannot_be_made_is_forgotten() {
    for failing in 1..=2 {
        let mut rig = rig(DYNAMIC);
        rig.ask(create(producer(1), 20_001));
        if failing == 2 {
            let scan = rig.order().unwrap();
            rig.carry_out(scan);
        }
        rig.fail_files(FileError::NotPermitted);
        let heard = rig.settle();
        assert!(
            matches!(heard[..], [Event::AttachRefused { client: 1, .. }]),
            "{heard:?}"
        );
        assert_eq!(known(&rig), [0_u32; 0]);
        // Nor is its number burned.
        assert_eq!(
            holder(&rig.attached(create(producer(1), 20_001))).stream,
            id(20_001)
        );
    }
}

#[test] // req: D-154
fn leases_of_another_driver_on_dynamic_streams_are_void_too() {
    let mut rig = rig(DYNAMIC);
    for (stream, told) in [(20_001, 1), (30_000, 0)] {
        rig.keepalive_of(Named {
            lease: LeaseId::new(5).unwrap(),
            stream: id(stream),
            client: client(1),
            role: Role::Producer,
        });
        assert_eq!(rig.hear().len(), told);
    }
}
