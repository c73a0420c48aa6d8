//! Schema 900: announces, hellos, descriptors, progress, QoS and metadata (wire 4).

mod frame_descriptor;

pub use frame_descriptor::{FrameDescriptor, FrameDescriptorBlock, FrameDescriptorView};

use crate::sbe::MessageLayout;

/// Schema id of these messages.
pub const SCHEMA: u16 = 900;

/// Every message of the schema that travels, in the order of the template ids.
pub const MESSAGES: &[MessageLayout] = &[FrameDescriptor::LAYOUT];
