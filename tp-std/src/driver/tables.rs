//! What a driver works in, and must outlive it: its tables, the tree of its files, its profiles.

use tp_core_nostd::ids::{LeaseId, StreamId};
use tp_core_nostd::proto::driver::{
    ASSIGNED_MAX, AnswerEntry, Config, ConsumerEntry, Driver, Dynamic, IdRange, LeaseEntry,
    NodeEntry, Profile, SetupError, ShutdownPolicy, Storage, StreamEntry, TEXT_MAX,
};
use tp_linux_hugepages::{CanonicalTree, StreamLock};

use super::config::DriverConfig;
use super::error::DriverError;
use crate::seed::random_seed;

/// Lease ids of other drivers that are remembered as told (D-154).
const STRANGERS: usize = 1024;

/// Dynamic streams beyond one per lease: those that ended and still have something to say.
const PARTING_STREAMS: usize = 64;

/// Memory for one driver, sized for its configuration. Its streams are locked as long as it lives, so that no second
/// driver of this host serves them (D-008).
#[derive(Debug)]
pub struct DriverTables<'c> {
    config: &'c DriverConfig,
    tree: CanonicalTree,
    _lock: StreamLock,
    root: String,
    profiles: Vec<Profile<'c>>,
    shared_streams: Vec<StreamId>,
    leases: Vec<LeaseEntry>,
    streams: Vec<StreamEntry>,
    consumers: Vec<ConsumerEntry>,
    nodes: Vec<NodeEntry>,
    answers: Vec<AnswerEntry>,
    strangers: Vec<Option<LeaseId>>,
    text: Vec<u8>,
}

impl<'c> DriverTables<'c> {
    /// Allocates everything, checks the base directory and locks the streams.
    ///
    /// # Errors
    /// The base directory cannot be used, or has other pages than configured; or another driver has one of the streams.
    pub fn new(config: &'c DriverConfig) -> Result<Self, DriverError> {
        let shm = &config.shm;
        let namespace = shm.namespace.clone();
        let tree = CanonicalTree::new(&shm.base_dir, &shm.user, namespace, shm.mode)?;
        check_pages(config, &tree)?;
        let lock = tree.lock_streams(&config.stream_ids())?;
        let root = tree.root();
        let root = root.to_str().ok_or(SetupError::Root)?.to_owned();
        // An answer per lease and some: a whole house of clients may ask at once.
        let answers = config.lease_limit.saturating_add(64);
        // Every lease may want streams of its own.
        let consumers = if config.answers_hellos {
            config.lease_limit
        } else {
            0
        };
        // Every lease may have asked for a node id by number.
        let nodes = config.lease_limit.saturating_add(ASSIGNED_MAX as usize);
        let shared = [&config.control, &config.announce, &config.qos];
        let shared = shared.into_iter().chain(&config.status);
        Ok(Self {
            config,
            tree,
            _lock: lock,
            root,
            profiles: config
                .profiles
                .iter()
                .map(|profile| profile.as_profile())
                .collect(),
            shared_streams: shared
                .filter_map(|endpoint| u32::try_from(endpoint.stream_id).ok())
                .filter_map(StreamId::new)
                .collect(),
            leases: vec![LeaseEntry::new(); config.lease_limit],
            streams: vec![StreamEntry::new(); stream_limit(config)],
            consumers: vec![ConsumerEntry::new(); consumers],
            nodes: vec![NodeEntry::new(); nodes],
            answers: vec![AnswerEntry::new(); answers],
            strangers: vec![None; STRANGERS],
            text: vec![0; TEXT_MAX],
        })
    }

