//! An Aeron client of the host program, used by clients of ours instead of one of their own (C-006, C-007).

use core::ffi::c_void;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusteron_client as rc;

/// Who drives the conductor of an Aeron client that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrivenBy {
    /// The client that adopts it, in its duty cycle. Only one can.
    Us,
    /// The host program, on the thread that drives the clients that adopt it too.
    Host,
    /// A thread of Aeron's.
    OwnThread,
}

/// Why an Aeron client cannot be adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// There is none, or it was closed.
    #[error("there is no Aeron client to adopt, or it is closed")]
    Closed,
    /// It has a thread that drives it already.
    #[error("the Aeron client is driven by its own thread, {0:?} would be a second driver")]
    SecondDriver(DrivenBy),
    /// It waits for somebody to drive it.
    #[error("the Aeron client has no thread of its own, somebody has to drive it")]
    Undriven,
    /// Another client of ours drives it.
    #[error("the Aeron client is driven by another client that adopted it")]
    Taken,
    /// The host drives it on its own thread; a client with another one cannot use it.
    #[error("the Aeron client is driven by the host, so the client must be driven by it as well")]
    OtherThread,
}

/// A running Aeron client of the host. It is neither started nor closed nor given other settings here. Clones are the same
/// client.
#[derive(Clone)]
pub struct HostAeron {
    aeron: rc::Aeron,
    driven_by: DrivenBy,
    dir: PathBuf,
    taken: Arc<AtomicBool>,
}

impl HostAeron {
    /// The running client behind `aeron`, an `aeron_t *` of Aeron's C interface.
    ///
    /// # Errors
    /// `driven_by` is not what its settings say.
    ///
    /// # Safety
    /// `aeron` is null or a client that was started and stays open for as long as this value, clients that adopted it, and
    /// their roles and endpoints are used. With [`DrivenBy::Us`] nobody else drives it. With [`DrivenBy::Host`], whoever
    /// drives it also drives the adopting clients on the same thread, and drops their roles and endpoints there.
    #[expect(
        unsafe_code,
        reason = "what the pointer says is for the caller to know"
    )]
    pub unsafe fn from_raw(aeron: *mut c_void, driven_by: DrivenBy) -> Result<Self, AdoptError> {
        if aeron.is_null() {
            return Err(AdoptError::Closed);
        }
        let aeron = rc::Aeron::from(aeron.cast::<rc::bindings::aeron_t>());
        if aeron.is_closed() {
            return Err(AdoptError::Closed);
        }
        let context = aeron.context();
        match (context.get_use_conductor_agent_invoker(), driven_by) {
            (true, DrivenBy::OwnThread) => return Err(AdoptError::Undriven),
            (false, DrivenBy::Us | DrivenBy::Host) => {
                return Err(AdoptError::SecondDriver(driven_by));
            }
            (true, DrivenBy::Us | DrivenBy::Host) | (false, DrivenBy::OwnThread) => {}
        }
        let dir = PathBuf::from(context.get_dir());
        Ok(Self {
            aeron,
            driven_by,
            dir,
            taken: Arc::default(),
        })
    }

    /// Who drives it.
    pub const fn driven_by(&self) -> DrivenBy {
        self.driven_by
    }

    /// The media driver's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) const fn aeron(&self) -> &rc::Aeron {
        &self.aeron
    }

    /// The right to drive it, if that is ours to have; one at a time.
    pub(super) fn take(&self) -> Result<Option<Driving>, AdoptError> {
        if self.driven_by != DrivenBy::Us {
            return Ok(None);
        }
        match self.taken.swap(true, Ordering::AcqRel) {
            true => Err(AdoptError::Taken),
            false => Ok(Some(Driving(self.taken.clone()))),
        }
    }
}

impl fmt::Debug for HostAeron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dir, driven_by, .. } = self;
        write!(f, "HostAeron({}, driven by {driven_by:?})", dir.display())
    }
}

/// While it lives, its holder drives the client.
#[derive(Debug)]
pub(super) struct Driving(Arc<AtomicBool>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
