//! What a producer tells of its source: a beacon, and the attributes that apply (wire 4.7, 5.17).
//!
//! ```text
//!            first attribute            set, removed: version rises
//!   Bare ───────────────────► Described ──┐
//!    │ ▲ described, period,      │  ▲     │
//!    └─┘ asked: announce         └──┘◄────┘ change, period, asked: announce and meta
//! ```
//!
//! Everything is kept here and told again each period, at every change, and when a consumer comes; the version rises with
//! every change and never falls (W-224). Attributes stand in memory the caller lends, in the form they have on the wire.
//!
//! Whoever changes metadata on one thread and tells it on another keeps a [`SourceDescription`] there and hands copies of
//! it to the [`SourceMetadata`] here.
//!
//! ```
//! use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
//! use tp_core_nostd::proto::metadata::{Due, SourceMetadata};
//! use tp_core_nostd::time::{Duration, Instant};
//!
//! # fn main() -> Option<()> {
//! let (stream, producer) = (StreamId::new(10_000)?, ClientId::new(7)?);
//! let mut source = SourceMetadata::new(stream, producer, Duration::from_secs(1), [0; 256])?;
//! let now = Instant::from_ns(1);
//! source.set(now, "camera_serial", "text/plain", b"SN-0042").ok()?;
//! assert_eq!(source.version(), 1);
//!
//! let mut told = Vec::new();
//! while source.transmit(now, Epoch::new(1), |due| Ok::<(), ()>(told.push(match due {
//!     Due::Announce(announce) => ("announce", announce.meta_version),
//!     Due::Meta(meta) => ("meta", meta.meta_version),
//! }))).ok()? {}
//! assert_eq!(told, [("announce", 1), ("meta", 1)]);
//! # Some(())
//! # }
//! # main().unwrap();
//! ```

mod attributes;
mod description;
mod events;

pub use attributes::AttributeList;
pub use description::{NAME_MAX, SUMMARY_MAX, SourceDescription};
pub use events::{MetaEvent, events};

use core::fmt;

use crate::ids::{ClientId, Epoch, StreamId};
use crate::proto::cadence::Cadence;
use crate::time::{Duration, Instant};
use crate::wire::Text;
use crate::wire::control::{Attributes, DataSourceAnnounce, DataSourceMeta};

/// Why metadata was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MetadataError {
    /// There is no room: `needed` against `got` bytes.
    Full {
        /// Bytes that all of it would take.
        needed: usize,
        /// Bytes there are.
        got: usize,
    },
    /// There are as many attributes as a message can carry.
    TooMany,
    /// An attribute without a name.
    NoKey,
    /// All versions are used; the producer has to start anew.
    VersionsUsedUp,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { needed, got } => {
                write!(
                    f,
                    "the metadata needs {needed} bytes, there is room for {got}"
                )
            }
            Self::TooMany => f.write_str("no message carries that many attributes"),
            Self::NoKey => f.write_str("an attribute needs a key"),
            Self::VersionsUsedUp => f.write_str("no metadata version is left"),
        }
    }
}

impl core::error::Error for MetadataError {}

/// A message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<'m> {
    /// The beacon.
    Announce(DataSourceAnnounce<'m>),
    /// All attributes.
    Meta(DataSourceMeta<'m>),
}

/// The metadata of one source, at its producer. `S` lends the memory for attributes.
#[derive(Clone, Debug)]
pub struct SourceMetadata<S> {
    stream: StreamId,
    producer: ClientId,
    description: SourceDescription<S>,
    announce: Cadence,
    meta: Cadence,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> SourceMetadata<S> {
    /// Says nothing but that the source is there, each `period`. `None` if `storage` holds not even an empty list.
    pub fn new(stream: StreamId, producer: ClientId, period: Duration, storage: S) -> Option<Self> {
        Some(Self {
            stream,
            producer,
            description: SourceDescription::new(storage)?,
            announce: Cadence::new(period),
            meta: Cadence::new(period),
        })
    }

    /// The version that applies, for slots and descriptors (W-227). 0 while nothing was said.
    pub const fn version(&self) -> u32 {
        self.description.version()
    }

    /// What applies.
    pub fn attributes(&self) -> Attributes<'_> {
        self.description.attributes()
    }

    /// Says what people call the source, and what it sends. Empty is nothing.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn describe(
        &mut self,
        now: Instant,
        name: &str,
        summary: &str,
    ) -> Result<(), MetadataError> {
        let changed = self.description.describe(now, name, summary)?;
        self.tell(changed);
        Ok(())
    }

    /// Sets one attribute, in place of the one with that key (C-080). One that is so already is no change.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn set(
        &mut self,
        now: Instant,
        key: &str,
        format: &str,
        value: &[u8],
    ) -> Result<(), MetadataError> {
        let changed = self.description.set(now, key, format, value)?;
        self.tell(changed);
        Ok(())
    }

    /// Removes the attribute with this key. One that is not there is no change.
    ///
    /// # Errors
    /// [`MetadataError::VersionsUsedUp`]
    pub fn remove(&mut self, now: Instant, key: &str) -> Result<(), MetadataError> {
        let changed = self.description.remove(now, key)?;
        self.tell(changed);
        Ok(())
    }

    /// Another description applies from now on, and is told at once; returns the one that applied.
    pub const fn adopt(&mut self, description: SourceDescription<S>) -> SourceDescription<S> {
        self.asked();
        core::mem::replace(&mut self.description, description)
    }

    const fn tell(&mut self, changed: bool) {
        if changed {
            self.asked();
        }
    }

    /// Somebody asked, or a consumer came: everything is told at once (W-225).
    pub const fn asked(&mut self) {
        self.announce.hasten();
        self.meta.hasten();
    }

    /// Has another id from now on: another lease.
    pub const fn set_producer(&mut self, producer: ClientId) {
        self.producer = producer;
    }

    /// Offers the message that is due to `emit`, which sends it; returns whether one was sent. Without an epoch there is
    /// no source to announce.
    ///
    /// # Errors
    /// What `emit` returned; the message stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        epoch: Option<Epoch>,
        emit: impl FnOnce(Due<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let description = &self.description;
        if let Some(epoch) = epoch.filter(|_| self.announce.is_due(now)) {
            emit(Due::Announce(DataSourceAnnounce {
                stream_id: self.stream,
                producer_id: Some(self.producer),
                epoch,
                meta_version: description.version(),
                name: text(description.name()),
                summary: text(description.summary()),
            }))?;
            self.announce.sent(now);
            return Ok(true);
        }
        if description.has_attributes() && self.meta.is_due(now) {
            emit(Due::Meta(DataSourceMeta {
                stream_id: self.stream,
                meta_version: description.version(),
                timestamp_ns: description.changed_at().as_ns(),
                attributes: description.attributes(),
            }))?;
            self.meta.sent(now);
            return Ok(true);
        }
        Ok(false)
    }

    /// When to come back.
    pub fn poll_timeout(&self) -> Instant {
        match self.description.has_attributes() {
            true => self.announce.due_at().min(self.meta.due_at()),
            false => self.announce.due_at(),
        }
    }
}

fn text(text: &str) -> Option<Text<'_>> {
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests;
