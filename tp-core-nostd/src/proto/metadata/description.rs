//! What applies to a source: its name, its summary, its attributes, and the version of all that.

use heapless::String;

use super::{AttributeList, MetadataError};
use crate::time::Instant;
use crate::wire::control::Attributes;

/// Longest name of a source, in bytes (C-132).
pub const NAME_MAX: usize = 256;
/// Longest summary of a source, in bytes.
pub const SUMMARY_MAX: usize = 1024;

/// A version of a source's metadata. `S` lends the memory for attributes.
#[derive(Clone, Debug)]
pub struct SourceDescription<S> {
    version: u32,
    /// When this version came to apply.
    changed_at: Instant,
    name: String<NAME_MAX>,
    summary: String<SUMMARY_MAX>,
    attributes: AttributeList<S>,
    /// Whether there ever was an attribute.
    has_attributes: bool,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> SourceDescription<S> {
    /// Nothing said yet. `None` if `storage` holds not even an empty list.
    pub fn new(storage: S) -> Option<Self> {
        Some(Self {
            version: 0,
            changed_at: Instant::from_ns(0),
            name: String::new(),
            summary: String::new(),
            attributes: AttributeList::new(storage)?,
            has_attributes: false,
        })
    }

    /// The version, for slots and descriptors (W-227). 0 while nothing was said.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// When this version came to apply.
    pub const fn changed_at(&self) -> Instant {
        self.changed_at
    }

    /// What people call the source; empty where nobody said.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// What it sends; empty where nobody said.
    pub fn summary(&self) -> &str {
        self.summary.as_str()
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'_> {
        self.attributes.get()
    }

    /// Whether there is, or was, an attribute to tell of.
    pub const fn has_attributes(&self) -> bool {
        self.has_attributes
    }

    /// Says what people call the source, and what it sends. Empty is nothing. Returns whether that is a change.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn describe(
        &mut self,
        now: Instant,
        name: &str,
        summary: &str,
    ) -> Result<bool, MetadataError> {
        if (self.name.as_str(), self.summary.as_str()) == (name, summary) {
            return Ok(false);
        }
        let full = |needed: &str, got| MetadataError::Full {
            needed: needed.len(),
            got,
        };
        let copies = (String::try_from(name), String::try_from(summary));
        let name = copies.0.map_err(|_| full(name, NAME_MAX))?;
        let summary = copies.1.map_err(|_| full(summary, SUMMARY_MAX))?;
        let version = self.next_version()?;
        (self.name, self.summary) = (name, summary);
        self.changed(now, version);
        Ok(true)
    }

    /// Sets one attribute, in place of the one with that key (C-080). Returns whether that is a change.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn set(
        &mut self,
        now: Instant,
        key: &str,
        format: &str,
        value: &[u8],
    ) -> Result<bool, MetadataError> {
        let version = self.next_version()?;
        let changed = self.attributes.set(key, format, value)?;
        if changed {
            self.has_attributes = true;
            self.changed(now, version);
        }
        Ok(changed)
    }

    /// Removes the attribute with this key. Returns whether it was there.
    ///
    /// # Errors
    /// [`MetadataError::VersionsUsedUp`]
    pub fn remove(&mut self, now: Instant, key: &str) -> Result<bool, MetadataError> {
        let version = self.next_version()?;
        let changed = self.attributes.remove(key);
        if changed {
            self.changed(now, version);
        }
        Ok(changed)
    }

    /// The version after this one. All ones would read as none.
    fn next_version(&self) -> Result<u32, MetadataError> {
        let next = self.version.checked_add(1);
        next.filter(|next| *next != u32::MAX)
            .ok_or(MetadataError::VersionsUsedUp)
    }

    const fn changed(&mut self, now: Instant, version: u32) {
        self.version = version;
        self.changed_at = now;
    }

    #[cfg(test)]
    pub(super) const fn pretend(&mut self, version: u32) {
        self.version = version;
    }
}
