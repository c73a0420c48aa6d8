//! Finds entries of a [`Table`] by a number that peers choose.

use core::marker::PhantomData;

use super::table::{Slot, Table};

/// What an entry keeps for its index: the chain that starts at its place, and its own successor in another chain.
#[derive(Clone, Debug)]
pub(super) struct Chain<E> {
    first: Option<Slot<E>>,
    next: Option<Slot<E>>,
}

impl<E> Chain<E> {
    /// Part of no chain.
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            next: None,
        }
    }
}

/// An entry with a key; `Which` tells the indexes apart where an entry is in several. An entry that is not in the index may
/// answer anything.
pub(super) trait Keyed<Which>: Sized {
    /// The key.
    fn key(&self) -> u32;
    /// Its part in the chains.
    fn chain(&mut self) -> &mut Chain<Self>;
    /// Its part in the chains.
    fn chain_ref(&self) -> &Chain<Self>;
}

/// A hash index with its chains in the entries. The hash is salted: peers choose the keys, and should not be able to choose
/// all of one chain.
#[derive(Debug)]
pub(super) struct KeyIndex<Which> {
    salt: u64,
    which: PhantomData<fn() -> Which>,
}

impl<Which> KeyIndex<Which> {
    /// An empty index; `salt` is random.
    pub(super) const fn new(salt: u64) -> Self {
        Self {
            // An even factor would lose bits of the key.
            salt: salt | 1,
            which: PhantomData,
        }
    }

    /// The entry with this key.
    pub(super) fn find<E: Keyed<Which>>(&self, table: &Table<'_, E>, key: u32) -> Option<Slot<E>> {
        let mut at = table[self.head(table, key)?].chain_ref().first;
        while let Some(slot) = at {
            if table[slot].key() == key {
                return Some(slot);
            }
            at = table[slot].chain_ref().next;
        }
        None
    }

    /// Adds an entry whose key is in place and is in the index no more than once.
    pub(super) fn insert<E: Keyed<Which>>(&self, table: &mut Table<'_, E>, slot: Slot<E>) {
        if let Some(head) = self.head(table, table[slot].key()) {
            let successor = table[head].chain_ref().first;
            table[slot].chain().next = successor;
            table[head].chain().first = Some(slot);
        }
    }

    /// Takes an entry out, before its key changes.
    pub(super) fn remove<E: Keyed<Which>>(&self, table: &mut Table<'_, E>, slot: Slot<E>) {
        let Some(head) = self.head(table, table[slot].key()) else {
            return;
        };
        let successor = table[slot].chain().next.take();
        let mut at = table[head].chain_ref().first;
        if at == Some(slot) {
            table[head].chain().first = successor;
            return;
        }
        while let Some(other) = at {
            at = table[other].chain_ref().next;
            if at == Some(slot) {
                table[other].chain().next = successor;
                return;
            }
        }
    }

    /// Where the chain of this key starts; `None` for a table without entries.
    fn head<E>(&self, table: &Table<'_, E>, key: u32) -> Option<Slot<E>> {
        // Multiplicative hashing: the high bits are mixed best, and scaling them to the length needs no division.
        let mixed = u64::from(key).wrapping_mul(self.salt) >> 32;
        let scaled = mixed.wrapping_mul(u64::from(table.len())) >> 32;
        table.slot(scaled as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    struct Entry(u32, Chain<Entry>);
    impl Keyed<()> for Entry {
        fn key(&self) -> u32 {
            self.0
        }
        fn chain(&mut self) -> &mut Chain<Self> {
            &mut self.1
        }
        fn chain_ref(&self) -> &Chain<Self> {
            &self.1
        }
    }

    proptest! {
        /// Few keys over few places, so that chains grow and break everywhere.
        #[test]
        fn finds_what_a_map_finds(salt: u64, steps in prop::collection::vec((0_u32..8, 0_u32..20), 0..200)) {
            let mut entries: Vec<Entry> = (0..8).map(|_| Entry(0, Chain::new())).collect();
            let mut table = Table::new(&mut entries);
            let index = KeyIndex::<()>::new(salt);
            let mut model: BTreeMap<u32, Slot<Entry>> = BTreeMap::new();
            for (place, key) in steps {
                let slot = table.slot(place).unwrap();
                let used = model.iter().find(|(_, used)| **used == slot).map(|(key, _)| *key);
                match used {
                    Some(old) => {
                        index.remove(&mut table, slot);
                        model.remove(&old);
                    }
                    None if !model.contains_key(&key) => {
                        table[slot].0 = key;
                        index.insert(&mut table, slot);
                        model.insert(key, slot);
                    }
                    None => {}
                }
                for key in 0..20 {
                    prop_assert_eq!(index.find(&table, key), model.get(&key).copied());
                }
            }
        }
    }
}
