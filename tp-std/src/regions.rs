//! The regions of one epoch: as somebody offers them, and mapped. Clones of a mapped region share its memory; whoever
//! drops the last one unmaps.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::memory::{MapError, Region, RegionMapper, WritableRegion};
use tp_core_nostd::proto::mapping::Health;
use tp_core_nostd::proto::regions::{RegionsError, StreamRegions};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{
    HeaderRing, LAYOUT_VERSION, PayloadPool, PoolClass, RegionError, RegionKind, RegionShape,
    load_activity, store_activity,
};
use tp_core_nostd::time::Instant;
use tp_core_nostd::uri::{RegionUri, UriError};
use tp_core_nostd::wire::PoolEntry;
use tp_core_nostd::wire::control::ShmPoolAnnounce;
use tp_core_nostd::wire::driver::Grant;
use tp_linux_hugepages::{LinuxMapper, MappedBell, Mapping, WritableMapping};

use crate::own_regions::OwnRegions;

/// Regions on offer, kept beyond the message that named them. Nothing of it is a fact before it is mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) stream: StreamId,
    pub(crate) epoch: Epoch,
    layout_version: u32,
    slots: SlotCount,
    header_uri: String,
    pools: Vec<(PoolClass, String)>,
}

/// Regions on offer, as the message names them that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered<'a> {
    stream: StreamId,
    pub(crate) epoch: Epoch,
    layout_version: u32,
    slots: SlotCount,
    header_uri: &'a RegionUri<'a>,
    pools: &'a [PoolEntry<'a>],
}

impl<'a> From<&'a Grant<'a>> for Offered<'a> {
    fn from(grant: &'a Grant<'a>) -> Self {
        Self {
            stream: grant.stream_id,
            epoch: grant.epoch,
            layout_version: grant.layout_version,
            slots: grant.header_nslots,
            header_uri: &grant.header_region_uri,
            pools: &grant.payload_pools,
        }
    }
}

impl<'a> From<&'a ShmPoolAnnounce<'a>> for Offered<'a> {
    fn from(announce: &'a ShmPoolAnnounce<'a>) -> Self {
        Self {
            stream: announce.stream_id,
            epoch: announce.epoch,
            layout_version: announce.layout_version,
            slots: announce.header_nslots,
            header_uri: &announce.header_region_uri,
            pools: &announce.payload_pools,
        }
    }
}

/// Why regions on offer are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferRefused {
    /// Memory of a layout this library does not speak.
    #[error("memory layout {got} is offered, this library speaks {LAYOUT_VERSION}")]
    Layout {
        /// The offered layout version.
        got: u32,
    },
    /// The text is no region URI.
    #[error("a region has no proper URI: {0}")]
    Uri(UriError),
    /// The file could not be mapped.
    #[error("a region cannot be mapped: {0}")]
    Map(MapError),
    /// The file is not the region on offer.
    #[error("a region is not the one on offer: {0}")]
    Region(RegionError),
    /// Frames were written there before: a producer that begins needs a new epoch (T-58).
    #[error("the regions of epoch {epoch} were used before; a producer begins in a new epoch")]
    Used {
        /// Their epoch.
        epoch: Epoch,
    },
    /// The regions do not belong together.
    #[error("the regions on offer do not belong together: {0}")]
    Regions(RegionsError),
}

impl Offer {
    /// What is on offer, to be kept.
    pub(crate) fn of(offered: &Offered<'_>) -> Self {
        Self {
            stream: offered.stream,
            epoch: offered.epoch,
            layout_version: offered.layout_version,
            slots: offered.slots,
            header_uri: offered.header_uri.to_string(),
            pools: owned(offered.pools),
        }
    }

    /// Whether it is the same that was kept; no announce of what is mapped already costs an allocation (C-162).
    fn is(&self, offered: &Offered<'_>) -> bool {
        let is = |kept: &str, uri: &RegionUri<'_>| {
            RegionUri::parse(kept.as_bytes()).is_ok_and(|kept| kept == *uri)
        };
        let pools = || self.pools.iter().zip(offered.pools);
        self.stream == offered.stream
            && self.epoch == offered.epoch
            && self.layout_version == offered.layout_version
            && self.slots == offered.slots
            && is(&self.header_uri, offered.header_uri)
            && self.pools.len() == offered.pools.len()
            && pools().all(|((class, uri), pool)| {
                (class.pool_id, class.stride) == (pool.pool_id, pool.stride)
                    && is(uri, &pool.region_uri)
            })
    }

    pub(crate) fn of_own(stream: StreamId, own: &OwnRegions) -> Self {
        Self {
            stream,
            epoch: own.epoch,
            layout_version: LAYOUT_VERSION,
            slots: own.slots,
            header_uri: own.header_uri.clone(),
            pools: own.pools.clone(),
        }
    }

    fn shape(&self, kind: RegionKind) -> RegionShape {
        RegionShape {
            stream_id: self.stream,
            epoch: self.epoch,
            slots: self.slots,
            kind,
        }
    }

    /// Maps every region and checks every superblock, or maps nothing (W-241).
    fn map_with<M: Region>(
        self,
        mapper: &LinuxMapper,
        map: impl Fn(&RegionUri<'_>, u64) -> Result<M, MapError>,
    ) -> Result<Mapped<M>, OfferRefused> {
        if self.layout_version != LAYOUT_VERSION {
            return Err(OfferRefused::Layout {
                got: self.layout_version,
            });
        }
        let region = |uri: &str, shape: &RegionShape| {
            let uri = RegionUri::parse(uri.as_bytes()).map_err(OfferRefused::Uri)?;
            map(&uri, shape.region_len()).map_err(OfferRefused::Map)
        };
        let shape = self.shape(RegionKind::HeaderRing);
        let ring = HeaderRing::open(region(&self.header_uri, &shape)?, &shape)
            .map_err(OfferRefused::Region)?;
        let mut pools = Vec::with_capacity(self.pools.len());
        for (PoolClass { pool_id, stride }, uri) in &self.pools {
            let shape = self.shape(RegionKind::PayloadPool {
                pool_id: *pool_id,
                stride: *stride,
            });
            pools.push(
                PayloadPool::open(region(uri, &shape)?, &shape).map_err(OfferRefused::Region)?,
            );
        }
        let pid = ring.superblock().map_err(OfferRefused::Region)?.pid;
        let regions =
            Regions::new(ring, pools.into_boxed_slice()).map_err(OfferRefused::Regions)?;
        let bell = RegionUri::parse(self.header_uri.as_bytes()).ok();
        let bell = bell.and_then(|header| mapper.find_bell(&header));
        Ok(Mapped {
            offer: self,
            regions,
            pid,
            bell,
        })
    }

    pub(crate) fn map_read(self, mapper: &LinuxMapper) -> Result<Mapped<Mapping>, OfferRefused> {
        self.map_with(mapper, |uri, len| mapper.map_read(uri, len))
    }

    pub(crate) fn map_write(
        self,
        mapper: &LinuxMapper,
    ) -> Result<Mapped<WritableMapping>, OfferRefused> {
        self.map_with(mapper, |uri, len| mapper.map_write(uri, len))
    }
}

