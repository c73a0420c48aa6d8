//! Waiting that ends.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::Outcome;
use crate::switches::switch;

/// How long an example waits in all before it fails: `TP_EXAMPLE_MAX_WAIT_MS`, 20 s by default.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    until: Instant,
}

impl Patience {
    /// Begins now.
    ///
    /// # Errors
    /// The switch makes no sense.
    pub fn new() -> Result<Self, crate::Bad> {
        let at_most = Duration::from_millis(switch("MAX_WAIT_MS")?.unwrap_or(20_000));
        let now = Instant::now();
        Ok(Self {
            until: now.checked_add(at_most).unwrap_or(now),
        })
    }

    /// Sleeps a millisecond, in a loop that waits for `what`.
    ///
    /// # Errors
    /// It took too long.
    pub fn wait_for(&self, what: &str) -> Outcome {
        if Instant::now() > self.until {
            return Err(format!("waited in vain for {what}").into());
        }
        thread::sleep(Duration::from_millis(1));
        Ok(())
    }
}
