//! What a client is told before it starts: where Aeron lives, which streams to use, which directories to trust.

mod adopted;
mod budgets;
mod check;
mod conducting;
mod endpoint;
mod hooks;
mod logging;
mod periods;
mod reattach;
mod streams;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use tp_linux_hugepages::{Permissions, Residency};

use crate::aeron::{Channel, HostAeron, default_dir};
use crate::clock::SharedClock;
use crate::error::ConfigError;
use crate::histogram::ClientHistograms;
use crate::idle::Idle;
pub use budgets::Budgets;
pub use endpoint::{
    ANNOUNCE_STREAM, CONTROL_STREAM, DESCRIPTOR_STREAM, Endpoint, METADATA_STREAM, QOS_STREAM,
    STATUS_STREAM,
};
use hooks::Hooks;
pub(crate) use hooks::{Delegate, ErrorHandler};
use logging::Logging;
use periods::Periods;
pub use reattach::Reattach;

/// Longest client name (client 1.1), in bytes.
const CLIENT_NAME_MAX: usize = 256;
/// Longest Aeron directory (client 1.1), in bytes.
const AERON_DIR_MAX: usize = 4096;

/// Settings of a client; complete with defaults after [`Context::new`] except for the allowed directories.
#[derive(Debug)]
pub struct Context {
    aeron_dir: Option<PathBuf>,
    client_name: String,
    control: Endpoint,
    announce: Endpoint,
    descriptor: Endpoint,
    qos: Option<Endpoint>,
    metadata: Option<Endpoint>,
    allowed_dirs: Vec<PathBuf>,
    permissions: Permissions,
    residency: Residency,
    driver_timeout: Duration,
    message_timeout: Duration,
    message_retry_attempts: u32,
    keepalive_interval: Duration,
    lease_expiry_grace_intervals: u32,
    announce_period: Duration,
    idle: Idle,
    thread_name: String,
    thread_affinity: Vec<usize>,
    command_queue_capacity: usize,
    clock: SharedClock,
    seed: Option<u64>,
    adopted: Option<HostAeron>,
    periods: Periods,
    budgets: Budgets,
    reattach: Reattach,
    logging: Logging,
    hooks: Hooks,
    histograms: Option<Arc<ClientHistograms>>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// The defaults of client 1.1. No directory is allowed yet, so nothing would be mapped (C-003).
    pub fn new() -> Self {
        Self {
            aeron_dir: None,
            client_name: String::new(),
            control: Endpoint::new(Channel::ipc(), CONTROL_STREAM),
            announce: Endpoint::new(Channel::ipc(), ANNOUNCE_STREAM),
            descriptor: Endpoint::new(Channel::ipc(), DESCRIPTOR_STREAM),
            qos: Some(Endpoint::new(Channel::ipc(), QOS_STREAM)),
            metadata: Some(Endpoint::new(Channel::ipc(), METADATA_STREAM)),
            allowed_dirs: Vec::new(),
            permissions: Permissions::default(),
            residency: Residency::default(),
            driver_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(5),
            message_retry_attempts: 3,
            keepalive_interval: Duration::from_secs(1),
            lease_expiry_grace_intervals: 3,
            announce_period: Duration::from_secs(1),
            idle: Idle::sleeping(Duration::from_millis(1)),
            thread_name: "tp-conductor".to_owned(),
            thread_affinity: Vec::new(),
            command_queue_capacity: 1024,
            clock: SharedClock::default(),
            seed: None,
            adopted: None,
            periods: Periods::default(),
            budgets: Budgets::default(),
            reattach: Reattach::default(),
            logging: Logging::default(),
            hooks: Hooks::default(),
            histograms: None,
        }
    }

    /// Directory of the media driver; unset, `AERON_DIR` or Aeron's default is used.
    ///
    /// # Errors
    /// More than 4096 bytes.
    pub fn with_aeron_dir(mut self, dir: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let dir = dir.into();
        limit("aeron_dir", dir.as_os_str().len(), AERON_DIR_MAX)?;
        self.aeron_dir = Some(dir);
        Ok(self)
    }

    /// Name of this client in Aeron and in logs.
    ///
    /// # Errors
    /// More than 256 bytes.
    pub fn with_client_name(mut self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        limit("client_name", name.len(), CLIENT_NAME_MAX)?;
        self.client_name = name;
        Ok(self)
    }

