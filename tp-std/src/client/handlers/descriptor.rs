//! Which frames there are.

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::FrameDescriptor;

use super::Heard;

/// Hears the descriptors of every stream of the shared descriptor stream. Consumers follow that of their own stream.
pub trait DescriptorHandler {
    /// A frame is there. Not checked against any memory, so it says nothing about what can be read.
    fn on_descriptor(&mut self, descriptor: &FrameDescriptor);
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl DescriptorHandler + ?Sized), heard: Heard<'_>) {
    if let Heard::Message(Message::FrameDescriptor(view), _) = heard
        && let Ok(descriptor) = view.try_into()
    {
        handler.on_descriptor(&descriptor);
    }
}
