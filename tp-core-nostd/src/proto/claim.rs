//! Slots and sequence numbers in the producer's hands: claimed, written, committed in order (client 1.5).
//!
//! A [`Token`] names one claim; the table behind it says whether the claim still lives. Numbers leave in rising order
//! whatever the order of commits: a commit that overtakes an older claim waits for it (word and descriptor, E-06), or
//! voids it ([`Overtaking`]). So one commit can make none, one or several frames ready:
//!
//! ```
//! use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId, Tags};
//! use tp_core_nostd::{ids::PoolId, seq::SlotCount};
//!
//! let slots = SlotCount::new(4).unwrap();
//! let entries = [Entry::FREE; 4]; // or boxed, or borrowed
//! let mut claims = Streaming::new(TableId(1), entries, slots, Overtaking::Hold).unwrap();
//! let pool = PoolId::new(1).unwrap();
//! let (first, second) = (claims.claim(pool)?, claims.claim(pool)?);
//! assert_eq!(claims.commit(second, Tags::default())?, None); // held: its word still says "in progress"
//! let mut ready = claims.commit(first, Tags::default())?;
//! while let Some(frame) = ready {
//!     // store the committed word of `frame.slot`, send the descriptor of `frame.seq`
//!     ready = claims.next_ready();
//! }
//! assert_eq!(claims.outstanding(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Streaming`] claims take the next number. [`FixedPool`] claims keep their slot for life and are numbered late.

mod fixed_pool;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pool_model;
mod streaming;
mod table;

use core::fmt;

use crate::ids::PoolId;
use crate::seq::{Seq, SlotIndex};

pub use fixed_pool::FixedPool;
pub use streaming::Streaming;
pub use table::{Entries, Entry};

/// Tells the tokens of one table from those of another: unique per mapping of any producer in the process (C-065).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TableId(pub u32);

/// One claim. A plain value: whoever needs it to be used once wraps it; a stale or altered copy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Token {
    table: TableId,
    generation: u32,
    slot: SlotIndex,
    pool: PoolId,
    seq: Seq,
}

impl Token {
    /// The slot in the ring, and in its pool.
    pub const fn slot(self) -> SlotIndex {
        self.slot
    }

    /// The pool that holds the payload.
    pub const fn pool(self) -> PoolId {
        self.pool
    }

    /// The frame's number; of a queued fixed-pool claim, the least it can become.
    pub const fn seq(self) -> Seq {
        self.seq
    }
}

/// What any claims offer to whoever tells of frames that are being filled.
pub trait Claims {
    /// The claim's number is about to be told; the token that has it from now on.
    ///
    /// # Errors
    /// [`TokenError`]
    fn tell(&mut self, token: Token) -> Result<Token, TokenError>;

    /// The header of a claim whose number was told stands, and will not change before the commit (E-02).
    ///
    /// # Errors
    /// [`TokenError`]
    fn head(&mut self, token: Token) -> Result<(), TokenError>;

    /// Whether the claim's header stands.
    ///
    /// # Errors
    /// [`TokenError`] of a claim that cannot be committed.
    fn is_headed(&mut self, token: Token) -> Result<bool, TokenError>;
}

/// What the descriptor says of a frame besides its number; kept while the commit is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tags {
    /// The metadata that applies to the frame.
    pub meta_version: Option<u32>,
    /// Set where the frame is traced.
    pub trace_id: Option<u64>,
}

/// A committed frame whose turn has come: store its committed word, then send its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Ready {
    /// Where it stands.
    pub slot: SlotIndex,
    /// Its number, above all that became ready before.
    pub seq: Seq,
    /// What its commit said.
    pub tags: Tags,
}

/// What becomes of an older claim when a newer one commits first (C-064).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Overtaking {
    /// The newer frame waits until the older claim ends.
    #[default]
    Hold,
    /// The older claim is void: it can only be ended, its number is skipped.
    Void,
}

/// Why no claim was given. Nothing was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClaimError {
    /// The next frame's slot belongs to a claim of ours that has not ended: back-pressure (C-060).
    SlotHeld {
        /// That slot.
        slot: SlotIndex,
    },
    /// All 2^63 numbers are used; only a new epoch helps (wire T-43).
    Exhausted,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotHeld { slot } => {
                write!(f, "slot {} is held by an outstanding claim", slot.get())
            }
            Self::Exhausted => f.write_str("the epoch has no sequence number left"),
        }
    }
}

impl core::error::Error for ClaimError {}

/// Why a token was not accepted. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TokenError {
    /// The claim ended, the token was altered, or it belongs to another producer or mapping (C-062, C-065).
    Stale,
    /// A newer claim overtook this one under [`Overtaking::Void`]; abort or queue it.
    Voided,
    /// The committed frame still waits for an older claim, its slot must stay as it is.
    Held,
    /// All numbers of this slot are used; only a new epoch helps (wire T-43).
    Exhausted,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stale => "the claim is no longer, or was never, one of this mapping",
            Self::Voided => "a newer commit overtook the claim",
            Self::Held => "the committed frame waits for an older claim",
            Self::Exhausted => "the epoch has no sequence number left for this slot",
        })
    }
}

impl core::error::Error for TokenError {}
