//! What a driver works in, and must outlive it: its tables, the tree of its files, its profiles.

use core::time::Duration;

use tp_core_nostd::ids::LeaseId;
use tp_core_nostd::proto::driver::{
    ASSIGNED_MAX, AnswerEntry, Config, ConsumerEntry, Driver, LeaseEntry, NodeEntry, Profile,
    SetupError, Storage, StreamEntry, TEXT_MAX,
};
use tp_linux_hugepages::CanonicalTree;

use super::config::DriverConfig;
use super::error::DriverError;
use crate::seed::random_seed;

/// Lease ids of other drivers that are remembered as told (D-154).
const STRANGERS: usize = 1024;

/// Memory for one driver, sized for its configuration.
#[derive(Debug)]
pub struct DriverTables<'c> {
    config: &'c DriverConfig,
    tree: CanonicalTree,
    root: String,
    profiles: Vec<Profile<'c>>,
    leases: Vec<LeaseEntry>,
    streams: Vec<StreamEntry>,
    consumers: Vec<ConsumerEntry>,
    nodes: Vec<NodeEntry>,
    answers: Vec<AnswerEntry>,
    strangers: Vec<Option<LeaseId>>,
    text: Vec<u8>,
}

impl<'c> DriverTables<'c> {
    /// Allocates everything and checks the base directory.
    ///
    /// # Errors
    /// The base directory cannot be used, or has other pages than configured.
    pub fn new(config: &'c DriverConfig) -> Result<Self, DriverError> {
        let shm = &config.shm;
        let namespace = shm.namespace.clone();
        let tree = CanonicalTree::new(&shm.base_dir, &shm.user, namespace, shm.mode)?;
        check_pages(config, &tree)?;
        let root = tree.root();
        let root = root.to_str().ok_or(SetupError::Root)?.to_owned();
        // An answer per lease and some: a whole house of clients may ask at once.
        let answers = config.lease_limit.saturating_add(64);
        // Every lease may have asked for a node id by number.
        let nodes = config.lease_limit.saturating_add(ASSIGNED_MAX as usize);
        Ok(Self {
            config,
            tree,
            root,
            profiles: config
                .profiles
                .iter()
                .map(|profile| profile.as_profile())
                .collect(),
            leases: vec![LeaseEntry::new(); config.lease_limit],
            streams: vec![StreamEntry::new(); config.streams.len()],
            consumers: Vec::new(),
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
            dynamic: None,
            private_descriptors: &[],
            private_controls: &[],
            shared_streams: &[],
            answers_hellos: false,
            consumer_limit: None,
            retention: None,
            shutdown: None,
            shutdown_timeout: Duration::ZERO,
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
