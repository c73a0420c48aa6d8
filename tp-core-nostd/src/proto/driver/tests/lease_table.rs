//! All (state, input) pairs of the lease machine.

use super::super::engine::Life;
use super::super::lease::LeaseState;
use super::super::*;
use super::rig::*;
use crate::ids::CorrelationId;
use crate::time::Duration;
use crate::wire::driver::*;
use std::string::String;
use std::{format, vec::Vec};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The client has no lease.
    None,
    /// Its attach waits for files.
    Waiting,
    /// Its OK is due.
    Granted,
    /// Its OK was published.
    Active,
    /// Its revocation is due.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// The attach it came from, once more.
    Repeat,
    /// An attach of the same client with another correlation id.
    Again,
    Keepalive,
    Detach,
    /// Four seconds go by.
    Late,
    FilesDone,
    FilesFailed,
    /// The publication takes the next message.
    Taken,
    /// The publication takes nothing.
    Refused,
    /// The driver begins to drain.
    Stop,
}
use Input::*;

const INPUTS: [Input; 10] = [
    Repeat,
    Again,
    Keepalive,
    Detach,
    Late,
    FilesDone,
    FilesFailed,
    Taken,
    Refused,
    Stop,
];

/// What stands after the input: the client's lease, then what is due on the control stream.
/// Columns as in [`INPUTS`].
const CONSUMER: [(Start, [&str; 10]); 5] = [
    (
        Start::None,
        [
            "Waiting",
            "Waiting",
            "None: stranger told",
            "None: detach refused",
            "None",
            "None",
            "None",
            "None",
            "None",
            "None",
        ],
    ),
    (
        Start::Waiting,
        [
            "Waiting", // dropped, its answer is coming
            "Waiting: attach refused",
            "Waiting",
            "Waiting: detach refused",
            "Waiting", // does not age
            "Granted: OK",
            "None: attach refused",
            "Waiting",
            "Waiting",
            "Waiting", // the files in hand decide
        ],
    ),
    (
        Start::Granted,
        [
            "Granted: OK",
            "Granted: OK, attach refused",
            "Granted: OK",
            "Granted: OK, detach refused",
            "Ended: Revoked",
            "Granted: OK",
            "Granted: OK",
            "Active",
            "Granted: OK",
            "Granted: OK",
        ],
    ),
    (
        Start::Active,
        [
            "Active: OK again",
            "Active: attach refused",
            "Active",
            "Ended: Detached, detach done",
            "Ended: Expired",
            "Active",
            "Active",
            "Active",
            "Active",
            "Active",
        ],
    ),
    (
        Start::Ended,
        [
            "Granted: Expired, OK", // the client is free to attach at once
            "Granted: Expired, OK",
            "Ended: Expired",
            "Ended: Expired, detach refused",
            "Ended: Expired",
            "Ended: Expired",
            "Ended: Expired",
            "None",
            "Ended: Expired",
            "Ended: Expired",
        ],
    ),
];

/// As above; the end of a producer takes its epoch with it.
const PRODUCER: [(Start, [&str; 10]); 5] = [
    CONSUMER[0],
    CONSUMER[1],
    CONSUMER[2],
    (
        Start::Active,
        [
            "Active: OK again",
            "Active: attach refused",
            "Active",
            "Ended: Detached", // the detach is answered after the new epoch's announce
            "Ended: Expired",
            "Active",
            "Active",
            "Active",
            "Active",
            "Active",
        ],
    ),
    (
        Start::Ended,
        [
            "Waiting: Expired", // for the epoch that replaces the lost one
            "Waiting: Expired",
            "Ended: Expired",
            "Ended: Expired, detach refused",
            "Ended: Expired",
            "Ended: Expired",
            "Ended: Expired",
            "None",
            "Ended: Expired",
            "Ended: Expired",
        ],
    ),
];

