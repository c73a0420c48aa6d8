//! What a client is told before it starts: where Aeron lives, which streams to use, which directories to trust.

mod adopted;
mod budgets;
mod check;
mod endpoint;
mod hooks;
mod logging;
mod periods;
mod reattach;

use core::time::Duration;
use std::path::PathBuf;

use tp_linux_hugepages::{Permissions, Residency};

use crate::aeron::{Channel, HostAeron, default_dir};
use crate::clock::SharedClock;
use crate::error::{ConfigError, Error};
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

    /// All standard streams on one channel; announces on `announce_stream`, or 1001 where that is 0 (client 1.1).
    ///
    /// # Errors
    /// A text that is no Aeron channel.
    pub fn with_default_channels(
        mut self,
        channel: &str,
        announce_stream: i32,
    ) -> Result<Self, ConfigError> {
        let channel: Channel = channel.parse()?;
        let announce = if announce_stream == 0 {
            ANNOUNCE_STREAM
        } else {
            announce_stream
        };
        self.control = Endpoint::new(channel.clone(), CONTROL_STREAM);
        self.announce = Endpoint::new(channel.clone(), announce);
        self.descriptor = Endpoint::new(channel.clone(), DESCRIPTOR_STREAM);
        self.qos = Some(Endpoint::new(channel.clone(), QOS_STREAM));
        self.metadata = Some(Endpoint::new(channel, METADATA_STREAM));
        Ok(self)
    }

    /// The control stream.
    #[must_use]
    pub fn with_control(mut self, endpoint: Endpoint) -> Self {
        self.control = endpoint;
        self
    }

    /// The announce stream; equal to the control stream it costs nothing.
    #[must_use]
    pub fn with_announce(mut self, endpoint: Endpoint) -> Self {
        self.announce = endpoint;
        self
    }

    /// The shared descriptor stream.
    #[must_use]
    pub fn with_descriptor(mut self, endpoint: Endpoint) -> Self {
        self.descriptor = endpoint;
        self
    }

    /// The stream of QoS reports; without it none are sent or heard.
    #[must_use]
    pub fn with_qos(mut self, endpoint: impl Into<Option<Endpoint>>) -> Self {
        self.qos = endpoint.into();
        self
    }

    /// The metadata stream; without it none is sent or heard.
    #[must_use]
    pub fn with_metadata(mut self, endpoint: impl Into<Option<Endpoint>>) -> Self {
        self.metadata = endpoint.into();
        self
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

    /// What the conductor thread does after a cycle without work; it sleeps for a millisecond by default.
    #[must_use]
    pub const fn with_idle(mut self, idle: Idle) -> Self {
        self.idle = idle;
        self
    }

    /// Name of the conductor thread; the system shows the first 15 bytes of it.
    ///
    /// # Errors
    /// Empty, or with a zero byte.
    pub fn with_thread_name(mut self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || name.contains('\0') {
            return Err(ConfigError::ThreadName(name));
        }
        self.thread_name = name;
        Ok(self)
    }

    /// The processors the conductor thread may run on, by number; all of them by default.
    #[must_use]
    pub fn with_thread_affinity(mut self, processors: impl Into<Vec<usize>>) -> Self {
        self.thread_affinity = processors.into();
        self
    }

    /// Called once per duty cycle, before the client's own work, on the thread that drives the conductor; what it returns
    /// counts as work (C-009). So a host's own agents need no thread of their own.
    #[must_use]
    pub fn with_delegate(mut self, delegate: impl FnMut() -> u32 + Send + 'static) -> Self {
        self.hooks.delegate = Some(Box::new(delegate));
        self
    }

    /// Called once, on the conductor thread, with what ended the client. Where the caller drives the conductor,
    /// `do_work` says it, and this is not called.
    #[must_use]
    pub fn with_error_handler(mut self, handler: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.hooks.on_error = Some(Box::new(handler));
        self
    }

    /// How many commands may wait for the conductor.
    ///
    /// # Errors
    /// Zero.
    pub fn with_command_queue_capacity(mut self, capacity: usize) -> Result<Self, ConfigError> {
        if capacity == 0 {
            return Err(ConfigError::Zero {
                knob: "command_queue_capacity",
            });
        }
        self.command_queue_capacity = capacity;
        Ok(self)
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

    /// See [`Context::with_control`].
    pub const fn control(&self) -> &Endpoint {
        &self.control
    }

    /// See [`Context::with_announce`].
    pub const fn announce(&self) -> &Endpoint {
        &self.announce
    }

    /// See [`Context::with_descriptor`].
    pub const fn descriptor(&self) -> &Endpoint {
        &self.descriptor
    }

    /// See [`Context::with_qos`].
    pub const fn qos(&self) -> Option<&Endpoint> {
        self.qos.as_ref()
    }

    /// See [`Context::with_metadata`].
    pub const fn metadata(&self) -> Option<&Endpoint> {
        self.metadata.as_ref()
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

    /// See [`Context::with_idle`].
    pub const fn idle(&self) -> Idle {
        self.idle
    }

    /// See [`Context::with_thread_name`].
    pub fn thread_name(&self) -> &str {
        &self.thread_name
    }

    /// See [`Context::with_thread_affinity`].
    pub fn thread_affinity(&self) -> &[usize] {
        &self.thread_affinity
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

    /// For its one owner.
    pub(crate) fn take_delegate(&mut self) -> Option<Delegate> {
        self.hooks.delegate.take()
    }

    /// For its one owner.
    pub(crate) fn take_error_handler(&mut self) -> Option<ErrorHandler> {
        self.hooks.on_error.take()
    }

    /// See [`Context::with_command_queue_capacity`].
    pub const fn command_queue_capacity(&self) -> usize {
        self.command_queue_capacity
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
mod tests {
    use super::*;
    use crate::log::Level;

    #[test] // req: C-002
    fn values_out_of_range_are_refused_not_cut() {
        assert!(Context::new().with_client_name("x".repeat(256)).is_ok());
        assert!(Context::new().with_client_name("x".repeat(257)).is_err());
        assert!(Context::new().with_aeron_dir("d".repeat(4097)).is_err());
        assert!(Context::new().with_command_queue_capacity(0).is_err());
        assert!(Context::new().with_message_retry_attempts(0).is_err());
        let no_fragments = Budgets {
            fragments: 0,
            ..Budgets::default()
        };
        assert!(Context::new().with_budgets(no_fragments).is_err());
        let pauses = |first, longest| Reattach::Automatic { first, longest };
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(2));
        assert!(Context::new().with_reattach(pauses(short, long)).is_ok());
        assert!(Context::new().with_reattach(pauses(long, short)).is_err());
        let zero = Duration::ZERO;
        assert!(Context::new().with_reattach(pauses(zero, long)).is_err());
        assert!(Context::new().with_thread_name("").is_err());
        assert!(Context::new().with_thread_name("a\0b").is_err());
    }

    #[test] // req: C-005
    fn one_call_sets_the_standard_streams() {
        let context = Context::new()
            .with_default_channels("aeron:ipc", 0)
            .unwrap();
        let ipc = || "aeron:ipc".parse().unwrap();
        assert_eq!(context.control(), &Endpoint::new(ipc(), 1000));
        assert_eq!(context.announce(), &Endpoint::new(ipc(), 1001));
        assert_eq!(context.descriptor(), &Endpoint::new(ipc(), 1100));
        assert_eq!(context.qos(), Some(&Endpoint::new(ipc(), 1200)));
        assert_eq!(context.metadata(), Some(&Endpoint::new(ipc(), 1300)));
        let shared = Context::new()
            .with_default_channels("aeron:ipc", 1000)
            .unwrap();
        assert_eq!(shared.announce(), shared.control());
        assert!(Context::new().with_default_channels("ipc", 0).is_err());
    }

    /// A value that is not the default, for each knob.
    #[test] // req: C-001
    fn what_is_set_can_be_read() {
        let second = Duration::from_secs(7);
        let residency = Residency {
            prefault: true,
            lock: true,
        };
        let permissions = Permissions {
            uid: Some(7),
            ..Permissions::default()
        };
        let endpoint = |id| Endpoint::new(Channel::ipc(), id);
        let budgets = Budgets {
            commands: 7,
            fragments: 9,
        };
        let context = Context::new()
            .with_aeron_dir("/aeron")
            .and_then(|context| context.with_client_name("camera"))
            .and_then(|context| context.with_command_queue_capacity(7))
            .and_then(|context| context.with_message_retry_attempts(7))
            .and_then(|context| context.with_thread_name("cold"))
            .and_then(|context| context.with_reattach(Reattach::ByHand))
            .and_then(|context| context.with_budgets(budgets))
            .unwrap()
            .with_control(endpoint(1))
            .with_announce(endpoint(2))
            .with_descriptor(endpoint(3))
            .with_qos(endpoint(4))
            .with_metadata(None)
            .with_seed(7)
            .allow_dir("/frames")
            .with_shm_permissions(permissions)
            .with_residency(residency)
            .with_driver_timeout(second)
            .with_message_timeout(second)
            .with_keepalive_interval(second)
            .with_lease_expiry_grace_intervals(7)
            .with_announce_period(second)
            .with_hello_period(second)
            .with_merge_map_announce_period(second)
            .with_log_level(Level::Trace)
            .with_idle(Idle::NoOp(crate::idle::NoOpIdle))
            .with_thread_affinity([1, 3]);
        assert_eq!(context.aeron_dir(), PathBuf::from("/aeron"));
        assert_eq!(context.client_name(), "camera");
        assert_eq!(context.command_queue_capacity(), 7);
        assert_eq!(context.message_retry_attempts(), 7);
        assert_eq!(context.thread_name(), "cold");
        assert_eq!(
            [context.control(), context.announce(), context.descriptor()],
            [&endpoint(1), &endpoint(2), &endpoint(3)]
        );
        assert_eq!(context.qos(), Some(&endpoint(4)));
        assert_eq!((context.metadata(), context.seed()), (None, Some(7)));
        assert_eq!(context.allowed_dirs(), [PathBuf::from("/frames")]);
        assert_eq!(context.shm_permissions(), permissions);
        assert_eq!(context.residency(), residency);
        assert_eq!(
            [
                context.driver_timeout(),
                context.message_timeout(),
                context.keepalive_interval(),
                context.announce_period(),
                context.hello_period(),
                context.merge_map_announce_period(),
            ],
            [second; 6]
        );
        assert_eq!(context.freshness_window(), second * 3);
        assert_eq!(context.reattach(), Reattach::ByHand);
        assert_eq!(context.budgets(), budgets);
        assert_eq!(context.log_level(), Some(Level::Trace));
        assert_eq!(context.lease_expiry_grace_intervals(), 7);
        assert!(matches!(context.idle(), Idle::NoOp(_)));
        assert_eq!(context.thread_affinity(), [1, 3]);
    }
}
