//! Where something is said: an Aeron channel and a stream on it.

use crate::aeron::Channel;

/// One Aeron stream: channel and stream id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Aeron channel.
    pub channel: Channel,
    /// Aeron stream id.
    pub stream_id: i32,
}

impl Endpoint {
    /// The stream `stream_id` of `channel`.
    pub const fn new(channel: Channel, stream_id: i32) -> Self {
        Self { channel, stream_id }
    }
}

/// Conventional stream ids (driver 9).
pub const CONTROL_STREAM: i32 = 1000;
/// Conventional announce stream, where it is not the control stream.
pub const ANNOUNCE_STREAM: i32 = 1001;
/// Conventional stream for questions about the driver.
pub const STATUS_STREAM: i32 = 1002;
/// Conventional shared descriptor stream.
pub const DESCRIPTOR_STREAM: i32 = 1100;
/// Stream of QoS reports, by convention.
pub const QOS_STREAM: i32 = 1200;
/// Conventional metadata stream.
pub const METADATA_STREAM: i32 = 1300;