/// A driver with client 7 in this state, and the names of its lease.
fn bring(request: ShmAttachRequest, start: Start) -> (Rig, Named) {
    let mut rig = Rig::new();
    let mut named = Named {
        lease: crate::ids::LeaseId::new((SEED >> 1) + 1).unwrap(),
        stream: CAMERA,
        client: request.client_id,
        role: request.role,
    };
    if start == Start::None {
        return (rig, named);
    }
    rig.ask(request);
    let slot = rig.driver.leases.of_client(request.client_id).unwrap();
    named.lease = rig.driver.leases.id(slot).unwrap();
    if start == Start::Waiting {
        return (rig, named);
    }
    rig.files();
    if start == Start::Granted {
        return (rig, named);
    }
    rig.settle();
    if start == Start::Ended {
        rig.pass_and_tick(4 * SECOND);
    }
    (rig, named)
}

fn apply(rig: &mut Rig, request: ShmAttachRequest, named: Named, input: Input) {
    match input {
        Repeat => rig.ask(request),
        Again => rig.ask(ShmAttachRequest {
            correlation_id: CorrelationId(71),
            ..request
        }),
        Keepalive => rig.keepalive_of(named),
        Detach => rig.detach_of(named, 5),
        Late => {
            rig.pass_and_tick(4 * SECOND);
        }
        FilesDone => {
            rig.files();
        }
        FilesFailed => {
            let mut failed = None;
            let _ = rig.driver.order(rig.now, |order| {
                if let FileOrder::Provision { stream, .. } | FileOrder::Scan { stream } = order {
                    failed = Some(stream);
                }
                Ok::<_, ()>(())
            });
            if let Some(stream) = failed {
                let error = FileError::NotPermitted;
                let result = FileResult::Failed { stream, error };
                rig.driver.handle_files(rig.now, result);
            }
        }
        Taken => {
            rig.hear_one();
        }
        Refused => {
            rig.is_due();
        }
        Stop => {
            let grace = Duration::from_secs(60);
            rig.driver.stop(rig.now, ShutdownReason::Normal, grace);
        }
    }
}

/// The state of client 7's lease, and everything due on the control stream.
fn observe(rig: &mut Rig) -> String {
    let leases = &rig.driver.leases;
    let all = (0..leases.places()).filter_map(|place| leases.at(place));
    let states: Vec<_> = all
        .filter(|(_, _, lease)| lease.client.get() == 7)
        .map(|(_, _, lease)| lease.state)
        .collect();
    // An ended lease may be followed by a new one.
    let state = states
        .iter()
        .find(|state| !matches!(state, LeaseState::Ended { .. }))
        .or(states.first());
    let state = match state {
        None => "None",
        Some(LeaseState::Waiting) => "Waiting",
        Some(LeaseState::Granted) => "Granted",
        Some(LeaseState::Active) => "Active",
        Some(LeaseState::Ended { .. }) => "Ended",
    };
    let due: Vec<String> = rig
        .hear()
        .into_iter()
        .map(|event| match event {
            Event::Attached { again: false, .. } => "OK".into(),
            Event::Attached { again: true, .. } => "OK again".into(),
            Event::AttachRefused { .. } => "attach refused".into(),
            Event::Detached { .. } => "detach done".into(),
            Event::DetachRefused { .. } => "detach refused".into(),
            Event::StrangerRevoked { .. } => "stranger told".into(),
            Event::Revoked { reason, .. } => format!("{reason:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    if due.is_empty() {
        state.into()
    } else {
        format!("{state}: {}", due.join(", "))
    }
}

#[test] // req: D-085, D-086, D-092, D-102, D-103, D-108, D-110, D-059, D-061, D-153
fn every_input_in_every_state_does_what_the_table_says() {
    for (request, table) in [(consumer(7), CONSUMER), (producer(7), PRODUCER)] {
        for (start, row) in table {
            for (input, expected) in INPUTS.into_iter().zip(row) {
                let (mut rig, named) = bring(request, start);
                apply(&mut rig, request, named, input);
                let seen = observe(&mut rig);
                assert_eq!(seen, expected, "{:?} {start:?} {input:?}", request.role);
                let stopped = matches!(rig.driver.life(), Life::Draining { .. });
                assert_eq!(stopped, input == Stop);
            }
        }
    }
}
