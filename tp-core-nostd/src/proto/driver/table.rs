//! A table over memory the caller lends, and lists whose links live in its entries: no other memory is needed,
//! whatever the table's size.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::ops::{Index, IndexMut};

/// The place of an entry in a table of `E`. Only the table makes one, so it always names an entry.
pub(super) struct Slot<E> {
    /// The index plus one, so that `Option<Slot>` takes no more room.
    number: NonZeroU32,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Slot<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Slot<E> {}
impl<E> PartialEq for Slot<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl<E> Eq for Slot<E> {}
impl<E> fmt::Debug for Slot<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.index())
    }
}

impl<E> Slot<E> {
    /// Where the entry stands in the lent memory, counted from 0.
    pub(super) const fn index(self) -> u32 {
        self.number.get().wrapping_sub(1)
    }
}

/// Entries in memory the caller lends.
#[derive(Debug)]
pub(super) struct Table<'a, E> {
    entries: &'a mut [E],
}

impl<'a, E> Table<'a, E> {
    /// Uses the first 2^32 - 2 entries of `entries`.
    pub(super) fn new(entries: &'a mut [E]) -> Self {
        const LONGEST: usize = u32::MAX as usize - 1;
        let usable = entries.len().min(LONGEST);
        let (entries, _) = entries.split_at_mut(usable);
        Self { entries }
    }

    /// How many entries there are, in use or not.
    pub(super) const fn len(&self) -> u32 {
        // Cut to 32 bits by `new`.
        self.entries.len() as u32
    }

    /// The place with this index, if the table is that long.
    pub(super) fn slot(&self, index: u32) -> Option<Slot<E>> {
        if index >= self.len() {
            return None;
        }
        let number = NonZeroU32::new(index.wrapping_add(1))?;
        Some(Slot {
            number,
            of: PhantomData,
        })
    }

    /// Every place, from the first.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<E>> + use<E> {
        (1..=self.len())
            .filter_map(NonZeroU32::new)
            .map(|number| Slot {
                number,
                of: PhantomData,
            })
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "places are made by this table alone and lie within it"
)]
impl<E> Index<Slot<E>> for Table<'_, E> {
    type Output = E;
    fn index(&self, slot: Slot<E>) -> &E {
        &self.entries[slot.index() as usize]
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "places are made by this table alone and lie within it"
)]
impl<E> IndexMut<Slot<E>> for Table<'_, E> {
    fn index_mut(&mut self, slot: Slot<E>) -> &mut E {
        &mut self.entries[slot.index() as usize]
    }
}

/// An entry that can stand in one [`Queue`] at a time.
pub(super) trait Queued: Sized {
    /// The one behind it.
    fn next(&mut self) -> &mut Option<Slot<Self>>;
}

/// First in, first out, through the links of the entries.
#[derive(Debug)]
pub(super) struct Queue<E> {
    ends: Option<(Slot<E>, Slot<E>)>,
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Queue<E> {}

impl<E: Queued> Queue<E> {
    /// Nobody waits.
    pub(super) const fn new() -> Self {
        Self { ends: None }
    }

    /// Whether nobody waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// Who is next.
    pub(super) fn first(&self) -> Option<Slot<E>> {
        self.ends.map(|(first, _)| first)
    }

    /// Joins the end.
    pub(super) fn push(&mut self, table: &mut Table<'_, E>, slot: Slot<E>) {
        *table[slot].next() = None;
        self.ends = match self.ends {
            None => Some((slot, slot)),
            Some((first, last)) => {
                *table[last].next() = Some(slot);
                Some((first, slot))
            }
        };
    }

    /// Takes whoever is next.
    pub(super) fn pop(&mut self, table: &mut Table<'_, E>) -> Option<Slot<E>> {
        let (first, last) = self.ends?;
        self.ends = table[first].next().take().map(|second| (second, last));
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Entry {
        next: Option<Slot<Entry>>,
    }
    impl Queued for Entry {
        fn next(&mut self) -> &mut Option<Slot<Self>> {
            &mut self.next
        }
    }

    #[test]
    fn queues_hand_out_in_order_of_arrival() {
        let mut entries: [Entry; 3] = core::array::from_fn(|_| Entry::default());
        let mut table = Table::new(&mut entries);
        let [a, b, c] = [0, 1, 2].map(|index| table.slot(index).unwrap());
        assert_eq!(table.slot(3), None);
        let mut queue = Queue::new();
        queue.push(&mut table, c);
        queue.push(&mut table, a);
        assert_eq!(queue.pop(&mut table), Some(c));
        queue.push(&mut table, b);
        queue.push(&mut table, c);
        for expected in [Some(a), Some(b), Some(c), None] {
            assert_eq!(queue.pop(&mut table), expected);
        }
        assert!(queue.is_empty());
    }
}
