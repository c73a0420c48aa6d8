//! Why a frame was not taken, or a claim not committed.

use core::fmt;

use crate::proto::claim::{ClaimError, TokenError};
use crate::proto::progress::ProgressError;

/// Why no slot was given. Neither slot nor number was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OfferError {
    /// No pool has slots this long (W-121).
    TooLarge {
        /// Bytes of the payload.
        len: usize,
        /// Bytes of the longest slots.
        max: u32,
    },
    /// No claim is to be had.
    Claim(ClaimError),
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { len, max } => {
                write!(f, "{len} bytes of payload, the longest slot has {max}")
            }
            Self::Claim(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OfferError {}

impl From<ClaimError> for OfferError {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

/// Why a claim was not committed, or nothing told of it. It is what it was, its slot untouched (C-061).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CommitError {
    /// The payload is said to be longer than its slot.
    TooLong {
        /// Bytes of the payload.
        len: u32,
        /// Bytes of the slot.
        stride: u32,
    },
    /// The claim does not live.
    Token(TokenError),
    /// What is reported does not follow what was reported before (C-072).
    Progress(ProgressError),
    /// The header was written first, and a commit may say nothing else than it but a shorter length (E-02).
    HeaderStands,
    /// Headers are to be written first, so nothing can be told of a frame whose header is not known (E-02).
    HeaderMissing,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, stride } => {
                write!(f, "{len} bytes of payload in a slot of {stride}")
            }
            Self::Token(error) => error.fmt(f),
            Self::Progress(error) => error.fmt(f),
            Self::HeaderStands => f.write_str("the header that was written first says else"),
            Self::HeaderMissing => f.write_str("progress of a frame without a header"),
        }
    }
}

impl core::error::Error for CommitError {}

impl From<ProgressError> for CommitError {
    fn from(error: ProgressError) -> Self {
        Self::Progress(error)
    }
}

impl From<TokenError> for CommitError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}
