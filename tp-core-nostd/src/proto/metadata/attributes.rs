//! A list of attributes that can be changed one by one, in lent memory, in the form of the wire: the group of
//! DataSourceMeta.

use super::MetadataError;
use crate::sbe::{Cursor, EncodeError, Entry, GROUP_MAX, Writer};
use crate::wire::control::{Attribute, AttributeBlock, Attributes};

/// Bytes of the group's dimension.
const DIMENSION: usize = 4;

/// Attributes with different keys.
#[derive(Clone, Debug)]
pub struct AttributeList<S> {
    storage: S,
    /// Bytes in use.
    used: usize,
    count: usize,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> AttributeList<S> {
    /// An empty list. `None` if `storage` cannot even hold that.
    pub fn new(storage: S) -> Option<Self> {
        let mut list = Self {
            storage,
            used: DIMENSION,
            count: 0,
        };
        list.write_count().then_some(list)
    }

    /// The attributes, in the order in which they were last changed.
    pub fn get(&self) -> Attributes<'_> {
        let mut cursor = Cursor::new(self.storage.as_ref());
        match cursor.group() {
            Ok(group) => Attributes::received(group),
            // Unreachable: the bytes are always a group.
            Err(_) => Attributes::listed(&[]),
        }
    }

    /// Sets one attribute; returns whether that changed anything.
    ///
    /// # Errors
    /// [`MetadataError`]; then nothing changed.
    pub fn set(&mut self, key: &str, format: &str, value: &[u8]) -> Result<bool, MetadataError> {
        if key.is_empty() {
            return Err(MetadataError::NoKey);
        }
        let before = self.find(key);
        let is_same = |attribute: Attribute<'_>| {
            (attribute.format.0, attribute.value) == (format.as_bytes(), value)
        };
        if before.is_some_and(|(_, _, attribute)| is_same(attribute)) {
            return Ok(false);
        }
        let freed = before.map_or(0, |(_, length, _)| length);
        let kept = self.used.saturating_sub(freed);
        let got = self.storage.as_ref().len();
        let room = got.saturating_sub(kept);
        let length = match encode(key, format, value, &mut []) {
            Err(EncodeError::DoesNotFit { needed, .. }) if needed <= room => needed,
            Err(EncodeError::DoesNotFit { needed: length, .. })
            | Err(EncodeError::TooLong { got: length })
            | Ok(length) => {
                let needed = kept.saturating_add(length);
                return Err(MetadataError::Full { needed, got });
            }
        };
        if before.is_none() && self.count >= GROUP_MAX {
            return Err(MetadataError::TooMany);
        }
        self.remove(key);
        let room = self.storage.as_mut().get_mut(self.used..);
        // Unreachable error: it was measured.
        let _ = encode(key, format, value, room.unwrap_or_default());
        self.used = self.used.saturating_add(length);
        self.count = self.count.saturating_add(1);
        self.write_count();
        Ok(true)
    }

    /// Removes one attribute; returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some((start, length, _)) = self.find(key) else {
            return false;
        };
        let (end, used) = (start.saturating_add(length), self.used);
        if let Some(bytes) = self
            .storage
            .as_mut()
            .get_mut(..used)
            .filter(|_| end <= used)
        {
            bytes.copy_within(end.., start);
        }
        self.used = used.saturating_sub(length);
        self.count = self.count.saturating_sub(1);
        self.write_count();
        true
    }

    /// Where the attribute with this key begins, its length in bytes, and what it says.
    fn find(&self, key: &str) -> Option<(usize, usize, Attribute<'_>)> {
        let mut cursor = Cursor::new(self.storage.as_ref().get(DIMENSION..self.used)?);
        let mut start = DIMENSION;
        while !cursor.rest().is_empty() {
            let before = cursor.rest().len();
            let attribute = Attribute::read(&mut cursor).ok()?;
            let length = before.saturating_sub(cursor.rest().len());
            if attribute.key.0 == key.as_bytes() {
                return Some((start, length, attribute));
            }
            start = start.saturating_add(length);
        }
        None
    }

    /// Brings the group's dimension up to date.
    fn write_count(&mut self) -> bool {
        let mut writer = Writer::new(self.storage.as_mut());
        writer.group::<AttributeBlock>(self.count).finish().is_ok()
    }
}

/// Writes an attribute to the start of `out`; returns its length.
fn encode(key: &str, format: &str, value: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    Writer::new(out)
        .data(key.as_bytes())
        .data(format.as_bytes())
        .data(value)
        .finish()
}
