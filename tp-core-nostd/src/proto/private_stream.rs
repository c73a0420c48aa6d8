//! A consumer's way from the shared stream to one of its own and back, without a frame lost or seen twice (wire 3.4, 5.13,
//! 5.14, T-41).
//!
//! ```text
//!          hello asks             assigned            added                connected
//!  Shared ────────────► Requested ─────────► Adding ─────────► Switching ─────────────► Private
//!    ▲                    ▲                   ▲ │ │             │ │  both are read          │
//!    │                    └── failed, late ───┼─┴─┼─────────────┘ │                         │ declined, lost,
//!    ├──────────── declined ──────────────────┼───┴───────────────┘                         │ assigned elsewhere
//!    │                                        │ assigned                                    ▼
//!    └──────── not assigned ──────────────────┴────────────── connected, late ────────── Returning
//!                                                    the shared one is added again, the private one read on
//! ```
//!
//! The new stream is always there before the old one is left, and while both are open the
//! [`Sequencer`](crate::proto::sequence::Sequencer) suppresses what comes twice: [`Order::BeginSwitch`] and the leaving
//! orders are its `begin_switch` and `end_switch`. A control stream is easier: the shared one is never left (C-111), so
//! its way back is to close the private one.
//!
//! Whoever answers hellos is obeyed, the last one where there are several. An assignment that could not be used is tried
//! again with the next hello.

use super::endpoint::{CHANNEL_MAX, OwnEndpoint};
use crate::time::{Duration, Instant};
use crate::wire::control::Endpoint;

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// FrameDescriptors: read from one stream at a time.
    Descriptor,
    /// FrameProgress; everything else stays on the shared stream, which stays open.
    Control,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'m> {
    /// A hello was sent that asks for a stream of our own, or does not.
    HelloSent {
        /// Whether it asks.
        asks: bool,
    },
    /// A ConsumerConfig with our stream and our consumer id assigned us a stream, or none (C-110).
    Config(Option<Endpoint<'m>>),
    /// The subscription that was ordered exists.
    Added,
    /// It could not be added, or was closed by the transport.
    AddFailed,
    /// A publisher was found on it.
    Connected,
    /// The private stream lost its publisher, or threw us out.
    Lost,
    /// Everything is given up: the lease is lost, the consumer closes, or takes another id. The owner closes what it has.
    Reset,
}

/// What the owner has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// Nothing.
    None,
    /// Add a subscription to [`PrivateStream::assigned`]; go on reading the shared stream.
    AddPrivate,
    /// Cancel or close the private subscription under way; go on reading the shared stream alone.
    DropPrivate,
    /// [`Order::DropPrivate`], then [`Order::AddPrivate`].
    ReplacePrivate,
    /// Read both streams from now on.
    BeginSwitch,
    /// Read the shared stream as far as where the private one begins, and close it; the private one alone is read from then
    /// on.
    LeaveShared,
    /// The private control stream is in use; the shared one stays.
    Follow,
    /// Add a subscription to the shared stream, in place of one that is under way; go on reading the private one.
    AddShared,
    /// Read the private stream as far as where the shared one begins, or empty, and close it; the shared one alone is read
    /// from then on.
    LeavePrivate,
    /// [`Order::LeavePrivate`], then [`Order::AddPrivate`]: we were assigned another one meanwhile.
    Move,
}

/// Where descriptors or progress come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// The shared stream; nothing is asked for.
    Shared,
    /// The shared stream; a stream of our own was asked for.
    Requested,
    /// The shared stream, while the subscription to the assigned one is added.
    Adding {
        /// When to do without it.
        until: Instant,
    },
    /// Both; nobody publishes on the assigned one yet.
    Switching {
        /// When to do without it.
        until: Instant,
    },
    /// The assigned stream.
    Private,
    /// The private stream, while the shared one is added and found again.
    Returning {
        /// Whether the shared one is open, too.
        both_open: bool,
        /// When to leave the private one anyhow.
        until: Instant,
    },
}

/// One stream of one consumer, private or shared.
#[derive(Clone, Debug)]
pub struct PrivateStream<const N: usize = CHANNEL_MAX> {
    kind: Kind,
    patience: Duration,
    state: State,
    /// What we are assigned; in `Returning` perhaps another one than the one read.
    assigned: Option<OwnEndpoint<N>>,
    /// Assignments whose channel is longer than there is room for.
    too_long: u64,
}

