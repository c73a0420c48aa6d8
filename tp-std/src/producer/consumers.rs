//! What a producer grants to its consumers (client 1.4, C-086).

use tp_core_nostd::proto::consumer_manager::ManagerPolicy;
use tp_core_nostd::proto::progress::ProgressLimits;

use crate::error::ConfigError;

/// Who answers the hellos of a stream's consumers: exactly one party does (supervisor P-007).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerHellos {
    /// The producer, if it has no driver that does.
    #[default]
    Auto,
    /// The producer: neither a supervisor nor the driver does.
    On,
    /// Somebody else; the producer follows the answers (C-085).
    Off,
}

/// How a producer treats its consumers. Each of them may have a descriptor stream and a control stream of its own.
#[derive(Clone, Debug)]
pub struct Consumers {
    pub(crate) capacity: usize,
    pub(crate) answers: AnswerHellos,
    pub(crate) policy: ManagerPolicy,
}

impl Default for Consumers {
    fn default() -> Self {
        Self::new()
    }
}

impl Consumers {
    /// At most 32 consumers, each with the streams it asks for, none of them limited.
    pub fn new() -> Self {
        Self {
            capacity: 32,
            answers: AnswerHellos::Auto,
            policy: ManagerPolicy::default(),
        }
    }

    /// How many consumers are known at a time; 0 knows nobody, and sends to the shared streams alone. Who finds no room is
    /// told that it gets no stream of its own. It does not change while the producer lives.
    #[must_use]
    pub const fn with_capacity(mut self, consumers: usize) -> Self {
        self.capacity = consumers;
        self
    }

    /// Who answers hellos. It does not change while the producer lives.
    #[must_use]
    pub const fn with_answers(mut self, answers: AnswerHellos) -> Self {
        self.answers = answers;
        self
    }

    /// Whether everybody is sent away from shared memory.
    #[must_use]
    pub const fn with_no_shm(mut self, on: bool) -> Self {
        self.policy.force_no_shm = on;
        self
    }

    /// Where payloads come from instead: an Aeron channel or `bridge://<id>` (W-194).
    ///
    /// # Errors
    /// More than 1024 bytes.
    pub fn with_fallback_uri(mut self, uri: &str) -> Result<Self, ConfigError> {
        let too_long = |_| ConfigError::TooLong {
            knob: "payload_fallback_uri",
            got: uri.len(),
            max: tp_core_nostd::proto::endpoint::CHANNEL_MAX,
        };
        self.policy.payload_fallback_uri = Some(uri.try_into().map_err(too_long)?);
        Ok(self)
    }

    /// The most descriptors per second on a rate-limited consumer's own stream, whatever it asks for (C-087).
    #[must_use]
    pub const fn with_max_rate_hz(mut self, hz: Option<u32>) -> Self {
        self.policy.max_rate_hz = hz;
        self
    }

    /// Whether consumers get descriptor streams of their own.
    #[must_use]
    pub const fn with_private_descriptors(mut self, on: bool) -> Self {
        self.policy.descriptors.enabled = on;
        self
    }

    /// Whether consumers that want progress get control streams of their own.
    #[must_use]
    pub const fn with_private_controls(mut self, on: bool) -> Self {
        self.policy.controls.enabled = on;
        self
    }

    /// How hints about progress are combined (C-073). Bytes alone trigger where default and floor have an interval of zero.
    #[must_use]
    pub const fn with_progress(mut self, limits: ProgressLimits) -> Self {
        self.policy.progress = limits;
        self
    }

    /// Private streams there can be.
    pub(crate) const fn streams(&self) -> usize {
        self.capacity.saturating_mul(2)
    }
}
