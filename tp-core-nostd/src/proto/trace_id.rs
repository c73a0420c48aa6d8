//! Trace ids: a time, a node and a sequence in one number, so that nobody has to ask anybody for one (tracelink 2).
//!
//! ```text
//!  0 | milliseconds since the offset | node (10 bits) | sequence (12 bits)
//! ```
//!
//! The time is that of the wall clock, but a generator never goes back with it and never waits for it: with the sequence of a
//! millisecond used up it goes on in the next one (K-044). So the ids of one generator rise strictly; those of several differ
//! while their nodes do (K-006). [`TraceIdGenerator`] has one owner, [`SharedTraceIdGenerator`] any number of threads.
//!
//! ```
//! use tp_core_nostd::proto::trace_id::{TraceIdGenerator, TraceIdLayout};
//!
//! let now_ms = 1_700_000_000_000;
//! let mut generator = TraceIdGenerator::new(TraceIdLayout::DEFAULT, 5, now_ms)?;
//! let first = generator.mint(now_ms);
//! assert_eq!(first.get(), 7_130_316_800_000_020_480);
//! assert!(generator.mint(now_ms - 1_000) > first); // the clock was set back
//! assert_eq!(TraceIdLayout::DEFAULT.parts(first).node, 5);
//! # Ok::<(), tp_core_nostd::proto::trace_id::TraceIdError>(())
//! ```

mod node;

use core::fmt;

use crate::ids::TraceId;
#[cfg(target_has_atomic = "64")]
use crate::sync::{AtomicU64, Ordering};

pub use node::{NodeChoice, NodeStep};

/// Most bits of node and sequence together; 41 are left for the time.
const LOW_BITS_MAX: u8 = 22;

/// Why there is no generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TraceIdError {
    /// Node and sequence take `got` bits together, there are 22.
    TooManyBits {
        /// Bits of both.
        got: u16,
    },
    /// The node's number does not fit its bits.
    NodeTooLarge {
        /// The number.
        got: u64,
        /// The largest that fits.
        max: u64,
    },
    /// Time would begin after now.
    OffsetInFuture {
        /// Where it would begin, in milliseconds since 1970.
        offset_ms: u64,
        /// The wall clock, in milliseconds since 1970.
        now_ms: u64,
    },
}

impl fmt::Display for TraceIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBits { got } => {
                write!(f, "node and sequence take {got} bits, there are 22")
            }
            Self::NodeTooLarge { got, max } => {
                write!(f, "node id {got} does not fit, the largest is {max}")
            }
            Self::OffsetInFuture { offset_ms, now_ms } => {
                write!(f, "the offset {offset_ms} ms lies after now, {now_ms} ms")
            }
        }
    }
}

impl core::error::Error for TraceIdError {}

/// How the bits of an id are shared out. All generators of a deployment have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TraceIdLayout {
    node_bits: u8,
    sequence_bits: u8,
    offset_ms: u64,
}

/// What an id consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TraceIdParts {
    /// Milliseconds since the layout's offset.
    pub since_offset_ms: u64,
    /// The node that minted it.
    pub node: u64,
    /// Its number within node and millisecond.
    pub sequence: u64,
}

impl TraceIdLayout {
    /// 1,024 nodes, 4,096 ids per millisecond each, until September 2039.
    pub const DEFAULT: Self = Self {
        node_bits: 10,
        sequence_bits: 12,
        offset_ms: 0,
    };

    /// Time counts from `offset_ms` milliseconds after 1970; it lasts 69 years with all 22 lower bits in use.
    ///
    /// # Errors
    /// [`TraceIdError::TooManyBits`].
    pub const fn new(
        node_bits: u8,
        sequence_bits: u8,
        offset_ms: u64,
    ) -> Result<Self, TraceIdError> {
        let got = (node_bits as u16).wrapping_add(sequence_bits as u16); // two bytes fit
        if got > LOW_BITS_MAX as u16 {
            return Err(TraceIdError::TooManyBits { got });
        }
        Ok(Self {
            node_bits,
            sequence_bits,
            offset_ms,
        })
    }

    /// The largest number a node can have.
    pub const fn node_max(&self) -> u64 {
        ones(self.node_bits)
    }

