//! Units of work and what their thread does between two of them.

/// A unit of work that a runner calls again and again.
pub trait Agent {
    /// What ends the agent's run.
    type Error;

    /// One duty cycle: bounded, never sleeps, never waits for a peer. Returns how much was done.
    ///
    /// # Errors
    /// Only what the agent cannot go on after.
    fn do_work(&mut self) -> Result<u32, Self::Error>;

    /// Called once after the last duty cycle.
    fn on_close(&mut self) {}

    /// For thread names and logs.
    fn role_name(&self) -> &str;
}

/// What a thread does after a duty cycle that returned `work_count`.
pub trait IdleStrategy {
    /// Returns at once if `work_count` is not zero, otherwise spins, yields or sleeps.
    fn idle(&mut self, work_count: u32);
}
