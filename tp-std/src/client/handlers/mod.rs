//! Handlers of the application: what the shared streams say, and what becomes of leases (C-149).
//!
//! Every handler hears every message of its family, beside the roles of the client and all other handlers (C-118). All are
//! called by the conductor, inside its duty cycle: they must not wait, and calls that would are refused there. What they
//! are handed is valid during the call. Messages that break the rules of the wire never reach them. A
//! [`Poller`](crate::Poller) tells the same handlers from a thread of the application.

mod blobs;
mod control;
mod descriptor;
mod driver;
mod latest;
mod metadata;
mod metadata_cache;
mod progress;
mod qos;
mod qos_cache;

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::dispatch::Message;

pub use blobs::Blobs;
pub use control::ControlHandler;
pub use descriptor::DescriptorHandler;
pub use driver::{DriverHandler, LeaseChange, LeaseNews};
pub use metadata::MetadataHandler;
pub use metadata_cache::{MetadataCache, SourceAttribute, SourceInfo};
pub use progress::{CheckedProgress, ProgressHandler};
pub use qos::QosHandler;
pub use qos_cache::QosCache;

use super::Client;
use super::poller::Poller;
use crate::conductor::Command;
use crate::error::Error;

/// What the roles of this client make of an announced stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUse {
    /// A poller heard it, which knows nothing of roles.
    Unknown,
    /// This client has no role on the stream.
    None,
    /// It has one, which uses no memory at the moment.
    Unmapped,
    /// A role uses the memory of this epoch.
    Mapped(Epoch),
}

/// What a handler can hear.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    Message(Message<'a>, StreamUse),
    Lease(&'a LeaseNews),
}

/// Answers to questions of [`Discovery`](crate::discovery::Discovery), which is their one handler.
#[derive(Debug)]
pub(crate) enum Responses {}

/// A handler of any family.
pub(crate) trait Listener: Send {
    fn hear(&mut self, heard: Heard<'_>);
}

/// Where the conductor has to listen for a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Control and announces, which it hears anyway.
    Control,
    Descriptor,
    Qos,
    Metadata,
}

/// A handler, its successor, and whether it is still wanted.
pub(crate) struct Listening {
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) next: Arc<Next>,
    pub(crate) removed: Arc<AtomicBool>,
    pub(crate) stream: Stream,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// What takes a handler's place before the next message.
pub(crate) type Next = ArrayQueue<Box<dyn Listener>>;

/// Keeps something registered with the conductor; dropping it takes it out, at the latest with the next duty cycle.
#[derive(Debug)]
pub struct Registration {
    removed: Arc<AtomicBool>,
}

impl Registration {
    pub(super) const fn new(removed: Arc<AtomicBool>) -> Self {
        Self { removed }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.removed.store(true, Ordering::Release);
    }
}

/// A registered handler of family `F`; dropping it takes the handler out.
pub struct HandlerRegistration<F> {
    next: Arc<Next>,
    _registration: Registration,
    family: PhantomData<F>,
}

impl<F> HandlerRegistration<F> {
    /// Takes effect before the next message; the old handler is dropped by the conductor (C-150).
    fn put(&self, listener: impl Listener + 'static) -> Result<(), Error> {
        let put = self.next.push(Box::new(listener));
        put.map_err(|_| Error::QueueFull)
    }
}

impl<F> fmt::Debug for HandlerRegistration<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerRegistration")
    }
}

/// Declares how handlers of each family are registered, replaced and polled for.
macro_rules! families {
    ($($(#[$doc:meta])* $register:ident($handler:path) $family:ident($tell:path) on $stream:ident,)*) => {
        $(
            #[doc = concat!("The family of [`", stringify!($handler), "`]s.")]
            #[derive(Debug)]
            pub struct $family<H = ()>(H);

            impl<H: $handler + Send> Listener for $family<H> {
                fn hear(&mut self, heard: Heard<'_>) {
                    $tell(&mut self.0, heard);
                }
            }

            impl HandlerRegistration<$family> {
                /// Puts another handler in the place of this one, between two messages.
                ///
                /// # Errors
                /// [`Error::QueueFull`]: the last one put here did not take its place yet.
                pub fn replace(
                    &self,
                    handler: impl $handler + Send + 'static,
                ) -> Result<(), Error> {
                    self.put($family(handler))
                }
            }

            impl Poller<$family> {
                /// Tells `handler` what arrived, at most [the limit](Self::with_fragment_limit) of messages; returns how many
                /// were taken, for somebody else or not. The next call may bring another handler. Never waits.
                ///
                /// # Errors
                /// Why the stream cannot be had, once; [`Error::Closed`] after that, and when the client was closed.
                pub fn poll(&mut self, handler: &mut (impl $handler + ?Sized)) -> Result<u32, Error> {
                    self.take(|message| $tell(handler, Heard::Message(message, StreamUse::Unknown)))
                }
            }
        )*

        impl Client {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::QueueFull`].
                pub fn $register(
                    &self,
                    handler: impl $handler + Send + 'static,
                ) -> Result<HandlerRegistration<$family>, Error> {
                    self.listen(Stream::$stream, Box::new($family(handler)))
                }
            )*
        }
    };
}

families! {
    /// Hears what producers, consumers and supervisors say to each other.
    on_control(ControlHandler) Control(control::tell) on Control,
    /// Hears which frames there are, of every stream of the shared descriptor stream.
    on_descriptors(DescriptorHandler) Descriptors(descriptor::tell) on Descriptor,
    /// Hears what becomes of the leases of this client, and what drivers say to all.
    on_driver(DriverHandler) Driver(driver::tell) on Control,
    /// Hears what sources say about themselves.
    on_metadata(MetadataHandler) Metadata(metadata::tell) on Metadata,
    /// Hears how far frames have come that are being written.
    on_progress(ProgressHandler) Progress(progress::tell) on Control,
    /// Hears how it goes.
    on_qos(QosHandler) Qos(qos::tell) on Qos,
}

impl Client {
    fn listen<F>(
        &self,
        stream: Stream,
        listener: Box<dyn Listener>,
    ) -> Result<HandlerRegistration<F>, Error> {
        let next = Arc::new(Next::new(1));
        let removed = Arc::new(AtomicBool::new(false));
        self.send(Command::Listen(Listening {
            listener,
            next: next.clone(),
            removed: removed.clone(),
            stream,
        }))?;
        Ok(HandlerRegistration {
            next,
            _registration: Registration::new(removed),
            family: PhantomData,
        })
    }
}
