//! The producer's side: what was filled goes in, the messages worth sending come out (wire 5.12).
//!
//! ```text
//!          start            STARTED taken              complete             COMPLETE taken
//!   Idle ────────► Begun ─────────────────► Running ────────────► Ending ─────────────────► Over
//!    ▲              │ │  fill: Begun         │   fill, PROGRESS taken: Running               ▲
//!    │              │ │                      │                                               │
//!    │              │ └─ complete: nobody heard of a start, so nobody waits for an end ──────┼──┘
//!    └─── forget ───┴──────────────────────┴───────────────────────────────────────────────┘
//! ```
//!
//! A frame that begins while nobody listens may be begun [unheard](Throttle::start_unheard): what is reported of it is checked
//! and never told. These are the states of one frame; there is one [`Meter`] per header slot. Messages are best effort: of those that wait
//! only the latest frame's is kept, and what was not sent is replaced by what is filled now (W-172).

use core::fmt;
use core::num::NonZeroU32;

use super::ProgressPolicy;
use crate::ids::{Epoch, StreamId};
use crate::seq::{Seq, SlotCount, SlotIndex};
use crate::time::Instant;
use crate::wire::control::FrameProgress;
use crate::wire::enums::FrameProgressState;

/// Why a report was refused. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ProgressError {
    /// The frame was not started, or a later one has its slot.
    NotStarted,
    /// The frame was started before, or is older than the one that has its slot.
    Repeated,
    /// The frame is complete.
    Over,
    /// Fewer bytes than reported before.
    Regressed {
        /// Bytes reported before.
        had: u64,
        /// Bytes reported now.
        got: u64,
    },
    /// More bytes than the frame has.
    TooLarge {
        /// Bytes of the frame.
        length: u64,
        /// Bytes reported.
        got: u64,
    },
}

impl fmt::Display for ProgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("progress of a frame that was not started"),
            Self::Repeated => f.write_str("the frame was started before"),
            Self::Over => f.write_str("the frame is complete"),
            Self::Regressed { had, got } => {
                write!(f, "progress fell from {had} to {got} bytes")
            }
            Self::TooLarge { length, got } => {
                write!(f, "progress of {got} bytes, the frame has {length}")
            }
        }
    }
}

impl core::error::Error for ProgressError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No frame.
    Idle,
    /// Under way, and nobody is told.
    Unheard,
    /// STARTED is owed.
    Begun,
    /// STARTED was sent.
    Running,
    /// COMPLETE is owed.
    Ending,
    /// Nothing more is sent.
    Over,
}

/// Storage for one frame's progress.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    state: State,
    seq: Seq,
    /// Bytes of the whole frame.
    length: u64,
    /// Bytes of a whole row or column, where a prefix holds such.
    line: Option<NonZeroU32>,
    filled: u64,
    /// As sent last.
    told: u64,
}

impl Meter {
    /// Of no frame.
    pub const IDLE: Self = Self {
        state: State::Idle,
        seq: Seq::FIRST,
        length: 0,
        line: None,
        filled: 0,
        told: 0,
    };

    /// Whether its frame is under way.
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Unheard | State::Begun | State::Running)
    }

    /// Whether its frame can have `bytes` bytes now.
    const fn check(&self, bytes: u64) -> Result<(), ProgressError> {
        let (had, length, got) = (self.filled, self.length, bytes);
        if got < had {
            return Err(ProgressError::Regressed { had, got });
        }
        if got > length {
            return Err(ProgressError::TooLarge { length, got });
        }
        Ok(())
    }

    /// Whether it has grown enough to be told. A threshold that does not apply is none.
    fn is_worth_telling(&self, policy: &ProgressPolicy) -> bool {
        let grown = self.filled.saturating_sub(self.told);
        let by_bytes = policy.bytes_delta.map(|delta| grown >= delta.into());
        let lines = self.line.zip(policy.major_delta_units);
        let by_lines = lines.map(|(line, delta)| {
            let lines = |bytes: u64| bytes.checked_div(u32::from(line).into()).unwrap_or(0);
            let grown = lines(self.filled).saturating_sub(lines(self.told));
            grown >= delta.max(1).into()
        });
        grown > 0
            && match (by_bytes, by_lines) {
                (None, None) => true,
                (bytes, lines) => bytes.unwrap_or(false) || lines.unwrap_or(false),
            }
    }
}

