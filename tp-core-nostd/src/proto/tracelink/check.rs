//! Whether a set describes what was published (C-089).

use core::fmt;

use crate::ids::{Epoch, StreamId};
use crate::seq::{Seq, SlotCount};
use crate::wire::control::FrameDescriptor;
use crate::wire::tracelink::TraceLinkSet;

/// Why a set does not describe what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum LinkRefusal {
    /// The stream is another one.
    Stream,
    /// The epoch is not the current one.
    Epoch,
    /// No such frame was published, or a later one has its slot.
    NotPublished,
    /// The frame was published under another id, or under none.
    TraceId,
    /// Said by a check of the application.
    Application,
}

impl fmt::Display for LinkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "the trace links are of another stream",
            Self::Epoch => "the trace links are of another epoch",
            Self::NotPublished => "the trace links are of a frame that was not published",
            Self::TraceId => "the trace links name another id than the frame bears",
            Self::Application => "the application refuses the trace links",
        })
    }
}

impl core::error::Error for LinkRefusal {}

/// Looks at a set before it is offered.
pub trait LinkValidator {
    /// Whether it may be offered.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, set: &TraceLinkSet<'_>) -> Result<(), LinkRefusal>;
}

/// A check of the application's own.
impl<F: Fn(&TraceLinkSet<'_>) -> Result<(), LinkRefusal>> LinkValidator for F {
    fn check(&self, set: &TraceLinkSet<'_>) -> Result<(), LinkRefusal> {
        self(set)
    }
}

/// No check: every set is offered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unchecked;

impl LinkValidator for Unchecked {
    fn check(&self, _: &TraceLinkSet<'_>) -> Result<(), LinkRefusal> {
        Ok(())
    }
}

/// The last descriptor of each slot. `S` lends a place per slot.
#[derive(Clone, Debug)]
pub struct Published<S> {
    stream: StreamId,
    slots: SlotCount,
    epoch: Option<Epoch>,
    last: S,
}

impl<S: AsRef<[Option<(Seq, u64)>]> + AsMut<[Option<(Seq, u64)>]>> Published<S> {
    /// Of one stream; `None` if `last` has fewer places than there are slots.
    pub fn new(stream: StreamId, slots: SlotCount, last: S) -> Option<Self> {
        let places = last.as_ref().len();
        (places >= usize::try_from(slots.get()).ok()?).then_some(Self {
            stream,
            slots,
            epoch: None,
            last,
        })
    }

    /// This descriptor was published. With the first one of another epoch all earlier ones are forgotten.
    pub fn record(&mut self, descriptor: &FrameDescriptor) {
        if descriptor.stream_id != self.stream {
            return;
        }
        if self.epoch.replace(descriptor.epoch) != Some(descriptor.epoch) {
            self.last.as_mut().fill(None);
        }
        let slot = self.slots.slot_of(descriptor.seq).get() as usize;
        if let Some(place) = self.last.as_mut().get_mut(slot) {
            *place = Some((descriptor.seq, descriptor.trace_id.unwrap_or(0)));
        }
    }
}

impl<S: AsRef<[Option<(Seq, u64)>]>> LinkValidator for Published<S> {
    fn check(&self, set: &TraceLinkSet<'_>) -> Result<(), LinkRefusal> {
        if set.stream_id != self.stream {
            return Err(LinkRefusal::Stream);
        }
        if Some(set.epoch) != self.epoch {
            return Err(LinkRefusal::Epoch);
        }
        let slot = self.slots.slot_of(set.seq).get() as usize;
        match self.last.as_ref().get(slot).copied().flatten() {
            Some((seq, trace_id)) if seq == set.seq => match trace_id == set.trace_id.get() {
                true => Ok(()),
                false => Err(LinkRefusal::TraceId),
            },
            _ => Err(LinkRefusal::NotPublished),
        }
    }
}
