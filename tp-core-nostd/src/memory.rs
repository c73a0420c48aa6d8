//! What the core needs from whoever maps memory: regions to look into, a way to get them, and cache maintenance.
//!
//! On Linux regions are mapped files (`tp-linux-hugepages`); in tests and firmware they are slices of [`Line`]s.

pub use crate::shm::{Line, Region, RegionView, RegionWriter, WritableRegion};
use crate::uri::RegionUri;

/// Gets hold of regions by their URI. `len` is computed from what was announced, never taken from the file (T-33);
/// exactly so much is mapped, after the file was found to have it.
pub trait RegionMapper {
    /// What consumers get.
    type Read: Region;
    /// What producers get.
    type Write: WritableRegion;

    /// Maps `len` bytes read-only.
    ///
    /// # Errors
    /// [`MapError`]; then no part of the region is used (W-241).
    fn map_read(&self, uri: &RegionUri<'_>, len: u64) -> Result<Self::Read, MapError>;

    /// Maps `len` bytes for reading and writing.
    ///
    /// # Errors
    /// [`MapError`]; then no part of the region is used (W-241).
    fn map_write(&self, uri: &RegionUri<'_>, len: u64) -> Result<Self::Write, MapError>;
}

/// Why a region could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MapError {
    /// Nothing is there, or a directory of the path is missing.
    NotFound,
    /// The path lies in none of the allowed base directories (W-252), or none is configured (T-32).
    OutsideBases,
    /// The path, or what stood at its end when it was opened, is not what was checked before: a symbolic link, or
    /// another file put in its place (W-255, W-256).
    Replaced,
    /// A directory, device, FIFO or socket (W-253, W-254).
    NotAFile,
    /// Owner, group or mode of the file are not as configured (C-004).
    Permissions {
        /// Permission bits of the file.
        mode: u32,
        /// Owner of the file.
        uid: u32,
        /// Group of the file.
        gid: u32,
    },
    /// The file is shorter than the announced parameters say (T-33).
    TooShort {
        /// Bytes of the announced region.
        needed: u64,
        /// Bytes of the file.
        got: u64,
    },
    /// More bytes than this machine can address.
    TooLarge {
        /// Bytes of the announced region.
        needed: u64,
    },
    /// Huge pages were required and the file does not lie on them, or that cannot be told (W-260, W-261).
    NotHugepages,
    /// The system refused; `step` says what, `code` is its error number.
    Failed {
        /// What was tried.
        step: MapStep,
        /// `errno`, or what the platform has for it.
        code: i32,
    },
}

/// What was tried when the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MapStep {
    /// Resolving the path to its canonical form.
    Resolve,
    /// Opening the file.
    Open,
    /// Asking for its type, size or identity.
    Inspect,
    /// Mapping it.
    Map,
    /// Touching every page of it beforehand.
    Prefault,
    /// Locking it into memory.
    Lock,
}

impl core::fmt::Display for MapError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::NotFound => f.write_str("no such file"),
            Self::OutsideBases => f.write_str("the path lies in no allowed base directory"),
            Self::Replaced => f.write_str("the path is, or became, a link or another file"),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::Permissions { mode, uid, gid } => write!(
                f,
                "mode {mode:04o}, owner {uid} and group {gid} are refused as configured"
            ),
            Self::TooShort { needed, got } => {
                write!(f, "the file has {got} bytes, the region needs {needed}")
            }
            Self::TooLarge { needed } => write!(f, "{needed} bytes cannot be addressed here"),
            Self::NotHugepages => f.write_str("huge pages are required and not proven"),
            Self::Failed { step, code } => {
                let step = match step {
                    MapStep::Resolve => "resolve the path",
                    MapStep::Open => "open the file",
                    MapStep::Inspect => "inspect the file",
                    MapStep::Map => "map the file",
                    MapStep::Prefault => "prefault the mapping",
                    MapStep::Lock => "lock the mapping into memory",
                };
                write!(f, "could not {step}: error {code}")
            }
        }
    }
}

impl core::error::Error for MapError {}

/// Cache maintenance for devices that write or read payload behind the caches (W-092, W-093). Where DMA is coherent, or
/// there is none, the default does all that is needed: nothing.
pub trait CacheOps {
    /// Before a device starts to write `payload`: no dirty line may later be evicted over what it wrote.
    fn before_device_write(&self, payload: RegionWriter<'_>) {
        let _ = payload;
    }

    /// Before the frame is committed: what a device wrote into the first `len` bytes of `payload` is what every CPU
    /// reads (wire 3.2, step 6).
    fn before_commit(&self, payload: RegionWriter<'_>, len: usize) {
        let _ = (payload, len);
    }

    /// Before a device reads `payload`: what CPUs wrote is in memory.
    fn before_device_read(&self, payload: RegionView<'_>) {
        let _ = payload;
    }
}

/// Memory that needs no cache maintenance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coherent;

impl CacheOps for Coherent {}
