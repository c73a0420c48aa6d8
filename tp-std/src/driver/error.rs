//! What ends a driver, or keeps it from starting.

use std::path::PathBuf;

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::driver::{Rival, SetupError};
use tp_core_nostd::transport::{PollError, SendError};
use tp_linux_hugepages::{FileError, LockError};

use crate::aeron::TransportError;

/// A driver cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The base directory cannot be used.
    #[error("shm.base_dir: {0}")]
    Tree(#[from] FileError),
    /// Huge pages are required where there are none (D-193).
    #[error(
        "shm.require_hugepages: {} is no hugetlbfs; mount one and put shm.base_dir on it, or turn the key off",
        .0.display()
    )]
    NoHugepages(PathBuf),
    /// The base directory lies on a hugetlbfs that was not asked for.
    #[error(
        "shm.base_dir: {} is a hugetlbfs; set shm.require_hugepages = true, or choose another directory", .0.display()
    )]
    UnwantedHugepages(PathBuf),
    /// The pages are of another size than expected.
    #[error("shm.page_size_bytes: {expected} expected, the huge pages there have {found}")]
    PageSize {
        /// What is configured.
        expected: u64,
        /// What the file system has.
        found: u64,
    },
    /// The engine cannot be set up.
    #[error("{0}")]
    Setup(#[from] SetupError),
    /// Another driver of this host has one of the streams (D-008).
    #[error("{0}; stop that driver first, or give this one other streams or another shm.namespace")]
    Locked(LockError),
    /// Somebody else announces one of the streams (D-008).
    #[error(
        "stream {} is announced by another driver (epoch {}, producer {}); stop that driver first, or give one of \
         the two other streams or another announce stream",
        .0.stream, .0.epoch, producer(.0.producer)
    )]
    Rival(Rival),
    /// The thread for files could not be started.
    #[error("the thread for files could not be started: {0}")]
    Thread(std::io::Error),
    /// The thread for files is gone.
    #[error("the thread for files ended unexpectedly")]
    FilesGone,
    /// Aeron refused or is gone.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The media driver did not answer in time.
    #[error("the media driver did not set up the control and announce streams within {0:?}")]
    NoAnswer(core::time::Duration),
    /// The control stream cannot be read any more.
    #[error("the control stream cannot be read: {0:?}")]
    Poll(PollError),
    /// A publication cannot be used any more.
    #[error("the {stream} stream cannot be written: {error:?}")]
    Send {
        /// Which one.
        stream: &'static str,
        /// Why.
        error: SendError,
    },
}

impl From<LockError> for DriverError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::File(error) => Self::Tree(error),
            held @ LockError::Held { .. } => Self::Locked(held),
        }
    }
}

fn producer(client: Option<ClientId>) -> String {
    client.map_or_else(|| "none".to_owned(), |client| client.to_string())
}
