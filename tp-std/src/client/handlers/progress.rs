//! How far frames have come.

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::FrameProgress;

use super::{Heard, Listener};

/// Hears the progress that producers report on the shared control stream. Consumers follow that of their own stream.
pub trait ProgressHandler {
    /// A frame has come so far. Not checked against any memory, so it says nothing about what can be read.
    fn on_progress(&mut self, progress: &FrameProgress);
}

/// The family of [`ProgressHandler`]s.
#[derive(Debug)]
pub struct Progress<H = ()>(pub(super) H);

impl<H: ProgressHandler + Send> Listener for Progress<H> {
    fn hear(&mut self, heard: Heard<'_>) {
        if let Heard::Message(Message::FrameProgress(view), _) = heard
            && let Ok(progress) = view.try_into()
        {
            self.0.on_progress(&progress);
        }
    }
}
