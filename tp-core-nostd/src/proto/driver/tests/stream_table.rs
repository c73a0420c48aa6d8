//! All (state, input) pairs of the stream machine.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::super::stream::Work;
use super::super::*;
use super::rig::*;
use super::stream_rows::Input::*;
use super::stream_rows::{CONFIGURED_STREAM, DYNAMIC_STREAM, INPUTS, Input, Start};
use crate::ids::{Epoch, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::driver::*;

const fn id(raw: u32) -> StreamId {
    StreamId::new(raw).unwrap()
}

const DYNAMIC: StreamId = id(20_000);
const CONFIGURED: Config<'static> = Config {
    dynamic: Some(Dynamic {
        ids: const { &[IdRange::new(DYNAMIC, id(20_009)).unwrap()] },
        profile: 0,
    }),
    retention: Some(Retention {
        keep: 2,
        min_age: Duration::from_secs(3),
        on_startup: false,
    }),
    ..CONFIG
};

/// A driver with its stream in this state.
fn bring(stream: StreamId, start: Start) -> Rig {
    let mut driver = Driver::new(CONFIGURED, storage()).unwrap();
    if stream == CAMERA {
        driver.add_stream(CAMERA, 0).unwrap();
    }
    let mut rig = Rig {
        driver,
        now: Instant::from_ns(100 * SECOND),
        disk: Default::default(),
    };
    let mut then = |inputs: &[Input]| {
        for input in inputs {
            apply(&mut rig, stream, 1, *input);
        }
    };
    match start {
        Start::ScanDue => then(&[Consume]),
        Start::Scanning => then(&[Consume, Taken]),
        Start::Unknown => then(&[Consume, Taken, Failed, Heard]),
        // For the lack of files, somebody else waits on.
        Start::Idle => then(&[Consume, Taken, Empty, Taken, Failed, Heard]),
        Start::Used => then(&[Consume, Taken, Empty, Taken, Provisioned, Heard]),
        Start::Produced => then(&[Produce, Taken, Empty, Taken, Provisioned, Heard]),
        Start::Fenced => then(&[Produce, Taken, Empty, Taken, Provisioned, Heard, Late]),
        Start::RaiseDue => then(&[Produce, Taken, Empty]),
        Start::Raising => then(&[Produce, Taken, Empty, Taken]),
        Start::Restarting => then(&[Consume, Taken, Found, Taken]),
        Start::Replacing => {
            then(&[
                Produce,
                Taken,
                Empty,
                Taken,
                Provisioned,
                Heard,
                Late,
                Heard,
            ]);
            then(&[Taken]);
        }
        Start::RoomDue => then(&[Produce, Taken, Empty, Taken, NoRoom]),
        Start::MakingRoom => then(&[Produce, Taken, Empty, Taken, NoRoom, Taken]),
        Start::Left => {
            then(&[
                Consume,
                Taken,
                Empty,
                Taken,
                Provisioned,
                Heard,
                Late,
                Heard,
            ]);
        }
        Start::Retiring => {
            then(&[
                Consume,
                Taken,
                Empty,
                Taken,
                Provisioned,
                Heard,
                Late,
                Heard,
            ]);
            then(&[Late, Taken]);
        }
    }
    rig
}

fn apply(rig: &mut Rig, stream: StreamId, client: u32, input: Input) {
    let attach = |request| ShmAttachRequest {
        stream_id: Some(stream),
        publish_mode: PublishMode::ExistingOrCreate,
        ..request
    };
    let failed = |error| FileResult::Failed { stream, error };
    let result = match input {
        Consume => return rig.ask(attach(consumer(client))),
        Produce => return rig.ask(attach(producer(client))),
        Taken => {
            rig.order();
            return;
        }
        Found => FileResult::Scanned {
            stream,
            last_epoch: 5,
        },
        Empty => FileResult::Scanned {
            stream,
            last_epoch: 0,
        },
        // At least the epoch that was ordered.
        Provisioned => FileResult::Provisioned {
            stream,
            epoch: Epoch::new(rig.now.as_ns() + 1).unwrap(),
        },
        NoRoom => failed(FileError::NoSpace { needed: 2, free: 1 }),
        Failed => failed(FileError::NotPermitted),
        Collected => FileResult::Collected { stream, removed: 0 },
        Late => {
            rig.pass_and_tick(4 * SECOND);
            return;
        }
        Heard => {
            rig.hear();
            rig.announces();
            // Detaches are answered after the announces, and chores are done.
            rig.hear();
            return;
        }
    };
    rig.driver.handle_files(rig.now, result);
}

/// What is in hand, and whether there is an epoch.
fn observe(rig: &Rig, stream: StreamId) -> String {
    let streams = &rig.driver.streams;
    let Some(it) = streams.find(stream.get()).and_then(|at| streams.get(at)) else {
        return "gone".to_string();
    };
    let work = match it.work {
        Work::Raising(cause, _) => format!("Raising({cause:?})"),
        Work::Idle if it.left => "Left".to_string(),
        work => format!("{work:?}"),
    };
    let more = match (it.epoch, it.producer) {
        (None, _) => "",
        (Some(_), None) => " used",
        (Some(_), Some(_)) => " produced",
    };
    work + more
}

#[test] // req: D-112, D-113, D-124, D-125, D-129, D-168, D-201
fn every_input_in_every_state_does_what_the_table_says() {
    let mut wrong = Vec::new();
    for (stream, table) in [(CAMERA, CONFIGURED_STREAM), (DYNAMIC, DYNAMIC_STREAM)] {
        for (start, name, moves) in table {
            for input in INPUTS {
                let mut rig = bring(stream, *start);
                assert_eq!(observe(&rig, stream), *name);
                apply(&mut rig, stream, 2, input);
                let seen = observe(&rig, stream);
                let moved = moves.iter().find(|(on, _)| *on == input);
                let expected = moved.map_or(*name, |(_, to)| *to);
                if seen != expected {
                    wrong.push(format!(
                        "{stream} {start:?} {input:?}: {seen}, not {expected}"
                    ));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
