//! What a driver cannot be set up with.

use super::super::*;
use super::rig::*;
use crate::ids::StreamId;

const fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

const fn range(first: u32, last: u32) -> IdRange {
    IdRange::new(id(first), id(last)).unwrap()
}

fn error_of(config: Config<'static>) -> Option<SetupError> {
    Driver::new(config, storage()).err()
}

#[test]
fn streams_need_a_profile_room_and_an_id_of_their_own() {
    let rig = Rig::new();
    let mut driver = rig.driver;
    assert_eq!(
        driver.add_stream(CAMERA, 0),
        Err(SetupError::StreamRepeated)
    );
    assert_eq!(
        driver.add_stream(id(1), 2),
        Err(SetupError::NoProfile { got: 2 })
    );
    while let Ok(()) = driver.add_stream(id(1 + driver.streams().count() as u32), 0) {}
    assert_eq!(driver.add_stream(id(1), 0), Err(SetupError::StreamsFull));
    let config = Config {
        root: "dev/shm",
        ..CONFIG
    };
    assert_eq!(error_of(config), Some(SetupError::Root));
}

#[test] // req: D-163, D-170
fn a_range_starts_before_it_ends() {
    assert_eq!(IdRange::new(id(7), id(6)), None);
    let one = range(7, 7);
    assert_eq!((one.first(), one.last()), (id(7), id(7)));
    assert!(one.contains(id(7)) && !one.contains(id(6)) && !one.contains(id(8)));
    let all = range(1, i32::MAX as u32);
    assert!(all.contains(id(1)) && all.contains(id(i32::MAX as u32)));
}

#[test] // req: D-158
fn dynamic_streams_need_ids_and_a_profile() {
    let with = |ids, profile| {
        error_of(Config {
            dynamic: Some(Dynamic { ids, profile }),
            ..CONFIG
        })
    };
    assert_eq!(with(&[], 0), Some(SetupError::NoDynamicIds));
    assert_eq!(
        with(const { &[range(20, 29)] }, 2),
        Some(SetupError::NoProfile { got: 2 })
    );
    assert_eq!(with(const { &[range(20, 29)] }, 0), None);
}

#[test] // req: D-162, D-163
fn no_id_means_two_things() {
    const DYNAMIC: &[IdRange] = &[range(20, 29), range(40, 49)];
    let config = Config {
        dynamic: Some(Dynamic {
            ids: DYNAMIC,
            profile: 0,
        }),
        private_descriptors: const { &[range(30, 39)] },
        private_controls: const { &[range(50, 59)] },
        shared_streams: const { &[id(19), id(60)] },
        ..CONFIG
    };
    assert_eq!(error_of(config), None);
    let overlap = |raw| Some(SetupError::IdsOverlap { id: id(raw) });
    for (config, expected) in [
        (
            Config {
                private_descriptors: const { &[range(30, 40)] },
                ..config
            },
            overlap(40),
        ),
        (
            Config {
                private_controls: const { &[range(39, 39)] },
                ..config
            },
            overlap(39),
        ),
        (
            Config {
                private_controls: const { &[range(61, 70), range(63, 64)] },
                ..config
            },
            overlap(63),
        ),
        (
            Config {
                shared_streams: const { &[id(19), id(25)] },
                ..config
            },
            overlap(25),
        ),
        (
            Config {
                private_controls: const { &[range(60, 61)] },
                ..config
            },
            overlap(60),
        ),
    ] {
        assert_eq!(error_of(config), expected, "{config:?}");
    }
    let mut driver = Driver::new(config, storage()).unwrap();
    for raw in [20, 35, 59] {
        let id = id(raw);
        assert_eq!(driver.add_stream(id, 0), Err(SetupError::IdsOverlap { id }));
    }
    assert_eq!(driver.add_stream(id(61), 0), Ok(()));
}

#[test] // req: D-147
fn an_empty_token_authorises_nobody_and_none_is_shown() {
    let with = |token| Config {
        shutdown: Some(ShutdownPolicy { token }),
        ..CONFIG
    };
    assert_eq!(error_of(with(b"")), Some(SetupError::EmptyToken));
    let config = with(b"s3cret");
    let driver = Driver::new(config, storage()).unwrap();
    for shown in [std::format!("{config:?}"), std::format!("{driver:?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
        // Nor as a list of bytes.
        assert!(!shown.contains("115, 51"), "{shown}");
    }
}

#[test] // req: D-197
fn retention_keeps_at_least_the_current_epoch() {
    let with = |keep| Config {
        retention: Some(Retention {
            keep,
            min_age: core::time::Duration::ZERO,
            on_startup: false,
        }),
        ..CONFIG
    };
    assert_eq!(error_of(with(0)), Some(SetupError::KeepsNothing));
    assert_eq!(error_of(with(1)), None);
}
