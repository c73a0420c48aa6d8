//! A channel with its stream id that outlives the message it came in.

use heapless::String;

use crate::ids::StreamId;
use crate::wire::control::Endpoint;

/// The longest channel that is kept unless its owner chooses another limit (C-132).
pub const CHANNEL_MAX: usize = 1024;

/// An [`Endpoint`] of its own, with room for `N` bytes of channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEndpoint<const N: usize = CHANNEL_MAX> {
    channel: String<N>,
    stream_id: StreamId,
}

impl<const N: usize> OwnEndpoint<N> {
    /// A copy of `endpoint`; `None` if the channel is longer than there is room for.
    pub fn copy(endpoint: Endpoint<'_>) -> Option<Self> {
        Some(Self {
            channel: String::try_from(endpoint.channel).ok()?,
            stream_id: endpoint.stream_id,
        })
    }

    /// The endpoint.
    pub fn get(&self) -> Endpoint<'_> {
        Endpoint {
            channel: &self.channel,
            stream_id: self.stream_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-132
    fn a_channel_is_kept_whole_or_not_at_all() {
        let endpoint = |channel| Endpoint {
            channel,
            stream_id: StreamId::new(31_000).unwrap(),
        };
        let fitting = endpoint("aeron:ipc");
        let copy = OwnEndpoint::<9>::copy(fitting).unwrap();
        assert_eq!(copy.get(), fitting);
        assert_eq!(OwnEndpoint::<9>::copy(endpoint("aeron:ipc?")), None);
    }
}
