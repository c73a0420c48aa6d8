//! What can go wrong for a client, by who is at fault.

mod code;

use core::time::Duration;

use tp_core_nostd::proto::declared::Contradiction;
use tp_core_nostd::proto::discovery_client::AskError;
use tp_core_nostd::uri::UriError;
use tp_core_nostd::wire::ValueError;
use tp_core_nostd::wire::driver::RefusalCode;

use crate::aeron::{AdoptError, ChannelError, TransportError};
use crate::agent::StartError;
use crate::regions::OfferRefused;
pub use code::{Code, Coded};

/// A setting that cannot be used; nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Longer than the setting may be.
    #[error("{knob} has {got} bytes, at most {max} are possible")]
    TooLong {
        /// The setting.
        knob: &'static str,
        /// Its length in bytes.
        got: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// Zero, where that makes no sense.
    #[error("{knob} must not be zero")]
    Zero {
        /// The setting.
        knob: &'static str,
    },
    /// Pauses that cannot double from the first to the longest.
    #[error(
        "the first pause before attaching again, {first:?}, is longer than the longest, {longest:?}"
    )]
    Reattach {
        /// The first pause.
        first: Duration,
        /// The longest pause.
        longest: Duration,
    },
    /// The host's Aeron client cannot be used.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// Not an Aeron channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The system has no such thread name.
    #[error("{0:?} cannot name a thread: it is empty or has a zero byte")]
    ThreadName(String),
    /// No region URI.
    #[error("{uri:?} names no region: {error}")]
    Region {
        /// The text.
        uri: String,
        /// What is wrong with it.
        error: UriError,
    },
    /// Regions that make no stream.
    #[error("{0}")]
    Pools(&'static str),
    /// A merge map that makes no sense to anybody.
    #[error("the merge map makes no sense: {0}")]
    MergeMap(ValueError),
    /// A wish to a driver, for a producer that has none (C-048).
    #[error("{wish} is for the driver to grant, and this producer has none")]
    WithoutDriver {
        /// The wish.
        wish: &'static str,
    },
    /// A question to discovery providers that cannot be asked.
    #[error(transparent)]
    Discovery(#[from] AskError),
    /// A stream that was found with another driver than the client speaks to.
    #[error(
        "the driver of this stream listens on {channel} stream {stream_id}, where this client does not"
    )]
    OtherDriver {
        /// The channel of that driver.
        channel: String,
        /// Its control stream.
        stream_id: i32,
    },
    /// A directory that is to be trusted cannot be.
    #[error("{0}")]
    AllowedDirs(String),
}

/// Why a client, or a role of it, could not be had or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Aeron refused or is gone.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The driver refused the lease.
    #[error("the driver refused ({code:?}): {text}")]
    Rejected {
        /// Its code.
        code: RefusalCode,
        /// Its words.
        text: String,
    },
    /// The driver's answer broke the protocol.
    #[error("the driver's answer to the attach breaks the protocol")]
    Protocol,
    /// A discovery provider could not answer.
    #[error("the discovery provider could not answer: {text}")]
    Discovery {
        /// Its words.
        text: String,
    },
    /// Nobody answered in time.
    #[error(
        "no driver answered on control stream {control_stream}: is tp_driver running with the same media driver?"
    )]
    NoDriver {
        /// Where it was looked for.
        control_stream: i32,
    },
    /// The lease was granted, but its memory cannot be used.
    #[error("the stream's memory cannot be used: {0}")]
    Memory(#[from] OfferRefused),
    /// The stream declares tensors of another kind than the consumer expects (E-04).
    #[error("the stream declares tensors of another {0} than is expected")]
    Declared(Contradiction),
    /// The driver granted no node id, so no trace ids can be minted (tracelink 4). Give the producer
    /// [`TraceIds`](crate::TraceIds) of its own, or do not have it trace.
    #[error("the driver granted no node id, without which frames cannot be traced")]
    NoNode,
    /// Too many commands wait for the conductor; try again.
    #[error("the conductor's command queue is full")]
    QueueFull,
    /// It did not happen in time.
    #[error("timed out")]
    Timeout,
    /// A call that waits was made from within a duty cycle, which it would wait for (C-148).
    #[error("a call that waits was made from within the conductor's own duty cycle")]
    InCallback,
    /// The conductor has no thread.
    #[error("the conductor has no thread: {0}")]
    Thread(#[from] StartError),
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}
