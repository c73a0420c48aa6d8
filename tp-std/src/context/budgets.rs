//! How much one duty cycle may do of each kind (C-146).

use super::Context;
use crate::error::ConfigError;

/// What does not fit waits for the next duty cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Commands of the application; 64 by default.
    pub commands: u32,
    /// Messages taken from each shared stream; 64 by default.
    pub fragments: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            commands: 64,
            fragments: 64,
        }
    }
}

impl Context {
    /// How much one duty cycle of the conductor may do.
    ///
    /// # Errors
    /// A budget of zero, with which nothing would ever be done.
    pub fn with_budgets(mut self, budgets: Budgets) -> Result<Self, ConfigError> {
        for (knob, budget) in [
            ("budgets.commands", budgets.commands),
            ("budgets.fragments", budgets.fragments),
        ] {
            if budget == 0 {
                return Err(ConfigError::Zero { knob });
            }
        }
        self.budgets = budgets;
        Ok(self)
    }

    /// See [`Context::with_budgets`].
    pub const fn budgets(&self) -> Budgets {
        self.budgets
    }
}
