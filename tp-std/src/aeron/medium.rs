//! Aeron as the medium of a client.

use core::task::Poll;

use tp_core_nostd::transport::{ImageId, SendError};

use super::client::{AeronClient, ClientConfig};
use super::error::TransportError;
use super::host::{AdoptError, HostAeron};
use super::pending::Pending;
use super::publication::{AeronExclusivePublication, AeronPublication};
use super::subscription::AeronSubscription;
use crate::context::Endpoint;
use crate::medium::{Awaited, ChannelStatus, Medium, Receiver, Sender};

/// An Aeron client of its own, set up again when the media driver gave it up, or one of the host, which is left as it is.
#[derive(Debug)]
pub struct AeronMedium {
    config: Option<ClientConfig>,
    client: Option<AeronClient>,
}

impl AeronMedium {
    /// Connects to a media driver that is alive.
    ///
    /// # Errors
    /// As [`AeronClient::connect`].
    pub fn connect(config: ClientConfig) -> Result<Self, TransportError> {
        let client = Some(AeronClient::connect(&config)?);
        let config = Some(config);
        Ok(Self { config, client })
    }

    /// Uses a running client of the host.
    ///
    /// # Errors
    /// Somebody else drives it.
    pub fn adopt(host: &HostAeron) -> Result<Self, AdoptError> {
        Ok(Self {
            config: None,
            client: Some(AeronClient::adopt(host)?),
        })
    }

    fn client(&mut self) -> Result<&mut AeronClient, TransportError> {
        self.client.as_mut().ok_or(TransportError::Closed)
    }
}

impl Medium for AeronMedium {
    fn do_work(&mut self) -> Result<u32, TransportError> {
        self.client()?.do_work()
    }

    fn reconnect(&mut self) -> Result<(), TransportError> {
        // The old client goes before the new one comes.
        self.client = None;
        let config = self.config.as_ref().ok_or(TransportError::Closed)?;
        self.client = Some(AeronClient::connect(config)?);
        Ok(())
    }

    fn publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let channel = endpoint.channel.clone().for_publication();
        let pending = self
            .client()?
            .add_publication(&channel, endpoint.stream_id)?;
        Ok(awaited(pending, |publication| Box::new(publication)))
    }

    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError> {
        let channel = endpoint.channel.clone().for_publication();
        let pending = self
            .client()?
            .add_exclusive_publication(&channel, endpoint.stream_id)?;
        Ok(awaited(pending, |publication| Box::new(publication)))
    }

    fn subscription(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Receiver>>, TransportError> {
        let channel = endpoint.channel.clone().for_client_subscription();
        let pending = self
            .client()?
            .add_subscription(&channel, endpoint.stream_id)?;
        Ok(awaited(pending, |subscription| Box::new(subscription)))
    }
}

fn awaited<T: 'static, E: ?Sized + 'static>(
    mut pending: Pending<T>,
    boxed: fn(T) -> Box<E>,
) -> Awaited<Box<E>> {
    Box::new(move || match pending.poll() {
        Poll::Pending => Poll::Pending,
        Poll::Ready(result) => Poll::Ready(result.map(boxed)),
    })
}

impl Sender for AeronPublication {
    fn registration_id(&self) -> Option<i64> {
        Some(Self::registration_id(self))
    }

    fn channel_status(&self) -> ChannelStatus {
        Self::channel_status(self)
    }

    fn can_accept(&self, len: usize) -> Result<(), SendError> {
        Self::can_accept(self, len)
    }
}

impl Sender for AeronExclusivePublication {
    fn registration_id(&self) -> Option<i64> {
        Some(Self::registration_id(self))
    }

    fn channel_status(&self) -> ChannelStatus {
        Self::channel_status(self)
    }

    fn can_accept(&self, len: usize) -> Result<(), SendError> {
        Self::can_accept(self, len)
    }
}

impl Receiver for AeronSubscription {
    fn registration_id(&self) -> Option<i64> {
        Some(Self::registration_id(self))
    }

    fn channel_status(&self) -> ChannelStatus {
        Self::channel_status(self)
    }

    fn has_image(&self, image: ImageId) -> bool {
        Self::has_image(self, image)
    }
}
