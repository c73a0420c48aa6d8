//! The keys of rate-limiter 3.

use core::time::Duration;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::rate_limiter::{Forwarding, Mapping};

use super::{LaneConfig, RateLimiterConfig, on};
use crate::aeron::Channel;
use crate::config::{LoadError, Origin, Report, Settings};

pub(super) fn read(mut settings: Settings<'_>) -> Result<(RateLimiterConfig, Report), LoadError> {
    let s = &mut settings;
    let instance_id = text(s, "instance_id", "");
    for key in ["instance_id", "descriptor_channel", "descriptor_stream_id"] {
        let key = format!("rate_limiter.{key}");
        if !s.is_set(&key) {
            s.problem(&Origin::Default, &key, "missing");
        }
    }
    let aeron_dir = ["RATE_LIMITER_AERON_DIR", "AERON_DIR"];
    let aeron_dir = s
        .scalar_named("rate_limiter.aeron_dir", &aeron_dir, String::new())
        .value;
    let usual = Channel::ipc().to_string();
    let descriptor_channel = channel(s, "descriptor_channel", &usual);
    let descriptor_stream = stream(s, "rate_limiter.descriptor_stream_id");
    let forward_metadata = s.scalar("rate_limiter.forward_metadata", true);
    let progress = s.scalar("rate_limiter.forward_progress", false).value;
    let qos = s.scalar("rate_limiter.forward_qos", false).value;
    let max_rate_hz = rate(s, "rate_limiter.max_rate_hz", 0);
    let control_channel = channel(s, "control_channel", &usual);
    let control_stream = number(s, "rate_limiter.control_stream_id", 0, MAX_STREAM);
    let control = (
        stream(s, "rate_limiter.source_control_stream_id"),
        stream(s, "rate_limiter.dest_control_stream_id"),
    );
    let qos_channel = channel(s, "qos_channel", &usual);
    let qos_streams = (
        stream(s, "rate_limiter.source_qos_stream_id"),
        stream(s, "rate_limiter.dest_qos_stream_id"),
    );
    let metadata_channel = channel(s, "metadata_channel", &usual);
    let metadata_stream = stream(s, "rate_limiter.metadata_stream_id");
    if forward_metadata.value && metadata_stream.is_none() {
        let said = "has no effect without rate_limiter.metadata_stream_id, where sources tell it";
        s.warning(
            &forward_metadata.origin,
            "rate_limiter.forward_metadata",
            said,
        );
    }
    let base = text(s, "shm_base_dir", "/dev/shm");
    let driver_channel = channel(s, "driver_control_channel", &control_channel.to_string());
    let key = "rate_limiter.driver_control_stream_id";
    let driver_stream = number(s, key, control_stream, MAX_STREAM);
    let driver_stream = id(driver_stream);
    if driver_stream.is_none() {
        let said = "must not be 0: set it, or rate_limiter.control_stream_id, to the driver's control stream";
        let origin = s.origin(key);
        s.problem(&origin, key, said);
    }
    let keepalive_interval = nanoseconds(s, "keepalive_interval_ns", 1_000_000_000);
    let attach_timeout = nanoseconds(s, "attach_timeout_ns", 5_000_000_000);
    let attach_retry_interval = nanoseconds(s, "attach_retry_interval_ns", 1_000_000_000);
    let lanes: Vec<_> = (0..s.rows("mappings"))
        .filter_map(|row| lane(s, &format!("mappings.{row}"), max_rate_hz))
        .collect();
    let (Some(descriptor), Some(driver)) = (descriptor_stream, driver_stream) else {
        if descriptor_stream.is_none() && s.is_set("rate_limiter.descriptor_stream_id") {
            let origin = s.origin("rate_limiter.descriptor_stream_id");
            s.problem(
                &origin,
                "rate_limiter.descriptor_stream_id",
                "must not be 0",
            );
        }
        settings.finish()?;
        return Err(LoadError::Wrong(Vec::new()));
    };
    let mut config = RateLimiterConfig::new(on(&descriptor_channel, descriptor), lanes);
    config.instance_id = instance_id;
    config.aeron_dir = (!aeron_dir.is_empty()).then(|| aeron_dir.into());
    config.allowed_dirs = vec![base.into()];
    config.driver_control = on(&driver_channel, driver);
    config.control_channel = control_channel;
    config.qos_channel = qos_channel;
    config.forwarding = Forwarding {
        progress,
        control,
        qos,
        qos_streams,
    };
    config.metadata = metadata_stream
        .filter(|_| forward_metadata.value)
        .map(|stream| on(&metadata_channel, stream));
    config.keepalive_interval = keepalive_interval;
    config.attach_timeout = attach_timeout;
    config.attach_retry_interval = attach_retry_interval;
    if let Err(error) = config.check() {
        let origin = s.origin("mappings");
        s.problem(&origin, "mappings", error.to_string());
    }
    Ok((config, settings.finish()?))
}

