//! The configuration of a driver: the keys of driver 9, checked, with everything that is wrong at once.

mod cache;
mod ids;
mod policies;
mod shm;
mod streams;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::path::{Path, PathBuf};

use tp_core_nostd::proto::driver::{IdRange, Retention};

use crate::aeron::Channel;
use crate::config::{Environment, LoadError, Origin, Report, Secret, Settings};
use crate::{CONTROL_STREAM, Endpoint, QOS_STREAM, STATUS_STREAM};
pub use ids::DynamicConfig;
pub use shm::ShmConfig;
pub use streams::{ProfileConfig, StreamConfig};

/// Leases a driver has room for unless configured otherwise. One takes about 200 bytes.
const LEASE_LIMIT: u64 = 4096;

/// What a driver runs with.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Name for logs and discovery.
    pub instance_id: String,
    /// Directory of the media driver; unset, Aeron's default is used.
    pub aeron_dir: Option<PathBuf>,
    /// Where requests arrive and answers go.
    pub control: Endpoint,
    /// Where pools are announced.
    pub announce: Endpoint,
    /// Where questions about the driver arrive and are answered; `None` if they are not.
    pub status: Option<Endpoint>,
    /// Where producers and consumers report; the driver itself takes no part in it.
    pub qos: Endpoint,
    /// Where files go.
    pub shm: ShmConfig,
    /// How often each stream is announced.
    pub announce_period: Duration,
    /// How often clients send keepalives.
    pub keepalive_interval: Duration,
    /// After how many silent intervals a lease expires.
    pub expiry_grace_intervals: u32,
    /// How long a released node id is kept for its last holder.
    pub node_id_cooldown: Duration,
    /// Most leases at a time.
    pub lease_limit: usize,
    /// The shapes that streams can have.
    pub profiles: Vec<ProfileConfig>,
    /// The streams there are from the start.
    pub streams: Vec<StreamConfig>,
    /// The streams that clients may bring into being; `None`: none.
    pub dynamic: Option<DynamicConfig>,
    /// Ids of descriptor streams for single consumers.
    pub private_descriptors: Vec<IdRange>,
    /// Ids of control streams for single consumers.
    pub private_controls: Vec<IdRange>,
    /// Whether the driver answers hellos; not where a supervisor does.
    pub answers_hellos: bool,
    /// Most consumers of one stream; `None`: no limit.
    pub consumer_limit: Option<u32>,
    /// What is kept of old epochs; `None`: everything.
    pub retention: Option<Retention>,
    /// The secret that a shutdown request must carry; `None`: every request is ignored.
    pub shutdown_token: Option<Secret>,
    /// How long leases are still served after the driver was told to stop.
    pub shutdown_timeout: Duration,
}

impl DriverConfig {
    /// Reads a file, with environment variables over it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<(Self, Report), LoadError> {
        read(Settings::load(path, environment)?)
    }

    /// The ids of all streams that are this driver's: the configured ones, and those that clients may bring into being.
    pub fn stream_ids(&self) -> Vec<IdRange> {
        let dynamic = self.dynamic.iter().flat_map(|dynamic| &dynamic.ids);
        self.streams
            .iter()
            .filter_map(|stream| IdRange::new(stream.stream_id, stream.stream_id))
            .chain(dynamic.copied())
            .collect()
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
        read(Settings::parse(path, text, environment)?)
    }
}

