//! The table of the stream machine: what every input does in every state (driver 3.7, 3.13).

use Input::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Its disk could not be read.
    Unknown,
    /// A consumer waits.
    ScanDue,
    Scanning,
    /// Without an epoch.
    Idle,
    /// With an epoch and a consumer.
    Used,
    /// With an epoch and a producer.
    Produced,
    /// Its producer expired.
    Fenced,
    /// For a producer that waits.
    RaiseDue,
    Raising,
    /// Old epochs were found, and are being replaced.
    Restarting,
    /// The epoch of a lost producer is being replaced.
    Replacing,
    /// There was no room.
    RoomDue,
    MakingRoom,
    /// Nobody uses it any more.
    Left,
    Retiring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A consumer attaches, and would bring the stream into being.
    Consume,
    /// A producer attaches, and would bring the stream into being.
    Produce,
    /// The file system takes the next order.
    Taken,
    /// Old epochs were found.
    Found,
    /// None was.
    Empty,
    Provisioned,
    NoRoom,
    Failed,
    Collected,
    /// Four seconds go by.
    Late,
    /// The publications take everything.
    Heard,
}
pub(super) const INPUTS: [Input; 11] = [
    Consume,
    Produce,
    Taken,
    Found,
    Empty,
    Provisioned,
    NoRoom,
    Failed,
    Collected,
    Late,
    Heard,
];

/// A state, its name, and the inputs that lead somewhere else; all others leave it as it is.
pub(super) type Row = (Start, &'static str, &'static [(Input, &'static str)]);

/// A configured stream.
pub(super) const CONFIGURED_STREAM: &[Row] = &[
    (
        Start::Unknown,
        "Unknown",
        &[(Consume, "ScanDue"), (Produce, "ScanDue")],
    ),
    (Start::ScanDue, "ScanDue", &[(Taken, "Scanning")]),
    (
        Start::Scanning,
        "Scanning",
        &[
            (Found, "RaiseDue(Restart)"),
            (Empty, "RaiseDue(Attach)"),
            (NoRoom, "Unknown"),
            (Failed, "Unknown"),
        ],
    ),
    (
        Start::Idle,
        "Idle",
        &[(Consume, "RaiseDue(Attach)"), (Produce, "RaiseDue(Attach)")],
    ),
    (
        Start::Used,
        "Idle used",
        &[(Produce, "RaiseDue(Attach) used")],
    ),
    (Start::Produced, "Idle produced", &[(Late, "Fenced")]),
    (Start::Fenced, "Fenced", &[(Heard, "RaiseDue(Loss)")]),
    (
        Start::RaiseDue,
        "RaiseDue(Attach)",
        &[(Taken, "Raising(Attach)")],
    ),
    (
        Start::Raising,
        "Raising(Attach)",
        &[
            (Provisioned, "Idle produced"),
            (NoRoom, "RoomDue(Attach)"),
            (Failed, "Idle"),
        ],
    ),
    (
        Start::Restarting,
        "Raising(Restart)",
        &[
            (Provisioned, "Idle used"),
            (NoRoom, "RoomDue(Restart)"),
            (Failed, "RaiseDue(Attach)"),
        ],
    ),
    (
        Start::Replacing,
        "Raising(Loss)",
        &[
            (Provisioned, "Idle used"),
            (NoRoom, "RoomDue(Loss)"),
            (Failed, "Idle"),
        ],
    ),
    (
        Start::RoomDue,
        "RoomDue(Attach)",
        &[(Taken, "MakingRoom(Attach)")],
    ),
    (
        Start::MakingRoom,
        "MakingRoom(Attach)",
        &[(Collected, "RaiseDue(Attach)")],
    ),
];

/// A stream that a client brought into being.
pub(super) const DYNAMIC_STREAM: &[Row] = &[
    (Start::ScanDue, "ScanDue", &[(Taken, "Scanning")]),
    (
        Start::Scanning,
        "Scanning",
        &[
            (Found, "RaiseDue(Attach)"),
            (Empty, "RaiseDue(Attach)"),
            (NoRoom, "gone"),
            (Failed, "gone"),
        ],
    ),
    (
        Start::Used,
        "Idle used",
        &[(Produce, "RaiseDue(Attach) used")],
    ),
    (Start::Produced, "Idle produced", &[(Late, "Fenced")]),
    (Start::Fenced, "Fenced", &[(Heard, "RaiseDue(Loss)")]),
    (
        Start::RaiseDue,
        "RaiseDue(Attach)",
        &[(Taken, "Raising(Attach)")],
    ),
    (
        Start::Raising,
        "Raising(Attach)",
        &[
            (Provisioned, "Idle produced"),
            (NoRoom, "RoomDue(Attach)"),
            (Failed, "Left"),
        ],
    ),
    (
        Start::Replacing,
        "Raising(Loss)",
        &[
            (Provisioned, "Idle used"),
            (NoRoom, "RoomDue(Loss)"),
            (Failed, "Left"),
        ],
    ),
    (
        Start::RoomDue,
        "RoomDue(Attach)",
        &[(Taken, "MakingRoom(Attach)")],
    ),
    (
        Start::MakingRoom,
        "MakingRoom(Attach)",
        &[(Collected, "RaiseDue(Attach)")],
    ),
    (
        Start::Left,
        "Left",
        &[(Consume, "RaiseDue(Attach)"), (Produce, "RaiseDue(Attach)")],
    ),
    (Start::Retiring, "Retiring", &[(Collected, "gone")]),
];
