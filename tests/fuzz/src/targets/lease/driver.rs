//! Whoever listens to the client: what it says is true of the lease it speaks of.

use std::collections::BTreeMap;

use tp_core_nostd::ids::{ClientId, CorrelationId, LeaseId};
use tp_core_nostd::proto::lease_client::Transmit;

/// Remembers what the client asked and what it was granted.
#[derive(Default)]
pub(super) struct Driver {
    pub(super) asked: Vec<(CorrelationId, ClientId)>,
    pub(super) detach: Option<CorrelationId>,
    pub(super) granted: BTreeMap<LeaseId, ClientId>,
}

impl Driver {
    /// The newest request, an older one, or a number nobody used; with who asked.
    pub(super) fn request(&self, which: u8) -> (CorrelationId, Option<ClientId>) {
        let asked = self.asked.iter().rev().nth(which.into());
        asked.map_or((CorrelationId(-1), None), |(correlation, client)| {
            (*correlation, Some(*client))
        })
    }

    /// A lease is kept alive by who has it, and given back by who got it.
    pub(super) fn hear(
        &mut self,
        message: &Transmit,
        held: Option<LeaseId>,
        is_wanted: bool,
    ) -> &'static str {
        match message {
            Transmit::Attach(request) => {
                assert!(is_wanted, "asked for by nobody");
                let asked = (request.correlation_id, request.client_id);
                if self.asked.last() == Some(&asked) {
                    return "asked once more";
                }
                self.asked.push(asked);
                "asked"
            }
            Transmit::Keepalive(keepalive) => {
                assert_eq!(Some(keepalive.lease_id), held);
                let holder = self.granted[&keepalive.lease_id];
                assert_eq!(keepalive.client_id, holder, "kept alive by another");
                "kept alive"
            }
            Transmit::Detach(request) => {
                assert_ne!(Some(request.lease_id), held, "given back in use");
                let holder = self.granted[&request.lease_id];
                assert_eq!(request.client_id, holder, "given back by another");
                self.detach = Some(request.correlation_id);
                match is_wanted {
                    true => "given back for another",
                    false => "given back",
                }
            }
        }
    }
}
