//! What no single setting can tell: whether a client can work with all of them.

use core::time::Duration;

use tp_linux_hugepages::AllowedBases;

use super::Context;
use crate::error::ConfigError;

impl Context {
    /// Looks at the settings that are taken without a word, and resolves the directories; part of making a client, before
    /// anything is connected (C-002, C-003).
    ///
    /// # Errors
    /// What cannot work.
    pub(crate) fn check(&self) -> Result<AllowedBases, ConfigError> {
        let above_zero = [
            ("driver_timeout", self.driver_timeout),
            ("message_timeout", self.message_timeout),
        ];
        match above_zero
            .into_iter()
            .find(|(_, value)| *value == Duration::ZERO)
        {
            Some((knob, _)) => Err(ConfigError::Zero { knob }),
            None => AllowedBases::new(&self.allowed_dirs).map_err(|error| {
                ConfigError::AllowedDirs(format!("an allowed directory cannot be used: {error}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-002
    fn a_client_that_could_never_reach_anybody_is_not_made() {
        assert!(Context::new().check().is_ok());
        let zero = Duration::ZERO;
        assert!(Context::new().with_driver_timeout(zero).check().is_err());
        assert!(Context::new().with_message_timeout(zero).check().is_err());
        // Zero means "never" here.
        let quiet = Context::new()
            .with_keepalive_interval(zero)
            .with_announce_period(zero);
        assert!(quiet.check().is_ok());
        assert!(Context::new().allow_dir("/no/such").check().is_err());
    }
}
