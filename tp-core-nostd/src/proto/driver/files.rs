//! What the driver asks of the file system, and what it hears back.
//!
//! The engine never waits: it gives orders, at most one scan or provisioning and one collection per stream at a time, and
//! goes on. Whoever carries them out may take seconds, in slices or on another thread (D-216), but keeps the order that the
//! orders of one stream came in.

use core::fmt;

use super::config::Profile;
use super::retention::Keep;
use crate::ids::{Epoch, StreamId};

/// Something to do with the files of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOrder<'a> {
    /// Find the highest epoch that was ever used, in directory names and in superblocks (driver 7, step 1). Answered by
    /// [`FileResult::Scanned`] or [`FileResult::Failed`].
    Scan {
        /// The stream.
        stream: StreamId,
    },
    /// Create the regions of a new epoch, complete and fresh. Where the directory exists already, take the next higher
    /// epoch that does not (driver 7, step 3). Answered by [`FileResult::Provisioned`] or [`FileResult::Failed`].
    Provision {
        /// The stream.
        stream: StreamId,
        /// The epoch to begin with.
        epoch: Epoch,
        /// The regions' shape.
        profile: Profile<'a>,
    },
    /// Remove old epochs of the stream: each one that `keep` does not spare, asked from the newest to the oldest. The newest
    /// directory itself always stays, as the record of its number: not spared, it loses its files (D-204). Nothing outside
    /// the stream's directory is touched, no link is followed, and no name but decimal epochs and the files of regions
    /// (D-203). Always answered by [`FileResult::Collected`], however much could be removed.
    Collect {
        /// The stream.
        stream: StreamId,
        /// What stays.
        keep: Keep,
    },
    /// Write now into the activity stamp of every region (D-018). Not answered.
    RefreshActivity {
        /// The stream.
        stream: StreamId,
        /// The epoch in use.
        epoch: Epoch,
    },
}

/// How an order went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FileResult {
    /// The disk was looked at.
    Scanned {
        /// The stream.
        stream: StreamId,
        /// The highest epoch found, 0 if none was.
        last_epoch: u64,
    },
    /// The regions are there.
    Provisioned {
        /// The stream.
        stream: StreamId,
        /// The epoch they really got: the ordered one, or a higher one.
        epoch: Epoch,
    },
    /// Old epochs were collected.
    Collected {
        /// The stream.
        stream: StreamId,
        /// Epochs whose files were removed.
        removed: u32,
    },
    /// The scan or the provisioning failed; nothing new is left behind.
    Failed {
        /// The stream.
        stream: StreamId,
        /// Why.
        error: FileError,
    },
}

/// Why files could not be had, as clients are told; logs know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FileError {
    /// Not enough room, in memory, on disk or in huge pages.
    NoSpace {
        /// Bytes of the stream's regions.
        needed: u64,
        /// Bytes that were free.
        free: u64,
    },
    /// The driver may not write there.
    NotPermitted,
    /// The regions could not be locked into memory as configured (D-189).
    NotLocked,
    /// Old epochs are there and cannot be read, so that the last one is unknown (driver 7).
    Unreadable,
    /// No epoch number is left.
    NoEpochLeft,
    /// The system call failed with this error number.
    Failed(i32),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSpace { needed, free } => {
                write!(f, "no space: {needed} bytes needed, {free} free")
            }
            Self::NotPermitted => f.write_str("the driver may not create the regions"),
            Self::NotLocked => f.write_str("the regions could not be locked into memory"),
            Self::Unreadable => f.write_str("old epochs of the stream could not be read"),
            Self::NoEpochLeft => f.write_str("no epoch number is left"),
            Self::Failed(errno) => {
                write!(f, "the regions could not be created: error {errno}")
            }
        }
    }
}

impl core::error::Error for FileError {}
