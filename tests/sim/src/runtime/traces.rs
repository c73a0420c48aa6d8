//! Which ids frames were told under, what frames were made from, and whether links say so.

use std::collections::BTreeMap;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::tracelink::TraceLinkSet;

/// What names a frame.
pub(super) type FrameId = (StreamId, Epoch, Seq);

/// A promise, and how it was broken.
type Broken = (&'static str, String);

/// A link as somebody heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) frame: FrameId,
    pub(super) id: u64,
    pub(super) parents: Vec<u64>,
}

impl From<&TraceLinkSet<'_>> for Link {
    fn from(set: &TraceLinkSet<'_>) -> Self {
        Self {
            frame: (set.stream_id, set.epoch, set.seq),
            id: set.trace_id.get(),
            parents: set.parents.iter().map(|parent| parent.get()).collect(),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Traces {
    frames: BTreeMap<u64, FrameId>,
    ids: BTreeMap<FrameId, u64>,
    made: BTreeMap<FrameId, Link>,
}

impl Traces {
    /// The descriptor of a frame went out, with this id.
    pub(super) fn told(&mut self, frame: FrameId, id: u64) -> Result<(), Broken> {
        self.ids.insert(frame, id);
        match self.frames.insert(id, frame) {
            Some(other) if other != frame => {
                let detail = format!("{id:#x} is {other:?} and {frame:?}");
                Err(("trace_ids_are_unique", detail))
            }
            _ => Ok(()),
        }
    }

    /// A stage was told that a frame it used has this id.
    pub(super) fn used(&self, frame: FrameId, id: u64) -> Result<(), Broken> {
        match self.ids.get(&frame) {
            Some(told) if *told == id => Ok(()),
            told => {
                let detail = format!("{frame:?} is {told:x?} and not {id:#x}");
                Err(("links_name_real_parents", detail))
            }
        }
    }

    /// A stage published a frame that it made from others.
    pub(super) fn made(&mut self, link: Link) {
        self.made.insert(link.frame, link);
    }

    /// Somebody heard a link.
    pub(super) fn heard(&self, link: &Link) -> Result<(), Broken> {
        match self.made.get(&link.frame) {
            Some(made) if made == link => Ok(()),
            Some(made) => {
                let detail = format!("{link:x?} was heard, {made:x?} was made");
                Err(("links_name_real_parents", detail))
            }
            None => Err(("no_link_is_without_a_frame", format!("{link:x?}"))),
        }
    }
}
