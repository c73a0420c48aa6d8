//! The lines of a report: one JSON object each, with the field names of client 3.1.

use core::fmt;
use core::time::Duration;
use std::process;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use tp_core_nostd::ids::{ClientId, Epoch, LeaseId, NodeId};
use tp_core_nostd::proto::driver::{
    Counters, Driver, IdRange, LeasePhase, LeaseStatus, Life, Profile, RegionPath, StreamStatus,
};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::driver::{Role, ShutdownReason};

use crate::driver::config::DriverConfig;

/// What the engine does not know about the driver it is part of.
#[derive(Clone, Copy, Debug)]
pub(in crate::driver) struct Facts<'c> {
    pub(in crate::driver) config: &'c DriverConfig,
    pub(in crate::driver) cycles: Cycles,
}

/// How long duty cycles take.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::driver) struct Cycles {
    number: u64,
    longest_ns: u64,
    over_1_ms: u64,
}

impl Cycles {
    pub(in crate::driver) fn count(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.number = self.number.saturating_add(1);
        self.longest_ns = self.longest_ns.max(ns);
        self.over_1_ms = self.over_1_ms.saturating_add((ns > 1_000_000).into());
    }

    fn named(self) -> [(&'static str, u64); 3] {
        [
            ("cycles", self.number),
            ("cycles_over_1_ms", self.over_1_ms),
            ("longest_cycle_ns", self.longest_ns),
        ]
    }
}

/// Writes one object as the whole of `line`. Fails only for values that JSON has no words for, which we have none of.
pub(super) fn write(line: &mut Vec<u8>, object: &impl Serialize) {
    line.clear();
    if serde_json::to_writer(&mut *line, object).is_err() {
        line.clear();
    }
}

/// Name, life and sizes.
#[derive(Serialize)]
pub(super) struct StatusLine<'a> {
    r#type: &'static str,
    request: u64,
    instance_id: &'a str,
    version: &'static str,
    pid: u32,
    lifecycle: &'static str,
    shutdown_reason: Option<&'static str>,
    shutdown_message: Option<Words<'a>>,
    stream_count: usize,
    lease_count: u32,
    lease_limit: u32,
    region_root: &'a str,
    keepalive_interval_ms: u64,
    expiry_grace_intervals: u32,
    announce_period_ms: u64,
    stream_id_range: Ranges<'a>,
    descriptor_stream_id_range: Ranges<'a>,
    control_stream_id_range: Ranges<'a>,
}

impl<'a> StatusLine<'a> {
    pub(super) fn new(request: u64, engine: &'a Driver<'_>, facts: Facts<'a>) -> Self {
        let (lifecycle, reason) = match engine.life() {
            Life::Running => ("running", None),
            Life::Draining { reason, .. } => ("draining", Some(reason)),
            Life::Stopped => ("stopped", None),
        };
        let config = engine.config();
        Self {
            r#type: "status",
            request,
            instance_id: &facts.config.instance_id,
            version: env!("CARGO_PKG_VERSION"),
            pid: process::id(),
            lifecycle,
            shutdown_reason: reason.map(shutdown_reason),
            shutdown_message: engine.shutdown_message().map(Words),
            stream_count: engine.streams().count(),
            lease_count: engine.leases_in_use(),
            lease_limit: engine.lease_places(),
            region_root: config.root,
            keepalive_interval_ms: milliseconds(config.keepalive_interval),
            expiry_grace_intervals: config.expiry_grace_intervals,
            announce_period_ms: milliseconds(config.announce_period),
            stream_id_range: Ranges(config.dynamic.map_or(&[], |dynamic| dynamic.ids)),
            descriptor_stream_id_range: Ranges(config.private_descriptors),
            control_stream_id_range: Ranges(config.private_controls),
        }
    }
}

/// What somebody wrote, perhaps not in UTF-8.
struct Words<'a>(Text<'a>);

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Ranges of ids, each as a pair of the first and the last.
struct Ranges<'a>(&'a [IdRange]);

impl Serialize for Ranges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        serializer.collect_seq(pairs.map(|range| [range.first().get(), range.last().get()]))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const fn shutdown_reason(reason: ShutdownReason) -> &'static str {
    match reason {
        ShutdownReason::Normal => "normal",
        ShutdownReason::Admin => "admin",
        ShutdownReason::Error => "error",
    }
}

/// One lease.
#[derive(Serialize)]
pub(super) struct LeaseLine {
    r#type: &'static str,
    request: u64,
    lease_id: u64,
    stream_id: u32,
    client_id: u32,
    role: &'static str,
    node_id: Option<u32>,
    expiry_ns: Option<u64>,
    expires_in_ns: Option<u64>,
    state: &'static str,
}

