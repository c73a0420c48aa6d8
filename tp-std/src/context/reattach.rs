//! What follows the loss of a lease.

use core::time::Duration;

use super::Context;
use crate::error::ConfigError;

/// When a lost lease is asked for again (C-046).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reattach {
    /// By itself, after a pause that doubles with every try in vain, give or take 20 %.
    Automatic {
        /// The first pause.
        first: Duration,
        /// The longest pause.
        longest: Duration,
    },
    /// When the application says so.
    ByHand,
}

impl Reattach {
    /// The first pause of client 1.12.
    const FIRST: Duration = Duration::from_millis(100);
    /// The longest pause of client 1.12.
    const LONGEST: Duration = Duration::from_millis(3_200);
}

impl Default for Reattach {
    fn default() -> Self {
        Self::Automatic {
            first: Self::FIRST,
            longest: Self::LONGEST,
        }
    }
}

impl Context {
    /// When lost leases are asked for again: by default by themselves, after 100 ms, doubling up to 3.2 s.
    ///
    /// # Errors
    /// A first pause of zero, or longer than the longest.
    pub fn with_reattach(mut self, reattach: Reattach) -> Result<Self, ConfigError> {
        if let Reattach::Automatic { first, longest } = reattach {
            if first.is_zero() {
                return Err(ConfigError::Zero { knob: "reattach" });
            }
            if first > longest {
                return Err(ConfigError::Reattach { first, longest });
            }
        }
        self.reattach = reattach;
        Ok(self)
    }

    /// See [`Context::with_reattach`].
    pub const fn reattach(&self) -> Reattach {
        self.reattach
    }
}
