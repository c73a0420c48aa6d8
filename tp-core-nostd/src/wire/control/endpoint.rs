//! Per-consumer streams: what a hello asks for and a config assigns (wire 5.13, 5.14, T-16, T-17).

use crate::ids::StreamId;
use crate::wire::value::ascii;

/// An Aeron channel together with a stream id on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Endpoint<'a> {
    /// The channel, printable ASCII, not empty.
    pub channel: &'a str,
    /// The stream on it.
    pub stream_id: StreamId,
}

impl<'a> Endpoint<'a> {
    /// What a channel and an id name together, or `None` unless both are there and usable (W-181, T-53).
    pub(crate) fn of_wire(channel: &'a [u8], stream_id: u32) -> Option<Self> {
        if channel.is_empty() {
            return None;
        }
        Some(Self {
            channel: ascii("channel", channel).ok()?,
            stream_id: StreamId::new(stream_id)?,
        })
    }

    /// The parts on the wire; nothing is an empty channel and id 0 (W-189, W-191).
    pub(crate) fn to_wire(endpoint: Option<Self>) -> (&'a [u8], u32) {
        endpoint.map_or((&[], 0), |endpoint| {
            (endpoint.channel.as_bytes(), endpoint.stream_id.get())
        })
    }
}

/// What a hello says about one per-consumer stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StreamRequest<'a> {
    /// The shared stream is fine.
    None,
    /// A stream of its own.
    Of(Endpoint<'a>),
    /// Half a request, or one that cannot be met: to be declined, the rest of the hello stands (W-184, W-188, W-190).
    Unusable {
        /// The channel's bytes.
        channel: &'a [u8],
        /// The number given as stream id.
        stream_id: u32,
    },
}

impl<'a> StreamRequest<'a> {
    /// Reads the request of a hello. An id of all ones is as good as 0 (T-17).
    pub(crate) fn of_wire(channel: &'a [u8], stream_id: u32) -> Self {
        match Endpoint::of_wire(channel, stream_id) {
            Some(endpoint) => Self::Of(endpoint),
            None if channel.is_empty() && matches!(stream_id, 0 | u32::MAX) => Self::None,
            None => Self::Unusable { channel, stream_id },
        }
    }

    /// The parts on the wire.
    pub(crate) fn to_wire(self) -> (&'a [u8], u32) {
        match self {
            Self::None => Endpoint::to_wire(None),
            Self::Of(endpoint) => Endpoint::to_wire(Some(endpoint)),
            Self::Unusable { channel, stream_id } => (channel, stream_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_both_halves() {
        let endpoint = |channel, raw| {
            let stream_id = StreamId::new(raw).unwrap();
            StreamRequest::Of(Endpoint { channel, stream_id })
        };
        let unusable = |channel, stream_id| StreamRequest::Unusable { channel, stream_id };
        let rows: [(&[u8], u32, StreamRequest<'_>); 8] = [
            (b"aeron:ipc", 5, endpoint("aeron:ipc", 5)), // req: W-181, W-185
            (b"", 0, StreamRequest::None),               // req: W-189
            (b"", u32::MAX, StreamRequest::None),        // req: T-17
            (b"aeron:ipc", 0, unusable(b"aeron:ipc", 0)), // req: W-182, W-183, W-184, W-186, W-187, W-188
            (b"", 5, unusable(b"", 5)),                   // req: W-190, T-16
            (b"aeron:ipc", u32::MAX, unusable(b"aeron:ipc", u32::MAX)), // req: T-17
            (b"aeron:ipc", 1 << 31, unusable(b"aeron:ipc", 1 << 31)), // req: T-53
            (b"aeron\0", 5, unusable(b"aeron\0", 5)),     // req: T-47
        ];
        for (channel, stream_id, expected) in rows {
            let request = StreamRequest::of_wire(channel, stream_id);
            assert_eq!(request, expected, "{channel:?} {stream_id}");
            if request != StreamRequest::None {
                assert_eq!(request.to_wire(), (channel, stream_id));
            }
        }
        assert_eq!(StreamRequest::None.to_wire(), (&b""[..], 0));
    }
}
