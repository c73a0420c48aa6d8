//! The bell of an epoch: how a producer wakes consumers that sleep (E-01). It lies in a file of its own beside the regions,
//! so that their layout is nobody else's business, and both sides may write it. `docs/wake-up.md` has the whole story.
//!
//! ```text
//!  consumer                                     producer
//!  announce   bell → ticket, acquire            commit a frame
//!             wanted = 1; full fence            is_wanted  wanted? relaxed
//!  look at the ring: a frame? then no sleep     ring       wanted = 0; bell + 1, release; wake all
//!  sleep while the bell is the ticket
//! ```
//!
//! The order of the consumer's steps is what counts: a producer that takes the wish back rings afterwards, and a ticket
//! drawn before the wish is old by then, so that whoever was about to sleep does not. Nobody is counted: a consumer that
//! dies asleep leaves a wish behind, which costs the producer one useless call, once.
//!
//! One thing cannot be had for one relaxed load: between a commit and that load the processor may keep the commit to
//! itself for some nanoseconds. A consumer therefore goes on looking for a while before it sleeps, and never sleeps long.

use super::error::OutOfBounds;
#[cfg(not(loom))]
use super::error::RegionError;
use super::region::RegionWriter;
use crate::sync::{AtomicU32, Ordering, Word, fence};

/// `TPBELL01`, little-endian.
const MAGIC: u64 = u64::from_le_bytes(*b"TPBELL01");

/// Bytes of a bell.
pub const BELL_LEN: u64 = 64;

/// What the file holds.
#[derive(Debug)]
#[repr(C)]
pub struct BellBlock {
    magic: Word,
    /// Whether somebody is about to sleep.
    wanted: AtomicU32,
    /// Rises with each ringing.
    bell: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<BellBlock>() == 16 && BELL_LEN >= 16);

/// What the bell showed when sleeping began to be thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u32);

impl Ticket {
    /// The value that the word of the bell has as long as nobody rang.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A bell in memory that was found to be one.
#[derive(Clone, Copy, Debug)]
pub struct Bell<'a>(&'a BellBlock);

impl BellBlock {
    /// A bell in memory of our own.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            magic: Word::new(MAGIC),
            wanted: AtomicU32::new(0),
            bell: AtomicU32::new(0),
        }
    }

    /// A bell in memory of our own.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            magic: Word::new(MAGIC),
            wanted: AtomicU32::new(0),
            bell: AtomicU32::new(0),
        }
    }
}

impl Default for BellBlock {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> From<&'a BellBlock> for Bell<'a> {
    fn from(block: &'a BellBlock) -> Self {
        Self(block)
    }
}

impl<'a> Bell<'a> {
    /// Makes a bell of zeroed memory.
    ///
    /// # Errors
    /// [`OutOfBounds`]
    pub fn create(memory: RegionWriter<'_>) -> Result<(), OutOfBounds> {
        memory.store(0, MAGIC)
    }

    /// The bell in this memory, which somebody says there is: nothing is written to anything else.
    ///
    /// # Errors
    /// Too short, or something else.
    #[cfg(not(loom))]
    pub fn open(memory: RegionWriter<'a>) -> Result<Self, RegionError> {
        match memory.view().load(0).map_err(RegionError::TooShort)? {
            MAGIC => Self::of(memory).map_err(RegionError::TooShort),
            got => Err(RegionError::Magic { got }),
        }
    }

    /// The bell in memory that [`Bell::open`] found to be one before.
    ///
    /// # Errors
    /// [`OutOfBounds`]
    #[cfg(not(loom))]
    #[inline]
    pub fn of(memory: RegionWriter<'a>) -> Result<Self, OutOfBounds> {
        memory.bell_block().map(Self)
    }

    /// Consumer: says that it is about to sleep. Look at the ring afterwards, and sleep only if nothing is there.
    pub fn announce(&self) -> Ticket {
        let ticket = Ticket(self.0.bell.load(Ordering::Acquire));
        self.0.wanted.store(1, Ordering::Relaxed);
        // The wish is seen by whoever commits from now on, or what was committed is seen by us.
        fence(Ordering::SeqCst);
        ticket
    }

    /// Whether nobody rang since.
    pub fn is_still(&self, ticket: Ticket) -> bool {
        self.0.bell.load(Ordering::Acquire) == ticket.0
    }

    /// Producer, after a commit: whether somebody sleeps. All it costs as long as nobody does.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed) != 0
    }

    /// Producer: rings. Then wake everybody who sleeps on [`Bell::word`].
    #[cold]
    pub fn ring(&self) {
        self.0.wanted.store(0, Ordering::Relaxed);
        // One producer at a time: nobody else moves it. What a vandal writes here wakes somebody for nothing.
        let now = self.0.bell.load(Ordering::Relaxed);
        self.0.bell.store(now.wrapping_add(1), Ordering::Release);
    }

    /// The word to sleep on.
    pub const fn word(&self) -> &'a AtomicU32 {
        &self.0.bell
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use crate::shm::{Line, WritableRegion};

    #[test] // req: E-01
    fn a_wish_makes_the_producer_ring_once() {
        let memory = [Line::zeroed()];
        Bell::create(memory.as_slice().writer()).unwrap();
        let bell = Bell::open(memory.as_slice().writer()).unwrap();
        assert!(!bell.is_wanted());
        let ticket = bell.announce();
        assert!(bell.is_wanted() && bell.is_still(ticket));
        bell.ring();
        // A consumer that died meanwhile costs nothing more.
        assert!(!bell.is_wanted() && !bell.is_still(ticket));
        assert_eq!(bell.word().load(Ordering::Relaxed), ticket.get() + 1);
        assert!(bell.is_still(bell.announce()));
    }

    #[test] // req: E-01
    fn what_is_no_bell_is_left_alone() {
        let memory = [Line::zeroed()];
        let writer = memory.as_slice().writer();
        assert!(matches!(
            Bell::open(writer),
            Err(RegionError::Magic { got: 0 })
        ));
        let nothing: [Line; 0] = [];
        assert!(matches!(
            Bell::open(nothing.as_slice().writer()),
            Err(RegionError::TooShort(_))
        ));
        assert!((0..8).all(|word| writer.view().load(word) == Ok(0)));
    }
}