/// Decides which progress of one stream and epoch is sent. `S` lends a meter for each header slot.
#[derive(Clone, Debug)]
pub struct Throttle<S> {
    stream: StreamId,
    epoch: Epoch,
    slots: SlotCount,
    meters: S,
    policy: Option<ProgressPolicy>,
    /// When the last PROGRESS of any frame was sent.
    progress_at: Option<Instant>,
    /// The frame reported last, while it may have something to say.
    pending: Option<SlotIndex>,
}

impl<S: AsRef<[Meter]> + AsMut<[Meter]>> Throttle<S> {
    /// Sends nothing until it gets a policy. `None` if there are fewer meters than slots.
    pub fn new(stream: StreamId, epoch: Epoch, slots: SlotCount, mut meters: S) -> Option<Self> {
        let own = meters.as_mut().get_mut(..slots.get() as usize)?;
        own.fill(Meter::IDLE);
        Some(Self {
            stream,
            epoch,
            slots,
            meters,
            policy: None,
            progress_at: None,
            pending: None,
        })
    }

    /// How often to send; `None`, as long as no consumer supports progress, sends nothing (W-174).
    pub fn set_policy(&mut self, policy: Option<ProgressPolicy>) {
        self.policy = policy;
    }

    /// What it goes by.
    pub const fn policy(&self) -> Option<ProgressPolicy> {
        self.policy
    }

    /// Frame `seq` of `length` bytes begins. `line` is [`TensorHeader::prefix_line_len`] where the tensor is known yet
    /// (C-074, T-48).
    ///
    /// # Errors
    /// [`ProgressError::Repeated`]
    ///
    /// [`TensorHeader::prefix_line_len`]: crate::shm::TensorHeader::prefix_line_len
    pub fn start(&mut self, seq: Seq, length: u64, line: Option<u32>) -> Result<(), ProgressError> {
        let slot = self.slots.slot_of(seq);
        let meter = self.startable(seq)?;
        *meter = Meter {
            state: State::Begun,
            seq,
            length,
            line: line.and_then(NonZeroU32::new),
            ..Meter::IDLE
        };
        self.pending = Some(slot);
        Ok(())
    }

    /// As [`Self::start`], of a frame that nobody will be told of, because nobody listens and so it was not numbered for
    /// good (C-067, C-073).
    ///
    /// # Errors
    /// [`ProgressError::Repeated`]
    pub fn start_unheard(&mut self, seq: Seq, length: u64) -> Result<(), ProgressError> {
        *self.startable(seq)? = Meter {
            state: State::Unheard,
            seq,
            length,
            ..Meter::IDLE
        };
        Ok(())
    }

    /// Whether frame `seq` can be started.
    ///
    /// # Errors
    /// What [`Self::start`] would say.
    pub fn check_start(&mut self, seq: Seq) -> Result<(), ProgressError> {
        self.startable(seq).map(|_| ())
    }

    /// The first `bytes` bytes of frame `seq` are there.
    ///
    /// # Errors
    /// [`ProgressError`]
    pub fn fill(&mut self, seq: Seq, bytes: u64) -> Result<(), ProgressError> {
        let meter = self.open(seq, bytes)?;
        meter.filled = bytes;
        // Who is told nothing takes nobody's turn.
        if meter.state != State::Unheard {
            self.pending = Some(self.slots.slot_of(seq));
        }
        Ok(())
    }

    /// Whether frame `seq` can be committed with `bytes` bytes, as far as anything was reported of it.
    ///
    /// # Errors
    /// [`ProgressError::Regressed`], [`ProgressError::TooLarge`]
    #[inline]
    pub fn check_complete(&self, seq: Seq, bytes: u64) -> Result<(), ProgressError> {
        let slot = self.slots.slot_of(seq).get() as usize;
        match self.meters.as_ref().get(slot) {
            Some(meter) if meter.seq == seq && meter.is_open() => meter.check(bytes),
            _ => Ok(()),
        }
    }