    /// The clock that the conductor and every role of the client go by; that of the host by default (C-139).
    #[must_use]
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Where ids and jitter come from, for runs that can be repeated; drawn at random by default.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// One more directory whose files may be mapped (C-003).
    #[must_use]
    pub fn allow_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.allowed_dirs.push(dir.into());
        self
    }

    /// Who may own files that are mapped, and with what mode; judged on the opened file (C-004).
    #[must_use]
    pub const fn with_shm_permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Whether regions are touched beforehand, or locked into memory, when they are mapped; neither by default (C-070).
    /// It takes time in proportion to their size, on the conductor's thread; a lock that the system refuses is an error.
    #[must_use]
    pub const fn with_residency(mut self, residency: Residency) -> Self {
        self.residency = residency;
        self
    }

    /// Silence of the media driver after which it counts as gone.
    #[must_use]
    pub const fn with_driver_timeout(mut self, timeout: Duration) -> Self {
        self.driver_timeout = timeout;
        self
    }

    /// Bound of one attach or detach.
    #[must_use]
    pub const fn with_message_timeout(mut self, timeout: Duration) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// How many attaches or detaches in a row may stay unanswered before a role that was never had is given up.
    ///
    /// # Errors
    /// Zero.
    pub fn with_message_retry_attempts(mut self, attempts: u32) -> Result<Self, ConfigError> {
        if attempts == 0 {
            return Err(ConfigError::Zero {
                knob: "message_retry_attempts",
            });
        }
        self.message_retry_attempts = attempts;
        Ok(self)
    }

    /// How often a lease is kept alive; zero never.
    #[must_use]
    pub const fn with_keepalive_interval(mut self, interval: Duration) -> Self {
        self.keepalive_interval = interval;
        self
    }

    /// After how many missed intervals a lease counts as dead.
    #[must_use]
    pub const fn with_lease_expiry_grace_intervals(mut self, intervals: u32) -> Self {
        self.lease_expiry_grace_intervals = intervals;
        self
    }

    /// How often announces are expected and activity stamps are written.
    #[must_use]
    pub const fn with_announce_period(mut self, period: Duration) -> Self {
        self.announce_period = period;
        self
    }

    /// See [`Context::with_aeron_dir`].
    pub fn aeron_dir(&self) -> PathBuf {
        self.aeron_dir.clone().unwrap_or_else(default_dir)
    }

    /// See [`Context::with_driver_timeout`].
    pub const fn driver_timeout(&self) -> Duration {
        self.driver_timeout
    }

    /// See [`Context::with_client_name`].
    pub fn client_name(&self) -> &str {
        &self.client_name
    }

    /// See [`Context::with_clock`].
    pub const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// See [`Context::with_seed`].
    pub const fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// See [`Context::allow_dir`].
    pub fn allowed_dirs(&self) -> &[PathBuf] {
        &self.allowed_dirs
    }

    /// See [`Context::with_message_timeout`].
    pub const fn message_timeout(&self) -> Duration {
        self.message_timeout
    }

    /// See [`Context::with_keepalive_interval`].
    pub const fn keepalive_interval(&self) -> Duration {
        self.keepalive_interval
    }

    /// See [`Context::with_lease_expiry_grace_intervals`].
    pub const fn lease_expiry_grace_intervals(&self) -> u32 {
        self.lease_expiry_grace_intervals
    }

    /// See [`Context::with_announce_period`].
    pub const fn announce_period(&self) -> Duration {
        self.announce_period
    }

    /// How long an announce or an activity stamp counts as fresh: three periods (W-040).
    pub const fn freshness_window(&self) -> Duration {
        self.announce_period.saturating_mul(3)
    }

    /// See [`Context::with_residency`].
    pub const fn residency(&self) -> Residency {
        self.residency
    }

    /// See [`Context::with_shm_permissions`].
    pub const fn shm_permissions(&self) -> Permissions {
        self.permissions
    }

    /// See [`Context::with_message_retry_attempts`].
    pub const fn message_retry_attempts(&self) -> u32 {
        self.message_retry_attempts
    }
}

const fn limit(knob: &'static str, got: usize, max: usize) -> Result<(), ConfigError> {
    if got > max {
        Err(ConfigError::TooLong { knob, got, max })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
