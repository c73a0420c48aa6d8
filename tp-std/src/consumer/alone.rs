//! A consumer whose conductor ended with its media driver: it reads on from memory while that shows that its producer
//! lives (E-01). Nothing but the superblocks tells it by now.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::mapping::{Input, MappingMachine, Order, Source};
use tp_core_nostd::time::Instant;
use tp_linux_hugepages::Mapping;

use crate::link::Orphaned;
use crate::regions::{Regions, health};

/// Judges the memory as the conductor did.
#[derive(Debug)]
pub(super) struct Alone {
    machine: MappingMachine,
    pid: u64,
}

impl Alone {
    /// Begins with what is mapped, and a freshness window of grace.
    pub(super) fn new(orphaned: Orphaned, epoch: Epoch, now: Instant) -> Self {
        let mut machine = MappingMachine::new(orphaned.window);
        let source = Source::Attach;
        let same_layout = true;
        // Mapped it is: the machine only learns of it.
        let _ = machine.handle(
            now,
            Input::Offered {
                epoch,
                source,
                same_layout,
            },
        );
        let mapped = Input::Mapped {
            activity_ns: now.as_ns(),
            one_writer: true,
        };
        let _ = machine.handle(now, mapped);
        Self {
            machine,
            pid: orphaned.pid,
        }
    }

    /// Whether the memory is still the producer's, who still lives.
    pub(super) fn may_read(&mut self, regions: &Regions<Mapping>, now: Instant) -> bool {
        let health = health(regions, self.pid);
        self.machine.handle(now, Input::Health(health)) == Order::None
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use crate::consumer::bench::{Stage, epoch};
    use core::time::Duration;

    const WINDOW: Duration = Duration::from_secs(3);

    fn alone(now: Instant) -> Alone {
        let orphaned = Orphaned {
            pid: std::process::id().into(),
            window: WINDOW,
        };
        Alone::new(orphaned, epoch(5), now)
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_ns(seconds * 1_000_000_000)
    }

    #[test] // req: E-01
    fn memory_is_read_while_its_producer_stamps_it() {
        let stage = Stage::new(5, 8);
        let regions = stage.map();
        let mut alone = alone(at(10));
        for second in 10..30 {
            stage.touch(at(second));
            assert!(alone.may_read(&regions, at(second + 3)), "{second}");
        }
        assert!(!alone.may_read(&regions, at(33)));
    }

    #[test] // req: E-01
    fn stamps_of_the_past_have_a_window_of_grace() {
        let stage = Stage::new(5, 8);
        let mut alone = alone(at(10));
        assert!(alone.may_read(&stage.map(), at(13)));
        assert!(!alone.may_read(&stage.map(), at(14)));
    }

    #[test] // req: E-01
    fn another_epoch_in_the_superblock_ends_it() {
        let stage = Stage::new(5, 8);
        let regions = stage.map();
        let mut alone = alone(at(10));
        assert!(alone.may_read(&regions, at(10)));
        stage.replace_epoch(6);
        assert!(!alone.may_read(&regions, at(10)));
    }
}
