//! Frames that carry trace ids, and what they were made from (tracelink, C-088 to C-091).
//!
//! ```text
//!  ids of the inputs ── trace() ──► Traced ── offer, commit: the frame carries its id ──► link(): its parents, once
//! ```
//!
//! Frames that no [`Traced`] is named for are roots. Nothing depends on any of it: parents that are not taken by the
//! control stream are gone, and counted (K-001 to K-003).

use core::fmt;
use std::sync::Arc;

use tp_core_nostd::ids::{StreamId, TraceId};
use tp_core_nostd::proto::trace_id::{SharedTraceIdGenerator, TraceIdError, TraceIdLayout};
use tp_core_nostd::proto::tracelink::{
    self, LinkCounters, LinkRefusal, LinkSender, LinkValidator, Sent, Stage, Traced,
};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::tracelink::{PARENTS_MAX, TraceLinkSet};

use super::{Mode, Producer, Published, frame_of};
use crate::clock::SharedClock;

/// Bytes of the longest TraceLinkSet.
const MESSAGE_MAX: usize = 40 + 8 * PARENTS_MAX;

/// Where trace ids come from: one node, for any number of producers and threads of a process. Clones mint from the same
/// source. It takes no lock and never waits for the clock (C-091).
#[derive(Clone, Debug)]
pub struct TraceIds(Arc<SharedTraceIdGenerator>);

impl TraceIds {
    /// Mints in the name of `node`, which nobody else in the deployment has (K-006): 0 to 1023, and better not 1 to 1023
    /// of those a driver hands out.
    ///
    /// # Errors
    /// [`TraceIdError::NodeTooLarge`].
    pub fn of_node(node: u64) -> Result<Self, TraceIdError> {
        Self::new(TraceIdLayout::DEFAULT, node, 0)
    }

    /// The same with another layout, which all of the deployment has; `now_ms` is the wall clock, in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// [`TraceIdError`].
    pub fn new(layout: TraceIdLayout, node: u64, now_ms: u64) -> Result<Self, TraceIdError> {
        let ids = SharedTraceIdGenerator::new(layout, node, now_ms)?;
        Ok(Self(Arc::new(ids)))
    }

    /// The next id, at `now_ms` milliseconds since 1970. Ids rise, whatever the clock does.
    pub fn mint(&self, now_ms: u64) -> TraceId {
        self.0.mint(now_ms)
    }

    /// Milliseconds of a wall clock, for [`Self::mint`]. Without one ids count on from where they are.
    pub(crate) const fn ms(real_ns: Option<u64>) -> u64 {
        match real_ns {
            Some(ns) => ns / 1_000_000,
            None => 0,
        }
    }
}

/// How a producer traces its frames; see [`ProducerConfig::with_tracing`](super::ProducerConfig::with_tracing).
#[derive(Clone, Debug)]
pub struct Tracing {
    stage: Stage,
    pub(crate) layout: TraceIdLayout,
    ids: Option<TraceIds>,
    check: Check,
}

impl Tracing {
    /// Frames come to be as `stage` says: it decides, not how many inputs one frame happened to have (C-088). The node of
    /// their ids is the one the driver grants with the lease; without one the producer cannot be had.
    pub const fn of(stage: Stage) -> Self {
        Self {
            stage,
            layout: TraceIdLayout::DEFAULT,
            ids: None,
            check: Check::Published,
        }
    }

    /// Ids from there, whatever node the driver grants.
    #[must_use]
    pub fn with_ids(mut self, ids: TraceIds) -> Self {
        self.ids = Some(ids);
        self
    }

    /// How the bits of ids are shared out, where the node is the driver's.
    #[must_use]
    pub const fn with_layout(mut self, layout: TraceIdLayout) -> Self {
        self.layout = layout;
        self
    }

    /// Parents are only told if `check` agrees, in place of the look at what was published last in the frame's slot
    /// (C-089). It runs on the publishing thread.
    #[must_use]
    pub fn with_check(
        mut self,
        check: impl Fn(&TraceLinkSet<'_>) -> Result<(), LinkRefusal> + Send + Sync + 'static,
    ) -> Self {
        self.check = Check::By(Arc::new(check));
        self
    }

    /// Parents are told unchecked (C-089).
    #[must_use]
    pub fn without_check(mut self) -> Self {
        self.check = Check::None;
        self
    }

    pub(crate) const fn needs_node(&self) -> bool {
        self.ids.is_none()
    }

    /// Whether frames can have parents to be told.
    pub(crate) const fn has_links(&self) -> bool {
        matches!(self.stage, Stage::NToOne | Stage::Reroot)
    }
}

impl<M: Mode> Producer<M> {
    /// The trace of a frame made from frames with these ids, as their descriptors carry them, in the order they were
    /// observed. What comes of them is decided by the [`Stage`] of the producer: a frame made from one keeps the id, one
    /// made from several gets a new one. Name it at the frame or its commit, then hand it to [`Self::link`].
    ///
    /// `None`, if the producer does not trace, or lost the node it minted as.
    pub fn trace(&mut self, inputs: impl IntoIterator<Item = Option<u64>>) -> Option<Traced> {
        let _ = self.catch_up();
        let (tracer, clock) = (self.outlet.tracer.as_ref()?, &self.outlet.clock);
        let ids = tracer.ids.as_ref()?;
        let mint = || ids.mint(TraceIds::ms(clock.real_ns()));
        Some(Traced::new(tracer.stage, inputs, mint))
    }

