//! Which node a process is, in its trace ids (tracelink 4).
//!
//! ```text
//!            granted a node: Build                      granted another: Build
//!  Without ─────────────────────────► With ──────────────────────────────────► With
//!    ▲ └─ granted none: Unavailable    │ └─ granted the same: Unchanged
//!    └─────── granted none ────────────┘    and it is asked for again
//! ```
//!
//! With a node in the configuration nothing of this happens: it applies.

use super::TraceIdLayout;
use crate::ids::NodeId;

/// What to do with the generator after a lease was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NodeStep {
    /// Goes on with the one there is (K-008).
    Unchanged,
    /// Makes one with this node.
    Build(u64),
    /// The process is no node: tracing cannot be enabled, and the ids of a node it was belong to somebody else.
    Unavailable,
}

/// Finds the node: the configured one, else the one that came with a lease.
#[derive(Clone, Copy, Debug)]
pub struct NodeChoice {
    max: u64,
    configured: Option<u64>,
    /// The last one a generator was made with.
    built: Option<u64>,
}

impl NodeChoice {
    /// Of one process, for ids of this layout. What is configured is not checked here: a generator refuses what does
    /// not fit.
    pub const fn new(layout: &TraceIdLayout, configured: Option<u64>) -> Self {
        Self {
            max: layout.node_max(),
            configured,
            built: None,
        }
    }

    /// What to ask for with the next attach, so that a process stays the node it is.
    pub fn desired(&self) -> Option<NodeId> {
        let number = self.configured.or(self.built)?;
        NodeId::new(u32::try_from(number).ok()?)
    }

    /// A lease came with this node, or without. One that does not fit counts as none and is never cut to fit.
    pub fn granted(&mut self, node: Option<NodeId>) -> NodeStep {
        let fitting = node.map(|node| u64::from(node.get()));
        let fitting = fitting.filter(|number| *number <= self.max);
        match self.configured.or(fitting) {
            None => NodeStep::Unavailable,
            same if same == self.built => NodeStep::Unchanged,
            Some(number) => {
                self.built = Some(number);
                NodeStep::Build(number)
            }
        }
    }
}