impl<const N: usize> PrivateStream<N> {
    /// Reads the shared stream. Each step of a switch may take as long as `patience`.
    pub const fn new(kind: Kind, patience: Duration) -> Self {
        Self {
            kind,
            patience,
            state: State::Shared,
            assigned: None,
            too_long: 0,
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The stream we are assigned.
    pub fn assigned(&self) -> Option<Endpoint<'_>> {
        self.assigned.as_ref().map(OwnEndpoint::get)
    }

    /// Whether messages of the private stream count, and of the shared one. Both do while a switch lasts.
    pub const fn reads(&self) -> (bool, bool) {
        let is_control = matches!(self.kind, Kind::Control);
        match self.state {
            State::Shared | State::Requested | State::Adding { .. } => (false, true),
            State::Switching { .. } => (true, true),
            State::Private => (true, false),
            State::Returning { both_open, .. } => (true, both_open || is_control),
        }
    }

    /// Takes one input and says what to do about it.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> Order {
        let until = now.after(self.patience);
        let is_descriptor = self.kind == Kind::Descriptor;
        let (state, order) = match (self.state, input) {
            (_, Input::Reset) => {
                self.assigned = None;
                (State::Shared, Order::None)
            }
            (State::Shared | State::Requested, Input::HelloSent { asks }) => {
                match (asks, &self.assigned) {
                    (true, None) => (State::Requested, Order::None),
                    (false, None) => (State::Shared, Order::None),
                    // It did not work last time.
                    (_, Some(_)) => (State::Adding { until }, Order::AddPrivate),
                }
            }
            (state, Input::Config(assigned)) => self.reassign(state, assigned, until),

            (State::Adding { .. }, Input::Added) => {
                (State::Switching { until }, Order::BeginSwitch)
            }
            (State::Switching { .. }, Input::Connected) if is_descriptor => {
                (State::Private, Order::LeaveShared)
            }
            (State::Switching { .. }, Input::Connected) => (State::Private, Order::Follow),
            (State::Adding { .. } | State::Switching { .. }, Input::AddFailed | Input::Lost) => {
                (State::Requested, Order::DropPrivate)
            }

            (State::Private, Input::Lost | Input::AddFailed) => self.give_back(until),
            (State::Returning { both_open, .. }, Input::Added) if !both_open => {
                let both_open = true;
                (State::Returning { both_open, until }, Order::BeginSwitch)
            }
            (
                State::Returning {
                    both_open: true, ..
                },
                Input::Connected,
            ) => self.arrive(until),
            // Without the shared stream there is nothing to go back to: again and again.
            (State::Returning { .. }, Input::AddFailed) => {
                let both_open = false;
                (State::Returning { both_open, until }, Order::AddShared)
            }

            // Late, repeated, or no news.
            (state, _) => (state, Order::None),
        };
        self.state = state;
        order
    }

    /// The moves that time alone decides.
    pub fn poll(&mut self, now: Instant) -> Order {
        if now < self.poll_timeout() {
            return Order::None;
        }
        let until = now.after(self.patience);
        let (state, order) = match self.state {
            State::Adding { .. } | State::Switching { .. } => {
                (State::Requested, Order::DropPrivate)
            }
            State::Returning {
                both_open: true, ..
            } => self.arrive(until),
            State::Returning { .. } => (
                State::Returning {
                    both_open: false,
                    until,
                },
                Order::AddShared,
            ),
            state => (state, Order::None),
        };
        self.state = state;
        order
    }

    /// When to call [`Self::poll`] at the latest.
    pub const fn poll_timeout(&self) -> Instant {
        match self.state {
            State::Adding { until }
            | State::Switching { until }
            | State::Returning { until, .. } => until,
            State::Shared | State::Requested | State::Private => Instant::NEVER,
        }
    }

    /// Assignments that were not followed because their channel is too long.
    pub const fn too_long(&self) -> u64 {
        self.too_long
    }

    /// We are assigned a stream, or none.
    fn reassign(
        &mut self,
        state: State,
        assigned: Option<Endpoint<'_>>,
        until: Instant,
    ) -> (State, Order) {
        let copy = assigned.and_then(OwnEndpoint::copy);
        if assigned.is_some() && copy.is_none() {
            self.too_long = self.too_long.saturating_add(1);
        }
        let is_same = copy == self.assigned;
        self.assigned = copy;
        match (state, self.assigned.is_some()) {
            (State::Shared | State::Requested, true) => {
                (State::Adding { until }, Order::AddPrivate)
            }
            (State::Shared | State::Requested, false) => (State::Shared, Order::None),
            (state, _) if is_same => (state, Order::None),
            (State::Adding { .. } | State::Switching { .. }, true) => {
                (State::Adding { until }, Order::ReplacePrivate)
            }
            (State::Adding { .. } | State::Switching { .. }, false) => {
                (State::Shared, Order::DropPrivate)
            }
            (State::Private, _) => self.give_back(until),
            (state @ State::Returning { .. }, _) => (state, Order::None),
        }
    }

    /// The private stream is to be left, or is dead.
    fn give_back(&self, until: Instant) -> (State, Order) {
        match self.kind {
            Kind::Descriptor => {
                let both_open = false;
                (State::Returning { both_open, until }, Order::AddShared)
            }
            Kind::Control => self.arrive(until),
        }
    }

    /// The private stream is left; another one may be waiting.
    fn arrive(&self, until: Instant) -> (State, Order) {
        match self.assigned {
            Some(_) => (State::Adding { until }, Order::Move),
            None => (State::Shared, Order::LeavePrivate),
        }
    }
}

#[cfg(test)]
mod tests;
