//! A stream of a consumer's own: what its machine orders is added, handed to the hot half, or given up.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::private_stream::{Input, Kind, Order, PrivateStream, State};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control;

use super::super::connection::Adding;
use crate::consumer::{self, Board, Side};
use crate::context::Endpoint;
use crate::medium::{Medium, Receiver};

/// What becomes of the shared descriptor stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum SharedStream {
    /// It stays as it is.
    Stays,
    /// It is to be added again.
    Wanted,
    /// The hot half has not listened for long: it is to drop every stream and begin with the shared one.
    StartOver,
}

/// A private descriptor or control stream.
#[derive(Debug)]
pub(super) struct OwnStream {
    kind: Kind,
    machine: Box<PrivateStream>,
    /// The subscription under way.
    adding: Option<Adding<Box<dyn Receiver>>>,
    /// Whether the hot half has one.
    is_handed: bool,
}

impl OwnStream {
    /// Each step of a switch may take as long as `patience`.
    pub(super) fn new(kind: Kind, patience: Duration) -> Self {
        Self {
            kind,
            machine: Box::new(PrivateStream::new(kind, patience)),
            adding: None,
            is_handed: false,
        }
    }

    /// The stream that was assigned, whether it is in use or not.
    pub(super) fn assigned(&self) -> Option<StreamId> {
        self.machine.assigned().map(|endpoint| endpoint.stream_id)
    }

    /// Whether messages of the shared stream count.
    pub(super) const fn reads_shared(&self) -> bool {
        self.machine.reads().1
    }

    /// Whether the shared stream was left.
    pub(super) const fn is_private(&self) -> bool {
        matches!(self.machine.state(), State::Private)
    }

    /// Whether the shared stream is on its way back.
    pub(super) const fn is_returning(&self) -> bool {
        matches!(self.machine.state(), State::Returning { .. })
    }

    /// Whether the shared stream is to be added, and was not yet.
    pub(super) const fn awaits_shared(&self) -> bool {
        matches!(
            self.machine.state(),
            State::Returning {
                both_open: false,
                ..
            }
        )
    }

    /// Something happened.
    pub(super) fn handle(&mut self, now: Instant, board: &Board, input: Input<'_>) -> SharedStream {
        let order = self.machine.handle(now, input);
        self.follow(board, order)
    }

    /// What time decides, and what is on its way. While the hot half has not taken the last orders, no further step is made.
    pub(super) fn tend(
        &mut self,
        now: Instant,
        board: &Board,
        medium: &mut dyn Medium,
    ) -> SharedStream {
        if !board.is_settled() {
            return SharedStream::Stays;
        }
        match self.added(medium) {
            None => {
                let order = self.machine.poll(now);
                self.follow(board, order)
            }
            Some(Some(receiver)) => {
                let order = self.machine.handle(now, Input::Added);
                match order {
                    Order::BeginSwitch => self.hand(board, receiver),
                    // It is no longer wanted.
                    other => self.follow(board, other),
                }
            }
            Some(None) => self.handle(now, board, Input::AddFailed),
        }
    }

    /// Nothing is assigned, added or handed out any more.
    pub(super) fn forget(&mut self, now: Instant) {
        let _ = self.machine.handle(now, Input::Reset);
        self.adding = None;
        self.is_handed = false;
    }

    /// Whether the hot half has a subscription of ours.
    pub(super) const fn is_handed(&self) -> bool {
        self.is_handed
    }

    /// The subscription, if it is there now; `Some(None)` if it cannot be had.
    fn added(&mut self, medium: &mut dyn Medium) -> Option<Option<Box<dyn Receiver>>> {
        let adding = self.adding.as_mut()?;
        if let Adding::Wanted = adding {
            let asked = self.machine.assigned().and_then(endpoint);
            match asked.map(|endpoint| medium.subscription(&endpoint)) {
                Some(Ok(awaited)) => *adding = Adding::Asked(awaited),
                Some(Err(_)) | None => {
                    self.adding = None;
                    return Some(None);
                }
            }
        }
        match self.adding.as_mut()?.poll() {
            Ok(None) => None,
            Ok(Some(receiver)) => {
                self.adding = None;
                Some(Some(receiver))
            }
            Err(error) => {
                tracing::warn!(%error, "a stream of a consumer's own cannot be added");
                self.adding = None;
                Some(None)
            }
        }
    }

    fn follow(&mut self, board: &Board, order: Order) -> SharedStream {
        let is_descriptor = self.kind == Kind::Descriptor;
        match order {
            Order::None | Order::BeginSwitch | Order::Follow => SharedStream::Stays,
            Order::AddPrivate => {
                self.adding = Some(Adding::Wanted);
                SharedStream::Stays
            }
            Order::DropPrivate => self.drop_own(board),
            Order::ReplacePrivate => {
                let shared = self.drop_own(board);
                self.adding = Some(Adding::Wanted);
                shared
            }
            Order::LeaveShared => give(board, consumer::Order::Leave(Side::Shared)),
            Order::AddShared => match give(board, consumer::Order::Stay) {
                SharedStream::Stays => SharedStream::Wanted,
                other => other,
            },
            Order::LeavePrivate | Order::Move => {
                self.is_handed = false;
                if order == Order::Move {
                    self.adding = Some(Adding::Wanted);
                }
                match is_descriptor {
                    true => give(board, consumer::Order::Leave(Side::Private)),
                    false => give(board, consumer::Order::Control(None)),
                }
            }
        }
    }

    fn drop_own(&mut self, board: &Board) -> SharedStream {
        self.adding = None;
        if !core::mem::take(&mut self.is_handed) {
            return SharedStream::Stays;
        }
        match self.kind {
            Kind::Descriptor => give(board, consumer::Order::Drop),
            Kind::Control => give(board, consumer::Order::Control(None)),
        }
    }

    fn hand(&mut self, board: &Board, receiver: Box<dyn Receiver>) -> SharedStream {
        self.is_handed = true;
        match self.kind {
            Kind::Descriptor => give(board, consumer::Order::Private(receiver)),
            Kind::Control => give(board, consumer::Order::Control(Some(receiver))),
        }
    }
}

/// Gives an order to the hot half.
fn give(board: &Board, order: consumer::Order) -> SharedStream {
    match board.order(order) {
        true => SharedStream::Stays,
        false => SharedStream::StartOver,
    }
}

/// An assigned stream as the transport takes it; `None` if its channel is not Aeron's.
fn endpoint(assigned: control::Endpoint<'_>) -> Option<Endpoint> {
    let channel = assigned.channel.parse().ok()?;
    let stream_id = i32::try_from(assigned.stream_id.get()).ok()?;
    Some(Endpoint::new(channel, stream_id))
}
