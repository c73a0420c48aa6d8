//! How far frames have come.

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::FrameProgress;

use super::Heard;

/// Hears the progress that producers report on the shared control stream. Consumers follow that of their own stream.
pub trait ProgressHandler {
    /// A frame has come so far. Not checked against any memory, so it says nothing about what can be read.
    fn on_progress(&mut self, progress: &FrameProgress);
}

/// Hands on only the progress that is accepted, and counts the rest: a validator of the application's own, for handlers that
/// know more of a stream than the wire says.
#[derive(Debug)]
pub struct CheckedProgress<V, H> {
    accepts: V,
    handler: H,
    refused: u64,
}

impl<V: FnMut(&FrameProgress) -> bool, H: ProgressHandler> CheckedProgress<V, H> {
    /// Hands on to `handler` what `accepts` lets through.
    pub const fn new(accepts: V, handler: H) -> Self {
        Self {
            accepts,
            handler,
            refused: 0,
        }
    }

    /// How many messages were not handed on.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// The handler behind it.
    pub const fn handler(&self) -> &H {
        &self.handler
    }
}

impl<H: ProgressHandler> CheckedProgress<fn(&FrameProgress) -> bool, H> {
    /// Hands on what claims no more than `bytes` of a frame.
    pub fn at_most(
        bytes: u64,
        handler: H,
    ) -> CheckedProgress<impl FnMut(&FrameProgress) -> bool, H> {
        let accepts = move |progress: &FrameProgress| progress.payload_bytes_filled <= bytes;
        CheckedProgress::new(accepts, handler)
    }
}

impl<V: FnMut(&FrameProgress) -> bool, H: ProgressHandler> ProgressHandler
    for CheckedProgress<V, H>
{
    fn on_progress(&mut self, progress: &FrameProgress) {
        match (self.accepts)(progress) {
            true => self.handler.on_progress(progress),
            false => self.refused = self.refused.saturating_add(1),
        }
    }
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl ProgressHandler + ?Sized), heard: Heard<'_>) {
    if let Heard::Message(Message::FrameProgress(view), _) = heard
        && let Ok(progress) = view.try_into()
    {
        handler.on_progress(&progress);
    }
}
