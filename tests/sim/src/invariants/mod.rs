//! What holds after every step, whatever happens. Each promise is one function with a name; what it has to remember
//! from step to step is its part of [`Memory`].

mod endings;
mod epochs;
mod leases;
mod private;
mod readers;
mod retention;
mod settled;
mod writes;

use core::fmt;

use tp_core_nostd::time::Instant;

use crate::client::ClientActor;
use crate::disk::Disk;
use crate::driver::DriverActor;
use crate::fact::{Fact, What};
use crate::plan::{Capacities, Policy};

/// The promises, in the order in which they are looked at.
pub(crate) const INVARIANTS: &[(&str, Invariant)] = &[
    ("one_producer_per_stream", leases::one_producer_per_stream),
    ("no_lease_id_is_reused", leases::no_lease_id_is_reused),
    ("capacities_hold", leases::capacities_hold),
    (
        "private_streams_have_one_holder",
        private::private_streams_have_one_holder,
    ),
    (
        "only_the_secret_ends_the_driver",
        endings::only_the_secret_ends_the_driver,
    ),
    ("epochs_rise", epochs::epochs_rise),
    (
        "retention_spares_the_newest_and_the_living",
        retention::retention_spares_the_newest_and_the_living,
    ),
    ("told_epochs_have_files", epochs::told_epochs_have_files),
    (
        "a_lost_producer_raises_the_epoch",
        epochs::a_lost_producer_raises_the_epoch,
    ),
    (
        "no_write_begins_after_the_deadline",
        writes::no_write_begins_after_the_deadline,
    ),
    (
        "late_writes_land_in_dead_epochs",
        writes::late_writes_land_in_dead_epochs,
    ),
    (
        "nobody_reads_a_dead_epoch_for_long",
        readers::nobody_reads_a_dead_epoch_for_long,
    ),
    ("everybody_settles", settled::everybody_settles),
];

/// The names of all promises.
pub fn invariants() -> impl Iterator<Item = &'static str> {
    INVARIANTS.iter().map(|(name, _)| *name)
}

/// Says what is broken, if it is.
pub(crate) type Invariant = fn(&mut Memory, &Scene<'_, '_>) -> Result<(), String>;

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// What can be seen after a step.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'s, 'a> {
    pub(crate) now: Instant,
    /// What was done in this step.
    pub(crate) facts: &'s [Fact],
    pub(crate) driver: Option<&'s DriverActor<'a>>,
    pub(crate) clients: &'s [Option<ClientActor>],
    pub(crate) disk: &'s Disk,
    pub(crate) capacities: &'s Capacities,
    pub(crate) policy: &'s Policy,
    /// Since when nothing has been out of order.
    pub(crate) calm_since: Option<Instant>,
    /// Whether it has been so for long enough.
    pub(crate) settled: bool,
}

/// What the invariants remember.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    leases: leases::Ledger,
    epochs: epochs::Ledger,
    lives: readers::Lives,
    private: private::Ledger,
    endings: endings::Ledger,
}

impl Memory {
    /// Asks every invariant; the first that is broken is the verdict.
    pub(crate) fn look(&mut self, scene: &Scene<'_, '_>) -> Result<(), Violation> {
        self.lives.follow(scene);
        for (invariant, holds) in INVARIANTS {
            holds(self, scene).map_err(|detail| Violation { invariant, detail })?;
        }
        Ok(())
    }
}

impl<'s> Scene<'s, '_> {
    /// What was done in this step.
    fn done(&self) -> impl Iterator<Item = &'s What> + use<'s> {
        self.facts.iter().map(|fact| &fact.what)
    }
}
