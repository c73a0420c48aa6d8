//! Bugs to order, as in the first world: each sits at the edge of the runtime, or in the applications around it, and
//! breaks one promise.

/// A bug that was planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Some descriptors change places on their way out.
    Shuffled,
    /// The clocks of clients with cameras stand still for a while once they have their leases.
    StoppedClock,
    /// Some payloads are not what their producer says.
    Scribbled,
    /// A consumer's application loses frames it was given.
    Swallowed,
    /// Consumers hear nothing more once they have a lease, and their clocks stand still.
    Frozen,
    /// What the first client sends on control never leaves it, and it is told otherwise.
    Mute,
    /// Consumers get no descriptors, and do not look at the memory.
    Tailless,
    /// A claim is forgotten when its application ends.
    Hoarded,
}

/// The bug of a run, if it has one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted(pub Option<Bug>);

impl Planted {
    /// Whether it is this bug.
    pub fn is(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }
}
