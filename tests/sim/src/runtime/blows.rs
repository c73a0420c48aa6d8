//! How strokes of fate hit the second world.

use core::time::Duration;

use tp_tests::fake_transport::Owner;

use super::world::World;
use crate::act::Act;
use crate::fact::{What, Who};
use crate::fates::hit_medium;
use crate::invariants::Violation;
use crate::wire::Stall;

impl World<'_> {
    /// Does one stroke of fate.
    pub(super) fn apply(&mut self, act: &Act) -> Result<(), Violation> {
        self.note(Who::World, What::Fate(act.clone()));
        let now = self.now();
        if matches!(act, Act::Weather(faults) if faults.duplicate_pct > 0) {
            self.ledger.expect_repeats();
        }
        match act {
            Act::Weather(_) | Act::Cut { .. } | Act::Part(..) | Act::Jam(..) | Act::Evict(_) => {
                hit_medium(&self.net, act, |who| self.owner(who));
            }
            Act::Mend => self.mend(),
            Act::Kill(Who::Client(at), left) => {
                if let Some(process) = &self.processes[*at] {
                    process.fuse.light(*left);
                }
            }
            Act::Kill(_, left) => {
                if let Some(driver) = &self.driver {
                    driver.fuse.light(*left);
                }
            }
            Act::Start(Who::Client(at)) => self.start_process(*at),
            Act::Start(_) => self.start_driver(),
            Act::Leave(Who::Client(at), _) => {
                if let Some(process) = &mut self.processes[*at] {
                    process.leave();
                }
            }
            Act::Leave(_, grace) => {
                if let Some(driver) = &mut self.driver {
                    driver.stop(now, *grace);
                }
            }
            Act::Stall(who, span) => {
                let until = now.after(*span);
                if let Some(stall) = self.stall(*who) {
                    stall.extend(until);
                }
            }
            Act::Suspend(span) => self.net.advance(*span),
            Act::Pace(pace) => self.set_pace(*pace),
            Act::Heal => self.heal(),
            Act::AskToEnd { .. } | Act::Reboot(_) | Act::Disk(_) => {}
        }
        self.bury();
        Ok(())
    }

    fn mend(&mut self) {
        self.net.heal();
        self.net.end_gaps();
    }

    fn set_pace(&mut self, pace: Duration) {
        let now = self.now();
        self.pace = pace;
        if let Some(driver) = &mut self.driver {
            driver.set_pace(now, pace);
        }
    }

    fn heal(&mut self) {
        self.mend();
        self.set_pace(Duration::from_millis(20));
        for at in 0..self.processes.len() {
            self.stall(Who::Client(at)).into_iter().for_each(Stall::end);
            if let Some(process) = &self.processes[at] {
                process.fuse.put_out();
            }
        }
        if let Some(driver) = &mut self.driver {
            driver.stall.end();
            driver.fuse.put_out();
            // One that drains would be gone soon; its successor need not wait.
            if driver.drains() {
                driver.fuse.blow();
            }
        }
        self.bury();
        self.start_driver();
        for at in 0..self.processes.len() {
            self.start_process(at);
        }
    }

    fn owner(&self, who: Who) -> Option<Owner> {
        match who {
            Who::World => None,
            Who::Driver => Some(self.driver.as_ref()?.owner),
            Who::Client(at) => Some(self.processes[at].as_ref()?.owner),
        }
    }

    fn stall(&mut self, who: Who) -> Option<&mut Stall> {
        match who {
            Who::World => None,
            Who::Driver => Some(&mut self.driver.as_mut()?.stall),
            Who::Client(at) => Some(&mut self.processes[at].as_mut()?.stall),
        }
    }
}
