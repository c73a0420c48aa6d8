//! The SHM Tensor Pool on a full operating system: the Aeron adapter, the conductor and the roles it serves.
//!
//! Start reading at [`Client`]; the hot side is [`Producer`] and [`Consumer`], the cold side [`Conductor`], and what
//! stands between them is described in `tp_core_nostd::role`.

pub mod aeron;
pub mod agent;
mod client;
pub mod clock;
mod conductor;
pub mod config;
mod consumer;
mod context;
pub mod discovery;
pub mod driver;
mod error;
pub mod histogram;
pub mod idle;
mod join;
mod link;
pub mod log;
pub mod medium;
#[cfg(doctest)]
mod misuse;

/// The programs of the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
mod guide {}
mod own_regions;
mod producer;
pub mod rate_limiter;
mod regions;
mod seed;
mod wishes;

pub use client::endpoints::{PublicationHandle, SubscriptionHandle};
pub use client::{Client, ConductorThread, Pending, Poller, handlers};
pub use conductor::Conductor;
pub use consumer::{
    ConsumeError, Consumer, ConsumerConfig, ConsumerCounters, ConsumerState, ConsumerStatus,
    FrameReader, FrameView, PrefixView, ProgressReader, TypedView, Wait,
};
pub use context::{
    ANNOUNCE_STREAM, Budgets, CONTROL_STREAM, Context, DESCRIPTOR_STREAM, Endpoint,
    METADATA_STREAM, QOS_STREAM, Reattach, STATUS_STREAM,
};
pub use error::{Code, Coded, ConfigError, Error};
pub use join::{
    JoinBarrier, JoinConfig, JoinCounters, JoinInput, JoinMode, JoinRead, LatestByTimeJoinBarrier,
    LatestJoinBarrier, MergeMap, SequenceJoinBarrier, SequenceMap, TimestampJoinBarrier,
    TimestampMap,
};
pub use own_regions::OwnRegions;
pub use producer::{
    AnswerHellos, BlobRefused, BlobRefusedReason, Claim, CommitMeta, CommitRefused, Consumers,
    Delivery, DeliveryCounts, Filled, FixedPool, FixedPoolConfig, Frame, Mode, NoPool,
    NoPoolReason, OfferError, PrivateDeliveries, Producer, ProducerConfig, Published, Queued,
    Refused, Requeueable, Slot, Streaming, TraceIds, Tracing,
};
pub use regions::OfferRefused;
pub use tp_core_nostd::ids::{ClientId, Epoch, StreamId, TraceId};
pub use tp_core_nostd::proto::join::{OutTime, Readiness, Verdict};
pub use tp_core_nostd::proto::tracelink::{
    LinkCounters, LinkRefusal, Sent as LinkSent, Stage, Traced,
};
pub use tp_core_nostd::seq::Seq;
pub use tp_core_nostd::shm::{Dtype, MajorOrder, TensorHeader};
pub use tp_core_nostd::wire::enums::ClockDomain;
pub use tp_core_nostd::wire::merge_map::TimestampSource;
pub use tp_linux_hugepages::{Permissions, Residency};
