//! What was found: advice that outlives the message it came in.

use std::borrow::Cow;

use tp_core_nostd::ids::{ClientId, Epoch, PoolId, StreamId};
use tp_core_nostd::proto::discovery_client::collect;
use tp_core_nostd::wire::Text;
use tp_core_nostd::wire::discovery::{DiscoveryResult, Results};

use super::Filter;
use crate::context::Endpoint;

/// As many results of one answer are kept.
const RESULTS_MAX: usize = 1000;

/// The streams of one answer, each of one driver once and in its newest epoch (C-129).
#[derive(Clone, Debug, Default)]
pub struct Findings {
    found: Vec<Found>,
    left_out: usize,
}

/// One stream, and the driver to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The stream.
    pub stream: StreamId,
    /// Its producer, if one is attached.
    pub producer: Option<ClientId>,
    /// The newest epoch the provider has seen.
    pub epoch: Epoch,
    /// Layout version of its regions.
    pub layout_version: u32,
    /// Slots of the header ring and of every pool.
    pub header_nslots: u32,
    /// Set where the deployment numbers its data sources.
    pub data_source_id: Option<u64>,
    /// Where its driver listens.
    pub driver_control: Endpoint,
    /// Where its header ring is, on the driver's host. For people: nothing is mapped but what the driver grants (C-128).
    pub header_region_uri: String,
    /// Its payload pools.
    pub pools: Vec<FoundPool>,
    data_source_name: Option<Box<[u8]>>,
    driver_instance_id: Option<Box<[u8]>>,
    tags: Vec<Box<[u8]>>,
}

/// One payload pool of a stream that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPool {
    /// Its number within the stream.
    pub pool_id: PoolId,
    /// Bytes from one slot to the next.
    pub stride_bytes: u32,
    /// Where it is, on the driver's host.
    pub region_uri: String,
}

impl Findings {
    pub(super) fn of(results: Results<'_>) -> Self {
        let room = results.iter().take(RESULTS_MAX).count();
        let mut newest = vec![None; room];
        let collected = collect(results, &mut newest);
        let found: Vec<_> = newest.iter().flatten().filter_map(Found::of).collect();
        let unusable = collected.kept.saturating_sub(found.len());
        Self {
            found,
            left_out: collected.left_out.saturating_add(unusable),
        }
    }

    /// All of them, in the order of the answer.
    pub fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Results that made no use, because there were more than 1000, or because the driver they name listens on no Aeron
    /// channel.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The stream with this id, of the first driver that has one.
    pub fn stream(&self, stream: StreamId) -> Option<&Found> {
        self.iter().find(|found| found.stream == stream)
    }

    /// The first stream with a data source of this name, byte for byte.
    pub fn named(&self, name: &str) -> Option<&Found> {
        self.iter().find(|found| found.is_named(name))
    }

    /// The streams that bear this tag.
    pub fn tagged(&self, tag: &str) -> impl Iterator<Item = &Found> {
        self.iter().filter(move |found| found.has_tag(tag))
    }
}

impl Found {
    /// `None` if nobody could attach with it.
    fn of(result: &DiscoveryResult<'_>) -> Option<Self> {
        let stream_id = i32::try_from(result.driver_control_stream_id.get()).ok()?;
        let channel = result.driver_control_channel.parse().ok()?;
        let pools = result.payload_pools.iter().map(|pool| FoundPool {
            pool_id: pool.pool_id,
            stride_bytes: pool.stride.get(),
            region_uri: pool.region_uri.to_string(),
        });
        Some(Self {
            stream: result.stream_id,
            producer: result.producer_id,
            epoch: result.epoch,
            layout_version: result.layout_version,
            header_nslots: result.header_nslots.get(),
            data_source_id: result.data_source_id,
            driver_control: Endpoint::new(channel, stream_id),
            header_region_uri: result.header_region_uri.to_string(),
            pools: pools.collect(),
            data_source_name: result.data_source_name.map(own),
            driver_instance_id: result.driver_instance_id.map(own),
            tags: result.tags.iter().map(|tag| own(tag.0)).collect(),
        })
    }

    /// The name of its data source as announced, if it has one.
    pub fn data_source_name(&self) -> Option<Cow<'_, str>> {
        self.data_source_name
            .as_deref()
            .map(String::from_utf8_lossy)
    }

    /// Which driver has it, if that has a name.
    pub fn driver_instance_id(&self) -> Option<Cow<'_, str>> {
        self.driver_instance_id
            .as_deref()
            .map(String::from_utf8_lossy)
    }

    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.tags.iter().map(|tag| String::from_utf8_lossy(tag))
    }

    /// Whether it bears this tag, byte for byte.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| **known == *tag.as_bytes())
    }

    /// Whether its data source has this name, byte for byte.
    pub fn is_named(&self, name: &str) -> bool {
        self.data_source_name.as_deref() == Some(name.as_bytes())
    }

    /// Whether all of `filter` holds for it, as a provider would say.
    pub fn matches(&self, filter: &Filter<'_>) -> bool {
        let producer = self.producer.map_or(0, ClientId::get);
        let mut tags = filter.tags.iter().filter(|tag| !tag.0.0.is_empty());
        filter.stream_id.is_none_or(|id| id == self.stream.get())
            && filter.producer_id.is_none_or(|id| id == producer)
            && (filter.data_source_id.is_none() || filter.data_source_id == self.data_source_id)
            && filter
                .data_source_name
                .is_none_or(|name| self.is_named(name))
            && tags.all(|tag| self.tags.iter().any(|known| **known == *tag.0.0))
    }
}

fn own(text: Text<'_>) -> Box<[u8]> {
    text.0.into()
}