    /// Tells from which frames a published one was made, if there is anything to tell: once, and without waiting. What is
    /// not taken is gone, and counted.
    pub fn link(&mut self, published: &Published, traced: Traced) -> Sent<SendError> {
        let _ = self.catch_up();
        let outlet = &mut self.outlet;
        let Some(tracer) = &mut outlet.tracer else {
            return Sent::Nothing;
        };
        let id = Some(traced.trace_id().get());
        let frame = frame_of(outlet.stream, published.epoch, published.seq, id);
        let (privates, message) = (&mut outlet.privates, &mut tracer.message);
        tracer.links.send(&frame, traced, |set| {
            // Every set fits: no trace names more parents.
            let len = set.encode(message).map_err(|_| SendError::Closed)?;
            privates.say(message.get(..len).unwrap_or_default())
        })
    }

    /// What became of the parents that were told.
    pub fn link_counters(&self) -> LinkCounters {
        let tracer = self.outlet.tracer.as_ref();
        tracer.map_or_else(LinkCounters::default, |tracer| tracer.links.counters())
    }

    /// Frames published without an id although they are to be traced: the node the producer minted as is another's.
    pub fn untraced(&self) -> u64 {
        self.outlet
            .tracer
            .as_ref()
            .map_or(0, |tracer| tracer.untraced)
    }
}

/// The hot half of tracing.
pub(super) struct Tracer {
    stage: Stage,
    ids: Option<TraceIds>,
    check: Check,
    links: LinkSender<Checking>,
    message: Box<[u8]>,
    untraced: u64,
}

impl Tracer {
    pub(super) fn new(tracing: &Tracing) -> Self {
        let len = if tracing.has_links() { MESSAGE_MAX } else { 0 };
        Self {
            stage: tracing.stage,
            ids: tracing.ids.clone(),
            links: LinkSender::new(Checking::none(&tracing.check)),
            check: tracing.check.clone(),
            message: vec![0; len].into_boxed_slice(),
            untraced: 0,
        }
    }

    /// From now on these mint.
    pub(super) fn mint_by(&mut self, ids: Option<TraceIds>) {
        self.ids = ids;
    }

    /// Frames go to a ring of so many slots from now on. Ids go on (C-090).
    pub(super) fn write_to(&mut self, stream: StreamId, slots: SlotCount) {
        if let (Check::Published, true) = (&self.check, !self.message.is_empty()) {
            let last = vec![None; slots.get() as usize].into_boxed_slice();
            let published = tracelink::Published::new(stream, slots, last);
            *self.links.validator_mut() = Checking::Published(published);
        }
    }

    /// The id of a frame: what its stage says, or else a new one (K-020). 0 and all ones are none (K-042).
    #[inline]
    pub(super) fn id_of(&self, said: Option<u64>, clock: &SharedClock) -> Option<u64> {
        let said = said.and_then(TraceId::new);
        let mint = || {
            let ids = self.ids.as_ref()?;
            Some(ids.mint(TraceIds::ms(clock.real_ns())))
        };
        said.or_else(mint).map(TraceId::get)
    }

    /// This frame was committed.
    #[inline]
    pub(super) fn record(&mut self, frame: &FrameDescriptor) {
        self.untraced = self.untraced.wrapping_add(frame.trace_id.is_none().into());
        if let Checking::Published(Some(published)) = self.links.validator_mut() {
            published.record(frame);
        }
    }
}

/// What sets are held against.
#[derive(Clone)]
enum Check {
    Published,
    By(Application),
    None,
}

type Application = Arc<dyn Fn(&TraceLinkSet<'_>) -> Result<(), LinkRefusal> + Send + Sync>;

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Published => "Published",
            Self::By(_) => "By",
            Self::None => "None",
        })
    }
}

/// What was published last in each slot.
type LastOfSlots = tracelink::Published<Box<[Option<(Seq, u64)>]>>;

/// The same, with what was published.
enum Checking {
    /// Nothing, before there is memory.
    Published(Option<LastOfSlots>),
    By(Application),
    None,
}

impl Checking {
    fn none(check: &Check) -> Self {
        match check {
            Check::Published => Self::Published(None),
            Check::By(application) => Self::By(application.clone()),
            Check::None => Self::None,
        }
    }
}

impl LinkValidator for Checking {
    fn check(&self, set: &TraceLinkSet<'_>) -> Result<(), LinkRefusal> {
        match self {
            Self::Published(Some(published)) => published.check(set),
            Self::Published(None) => Err(LinkRefusal::NotPublished),
            Self::By(application) => application(set),
            Self::None => Ok(()),
        }
    }
}