    /// Frame `seq` is committed, with `bytes` bytes.
    ///
    /// # Errors
    /// [`ProgressError`]
    pub fn complete(&mut self, seq: Seq, bytes: u64) -> Result<(), ProgressError> {
        let meter = self.open(seq, bytes)?;
        meter.filled = bytes;
        // Who heard of no start waits for no end; the descriptor is enough (W-155).
        let was = meter.state;
        meter.state = match was {
            State::Running => State::Ending,
            _ => State::Over,
        };
        if was != State::Unheard {
            self.pending = Some(self.slots.slot_of(seq));
        }
        Ok(())
    }

    /// Frame `seq` was given up. Harmless for any other.
    pub fn forget(&mut self, seq: Seq) {
        let slot = self.slots.slot_of(seq);
        if let Some(meter) = self.meter(slot).filter(|meter| meter.seq == seq) {
            *meter = Meter::IDLE;
        }
    }

    /// Offers the message that is due at `now` to `emit`, which sends it; returns whether one was sent. Call it after each
    /// report, and at [`Self::poll_timeout`].
    ///
    /// # Errors
    /// What `emit` returned; the message stays due unless another frame reports first.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(&FrameProgress) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.due_at() > now {
            return Ok(false);
        }
        let (stream_id, epoch) = (self.stream, self.epoch);
        let Some(meter) = self.pending.and_then(|slot| self.meter(slot)) else {
            return Ok(false);
        };
        let (state, next) = match meter.state {
            State::Begun => (FrameProgressState::Started, State::Running),
            State::Running => (FrameProgressState::Progress, State::Running),
            State::Ending => (FrameProgressState::Complete, State::Over),
            State::Idle | State::Unheard | State::Over => return Ok(false),
        };
        emit(&FrameProgress {
            stream_id,
            epoch,
            seq: meter.seq,
            payload_bytes_filled: meter.filled,
            state,
        })?;
        meter.state = next;
        meter.told = meter.filled;
        self.pending = None;
        if state == FrameProgressState::Progress {
            self.progress_at = Some(now);
        }
        Ok(true)
    }

    /// When to call [`Self::transmit`] if nothing is reported before.
    pub fn poll_timeout(&self) -> Instant {
        self.due_at()
    }

    /// When the pending frame's message is due.
    fn due_at(&self) -> Instant {
        let pending = self
            .pending
            .and_then(|slot| self.meters.as_ref().get(slot.get() as usize));
        let Some((policy, meter)) = self.policy.zip(pending) else {
            return Instant::NEVER;
        };
        match meter.state {
            State::Begun | State::Ending => Instant::from_ns(0),
            State::Running if meter.is_worth_telling(&policy) => self
                .progress_at
                .map_or(Instant::from_ns(0), |last| last.after(policy.interval)),
            State::Running | State::Idle | State::Unheard | State::Over => Instant::NEVER,
        }
    }

    /// The meter of a frame under way, if it can have `bytes` bytes now.
    fn open(&mut self, seq: Seq, bytes: u64) -> Result<&mut Meter, ProgressError> {
        let meter = self.meter(self.slots.slot_of(seq));
        let meter = meter.filter(|meter| meter.seq == seq);
        let meter = meter.ok_or(ProgressError::NotStarted)?;
        match meter.state {
            State::Idle => Err(ProgressError::NotStarted),
            State::Ending | State::Over => Err(ProgressError::Over),
            State::Unheard | State::Begun | State::Running => meter.check(bytes).map(|()| meter),
        }
    }

    /// The meter for a frame that begins.
    fn startable(&mut self, seq: Seq) -> Result<&mut Meter, ProgressError> {
        let meter = self.meter(self.slots.slot_of(seq));
        let meter = meter.ok_or(ProgressError::NotStarted)?;
        if meter.state != State::Idle && meter.seq >= seq {
            return Err(ProgressError::Repeated);
        }
        Ok(meter)
    }

    fn meter(&mut self, slot: SlotIndex) -> Option<&mut Meter> {
        self.meters.as_mut().get_mut(slot.get() as usize)
    }
}

#[cfg(test)]
mod tests;