impl LeaseLine {
    pub(super) fn new(request: u64, now: Instant, lease: &LeaseStatus) -> Self {
        let (state, ages) = match lease.phase {
            LeasePhase::Waiting => ("waiting", false),
            LeasePhase::Granted => ("granted", true),
            LeasePhase::Active => ("active", true),
            LeasePhase::Ended => ("ended", false),
        };
        let expiry_ns = ages.then_some(lease.expires_at.as_ns());
        Self {
            r#type: "lease",
            request,
            lease_id: lease.lease.get(),
            stream_id: lease.stream.get(),
            client_id: lease.client.get(),
            role: match lease.role {
                Role::Producer => "producer",
                Role::Consumer => "consumer",
            },
            node_id: lease.node.map(NodeId::get),
            expiry_ns,
            expires_in_ns: expiry_ns.map(|expiry_ns| expiry_ns.saturating_sub(now.as_ns())),
            state,
        }
    }
}

/// One stream.
#[derive(Serialize)]
pub(super) struct StreamLine<'a> {
    r#type: &'static str,
    request: u64,
    stream_id: u32,
    name: Option<&'a str>,
    dynamic: bool,
    profile: Option<&'a str>,
    epoch: Option<u64>,
    producer_client_id: Option<u32>,
    producer_lease_id: Option<u64>,
    consumer_count: u32,
    header_nslots: u32,
    header_uri: Option<Uri<'a>>,
    pools: Pools<'a>,
}

impl<'a> StreamLine<'a> {
    pub(super) fn new(
        request: u64,
        place: u32,
        stream: &StreamStatus<'a>,
        hugepages: bool,
        facts: Facts<'a>,
    ) -> Self {
        let config = facts.config;
        // Configured streams come first in the engine's table and stay there.
        let configured = config.streams.get(place as usize);
        let profile = config.profiles.get(stream.profile);
        let header = stream.header.map(|path| Uri { path, hugepages });
        Self {
            r#type: "stream",
            request,
            stream_id: stream.stream.get(),
            name: configured
                .filter(|configured| configured.stream_id == stream.stream)
                .map(|configured| configured.name.as_str()),
            dynamic: stream.dynamic,
            profile: profile.map(|profile| profile.name.as_str()),
            epoch: stream.epoch.map(Epoch::get),
            producer_client_id: stream.producer.map(ClientId::get),
            producer_lease_id: stream.producer_lease.map(LeaseId::get),
            consumer_count: stream.consumers,
            header_nslots: stream.shape.header_nslots.get(),
            header_uri: header,
            pools: Pools {
                profile: stream.shape,
                header,
            },
        }
    }
}

/// Where a region is.
#[derive(Clone, Copy)]
struct Uri<'a> {
    path: RegionPath<'a>,
    hugepages: bool,
}

/// As [`tp_core_nostd::uri::RegionUri`] writes it, from a path that is not text yet.
impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shm:file?path={}", self.path)?;
        if self.hugepages {
            f.write_str("|require_hugepages=true")?;
        }
        Ok(())
    }
}

impl Serialize for Uri<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The pools of a stream.
struct Pools<'a> {
    profile: Profile<'a>,
    header: Option<Uri<'a>>,
}

#[derive(Serialize)]
struct PoolLine<'a> {
    pool_id: u16,
    nslots: u32,
    stride: u32,
    uri: Option<Uri<'a>>,
}

impl Serialize for Pools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pools = serializer.serialize_seq(Some(self.profile.pools.len()))?;
        for class in self.profile.pools {
            pools.serialize_element(&PoolLine {
                pool_id: class.pool_id.get(),
                nslots: self.profile.header_nslots.get(),
                stride: class.stride.get(),
                uri: self.header.map(|header| Uri {
                    path: RegionPath {
                        pool: Some(class.pool_id),
                        ..header.path
                    },
                    ..header
                }),
            })?;
        }
        pools.end()
    }
}

/// All counters.
pub(super) struct CountersLine<'a> {
    pub(super) request: u64,
    pub(super) counters: &'a Counters,
    pub(super) cycles: Cycles,
    /// Those of the status stream itself.
    pub(super) desk: &'a [(&'static str, u64)],
}

impl Serialize for CountersLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("type", "counters")?;
        object.serialize_entry("request", &self.request)?;
        let cycles = self.cycles.named().into_iter();
        let desk = self.desk.iter().copied();
        for (name, value) in self.counters.named().chain(cycles).chain(desk) {
            object.serialize_entry(name, &value)?;
        }
        object.end()
    }
}

/// The last line of an answer.
#[derive(Serialize)]
pub(super) struct EndLine {
    pub(super) r#type: &'static str,
    pub(super) request: u64,
    pub(super) what: &'static str,
    /// Lines before this one.
    pub(super) count: u64,
    /// Entries that no message has room for.
    pub(super) left_out: u64,
}

/// The only line of a refusal.
#[derive(Serialize)]
pub(super) struct RefusedLine {
    pub(super) r#type: &'static str,
    pub(super) request: u64,
    pub(super) reason: &'static str,
}
