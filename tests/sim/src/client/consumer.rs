//! What a consumer does about regions on offer: whatever its mapping machine orders.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::mapping::{Input, Order, Source};
use tp_core_nostd::proto::session::Happened;
use tp_core_nostd::time::Instant;

use super::ClientActor;

impl ClientActor {
    pub(super) fn act_as_consumer(&mut self, now: Instant, happened: &Happened<'_>) {
        match happened {
            Happened::Granted(grant) => self.offered(now, grant.epoch, Source::Attach),
            Happened::Announced(announce) => {
                let timestamp_ns = announce.announce_timestamp_ns;
                self.offered(now, announce.epoch, Source::Announce { timestamp_ns });
            }
            Happened::ProducerRevoked { timestamp_ns } => {
                let timestamp_ns = *timestamp_ns;
                self.input(now, Input::ProducerRevoked { timestamp_ns });
            }
            Happened::Lost(_) => self.input(now, Input::LeaseLost),
            _ => {}
        }
    }

    fn offered(&mut self, now: Instant, epoch: Epoch, source: Source) {
        let offer = Input::Offered {
            epoch,
            source,
            same_layout: true,
        };
        match self.machine.handle(now, offer) {
            Order::None => return,
            Order::Map => {}
            Order::Unmap(_) => return self.unmap(),
            Order::Remap(_) => self.unmap(),
        }
        let regions = self.disk.borrow().open(self.plan.stream, epoch);
        let result = match &regions {
            Some(regions) => Input::Mapped {
                activity_ns: regions.activity_ns.get(),
                one_writer: true,
            },
            None => Input::MapFailed,
        };
        self.mapped = regions.map(|regions| (epoch, regions));
        self.input(now, result);
    }

    pub(super) fn input(&mut self, now: Instant, input: Input) {
        if let Order::Unmap(_) | Order::Remap(_) = self.machine.handle(now, input) {
            self.unmap();
        }
    }

    pub(super) fn unmap(&mut self) {
        self.mapped = None;
    }
}
