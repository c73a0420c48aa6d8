//! Bugs to order, as in the first world: each sits at the edge of the runtime, or in the applications around it, and
//! breaks one promise.

use tp_core_nostd::seq::Seq;
use tp_core_nostd::wire::control::{
    DataSourceMetaView, MetaBlobChunkView, QosProducer, QosProducerView,
};
use tp_core_nostd::wire::tracelink::{TraceLinkSet, TraceLinkSetView};
use tp_std::{METADATA_STREAM, QOS_STREAM};

use crate::{CONTROL, DESCRIPTORS};

/// A bug that was planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Some descriptors change places on their way out.
    Shuffled,
    /// The clocks of clients with cameras stand still for a while once they have their leases.
    StoppedClock,
    /// Some payloads are not what their producer says.
    Scribbled,
    /// A consumer's application loses frames it was given.
    Swallowed,
    /// A consumer's application is handed some frames a second time.
    Repeated,
    /// Producers tell that they have come further than they have.
    Boastful,
    /// Cameras tell of bytes that they have not filled yet.
    Hasty,
    /// What sources say anew is not sent any more.
    Outdated,
    /// Blobs are not what was sent.
    Garbled,
    /// Joins go by another map than they should.
    Mismatched,
    /// Cameras mint ids as if they were one.
    Namesakes,
    /// Links name other parents than their frames have.
    Adopted,
    /// Links are of frames that are yet to be written.
    Unborn,
    /// Joins by time take more of it than they should.
    Widened,
    /// Joins by time do not wait as long as they should.
    Impatient,
    /// A stage does not use some frames, and thinks that it does.
    Miscounted,
    /// Consumers hear nothing more once they have a lease, and their clocks stand still.
    Frozen,
    /// What the first client sends on control never leaves it, and it is told otherwise.
    Mute,
    /// Consumers get no descriptors, and do not look at the memory.
    Tailless,
    /// A claim is forgotten when its application ends.
    Hoarded,
}

/// The bug of a run, if it has one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted(pub Option<Bug>);

impl Planted {
    /// Whether it is this bug.
    pub fn is(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// Whether a message of a client goes out; the client is told so in any case.
    pub(super) fn lets_out(self, stream_id: i32, message: &[u8]) -> bool {
        match self.0 {
            Some(Bug::Mute) => stream_id != CONTROL,
            Some(Bug::Outdated) if stream_id == METADATA_STREAM => {
                let meta = DataSourceMetaView::parse(message);
                !meta.is_ok_and(|meta| meta.block.meta_version.get() > 2)
            }
            _ => true,
        }
    }

    /// What goes out in place of a message.
    pub(super) fn changes(self, stream_id: i32, message: &[u8]) -> Option<Vec<u8>> {
        let bug = self.0?;
        let mut changed = message.to_vec();
        match bug {
            Bug::Boastful if stream_id == QOS_STREAM => {
                let report = QosProducerView::parse(message).ok()?;
                let mut report = QosProducer::try_from(report).ok()?;
                report.current_seq = report.current_seq.next()?;
                report.encode(&mut changed).ok()?;
            }
            Bug::Adopted if stream_id == CONTROL => {
                TraceLinkSetView::parse(message).ok()?;
                // Of the last parent.
                *changed.last_mut()? ^= 1;
            }
            Bug::Unborn if stream_id == CONTROL => {
                let links = TraceLinkSetView::parse(message).ok()?;
                let mut links = TraceLinkSet::try_from(links).ok()?;
                links.seq = Seq::new(links.seq.get() + 1_000_000)?;
                links.encode(&mut changed).ok()?;
            }
            Bug::Garbled if stream_id == METADATA_STREAM => {
                MetaBlobChunkView::parse(message).ok()?;
                *changed.last_mut()? ^= 1;
            }
            _ => return None,
        }
        Some(changed)
    }
}

/// Whether descriptors go there, for all or for one.
pub(super) fn carries_descriptors(stream_id: i32) -> bool {
    stream_id == DESCRIPTORS || (31_000..=33_999).contains(&stream_id)
}