    /// The configuration they are for.
    pub fn config(&self) -> &'c DriverConfig {
        self.config
    }

    /// Where files go.
    pub(super) fn tree(&self) -> &CanonicalTree {
        &self.tree
    }

    /// The engine with all configured streams.
    pub(super) fn engine(&mut self) -> Result<Driver<'_>, DriverError> {
        let config = Config {
            root: &self.root,
            hugepages: self.config.shm.hugepages,
            profiles: &self.profiles,
            announce_period: self.config.announce_period,
            keepalive_interval: self.config.keepalive_interval,
            expiry_grace_intervals: self.config.expiry_grace_intervals,
            node_id_cooldown: self.config.node_id_cooldown,
            seed: random_seed(),
            dynamic: self.config.dynamic.as_ref().map(|dynamic| Dynamic {
                ids: &dynamic.ids,
                profile: dynamic.profile,
            }),
            private_descriptors: &self.config.private_descriptors,
            private_controls: &self.config.private_controls,
            shared_streams: &self.shared_streams,
            answers_hellos: self.config.answers_hellos,
            consumer_limit: self.config.consumer_limit,
            retention: self.config.retention,
            shutdown: self.config.shutdown_token.as_ref().map(|token| {
                let token = token.reveal().as_bytes();
                ShutdownPolicy { token }
            }),
            shutdown_timeout: self.config.shutdown_timeout,
        };
        let storage = Storage {
            leases: &mut self.leases,
            streams: &mut self.streams,
            consumers: &mut self.consumers,
            nodes: &mut self.nodes,
            answers: &mut self.answers,
            strangers: &mut self.strangers,
            text: &mut self.text,
        };
        let mut driver = Driver::new(config, storage)?;
        for stream in &self.config.streams {
            driver.add_stream(stream.stream_id, stream.profile)?;
        }
        Ok(driver)
    }
}

/// How many streams there can be at a time. A dynamic one has a lease, or it is forgotten (D-168), so a wide range of ids
/// costs nothing.
fn stream_limit(config: &DriverConfig) -> usize {
    let ids = |range: &IdRange| {
        let ids = range.last().get().saturating_sub(range.first().get());
        usize::try_from(ids).unwrap_or(usize::MAX).saturating_add(1)
    };
    let dynamic = config.dynamic.iter().flat_map(|dynamic| &dynamic.ids);
    let dynamic = dynamic.map(ids).fold(0, usize::saturating_add);
    let most = config.lease_limit.saturating_add(PARTING_STREAMS);
    config.streams.len().saturating_add(dynamic.min(most))
}

/// The base directory must have the pages that were asked for, so that every region has (D-193, D-195).
fn check_pages(config: &DriverConfig, tree: &CanonicalTree) -> Result<(), DriverError> {
    let base = || config.shm.base_dir.clone();
    match (tree.huge_page_bytes(), config.shm.hugepages) {
        (None, true) => Err(DriverError::NoHugepages(base())),
        (Some(_), false) => Err(DriverError::UnwantedHugepages(base())),
        (Some(found), true) => match config.shm.page_size {
            Some(expected) if expected != found.get() => Err(DriverError::PageSize {
                expected,
                found: found.get(),
            }),
            _ => Ok(()),
        },
        (None, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test] // req: D-163
    fn a_wide_range_of_dynamic_ids_takes_no_more_places_than_leases() {
        let with = |range: &str, leases: &str| {
            let text = format!(
                r#"
                [driver]
                lease_limit = {leases}
                stream_id_range = "{range}"
                [policies]
                allow_dynamic_streams = true
                [profiles.small]
                [[profiles.small.payload_pools]]
                pool_id = 1
                stride_bytes = 64
                [streams.one]
                stream_id = 10
                profile = "small"
                "#
            );
            let (config, _) = DriverConfig::parse(Path::new("test"), &text, &|_| None).unwrap();
            stream_limit(&config)
        };
        assert_eq!(with("20000-20009", "100"), 1 + 10);
        assert_eq!(with("20000-2147483647", "100"), 1 + 100 + PARTING_STREAMS);
    }

    #[test] // req: D-008
    fn the_streams_are_locked_as_long_as_the_tables_live() {
        let base = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
            [shm]
            base_dir = "{}"
            [profiles.small]
            [[profiles.small.payload_pools]]
            pool_id = 1
            stride_bytes = 64
            [streams.one]
            stream_id = 10
            profile = "small"
            "#,
            base.path().display()
        );
        let (config, _) = DriverConfig::parse(Path::new("test"), &text, &|_| None).unwrap();
        let tables = DriverTables::new(&config).unwrap();
        let refused = DriverTables::new(&config).unwrap_err();
        assert!(matches!(refused, DriverError::Locked(_)), "{refused}");
        drop(tables);
        DriverTables::new(&config).unwrap();
    }
}
