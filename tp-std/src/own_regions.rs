//! Regions that the application made itself, for a producer that has no driver (C-048).

use tp_core_nostd::ids::{Epoch, PoolId};
use tp_core_nostd::proto::pool_beacon::Announced;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{PoolClass, RegionKind, Stride};
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::{POOLS_MAX, PoolEntry, Pools};
use tp_linux_hugepages::CreatedRegion;

use crate::error::ConfigError;

/// A header ring and its payload pools, by URI. They are checked when the producer maps them; files are made by
/// `tp_shm_create` or by [`CanonicalTree`](tp_linux_hugepages::CanonicalTree), anew for each run of the producer, with an
/// epoch that no run before had (T-58).
///
/// ```no_run
/// use tp_core_nostd::{ids::{Epoch, PoolId, StreamId}, seq::SlotCount, shm::Stride};
/// use tp_std::{Client, ConsumerConfig, Context, OwnRegions, ProducerConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = "shm:file?path=/dev/shm/tensorpool-ann/default/10000/7";
/// let (epoch, slots) = (Epoch::new(7).unwrap(), SlotCount::new(8).unwrap());
/// let (pool, stride) = (PoolId::new(1).unwrap(), Stride::new(4096).unwrap());
/// let regions = OwnRegions::new(epoch, slots, format!("{dir}/header.ring"))?
///     .with_pool(pool, stride, format!("{dir}/1.pool"))?;
///
/// let (client, _conductor) = Client::start(Context::new().allow_dir("/dev/shm"))?;
/// let (stream, patience) = (StreamId::new(10_000).unwrap(), core::time::Duration::from_secs(5));
/// let producer = client.producer(ProducerConfig::direct(stream, regions))?.wait(patience)?;
/// let consumer = client.consumer(ConsumerConfig::direct(stream))?.wait(patience)?;
/// # drop((producer, consumer));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRegions {
    pub(crate) epoch: Epoch,
    pub(crate) slots: SlotCount,
    pub(crate) header_uri: String,
    pub(crate) pools: Vec<(PoolClass, String)>,
}

impl OwnRegions {
    /// A header ring of `slots` slots; a pool at least is still needed.
    ///
    /// # Errors
    /// [`ConfigError::Region`]: the text is no region URI.
    pub fn new(
        epoch: Epoch,
        slots: SlotCount,
        header_uri: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            epoch,
            slots,
            header_uri: checked(header_uri.into())?,
            pools: Vec::new(),
        })
    }

    /// One more pool, of as many slots as the ring has.
    ///
    /// # Errors
    /// [`ConfigError::Region`]: the text is no region URI. [`ConfigError::Pools`]: there is one of this number, or there are
    /// as many as a stream can have.
    pub fn with_pool(
        mut self,
        pool_id: PoolId,
        stride: Stride,
        uri: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        if self.pools.len() >= POOLS_MAX {
            return Err(ConfigError::Pools("a stream has at most 16 payload pools"));
        }
        if self.pools.iter().any(|(pool, _)| pool.pool_id == pool_id) {
            return Err(ConfigError::Pools("two payload pools have one number"));
        }
        let class = PoolClass { stride, pool_id };
        self.pools.push((class, checked(uri.into())?));
        Ok(self)
    }

    /// What [`CanonicalTree::create_epoch`](tp_linux_hugepages::CanonicalTree::create_epoch) made.
    ///
    /// # Errors
    /// [`ConfigError::Pools`]: there is no ring in front, or another one behind it; else as [`OwnRegions::with_pool`].
    pub fn created(regions: &[CreatedRegion]) -> Result<Self, ConfigError> {
        let uri = |region: &CreatedRegion| format!("shm:file?path={}", region.path.display());
        let [ring, pools @ ..] = regions else {
            return Err(ConfigError::Pools("no region was created"));
        };
        let mut own = Self::new(ring.shape.epoch, ring.shape.slots, uri(ring))?;
        for region in pools {
            let RegionKind::PayloadPool { pool_id, stride } = region.shape.kind else {
                return Err(ConfigError::Pools("a stream has one header ring"));
            };
            own = own.with_pool(pool_id, stride, uri(region))?;
        }
        Ok(own)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.pools.is_empty() {
            true => Err(ConfigError::Pools("a stream has at least one payload pool")),
            false => Ok(()),
        }
    }

    /// As an announce names them. `None` never: every text was checked.
    pub(crate) fn announced(&self) -> Option<Announced<'_>> {
        let mut pools = Pools::new();
        for (class, uri) in &self.pools {
            let region_uri = RegionUri::parse(uri.as_bytes()).ok()?;
            let PoolClass { stride, pool_id } = *class;
            let entry = PoolEntry {
                pool_id,
                stride,
                region_uri,
            };
            pools.push(entry).ok()?;
        }
        Some(Announced {
            epoch: self.epoch,
            slots: self.slots,
            pools,
            header_uri: RegionUri::parse(self.header_uri.as_bytes()).ok()?,
        })
    }

    /// Bytes of all URIs together.
    pub(crate) fn uri_bytes(&self) -> usize {
        let pools = self.pools.iter().map(|(_, uri)| uri.len());
        pools.fold(self.header_uri.len(), usize::saturating_add)
    }
}

fn checked(uri: String) -> Result<String, ConfigError> {
    match RegionUri::parse(uri.as_bytes()) {
        Ok(_) => Ok(uri),
        Err(error) => Err(ConfigError::Region { uri, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: &str = "shm:file?path=/dev/shm/x/header.ring";

    fn own() -> OwnRegions {
        OwnRegions::new(Epoch::new(5).unwrap(), SlotCount::new(8).unwrap(), RING).unwrap()
    }

    fn with_pool(own: OwnRegions, id: u16) -> Result<OwnRegions, ConfigError> {
        let stride = Stride::new(64).unwrap();
        own.with_pool(PoolId::new(id).unwrap(), stride, "shm:file?path=/p")
    }

    #[test] // req: C-048, C-049
    fn what_cannot_be_mapped_is_refused_where_it_is_written() {
        let no_uri = OwnRegions::new(own().epoch, own().slots, "/dev/shm/x/header.ring");
        assert!(matches!(no_uri, Err(ConfigError::Region { .. })));
        assert!(matches!(own().check(), Err(ConfigError::Pools(_))));
        let one = with_pool(own(), 1).unwrap();
        assert_eq!(one.check(), Ok(()));
        assert!(matches!(
            with_pool(one.clone(), 1),
            Err(ConfigError::Pools(_))
        ));
        let full = (2..=16).fold(one, |own, id| with_pool(own, id).unwrap());
        assert!(matches!(with_pool(full, 17), Err(ConfigError::Pools(_))));
    }

    #[test] // req: C-078, W-244
    fn an_announce_names_what_was_given() {
        let own = with_pool(with_pool(own(), 2).unwrap(), 1).unwrap();
        let announced = own.announced().unwrap();
        assert_eq!(announced.header_uri.to_string(), RING);
        let ids: Vec<_> = announced
            .pools
            .iter()
            .map(|pool| pool.pool_id.get())
            .collect();
        assert_eq!(
            (ids, announced.epoch, announced.slots),
            (vec![2, 1], own.epoch, own.slots)
        );
        assert_eq!(own.uri_bytes(), RING.len() + 2 * "shm:file?path=/p".len());
    }
}