fn owned(pools: &[PoolEntry<'_>]) -> Vec<(PoolClass, String)> {
    let one = |pool: &PoolEntry<'_>| {
        (
            PoolClass {
                pool_id: pool.pool_id,
                stride: pool.stride,
            },
            pool.region_uri.to_string(),
        )
    };
    pools.iter().map(one).collect()
}

/// What a role works on.
pub(crate) type Regions<M> = StreamRegions<M, Box<[PayloadPool<M>]>>;

/// All regions of one epoch, mapped and validated: the conductor's copy.
#[derive(Debug)]
pub(crate) struct Mapped<M> {
    offer: Offer,
    regions: Regions<M>,
    /// Process id of the creator when it was mapped.
    pid: u64,
    /// How sleeping consumers are woken, where the driver laid a bell beside the regions.
    bell: Option<MappedBell>,
}

impl<M: Region> Mapped<M> {
    pub(crate) const fn epoch(&self) -> Epoch {
        self.offer.epoch
    }

    /// Whether an offer names the very regions that are mapped.
    pub(crate) fn is(&self, offered: &Offered<'_>) -> bool {
        self.offer.is(offered)
    }

    /// Another holder of the same memory, for the role.
    pub(crate) fn share(&self) -> Regions<M>
    where
        M: Clone,
    {
        self.regions.clone()
    }

    /// The same, unless frames were written there before.
    pub(crate) fn unused(self) -> Result<Self, OfferRefused> {
        match self.regions.is_unused() {
            true => Ok(self),
            false => Err(OfferRefused::Used {
                epoch: self.epoch(),
            }),
        }
    }

    /// Another holder of the bell, for the role.
    pub(crate) fn bell(&self) -> Option<MappedBell> {
        self.bell.clone()
    }

    /// Whether nobody else holds the bell.
    pub(crate) fn bell_is_last(&self) -> bool {
        self.bell.as_ref().is_none_or(MappedBell::is_last)
    }

    /// Every mapped region.
    pub(crate) fn each(&self) -> impl Iterator<Item = &M> {
        let pools = self.regions.pools().iter().map(PayloadPool::region);
        core::iter::once(self.regions.ring().region()).chain(pools)
    }

    /// Whether all superblocks bear the process id of the ring's.
    pub(crate) fn is_of_one_writer(&self) -> bool {
        self.health().same_writer
    }

    /// What the superblocks show now.
    pub(crate) fn health(&self) -> Health {
        health(&self.regions, self.pid)
    }

    /// Process id of the creator when it was mapped.
    pub(crate) const fn pid(&self) -> u64 {
        self.pid
    }

    /// The oldest activity stamp, in nanoseconds of the monotonic clock.
    pub(crate) fn activity_ns(&self) -> u64 {
        self.each()
            .map(|region| load_activity(region.view()).unwrap_or(0))
            .min()
            .unwrap_or(0)
    }
}

/// What the superblocks show now of regions that were mapped when `pid` had made them.
pub(crate) fn health<M: Region>(regions: &Regions<M>, pid: u64) -> Health {
    let pools = regions.pools().iter().map(PayloadPool::superblock);
    let mut health = Health {
        intact: true,
        same_writer: true,
        activity_ns: u64::MAX,
    };
    for superblock in core::iter::once(regions.ring().superblock()).chain(pools) {
        match superblock {
            Ok(superblock) => {
                health.same_writer &= superblock.pid == pid;
                health.activity_ns = health.activity_ns.min(superblock.activity_ns);
            }
            Err(_) => health.intact = false,
        }
    }
    health
}

impl<M: WritableRegion> Mapped<M> {
    /// Says in every region that its producer lives (W-031, D-016).
    pub(crate) fn touch(&self, now: Instant) {
        for region in self.each() {
            // A region that was opened has room for its superblock.
            let _ = store_activity(region.writer(), now);
        }
    }
}

#[cfg(test)]
mod tests;
