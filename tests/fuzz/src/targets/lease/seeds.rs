//! Whole conversations about a lease.

use super::Turn::{self, *};

/// How long nothing happens, in units of `pause`; what does; and how.
type Step = (u8, Turn, u8, u8);

/// A second, and the least that is longer than an attach is tried.
const SECOND: u8 = 63;
const LONG: u8 = 252;
/// A lease of three seconds, and to which request: the newest one, the one before.
const GRANT: (u8, u8) = (188, 0);
const LATE: (u8, u8) = (188, 1);

pub(in crate::targets) fn seeds() -> Vec<Vec<u8>> {
    let granted = |pause| (pause, Grant, GRANT.0, GRANT.1);
    let rows: [(u8, &[Step]); 12] = [
        // Had, kept alive, given back.
        (
            0,
            &[
                granted(1),
                (SECOND, Nothing, 0, 0),
                (SECOND, KeepAlive, 0, 0),
                (1, Detach, 0, 0),
                (1, AnswerDetach, 0, 0),
                granted(10),
            ],
        ),
        // Revoked, and had again; the same by hand.
        (0, &[granted(1), (1, Revoke, 0, 0), granted(20)]),
        (
            3,
            &[
                granted(1),
                (1, Revoke, 0, 0),
                (LONG, Nothing, 0, 0),
                (1, Schedule, 10, 0),
                granted(20),
                (1, Lose, 1, 0),
                (1, Schedule, 10, 0),
                (1, Clear, 0, 0),
            ],
        ),
        // Refused, also because the id is taken; an id that stays.
        (0, &[(1, Refuse, 0, 0), (20, Refuse, 1, 0), granted(30)]),
        (5, &[(1, Refuse, 0, 0), granted(30), (1, IdTaken, 0, 0)]),
        // Nobody answers in time, then somebody does.
        (
            0,
            &[
                (20, Nothing, 0, 0),
                (LONG, Nothing, 0, 0),
                (20, Grant, LATE.0, LATE.1),
                granted(1),
            ],
        ),
        (0, &[(LONG, Nothing, 0, 0), granted(1), granted(20)]),
        // Given up while it is asked for, and granted.
        (1, &[(1, Detach, 0, 0), granted(1), (LONG, Nothing, 0, 0)]),
        // Another one has its id.
        (0, &[granted(1), (1, IdTaken, 0, 0), granted(30)]),
        // The driver ends, and others.
        (
            0,
            &[
                granted(1),
                (1, Lose, 0, 0),
                granted(20),
                (1, Lose, 1, 0),
                granted(30),
                (1, Lose, 2, 0),
                granted(60),
                (1, Lose, 3, 0),
                (LONG, Break, 0, 0),
            ],
        ),
        // Nothing is sent until the lease is over; nobody answers when it is given back.
        (
            0,
            &[
                granted(1),
                (SECOND, Refused, 0, 0),
                (SECOND, Refused, 0, 0),
                (SECOND + 10, Refused, 0, 0),
                (SECOND, Nothing, 0, 0),
                granted(20),
                (1, Detach, 0, 0),
                (LONG, Nothing, 0, 0),
            ],
        ),
        // Without end, and without keepalives.
        (8, &[(1, Grant, 0, 0), (LONG, Nothing, 0, 0)]),
    ];
    rows.iter()
        .map(|(flags, steps)| row(*flags, steps))
        .collect()
}

fn row(flags: u8, steps: &[Step]) -> Vec<u8> {
    let steps = steps
        .iter()
        .flat_map(|(pause, turn, how, which)| [*pause, *turn as u8, *how, *which]);
    [flags, 1].into_iter().chain(steps).collect()
}
