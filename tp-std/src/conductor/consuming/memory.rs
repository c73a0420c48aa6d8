//! The regions a consumer reads: mapped, remapped and given up as its mapping machine orders.

use tp_core_nostd::proto::fallback;
use tp_core_nostd::proto::mapping::{Input, Lost, Order, Source};
use tp_core_nostd::time::Instant;
use tp_linux_hugepages::LinuxMapper;

use super::Consuming;
use crate::conductor::role::Post;
use crate::regions::{Offer, Offered};

impl Consuming {
    pub(super) fn offered(
        &mut self,
        post: &mut Post<Self>,
        now: Instant,
        offered: &Offered<'_>,
        source: Source,
        mapper: &LinuxMapper,
    ) {
        if !self.fallback.may_map() {
            return;
        }
        let same_layout = post
            .mapped
            .as_ref()
            .is_some_and(|mapped| mapped.is(offered));
        let epoch = offered.epoch;
        let input = Input::Offered {
            epoch,
            source,
            same_layout,
        };
        match self.machine.handle(now, input) {
            Order::None => return,
            Order::Map => {}
            Order::Unmap(why) => return self.unmap(post, why),
            Order::Remap(why) => self.unmap(post, why),
        }
        let result = match Offer::of(offered).map_read(mapper) {
            Ok(mapped) => {
                let (activity_ns, one_writer) = (mapped.activity_ns(), mapped.is_of_one_writer());
                post.mapped = Some(mapped);
                Input::Mapped {
                    activity_ns,
                    one_writer,
                }
            }
            Err(refused) => {
                if let Some(count) = self.refusals_said.happened(now, 1) {
                    tracing::warn!(stream = %self.config.stream, %refused, count, "regions on offer are not used");
                }
                post.completion.fail_for_good(&refused);
                let _ = self.fallback.handle(fallback::Input::Refused);
                Input::MapFailed
            }
        };
        self.input(post, now, result);
        if self.machine.mapped().is_some() {
            let _ = self.fallback.handle(fallback::Input::Mapped);
            self.board.status.count_mapping();
            self.presence.speak();
            if let Some(until) = &mut self.awaits_metadata_until {
                *until = (*until).min(now.after(self.period.saturating_mul(3)));
            }
        }
        post.activate();
    }

    pub(super) fn input(&mut self, post: &mut Post<Self>, now: Instant, input: Input) {
        match self.machine.handle(now, input) {
            Order::None | Order::Map => {}
            Order::Unmap(why) | Order::Remap(why) => self.unmap(post, why),
        }
    }

    fn unmap(&mut self, post: &mut Post<Self>, why: Lost) {
        tracing::debug!(stream = %self.config.stream, ?why, "unmapped");
        let _ = self.fallback.handle(fallback::Input::Unmapped);
        post.fence();
    }
}
