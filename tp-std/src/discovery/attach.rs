//! From a stream that was found to a role: the driver it names is asked, and nobody else (C-128, R-073).

use tp_core_nostd::proto::discovery_client::is_same_stream;

use super::Found;
use super::config::Own;
use crate::context::Endpoint;
use crate::error::ConfigError;
use crate::{Client, ConsumerConfig, Context, ProducerConfig};

impl Context {
    /// A client of the driver that has `found`: on its control stream.
    #[must_use]
    pub fn for_driver_of(self, found: &Found) -> Self {
        self.with_control(found.driver_control.clone())
    }
}

impl ConsumerConfig {
    /// A consumer of a stream that was found. The client has to be one of its driver ([`Context::for_driver_of`]); what that
    /// driver grants counts, whatever the result said.
    #[must_use]
    pub fn found(found: &Found) -> Self {
        Self::new(found.stream).with_driver(found.driver_control.clone())
    }
}

impl ProducerConfig {
    /// The producer of a stream that was found, as [`ConsumerConfig::found`].
    #[must_use]
    pub fn found(found: &Found) -> Self {
        Self::new(found.stream).with_driver(found.driver_control.clone())
    }
}

impl Client {
    /// Refuses a role that another driver is to grant than the one this client speaks to.
    pub(crate) fn check_driver(&self, driver: Option<&Endpoint>) -> Result<(), ConfigError> {
        let Some(driver) = driver else { return Ok(()) };
        let (named, ours) = (Own::of(driver), Own::of(self.control()));
        match (named.get(), ours.get()) {
            (Some(named), Some(ours)) if is_same_stream(named, ours) => Ok(()),
            _ => Err(ConfigError::OtherDriver {
                channel: driver.channel.to_string(),
                stream_id: driver.stream_id,
            }),
        }
    }
}
