//! What a manager grants, and what it counts.

use heapless::{String, Vec};

use super::entry::StreamKind;
use crate::ids::StreamId;
use crate::proto::endpoint::CHANNEL_MAX;
use crate::proto::progress::ProgressLimits;
use crate::wire::control::Endpoint;

/// How many kinds of channels a policy can admit.
const CHANNELS: usize = 4;
/// How many ids a policy can reserve: those of the shared streams.
const RESERVED: usize = 8;

/// What a producer grants to its consumers (C-086); texts have at most `N` bytes.
#[derive(Clone, Debug)]
pub struct ManagerPolicy<const N: usize = CHANNEL_MAX> {
    /// Sends everybody away from shared memory.
    pub force_no_shm: bool,
    /// Where payloads come from instead, printable ASCII.
    pub payload_fallback_uri: Option<String<N>>,
    /// The most frames per second that a rate-limited consumer gets on a stream of its own.
    pub max_rate_hz: Option<u32>,
    /// Private descriptor streams.
    pub descriptors: StreamPolicy<N>,
    /// Private control streams; only for consumers that support progress (T-39).
    pub controls: StreamPolicy<N>,
    /// Channels that consumers may name, without their parameters (W-204).
    pub channels: Vec<String<N>, CHANNELS>,
    /// Ids of shared streams, which are nobody's own (P-041).
    pub reserved: Vec<StreamId, RESERVED>,
    /// How hints about progress are combined.
    pub progress: ProgressLimits,
}

/// Private streams of one kind.
#[derive(Clone, Debug)]
pub struct StreamPolicy<const N: usize = CHANNEL_MAX> {
    /// Whether there are any.
    pub enabled: bool,
    /// Their channel, whatever was asked for (P-044).
    pub channel: Option<String<N>>,
}

impl<const N: usize> Default for ManagerPolicy<N> {
    /// Grants private descriptor and control streams over shared memory of the media driver.
    fn default() -> Self {
        let granted = StreamPolicy {
            enabled: true,
            channel: None,
        };
        Self {
            force_no_shm: false,
            payload_fallback_uri: None,
            max_rate_hz: None,
            descriptors: granted.clone(),
            controls: granted,
            channels: String::try_from("aeron:ipc").into_iter().collect(),
            reserved: Vec::new(),
            progress: ProgressLimits::default(),
        }
    }
}

impl<const N: usize> ManagerPolicy<N> {
    /// What becomes of a request that is well formed.
    pub(super) fn admit<'r>(
        &'r self,
        kind: StreamKind,
        asked: Endpoint<'r>,
        supports_progress: bool,
    ) -> Result<Endpoint<'r>, DeclineReason> {
        let of = match kind {
            StreamKind::Descriptor => &self.descriptors,
            StreamKind::Control => &self.controls,
        };
        if !of.enabled {
            return Err(DeclineReason::Disabled);
        }
        if kind == StreamKind::Control && !supports_progress {
            return Err(DeclineReason::NoProgress);
        }
        let channel = match of.channel.as_deref() {
            Some(channel) => channel,
            None if self.admits_channel(asked.channel) => asked.channel,
            None => return Err(DeclineReason::Channel),
        };
        Ok(Endpoint { channel, ..asked })
    }

    fn admits_channel(&self, channel: &str) -> bool {
        let mut admitted = self.channels.iter();
        admitted.any(|known| {
            let rest = channel.strip_prefix(known.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
        })
    }
}

/// Why a request for a stream was declined. The consumer stays on the shared one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DeclineReason {
    /// Half a request, or an id or channel that cannot be (W-184, W-188, W-190).
    Unusable,
    /// There are no streams of this kind.
    Disabled,
    /// A control stream for a consumer that does not support progress.
    NoProgress,
    /// A channel that is not admitted.
    Channel,
    /// A channel that is longer than there is room for.
    ChannelTooLong,
    /// The id of a shared stream.
    Reserved,
    /// An id that another stream holds (P-042).
    Taken,
}

impl DeclineReason {
    const COUNT: usize = Self::Taken as usize + 1;
}

/// What happened so far. Nothing here falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ManagerCounters {
    /// Hellos of our stream.
    pub hellos: u64,
    /// QosConsumer of our stream.
    pub qos: u64,
    /// ConsumerConfigs sent.
    pub configs_sent: u64,
    /// ConsumerConfigs of others that were followed.
    pub configs_followed: u64,
    /// Hellos that found no room in the registry.
    pub refused_full: u64,
    /// Answers to those that were lost, because the transport took none.
    pub refusals_lost: u64,
    declined: [u64; DeclineReason::COUNT],
    /// Private streams that could not be opened, or were lost.
    pub failed: u64,
    /// Consumers that fell silent.
    pub stale: u64,
}

impl ManagerCounters {
    /// Requests for streams that were declined for this reason. One that is repeated counts again.
    pub fn declined(&self, reason: DeclineReason) -> u64 {
        self.declined.get(reason as usize).copied().unwrap_or(0)
    }

    pub(super) fn count_declined(&mut self, reason: DeclineReason) {
        if let Some(counter) = self.declined.get_mut(reason as usize) {
            count(counter);
        }
    }
}

pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
