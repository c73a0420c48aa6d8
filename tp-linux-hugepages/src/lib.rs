//! SHM Tensor Pool regions on Linux: files, mappings, huge pages, realtime set-up. No protocol decision is made here.
//!
//! Two ways lead to a mapped region:
//!
//! - **somebody else's**: [`LinuxMapper`] takes an announced URI through [`CheckedPath`] (inside an [`AllowedBases`], a
//!   regular file) and [`RegionFile`] (opened without following links, the same file, accepted [`Permissions`], long
//!   enough, on huge pages if they are required) to a [`Mapping`] or [`WritableMapping`];
//! - **our own**: [`CanonicalTree`] creates an epoch's files with all of their space, finds the last epoch on disk,
//!   collects old ones, and keeps a second driver away ([`StreamLock`]).
//!
//! Beside them, [`realtime`] prepares threads. `mapping.rs` has all the unsafe code.
//!
//! ```
//! use std::path::Path;
//! use tp_core_nostd::{ids::*, memory::*, seq::SlotCount, shm::*, time::Instant, uri::RegionUri};
//! use tp_linux_hugepages::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let base = scratch.path();
//! // A driver creates the first epoch of a stream below `base`, such as /dev/shm.
//! let namespace = Namespace::new("default").ok_or("namespace")?;
//! let tree = CanonicalTree::new(base, &UserName::effective(), namespace, FileMode::SHARED_GROUP)?;
//! let shape = EpochShape {
//!     stream: StreamId::new(10_000).ok_or("stream")?,
//!     epoch: Epoch::new(1).ok_or("epoch")?,
//!     slots: SlotCount::new(8).ok_or("slots")?,
//!     pools: &[(PoolId::new(1).ok_or("pool")?, Stride::new(65_536).ok_or("stride")?)],
//! };
//! let regions = tree.create_epoch(&shape, Instant::from_ns(1), Residency::default())?;
//!
//! // A consumer maps what was announced.
//! let mapper = LinuxMapper { bases: AllowedBases::new(&[base])?, ..LinuxMapper::default() };
//! for announced in &regions {
//!     let uri = RegionUri::new(announced.path.to_str().ok_or("path")?, false)?;
//!     let region = mapper.map_read(&uri, announced.shape.region_len())?;
//!     Superblock::load_as(region.view(), &announced.shape)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Start reading at [`LinuxMapper`] for consumers and producers, at [`CanonicalTree::create_epoch`] for drivers.

mod allow;
mod bell;
mod cache;
mod collect;
mod create;
mod dir;
mod epochs;
#[cfg(test)]
mod fixture;
mod hugetlb;
mod lock;
mod lock_holder;
mod mapper;
mod mapping;
mod mode;
mod names;
mod open;
mod process;
pub mod realtime;
mod removal;
mod reserve;
#[cfg(test)]
#[path = "../../tests/skip.rs"]
mod skip;
mod tree;

pub use allow::{AllowedBases, Permissions};
pub use bell::{BELL_FILE, MappedBell};
pub use cache::last_level_cache_bytes;
pub use collect::Collected;
pub use create::{CreateError, CreatedRegion, EpochShape};
pub use dir::FileError;
pub use epochs::EpochOnDisk;
pub use hugetlb::{huge_page_bytes, whole_pages};
pub use lock::{LOCK_FILE, LockError, StreamLock};
pub use mapper::LinuxMapper;
pub use mapping::{Mapping, Residency, WritableMapping};
pub use mode::FileMode;
pub use names::{Namespace, UserName};
pub use open::{CheckedPath, RegionFile};
pub use removal::RemoveError;
pub use tree::{CanonicalTree, HEADER_FILE, pool_file};
