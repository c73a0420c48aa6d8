//! Merge maps: kept, told, asked for (join-barrier 2.2, 2.3).
//!
//! ```text
//!   the producer of the output, or its supervisor        a stage that joins
//!   ┌───────────┐   announce: change, period, asked      ┌──────────┐      ┌─────────┐
//!   │ Authority │ ─────────────────────────────────────► │ Registry │ ───► │ Barrier │
//!   │           │ ◄───────────────────────────────────── │          │      │         │
//!   └───────────┘   request, repeated with backoff       └──────────┘      └─────────┘
//!                                                 MapRequester ◄── wanted ─────┘
//! ```
//!
//! A map is low-rate configuration (J-005). It is kept as the bytes that announce it, so that it can be told again and compared
//! without being understood; nothing here allocates. There is one of each kind of machine per kind of map, named by its
//! [`MergeRule`]: sequence maps and timestamp maps never displace each other.

mod authority;
mod registry;
mod requester;
mod rule;

pub use authority::{Authority, OwnMap, Refused};
pub use registry::{MapNews, Registry};
pub use requester::MapRequester;
pub use rule::{MergeRule, Scope, TimeTerms};

use crate::sbe::EncodeError;

/// Room for one map, as `N` bytes of its announce: 32 and 13 per rule of a sequence map, 41 and 22 of a timestamp map.
#[derive(Clone, Copy, Debug)]
pub struct StoredMap<const N: usize> {
    scope: Option<Scope>,
    /// 0 while the map of this scope is void.
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> StoredMap<N> {
    /// No map.
    pub const FREE: Self = Self {
        scope: None,
        len: 0,
        bytes: [0; N],
    };

    fn of<R: MergeRule>(map: &R::Map<'_>) -> Result<Self, EncodeError> {
        let mut bytes = [0; N];
        Ok(Self {
            scope: Some(R::scope(map)),
            len: R::encode(map, &mut bytes)?,
            bytes,
        })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
