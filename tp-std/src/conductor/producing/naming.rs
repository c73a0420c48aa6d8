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

#[cfg(test)]
mod tests {
    use super::*;
    use tp_core_nostd::proto::tracelink::Stage;

    fn node(raw: u32) -> Option<NodeId> {
        NodeId::new(raw)
    }

    #[test] // req: K-007, K-008, K-021
    fn ids_go_on_while_the_node_is_the_same_and_come_from_another_source_when_it_is_not() {
        let tracing = Tracing::of(Stage::Root);
        let mut naming = Naming::new(&tracing).unwrap();
        let real_ns = Some(1_700_000_000_000_000_000);
        let Named::By(ids) = naming.granted(real_ns, node(5)) else {
            panic!("no ids");
        };
        assert_eq!(ids.mint(1_700_000_000_000).get(), 7_130_316_800_000_020_480);
        assert_eq!(naming.choice.desired(), node(5));
        assert!(matches!(naming.granted(real_ns, node(5)), Named::Same));
        let Named::By(ids) = naming.granted(real_ns, node(6)) else {
            panic!("the old ids");
        };
        assert_eq!(TraceIdLayout::DEFAULT.parts(ids.mint(1)).node, 6);
        assert!(matches!(naming.granted(real_ns, None), Named::Nobody));
        // Too large for ten bits is as good as none.
        assert!(matches!(naming.granted(real_ns, node(1024)), Named::Nobody));
    }

    #[test] // req: K-006
    fn who_brings_ids_needs_no_node() {
        let tracing = Tracing::of(Stage::Root).with_ids(TraceIds::of_node(9).unwrap());
        assert!(Naming::new(&tracing).is_none());
        assert!(TraceIds::of_node(1024).is_err());
    }
}
