//! What a producer does about regions it was granted: it maps them at once, or gives the lease up.

use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::proto::session::Happened;
use tp_core_nostd::time::Instant;

use super::{ClientActor, cycle};
use crate::PERIOD;
use crate::fact::What;

impl ClientActor {
    pub(super) fn act_as_producer(
        &mut self,
        now: Instant,
        happened: &Happened<'_>,
        facts: &mut Vec<What>,
    ) {
        match happened {
            Happened::Granted(grant) => {
                match self.disk.borrow().open(self.plan.stream, grant.epoch) {
                    Some(regions) => {
                        regions.activity_ns.set(now.as_ns());
                        self.look_at = now.after(PERIOD);
                        self.mapped = Some((grant.epoch, regions));
                    }
                    None => {
                        let mut cycle = cycle(now, &mut self.ids);
                        if self.session.lost(&mut cycle, LeaseLost::Unusable).is_some() {
                            facts.push(What::Lost(LeaseLost::Unusable));
                        }
                        self.holding = None;
                    }
                }
            }
            Happened::Lost(_) => self.mapped = None,
            _ => {}
        }
    }
}