fn read(mut settings: Settings<'_>) -> Result<(DriverConfig, Report), LoadError> {
    let s = &mut settings;
    let instance_id = s.scalar("driver.instance_id", "driver-01".to_owned()).value;
    let aeron_dir = s
        .scalar_named(
            "driver.aeron_dir",
            &["DRIVER_AERON_DIR", "AERON_DIR"],
            String::new(),
        )
        .value;
    let control = endpoint(s, "control", &Endpoint::new(Channel::ipc(), CONTROL_STREAM));
    let announce = endpoint(s, "announce", &control);
    let qos = endpoint(s, "qos", &Endpoint::new(Channel::ipc(), QOS_STREAM));
    let status = status(
        s,
        &[
            ("control", &control),
            ("announce", &announce),
            ("qos", &qos),
        ],
    );
    let shm = shm::read(s);
    let announce_period = milliseconds(s, "policies.announce_period_ms", 1000, 1);
    let keepalive_interval = milliseconds(s, "policies.lease_keepalive_interval_ms", 1000, 1);
    let grace = number(
        s,
        "policies.lease_expiry_grace_intervals",
        3,
        1,
        u32::MAX.into(),
    );
    let node_id_cooldown = milliseconds(s, "policies.node_id_reuse_cooldown_ms", 1000, 0);
    let lease_limit = number(s, "driver.lease_limit", LEASE_LIMIT, 1, 1 << 24);
    let profiles = streams::profiles(s);
    let dynamic = ids::are_dynamic(s);
    let streams = streams::streams(s, &profiles, dynamic.value);
    let mut shared = vec![
        ("control", &control),
        ("announce", &announce),
        ("qos", &qos),
    ];
    shared.extend(status.iter().map(|status| ("status", status)));
    let ids = ids::read(s, &dynamic, &shared, &streams, &profiles);
    let retention = policies::retention(s, announce_period);
    let (shutdown_token, shutdown_timeout) = policies::shutdown(s);
    let supervised = policies::supervisor(s);
    without_effect(s);
    let report = settings.finish()?;
    let config = DriverConfig {
        instance_id,
        aeron_dir: (!aeron_dir.is_empty()).then(|| aeron_dir.into()),
        control,
        announce,
        status,
        qos,
        shm: shm.ok_or(LoadError::Wrong(Vec::new()))?,
        announce_period,
        keepalive_interval,
        // Both are checked above.
        expiry_grace_intervals: u32::try_from(grace).unwrap_or(u32::MAX),
        node_id_cooldown,
        lease_limit: usize::try_from(lease_limit).unwrap_or(usize::MAX),
        profiles,
        streams,
        dynamic: ids.dynamic,
        private_descriptors: ids.private_descriptors,
        private_controls: ids.private_controls,
        answers_hellos: supervised.answers_hellos,
        consumer_limit: supervised.consumer_limit,
        retention,
        shutdown_token,
        shutdown_timeout,
    };
    Ok((config, report))
}

/// Keys that are known, and that nothing depends on.
fn without_effect(s: &mut Settings<'_>) {
    let reuse = s.scalar("policies.reuse_existing_shm", false);
    if reuse.value {
        let text = "has no effect: every epoch gets new files";
        s.warning(&reuse.origin, "policies.reuse_existing_shm", text);
    }
    s.without_effect("discovery", "this program has no such service");
}

fn endpoint(s: &mut Settings<'_>, name: &str, default: &Endpoint) -> Endpoint {
    let key = format!("driver.{name}_channel");
    let found = s.scalar(&key, default.channel.to_string());
    let channel = found.value.parse().unwrap_or_else(|error| {
        let text = format!("{:?} is no Aeron channel: {error}", found.value);
        s.problem(&found.origin, &key, text);
        Channel::ipc()
    });
    let key = format!("driver.{name}_stream_id");
    let unset = u64::try_from(default.stream_id).unwrap_or(0);
    let id = number(s, &key, unset, 1, 0x7FFF_FFFF);
    Endpoint::new(channel, i32::try_from(id).unwrap_or(default.stream_id))
}

/// The status stream, on the control channel: a stream for nothing else, or none with 0. Where its usual number has been
/// taken for another stream, there is none.
fn status(s: &mut Settings<'_>, others: &[(&str, &Endpoint)]) -> Option<Endpoint> {
    let (_, control) = others.first()?;
    let key = "driver.status_stream_id";
    let found = s.scalar(key, u64::from(STATUS_STREAM.unsigned_abs()));
    let id = i32::try_from(found.value).ok().filter(|id| *id >= 0);
    let Some(id) = id else {
        let text = format!("{} must be 0 to 2147483647", found.value);
        s.problem(&found.origin, key, text);
        return None;
    };
    let status = Endpoint::new(control.channel.clone(), id);
    if let Some((name, _)) = others.iter().find(|(_, other)| **other == status) {
        let text = format!(
            "{id} is driver.{name}_stream_id; choose another number, or 0 for no status stream"
        );
        if found.origin == Origin::Default {
            s.warning(&found.origin, key, text);
        } else {
            s.problem(&found.origin, key, text);
        }
        return None;
    }
    (id != 0).then_some(status)
}

fn number(s: &mut Settings<'_>, key: &str, default: u64, min: u64, max: u64) -> u64 {
    let found = s.scalar(key, default);
    if (min..=max).contains(&found.value) {
        return found.value;
    }
    let text = format!("{} must be {min} to {max}", found.value);
    s.problem(&found.origin, key, text);
    default
}

fn milliseconds(s: &mut Settings<'_>, key: &str, default: u64, min: u64) -> Duration {
    Duration::from_millis(number(s, key, default, min, u32::MAX.into()))
}
