//! The newest frame, copied out of the source's ring until its time comes (L-040).

use tp_core_nostd::proto::read::CopyError;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

use crate::consumer::FrameView;
use crate::producer::CommitMeta;

/// What a frame is besides its bytes, as it stands in both streams (L-006, L-015, L-036).
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) seq: Seq,
    pub(super) tensor: TensorHeader,
    pub(super) meta: CommitMeta,
}

impl Label {
    pub(super) fn of(frame: &FrameView<'_>, trace_id: Option<u64>) -> Self {
        Self {
            seq: frame.seq(),
            tensor: *frame.tensor(),
            meta: CommitMeta {
                len: None,
                capture_ns: frame.capture_ns(),
                meta_version: frame.meta_version(),
                trace_id,
            },
        }
    }
}

/// One frame, and room for its successor: a copy that fails leaves the older one whole.
#[derive(Debug, Default)]
pub(super) struct Copies {
    label: Option<Label>,
    bytes: Vec<u8>,
    spare: Vec<u8>,
}

impl Copies {
    /// Copies a frame in place of the one there is; returns whether there was one. Allocates only for the largest so far.
    ///
    /// # Errors
    /// The frame is gone from the ring; the one there is stays.
    pub(super) fn keep(
        &mut self,
        frame: &FrameView<'_>,
        trace_id: Option<u64>,
    ) -> Result<bool, CopyError> {
        self.spare.resize(frame.payload_len(), 0);
        frame.copy_to(&mut self.spare)?;
        core::mem::swap(&mut self.bytes, &mut self.spare);
        Ok(self.label.replace(Label::of(frame, trace_id)).is_some())
    }

    /// The frame, once.
    pub(super) fn take(&mut self) -> Option<(Label, &[u8])> {
        self.label
            .take()
            .map(|label| (label, self.bytes.as_slice()))
    }

    /// Whether there is one.
    pub(super) const fn is_waiting(&self) -> bool {
        self.label.is_some()
    }
}