    /// Takes an id apart.
    pub const fn parts(&self, id: TraceId) -> TraceIdParts {
        TraceIdParts {
            since_offset_ms: id.get() >> self.low_bits(),
            node: (id.get() >> self.sequence_bits) & self.node_max(),
            sequence: id.get() & ones(self.sequence_bits),
        }
    }

    const fn low_bits(&self) -> u8 {
        self.node_bits.wrapping_add(self.sequence_bits)
    }

    /// The last millisecond there is: one short of all ones, for all ones together are no id (K-042). Two times 69 years with
    /// all 22 lower bits in use, since bit 63 is taken rather than to stop; ids of a clock beyond repeat.
    const fn ms_max(&self) -> u64 {
        (u64::MAX >> self.low_bits()).wrapping_sub(1)
    }

    /// The word of the id behind `word`. A word is an id without node.
    const fn after(&self, word: u64, now_ms: u64) -> u64 {
        let now = now_ms.saturating_sub(self.offset_ms);
        let stored = word >> self.low_bits();
        let ms = if now > stored {
            now
        } else if word & ones(self.sequence_bits) < ones(self.sequence_bits) {
            return word.wrapping_add(1);
        } else {
            stored.wrapping_add(1)
        };
        let ms = if ms > self.ms_max() {
            self.ms_max()
        } else {
            ms
        };
        ms << self.low_bits()
    }
}

/// The number whose `count` lowest bits are set.
const fn ones(count: u8) -> u64 {
    (1_u64 << count).wrapping_sub(1)
}

/// What does not change in a generator's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    layout: TraceIdLayout,
    number: u64,
}

impl Node {
    const fn new(layout: TraceIdLayout, number: u64, now_ms: u64) -> Result<Self, TraceIdError> {
        if number > layout.node_max() {
            return Err(TraceIdError::NodeTooLarge {
                got: number,
                max: layout.node_max(),
            });
        }
        if layout.offset_ms > now_ms {
            return Err(TraceIdError::OffsetInFuture {
                offset_ms: layout.offset_ms,
                now_ms,
            });
        }
        Ok(Self { layout, number })
    }

    fn id(&self, word: u64) -> TraceId {
        // A word that was stepped to is neither 0 nor in the last millisecond, so it always makes an id.
        let raw = word | self.number << self.layout.sequence_bits;
        TraceId::new(raw).unwrap_or(FIRST)
    }
}

const FIRST: TraceId = match TraceId::new(1) {
    Some(id) => id,
    None => unreachable!(),
};

/// Mints ids for one owner.
#[derive(Clone, Debug)]
pub struct TraceIdGenerator {
    node: Node,
    word: u64,
}

impl TraceIdGenerator {
    /// Mints in the name of `node`; `now_ms` is the wall clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`TraceIdError`]
    pub const fn new(layout: TraceIdLayout, node: u64, now_ms: u64) -> Result<Self, TraceIdError> {
        match Node::new(layout, node, now_ms) {
            Ok(node) => Ok(Self { node, word: 0 }),
            Err(error) => Err(error),
        }
    }

    /// The next id, at `now_ms` milliseconds since 1970.
    pub fn mint(&mut self, now_ms: u64) -> TraceId {
        self.word = self.node.layout.after(self.word, now_ms);
        self.node.id(self.word)
    }
}

/// Mints ids for many threads, without a lock.
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
pub struct SharedTraceIdGenerator {
    node: Node,
    word: AtomicU64,
}

#[cfg(target_has_atomic = "64")]
impl SharedTraceIdGenerator {
    /// Mints in the name of `node`; `now_ms` is the wall clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`TraceIdError`]
    pub fn new(layout: TraceIdLayout, node: u64, now_ms: u64) -> Result<Self, TraceIdError> {
        Ok(Self {
            node: Node::new(layout, node, now_ms)?,
            word: AtomicU64::new(0),
        })
    }

    /// The next id, at `now_ms` milliseconds since 1970. Tries again only if another thread minted meanwhile.
    pub fn mint(&self, now_ms: u64) -> TraceId {
        // One word is all there is to agree on, so no order with anything else is needed.
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let next = self.node.layout.after(seen, now_ms);
            let swapped =
                self.word
                    .compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return self.node.id(next),
                Err(other) => seen = other,
            }
        }
    }
}

#[cfg(test)]
mod tests;
