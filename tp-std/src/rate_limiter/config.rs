//! What a rate limiter runs with (rate-limiter 3): made by hand, or read from a file.

mod file;

use core::time::Duration;
use std::path::{Path, PathBuf};

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::rate_limiter::{Forwarding, Mapping, check};

use super::agent::RateLimiterError;
use crate::aeron::Channel;
use crate::config::{Environment, LoadError, Report, Settings};
use crate::context::{CONTROL_STREAM, Context, Endpoint};
use crate::error::ConfigError;

/// One mapping and its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    /// Which stream becomes which.
    pub mapping: Mapping,
    /// Frames per second until a consumer of the destination says what it wants; `None` and 0 are all of them (L-003, L-008).
    pub max_rate_hz: Option<u32>,
    /// Transport stream for the destination's metadata, on the channel of the source's (L-021).
    pub metadata_stream: StreamId,
}

impl LaneConfig {
    /// All frames, until a consumer wants fewer.
    pub const fn new(source: StreamId, destination: StreamId) -> Self {
        Self {
            mapping: Mapping {
                source,
                destination,
            },
            max_rate_hz: None,
            metadata_stream: destination,
        }
    }

    /// At most so many frames per second, until a consumer says what it wants.
    #[must_use]
    pub const fn with_max_rate_hz(mut self, frames: u32) -> Self {
        self.max_rate_hz = Some(frames);
        self
    }
}

/// Everything a rate limiter has to know.
#[derive(Clone, Debug)]
pub struct RateLimiterConfig {
    /// Name for logs.
    pub instance_id: String,
    /// Directory of the media driver; unset, `AERON_DIR` or Aeron's default is used.
    pub aeron_dir: Option<PathBuf>,
    /// Below these directories regions may lie.
    pub allowed_dirs: Vec<PathBuf>,
    /// Where the driver is asked for leases.
    pub driver_control: Endpoint,
    /// Descriptors of the sources.
    pub source_descriptor: Endpoint,
    /// Descriptors of the destinations.
    pub descriptor: Endpoint,
    /// Channel of the two control streams below.
    pub control_channel: Channel,
    /// Channel of the two QoS streams below.
    pub qos_channel: Channel,
    /// What is forwarded, from which streams to which; consumers of destinations say hello on the control stream that
    /// progress goes to, else on the driver's.
    pub forwarding: Forwarding,
    /// Where sources tell their metadata; `None` forwards none (L-022).
    pub metadata: Option<Endpoint>,
    /// Between keepalives of each lease.
    pub keepalive_interval: Duration,
    /// How long one attach may take.
    pub attach_timeout: Duration,
    /// Pause after an attach that failed.
    pub attach_retry_interval: Duration,
    /// The mappings.
    pub lanes: Vec<LaneConfig>,
}

impl RateLimiterConfig {
    /// The defaults of rate-limiter 3, frames only; regions below `/dev/shm`.
    pub fn new(descriptor: Endpoint, lanes: Vec<LaneConfig>) -> Self {
        let context = Context::new();
        Self {
            instance_id: "rate-limiter".to_owned(),
            aeron_dir: None,
            allowed_dirs: vec!["/dev/shm".into()],
            driver_control: Endpoint::new(Channel::ipc(), CONTROL_STREAM),
            source_descriptor: context.descriptor().clone(),
            descriptor,
            control_channel: Channel::ipc(),
            qos_channel: Channel::ipc(),
            forwarding: Forwarding::default(),
            metadata: None,
            keepalive_interval: Duration::from_secs(1),
            attach_timeout: Duration::from_secs(5),
            attach_retry_interval: Duration::from_secs(1),
            lanes,
        }
    }

    /// Reads a file, with environment variables over it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<(Self, Report), LoadError> {
        file::read(Settings::load(path, environment)?)
    }

    /// Takes `text` for the contents of the file at `path`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: Environment<'_>,
    ) -> Result<(Self, Report), LoadError> {
        file::read(Settings::parse(path, text, environment)?)
    }

    /// Whether it can work (L-032 to L-035).
    pub(super) fn check(&self) -> Result<(), RateLimiterError> {
        let mappings: Vec<_> = self.lanes.iter().map(|lane| lane.mapping).collect();
        check(&mappings, &self.forwarding)?;
        match mappings.is_empty() {
            true => Err(RateLimiterError::NoMapping),
            false => Ok(()),
        }
    }

    /// Settings of the client that consumes, and of the one that produces.
    pub(super) fn contexts(&self) -> Result<(Context, Context), ConfigError> {
        let context = |descriptor: &Endpoint| -> Result<Context, ConfigError> {
            let mut context = Context::new()
                .with_client_name(&self.instance_id)?
                .with_control(self.driver_control.clone())
                .with_descriptor(descriptor.clone())
                .with_keepalive_interval(self.keepalive_interval)
                .with_message_timeout(self.attach_timeout);
            if let Some(dir) = &self.aeron_dir {
                context = context.with_aeron_dir(dir)?;
            }
            let dirs = self.allowed_dirs.iter();
            Ok(dirs.fold(context, |context, dir| context.allow_dir(dir)))
        };
        Ok((
            context(&self.source_descriptor)?,
            context(&self.descriptor)?,
        ))
    }

    /// Where consumers of destinations say hello.
    pub(super) fn hellos(&self) -> Endpoint {
        match self.forwarding.control.1 {
            Some(stream) => on(&self.control_channel, stream),
            None => self.driver_control.clone(),
        }
    }

    /// Where progress comes from and goes to (L-024, L-029).
    pub(super) fn progress(&self) -> Option<(Endpoint, Endpoint)> {
        let (from, to) = self.forwarding.control;
        let channel = &self.control_channel;
        self.forwarding
            .progress
            .then_some((on(channel, from?), on(channel, to?)))
    }

    /// Where QoS comes from and goes to (L-028, L-029).
    pub(super) fn qos(&self) -> Option<(Endpoint, Endpoint)> {
        let (from, to) = self.forwarding.qos_streams;
        let channel = &self.qos_channel;
        self.forwarding
            .qos
            .then_some((on(channel, from?), on(channel, to?)))
    }

    /// Where metadata comes from, and where that of each lane goes to (L-020, L-021).
    pub(super) fn metadata(&self) -> Option<(Endpoint, Vec<Endpoint>)> {
        let from = self.metadata.clone()?;
        let to = self
            .lanes
            .iter()
            .map(|lane| on(&from.channel, lane.metadata_stream));
        let to = to.collect();
        Some((from, to))
    }
}

/// A stream on a channel.
fn on(channel: &Channel, stream: StreamId) -> Endpoint {
    // Both are 31 bits.
    Endpoint::new(
        channel.clone(),
        i32::try_from(stream.get()).unwrap_or(i32::MAX),
    )
}
