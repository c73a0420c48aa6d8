//! Which node a producer is in its trace ids, where the driver says so (tracelink 4).

use tp_core_nostd::ids::NodeId;
use tp_core_nostd::proto::trace_id::{NodeChoice, NodeStep, TraceIdLayout};

use super::super::role::Post;
use super::Producing;
use crate::producer::{TraceIds, Tracing};

/// What became of the source of trace ids with a lease.
#[derive(Debug)]
pub(super) enum Named {
    /// It stays as it is.
    Same,
    /// Another one.
    By(TraceIds),
    /// There is none.
    Nobody,
}

/// The node of one producer, for as long as the driver grants the same one.
#[derive(Debug)]
pub(super) struct Naming {
    layout: TraceIdLayout,
    choice: NodeChoice,
}

impl Naming {
    /// `None`, where ids come from somebody else.
    pub(super) fn new(tracing: &Tracing) -> Option<Self> {
        let layout = tracing.needs_node().then_some(tracing.layout)?;
        let choice = NodeChoice::new(&layout, None);
        Some(Self { layout, choice })
    }

    /// A lease was granted, with a node or without.
    pub(super) fn granted(&mut self, real_ns: Option<u64>, node: Option<NodeId>) -> Named {
        let number = match self.choice.granted(node) {
            NodeStep::Unchanged => return Named::Same,
            NodeStep::Unavailable => return Named::Nobody,
            NodeStep::Build(number) => number,
        };
        let ids = TraceIds::new(self.layout, number, TraceIds::ms(real_ns));
        match ids {
            Ok(ids) => Named::By(ids),
            Err(error) => {
                tracing::warn!(%error, "no trace ids can be minted");
                Named::Nobody
            }
        }
    }

    /// With the next attach the same node is asked for (K-008).
    pub(super) fn desire(&self, post: &mut Post<Producing>) {
        post.session.desire_node(self.choice.desired());
    }

    /// With the next attach any node will do.
    pub(super) fn desire_none(&self, post: &mut Post<Producing>) {
        post.session.desire_node(None);
    }
}
