//! What a join is told before it exists.

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::join::JoinPolicy;
use tp_core_nostd::wire::enums::ClockDomain;

use crate::error::ConfigError;

/// Rules unless the application asks for more or fewer.
const RULES: usize = 8;
/// Frames of each input that are remembered unless the application asks for more or fewer.
const DEPTH: usize = 64;

/// How a join behaves, besides its map.
#[derive(Clone, Debug)]
pub struct JoinConfig {
    pub(crate) out: StreamId,
    pub(crate) rules: usize,
    pub(crate) depth: usize,
    pub(crate) policy: JoinPolicy,
    pub(crate) clock: Option<ClockDomain>,
}

impl JoinConfig {
    /// A join in front of the output `out`, for maps of up to 8 rules, that remembers 64 frames of each input.
    pub fn new(out: StreamId) -> Self {
        Self {
            out,
            rules: RULES,
            depth: DEPTH,
            policy: JoinPolicy::default(),
            clock: None,
        }
    }

    /// Room for maps of up to so many rules, and so for as many inputs; a longer map is void (J-026).
    ///
    /// # Errors
    /// Zero.
    pub fn with_rules(mut self, rules: usize) -> Result<Self, ConfigError> {
        self.rules = above_zero("rules", rules)?;
        Ok(self)
    }

    /// How many frames of each input are remembered; of a longer window only the newest part is tried. More than the
    /// ring of the input has slots are of no use.
    ///
    /// # Errors
    /// Zero.
    pub fn with_depth(mut self, frames: usize) -> Result<Self, ConfigError> {
        self.depth = above_zero("depth", frames)?;
        Ok(self)
    }

    /// Whether frames must have been used by the stage as they arrived ([`poll_using`](super::JoinBarrier::poll_using)),
    /// not only seen; off by default (J-049, J-058).
    #[must_use]
    pub const fn with_require_processed(mut self, on: bool) -> Self {
        self.policy.require_processed = on;
        self
    }

    /// Whether outputs may do without inputs that went silent, where the map says after how long; off by default (J-096).
    #[must_use]
    pub const fn with_allow_stale(mut self, on: bool) -> Self {
        self.policy.allow_stale = on;
        self
    }

    /// The clock of the inputs' times, whatever their announces say.
    #[must_use]
    pub const fn with_clock(mut self, clock: ClockDomain) -> Self {
        self.clock = Some(clock);
        self
    }
}

const fn above_zero(knob: &'static str, value: usize) -> Result<usize, ConfigError> {
    match value {
        0 => Err(ConfigError::Zero { knob }),
        value => Ok(value),
    }
}
