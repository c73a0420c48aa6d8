//! Where a consumer's payloads come from: shared memory, or the fallback it was told of (wire 3.6, 5.13, C-099).
//!
//! ```text
//!              mapped                  use_shm = 0, with a supported URI
//!  Waiting ──────────────► Shm ──────────────────────────────────────────► Fallback
//!   │   ▲                   │ unmapped: Waiting                              ▲ │ │
//!   │   └───────────────────┘                                                │ │ │ mapped
//!   ├── mapping refused, URI known ──────────────────────────────────────────┘ │ └──────────► Shm
//!   │   ▲                                                                      │
//!   │   └────────────── use_shm = 1, nothing refused ──────────────────────────┘
//!   └── use_shm = 0, no supported URI: Stopped, until use_shm = 1
//! ```
//!
//! As long as shared memory is allowed, each announce that counts is tried, from `Fallback` as from `Waiting`.

use heapless::String;

use crate::wire::control::ConsumerConfig;

/// The longest URI that is kept unless its owner chooses another limit (C-132).
pub const FALLBACK_URI_MAX: usize = 4096;

/// Whether payloads can be had from this URI: Aeron's channel syntax, or a bridge (W-194, W-195).
pub fn is_supported(uri: &str) -> bool {
    let names_something = |scheme| {
        uri.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    };
    names_something("aeron:") || names_something("bridge://")
}

/// Where payloads come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PayloadSource {
    /// From nowhere yet: the next announce is awaited.
    Waiting,
    /// From shared memory.
    Shm,
    /// From the fallback URI; reading it is the application's business.
    Fallback,
    /// From nowhere: shared memory is forbidden and there is no other source (supervisor trap 8).
    Stopped,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'m> {
    /// A ConsumerConfig with our stream and our consumer id.
    Config(&'m ConsumerConfig<'m>),
    /// Regions are mapped.
    Mapped,
    /// Announced regions were refused.
    Refused,
    /// Regions are mapped no more.
    Unmapped,
}

/// Follows where one consumer's payloads come from.
#[derive(Clone, Debug)]
pub struct FallbackMachine<const N: usize = FALLBACK_URI_MAX> {
    use_shm: bool,
    is_mapped: bool,
    /// The last attempt to map was refused.
    is_refused: bool,
    uri: Option<String<N>>,
    unsupported: u64,
}

impl<const N: usize> FallbackMachine<N> {
    /// May use shared memory, and has no regions yet.
    pub const fn new() -> Self {
        Self {
            use_shm: true,
            is_mapped: false,
            is_refused: false,
            uri: None,
            unsupported: 0,
        }
    }

    /// Takes one input; returns whether what is mapped has to be given up.
    #[must_use]
    pub fn handle(&mut self, input: Input<'_>) -> bool {
        match input {
            Input::Config(config) => {
                let uri = config.payload_fallback_uri;
                let usable = uri.filter(|uri| is_supported(uri));
                self.uri = usable.and_then(|uri| String::try_from(uri).ok());
                if uri.is_some() && self.uri.is_none() {
                    self.unsupported = self.unsupported.saturating_add(1);
                }
                if config.use_shm && !self.use_shm {
                    self.is_refused = false;
                }
                self.use_shm = config.use_shm;
            }
            Input::Mapped => {
                self.is_mapped = true;
                self.is_refused = false;
            }
            Input::Refused => {
                self.is_mapped = false;
                self.is_refused = true;
            }
            Input::Unmapped => self.is_mapped = false,
        }
        self.is_mapped && !self.use_shm
    }

    /// Where payloads come from.
    pub const fn source(&self) -> PayloadSource {
        match (self.use_shm, self.is_mapped, self.uri.is_some()) {
            (true, true, _) => PayloadSource::Shm,
            (true, false, true) if self.is_refused => PayloadSource::Fallback,
            (true, false, _) => PayloadSource::Waiting,
            (false, _, true) => PayloadSource::Fallback,
            (false, _, false) => PayloadSource::Stopped,
        }
    }

    /// Whether announced regions may be mapped.
    pub const fn may_map(&self) -> bool {
        self.use_shm
    }

    /// The fallback we know of, whether it is in use or not.
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// Fallbacks that were told and cannot be used: another scheme, or too long.
    pub const fn unsupported(&self) -> u64 {
        self.unsupported
    }
}

impl<const N: usize> Default for FallbackMachine<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
