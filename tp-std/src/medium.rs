//! What a client needs of its transport: Aeron in life ([`AeronMedium`](crate::aeron::AeronMedium)), a medium without wall
//! clock in simulation.
//!
//! A medium is a value that its conductor drives. Endpoints are asked for and looked after until they are there; nothing
//! waits. They are used on any one thread and close when dropped.

use core::fmt;
use core::task::Poll;

use tp_core_nostd::transport::{ImageId, Publication, SendError, Subscription};

use crate::aeron::TransportError;
use crate::context::Endpoint;

/// What a transport says about the channel of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelStatus {
    /// It can be used.
    Active,
    /// It is still being set up.
    Initializing,
    /// It cannot be used: the transport met an error, or the endpoint is closed.
    Errored,
}

/// The sending end of one stream.
pub trait Sender: Publication + fmt::Debug + Send {
    /// The transport's number for it, where it has one.
    fn registration_id(&self) -> Option<i64> {
        None
    }

    /// What the transport says about its channel.
    fn channel_status(&self) -> ChannelStatus {
        ChannelStatus::Active
    }

    /// Whether a message of `len` bytes would be taken at the moment; another sender may be faster.
    ///
    /// # Errors
    /// What `offer` would say.
    fn can_accept(&self, len: usize) -> Result<(), SendError>;
}

/// The receiving end of one stream.
pub trait Receiver: Subscription + fmt::Debug + Send {
    /// The transport's number for it, where it has one.
    fn registration_id(&self) -> Option<i64> {
        None
    }

    /// What the transport says about its channel.
    fn channel_status(&self) -> ChannelStatus {
        ChannelStatus::Active
    }

    /// Whether this image was available when events were last asked for.
    fn has_image(&self, image: ImageId) -> bool;
}

/// An endpoint that was asked for: ready once, with the endpoint or the reason why not. Dropping it takes the wish back.
pub type Awaited<T> = Box<dyn FnMut() -> Poll<Result<T, TransportError>> + Send>;

/// A connection to a transport.
pub trait Medium: fmt::Debug + Send {
    /// One duty cycle; returns how much was done. Never waits.
    ///
    /// # Errors
    /// Each error once. Those that [end the client](TransportError::ends_client) are followed by `Closed`.
    fn do_work(&mut self) -> Result<u32, TransportError>;

    /// Connects anew after [`TransportError::ClientTimedOut`]; every endpoint is gone.
    ///
    /// # Errors
    /// The transport cannot be reached.
    fn reconnect(&mut self) -> Result<(), TransportError>;

    /// Asks for a publication that shares its image with others of the same stream.
    ///
    /// # Errors
    /// Nothing can be asked for at the moment; refusals come through [`Awaited`].
    fn publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError>;

    /// Asks for a publication with an image of its own.
    ///
    /// # Errors
    /// As [`Self::publication`].
    fn exclusive_publication(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Sender>>, TransportError>;

    /// Asks for a subscription that loses its images rather than hold a publisher up.
    ///
    /// # Errors
    /// As [`Self::publication`].
    fn subscription(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Awaited<Box<dyn Receiver>>, TransportError>;
}
