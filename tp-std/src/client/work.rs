//! Work of the application that its client does along.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use super::Client;
use super::handlers::Registration;
use crate::conductor::{Command, Item};
use crate::error::Error;

impl Client {
    /// Has `work` done in every duty cycle, last of all, on the thread that drives the conductor. It is told how much it
    /// may do, and returns how much it did; it must not wait. What fails is logged, and tried again in the next cycle.
    ///
    /// # Errors
    /// [`Error::QueueFull`].
    pub fn register_work(
        &self,
        limit: u32,
        work: impl FnMut(u32) -> Result<u32, String> + Send + 'static,
    ) -> Result<Registration, Error> {
        let removed = Arc::new(AtomicBool::new(false));
        let item = Item::new(Box::new(work), limit, removed.clone());
        self.send(Command::Work(item))?;
        Ok(Registration::new(removed))
    }
}
