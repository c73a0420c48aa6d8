//! Which stream speaks on which channel.

use super::{
    ANNOUNCE_STREAM, CONTROL_STREAM, Context, DESCRIPTOR_STREAM, Endpoint, METADATA_STREAM,
    QOS_STREAM,
};
use crate::aeron::Channel;
use crate::error::ConfigError;

impl Context {
    /// All standard streams on one channel; announces on `announce_stream`, or 1001 where that is 0 (client 1.1).
    ///
    /// # Errors
    /// A text that is no Aeron channel.
    pub fn with_default_channels(
        mut self,
        channel: &str,
        announce_stream: i32,
    ) -> Result<Self, ConfigError> {
        let channel: Channel = channel.parse()?;
        let announce = if announce_stream == 0 {
            ANNOUNCE_STREAM
        } else {
            announce_stream
        };
        self.control = Endpoint::new(channel.clone(), CONTROL_STREAM);
        self.announce = Endpoint::new(channel.clone(), announce);
        self.descriptor = Endpoint::new(channel.clone(), DESCRIPTOR_STREAM);
        self.qos = Some(Endpoint::new(channel.clone(), QOS_STREAM));
        self.metadata = Some(Endpoint::new(channel, METADATA_STREAM));
        Ok(self)
    }

    /// The control stream.
    #[must_use]
    pub fn with_control(mut self, endpoint: Endpoint) -> Self {
        self.control = endpoint;
        self
    }

    /// The announce stream; equal to the control stream it costs nothing.
    #[must_use]
    pub fn with_announce(mut self, endpoint: Endpoint) -> Self {
        self.announce = endpoint;
        self
    }

    /// The shared descriptor stream.
    #[must_use]
    pub fn with_descriptor(mut self, endpoint: Endpoint) -> Self {
        self.descriptor = endpoint;
        self
    }

    /// The stream of QoS reports; without it none are sent or heard.
    #[must_use]
    pub fn with_qos(mut self, endpoint: impl Into<Option<Endpoint>>) -> Self {
        self.qos = endpoint.into();
        self
    }

    /// The metadata stream; without it none is sent or heard.
    #[must_use]
    pub fn with_metadata(mut self, endpoint: impl Into<Option<Endpoint>>) -> Self {
        self.metadata = endpoint.into();
        self
    }

    /// See [`Context::with_control`].
    pub const fn control(&self) -> &Endpoint {
        &self.control
    }

    /// See [`Context::with_announce`].
    pub const fn announce(&self) -> &Endpoint {
        &self.announce
    }

    /// See [`Context::with_descriptor`].
    pub const fn descriptor(&self) -> &Endpoint {
        &self.descriptor
    }

    /// See [`Context::with_qos`].
    pub const fn qos(&self) -> Option<&Endpoint> {
        self.qos.as_ref()
    }

    /// See [`Context::with_metadata`].
    pub const fn metadata(&self) -> Option<&Endpoint> {
        self.metadata.as_ref()
    }
}