const MAX_STREAM: u64 = 0x7FFF_FFFF;

fn lane(s: &mut Settings<'_>, at: &str, max_rate_hz: u32) -> Option<LaneConfig> {
    let end = |s: &mut Settings<'_>, name: &str| {
        let key = format!("{at}.{name}");
        let found = s.required::<u64>(&key)?;
        let stream = id(found.value);
        if stream.is_none() {
            let text = format!("{} must be 1 to {MAX_STREAM}", found.value);
            s.problem(&found.origin, &key, text);
        }
        stream
    };
    let (source, destination) = (end(s, "source_stream_id"), end(s, "dest_stream_id"));
    let key = format!("{at}.max_rate_hz");
    let found = s.of_table(&key, u64::from(max_rate_hz));
    let hz = u32::try_from(found.value);
    if hz.is_err() {
        let text = format!("{} must be at most {}", found.value, u32::MAX);
        s.problem(&found.origin, &key, text);
    }
    let key = format!("{at}.metadata_stream_id");
    let metadata = s.of_table(&key, destination.map_or(0, |stream| stream.get().into()));
    let mapping = Mapping {
        source: source?,
        destination: destination?,
    };
    Some(LaneConfig {
        mapping,
        max_rate_hz: Some(hz.unwrap_or(0)),
        metadata_stream: id(metadata.value).unwrap_or(mapping.destination),
    })
}

fn id(number: u64) -> Option<StreamId> {
    u32::try_from(number).ok().and_then(StreamId::new)
}

fn text(s: &mut Settings<'_>, name: &str, default: &str) -> String {
    s.scalar(&format!("rate_limiter.{name}"), default.to_owned())
        .value
}

fn channel(s: &mut Settings<'_>, name: &str, default: &str) -> Channel {
    let key = format!("rate_limiter.{name}");
    let found = s.scalar(&key, default.to_owned());
    let written = match found.value.is_empty() {
        true => default,
        false => &found.value,
    };
    written.parse().unwrap_or_else(|error| {
        let text = format!("{written:?} is no Aeron channel: {error}");
        s.problem(&found.origin, &key, text);
        Channel::ipc()
    })
}

/// A transport stream; 0 is none.
fn stream(s: &mut Settings<'_>, key: &str) -> Option<StreamId> {
    id(number(s, key, 0, MAX_STREAM))
}

fn rate(s: &mut Settings<'_>, key: &str, default: u64) -> u32 {
    u32::try_from(number(s, key, default, u32::MAX.into())).unwrap_or(u32::MAX)
}

fn number(s: &mut Settings<'_>, key: &str, default: u64, max: u64) -> u64 {
    let found = s.scalar(key, default);
    if found.value <= max {
        return found.value;
    }
    let text = format!("{} must be at most {max}", found.value);
    s.problem(&found.origin, key, text);
    default
}

fn nanoseconds(s: &mut Settings<'_>, name: &str, default: u64) -> Duration {
    let key = format!("rate_limiter.{name}");
    Duration::from_nanos(s.scalar(&key, default).value)
}

#[cfg(test)]
mod tests;
