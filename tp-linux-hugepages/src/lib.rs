//! SHM Tensor Pool.
mod allow;
mod dir;
mod epochs;
#[cfg(test)]
mod fixture;
mod hugetlb;
mod mapper;
mod mapping;
mod mode;
mod names;
mod open;
pub mod realtime;
mod removal;
mod tree;
pub use allow::{AllowedBases, Permissions};
pub use dir::FileError;
pub use epochs::EpochOnDisk;
pub use hugetlb::{huge_page_bytes, whole_pages};
pub use mapper::LinuxMapper;
pub use mapping::{Mapping, Residency, WritableMapping};
pub use mode::FileMode;
pub use names::{Namespace, UserName};
pub use open::{CheckedPath, RegionFile};
pub use removal::RemoveError;
pub use tree::{CanonicalTree, HEADER_FILE, pool_file};
