//! Schema 900: announces, hellos, descriptors, progress, QoS and metadata (wire 4).

mod consumer_config;
mod consumer_hello;
mod control_response;
mod endpoint;
mod frame_descriptor;
mod frame_progress;
mod meta_blob;
mod pool_announce;
mod qos;
mod source_announce;
mod source_meta;

pub use consumer_config::{ConsumerConfig, ConsumerConfigBlock, ConsumerConfigView};
pub use consumer_hello::{ConsumerHello, ConsumerHelloBlock, ConsumerHelloView, ProgressHints};
pub use control_response::{ControlResponse, ControlResponseBlock, ControlResponseView};
pub use endpoint::{Endpoint, StreamRequest};
pub use frame_descriptor::{FrameDescriptor, FrameDescriptorBlock, FrameDescriptorView};
pub use frame_progress::{FrameProgress, FrameProgressBlock, FrameProgressView};
pub use meta_blob::{
    MetaBlobAnnounce, MetaBlobAnnounceBlock, MetaBlobAnnounceView, MetaBlobChunk,
    MetaBlobChunkBlock, MetaBlobChunkView, MetaBlobComplete, MetaBlobCompleteBlock,
    MetaBlobCompleteView,
};
pub use pool_announce::{ShmPoolAnnounce, ShmPoolAnnounceBlock, ShmPoolAnnounceView};
pub use qos::{
    QosConsumer, QosConsumerBlock, QosConsumerView, QosProducer, QosProducerBlock, QosProducerView,
};
pub use source_announce::{DataSourceAnnounce, DataSourceAnnounceBlock, DataSourceAnnounceView};
pub use source_meta::{
    Attribute, AttributeBlock, Attributes, DataSourceMeta, DataSourceMetaBlock, DataSourceMetaView,
};

use crate::sbe::MessageLayout;

/// Schema id of these messages.
pub const SCHEMA: u16 = 900;

/// Every message of the schema that travels, in the order of the template ids.
pub const MESSAGES: &[MessageLayout] = &[
    ShmPoolAnnounce::LAYOUT,
    ConsumerHello::LAYOUT,
    ConsumerConfig::LAYOUT,
    FrameDescriptor::LAYOUT,
    QosConsumer::LAYOUT,
    QosProducer::LAYOUT,
    DataSourceAnnounce::LAYOUT,
    DataSourceMeta::LAYOUT,
    ControlResponse::LAYOUT,
    MetaBlobAnnounce::LAYOUT,
    FrameProgress::LAYOUT,
    MetaBlobChunk::LAYOUT,
    MetaBlobComplete::LAYOUT,
];
