//! The only place that knows Aeron: core's `Publication` and `Subscription` on real media.
//!
//! An [`AeronClient`] is a value that its owner drives: every cycle calls [`AeronClient::do_work`], nothing runs behind
//! its back. Endpoints are added without waiting, used on any one thread, and close when dropped:
//!
//! ```no_run
//! use core::task::Poll;
//! use tp_core_nostd::transport::Publication as _;
//! use tp_std::aeron::{AeronClient, Channel, ClientConfig};
//!
//! let mut client = AeronClient::connect(&ClientConfig::new("/dev/shm/aeron-demo"))?;
//! let mut pending = client.add_publication(&Channel::ipc().for_publication(), 1000)?;
//! let mut control = loop {
//!     client.do_work()?; // with an idle strategy, in real life
//!     if let Poll::Ready(added) = pending.poll() {
//!         break added?;
//!     }
//! };
//! if let Err(refused) = control.offer(b"hello") {
//!     eprintln!("nobody heard it: {refused:?}");
//! }
//! # Ok::<(), tp_std::aeron::TransportError>(())
//! ```
//!
//! Rules that the conductor relies on:
//!
//! - `do_work` must be called at least every few seconds; the media driver gives up a client that is silent for its
//!   client liveness timeout (10 s by default), and the client then reports [`TransportError::ClientTimedOut`].
//! - After an error that [ends the client](TransportError::ends_client) all its endpoints answer `Closed` and its
//!   pending adds fail. Nothing is repaired in place: drop it, connect a new one, add everything again.
//! - Neither `offer` nor `poll` waits, locks or (once the longest message has been seen) allocates.
//! - Endpoints may be dropped on any thread; the client closes them in its next `do_work`.

mod assembler;
mod channel;
mod client;
mod cnc;
mod driver_dir;
mod error;
mod frame;
mod host;
mod media_driver;
mod medium;
mod pending;
mod publication;
mod shared;
mod subscription;

pub use channel::{Channel, ChannelError, DEFAULT_CHANNEL};
pub use client::{AeronClient, ClientConfig};
pub use error::{Absence, TransportError};
pub use host::{AdoptError, DrivenBy, HostAeron};
pub use media_driver::{MediaDriver, MediaDriverConfig, MediaDriverError, default_dir};
pub use medium::AeronMedium;
pub use pending::Pending;
pub use publication::{AeronExclusivePublication, AeronPublication};
pub use subscription::AeronSubscription;
