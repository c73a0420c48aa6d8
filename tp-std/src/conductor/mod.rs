//! The conductor: single owner of everything cold in a client (client 2).
//!
//! It is a value. Its owner calls [`Conductor::do_work`] again and again, from a thread of its own or from a host loop;
//! there is no other way into its state. Roles live on the application's threads and meet it in their link only.
//!
//! One duty cycle, one reading of the clock: commands, Aeron, control and announce messages to every role, then what
//! each role has to do by itself.

mod adds;
mod attaching;
mod command;
mod completion;
mod connection;
mod consuming;
mod cycle;
#[cfg(test)]
mod fake_medium;
mod items;
mod listeners;
mod maps;
mod news;
mod producing;
mod punctuality;
mod retired;
mod role;
mod shared;
mod state;

use std::sync::Arc;

use tp_core_nostd::agent::Agent;
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::proto::session::Cycle;
use tp_core_nostd::time::Clock;
use tp_linux_hugepages::AllowedBases;

pub(crate) use adds::Wish;
pub(crate) use command::Command;
pub(crate) use completion::Handle;
pub(crate) use cycle::is_in_cycle;
pub(crate) use items::Item;
pub(crate) use maps::{Join, Own};
pub(crate) use shared::Shared;
use state::State;

use crate::clock::SharedClock;
use crate::context::{Context, Delegate};
use crate::error::Error;
use crate::histogram::ClientHistograms;
use crate::log::Hook;
use crate::medium::Medium;

/// Owner of a client's state; see the module.
pub struct Conductor {
    state: State,
    clock: SharedClock,
    ids: Ids,
    histograms: Option<Arc<ClientHistograms>>,
    delegate: Option<Delegate>,
    log: Hook,
    closed: bool,
}

impl Conductor {
    /// The shared streams follow in the first duty cycles.
    pub(crate) fn new(
        mut context: Context,
        bases: AllowedBases,
        medium: Box<dyn Medium>,
    ) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared::new(&context));
        let conductor = Self {
            clock: context.clock().clone(),
            ids: Ids::seeded(context.seed().unwrap_or_else(crate::seed::random_seed)),
            histograms: context.histograms().cloned(),
            delegate: context.take_delegate(),
            log: context.log_hook(),
            closed: false,
            state: State::new(context, bases, medium, shared.clone()),
        };
        (conductor, shared)
    }

    /// One duty cycle: bounded, never sleeps. Returns how much was done.
    ///
    /// # Errors
    /// What the client cannot go on after, once; then [`Error::Closed`] for ever.
    pub fn do_work(&mut self) -> Result<u32, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let log = self.log.clone();
        log.within(|| self.measured())
    }

    fn measured(&mut self) -> Result<u32, Error> {
        let Some(histograms) = self.histograms.clone() else {
            return self.cycle();
        };
        let begun = self.clock.now();
        let done = self.cycle();
        histograms.cycle.record(self.clock.now().since(begun));
        done
    }

    fn cycle(&mut self) -> Result<u32, Error> {
        let _inside = cycle::enter();
        let delegated = self.delegate.as_mut().map_or(0, |delegate| delegate());
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: self.clock.real_ns(),
            ids: &mut self.ids,
        };
        match self.state.work(&mut cycle) {
            Ok(work) => Ok(work.saturating_add(delegated)),
            Err(ended) => {
                self.close();
                Err(ended)
            }
        }
    }

    /// Stops every role and gives the leases back as far as one message each does that; never waits (C-013).
    pub fn close(&mut self) {
        if core::mem::replace(&mut self.closed, true) {
            return;
        }
        let log = self.log.clone();
        log.within(|| self.end());
    }

    /// Where its lines go.
    pub(crate) const fn log(&self) -> &Hook {
        &self.log
    }

    fn end(&mut self) {
        let mut cycle = Cycle {
            now: self.clock.now(),
            real_ns: None,
            ids: &mut self.ids,
        };
        self.state.close(&mut cycle);
    }
}

impl core::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Conductor")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.close();
    }
}

impl Agent for Conductor {
    type Error = Error;

    fn do_work(&mut self) -> Result<u32, Error> {
        Self::do_work(self)
    }

    fn on_close(&mut self) {
        self.close();
    }

    fn role_name(&self) -> &'static str {
        "tp-conductor"
    }
}
