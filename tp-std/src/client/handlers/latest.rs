//! The newest value of each key, for a bounded number of keys.

/// A new key takes the place of the one that was not heard of for longest.
#[derive(Clone, Debug)]
pub(super) struct Latest<K, V> {
    entries: Vec<Entry<K, V>>,
    capacity: usize,
    /// Rises with everything heard.
    heard: u64,
}

#[derive(Clone, Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    heard: u64,
}

impl<K: PartialEq, V> Latest<K, V> {
    /// Knows nothing; `capacity` is 1 at least.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            entries: Vec::with_capacity(capacity),
            capacity,
            heard: 0,
        }
    }

    /// The value of `key`, to be changed; `fresh` makes the first one.
    pub(super) fn entry(&mut self, key: K, fresh: impl FnOnce() -> V) -> Option<&mut V> {
        self.heard = self.heard.wrapping_add(1);
        let known = self.entries.iter().position(|entry| entry.key == key);
        let at = match known {
            Some(at) => at,
            None => {
                self.make_room();
                let (value, heard) = (fresh(), 0);
                self.entries.push(Entry { key, value, heard });
                self.entries.len().saturating_sub(1)
            }
        };
        let entry = self.entries.get_mut(at)?;
        entry.heard = self.heard;
        Some(&mut entry.value)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let entry = self.entries.iter().find(|entry| entry.key == *key)?;
        Some(&entry.value)
    }

    /// In no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|entry| &entry.value)
    }

    fn make_room(&mut self) {
        if self.entries.len() < self.capacity {
            return;
        }
        let entries = self.entries.iter().enumerate();
        if let Some((oldest, _)) = entries.min_by_key(|(_, entry)| entry.heard) {
            self.entries.swap_remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-123
    fn whoever_was_silent_for_longest_makes_room() {
        let mut latest = Latest::new(2);
        for (key, value) in [('a', 1), ('b', 2), ('a', 3), ('c', 4)] {
            *latest.entry(key, || 0).unwrap() = value;
        }
        assert_eq!(latest.get(&'a'), Some(&3));
        assert_eq!(latest.get(&'b'), None);
        assert_eq!(latest.get(&'c'), Some(&4));
        assert_eq!(latest.values().count(), 2);
    }
}
