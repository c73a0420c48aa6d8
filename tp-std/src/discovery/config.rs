//! Whom to ask, and where answers go.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::control;

use super::Timing;
use crate::aeron::Channel;
use crate::context::Endpoint;

/// Conventional stream of discovery requests (discovery 5).
pub const DISCOVERY_REQUEST_STREAM: i32 = 7000;
/// Conventional stream of discovery responses, shared by all clients of a host.
pub const DISCOVERY_RESPONSE_STREAM: i32 = 7004;

/// Settings of a [`Discovery`](super::Discovery); the default ones are those of discovery 5.
#[derive(Clone, Debug)]
pub struct DiscoveryConfig {
    pub(super) requests: Endpoint,
    pub(super) responses: Endpoint,
    pub(super) client_id: u32,
    pub(super) timing: Timing,
    pub(super) seed: Option<u64>,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            requests: Endpoint::new(Channel::ipc(), DISCOVERY_REQUEST_STREAM),
            responses: Endpoint::new(Channel::ipc(), DISCOVERY_RESPONSE_STREAM),
            client_id: 0,
            timing: Timing::DEFAULT,
            seed: None,
        }
    }
}

impl DiscoveryConfig {
    /// Where the provider listens.
    #[must_use]
    pub fn with_requests(mut self, endpoint: Endpoint) -> Self {
        self.requests = endpoint;
        self
    }

    /// Where answers go; all requests name it. It must not be the control stream of the driver.
    #[must_use]
    pub fn with_responses(mut self, endpoint: Endpoint) -> Self {
        self.responses = endpoint;
        self
    }

    /// An id that providers may log or limit by; no proof of anything. 0 by default.
    #[must_use]
    pub const fn with_client_id(mut self, id: u32) -> Self {
        self.client_id = id;
        self
    }

    /// How often a request is repeated, and how long in all an answer is waited for; each second for five by default
    ///
    #[must_use]
    pub const fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Where request ids come from, for runs that can be repeated; drawn at random by default.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// An endpoint in the words of the wire.
pub(super) struct Own {
    channel: String,
    stream_id: Option<StreamId>,
}

impl Own {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let stream_id = u32::try_from(endpoint.stream_id).ok();
        Self {
            channel: endpoint.channel.to_string(),
            stream_id: stream_id.and_then(StreamId::new),
        }
    }

    /// `None` where the stream id is none on the wire.
    pub(super) fn get(&self) -> Option<control::Endpoint<'_>> {
        Some(control::Endpoint {
            channel: &self.channel,
            stream_id: self.stream_id?,
        })
    }
}
