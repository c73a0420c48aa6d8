//! Which entry of a [`Table`] is due next, without looking at all of them.

use core::marker::PhantomData;

use super::table::{Slot, Table};
use crate::time::Instant;

/// What an entry keeps for one set of deadlines.
#[derive(Clone, Debug)]
pub(super) struct Timer<E> {
    due: Instant,
    /// Its place in the heap, if it has a deadline. Heap places are numbered like table places.
    place: Option<Slot<E>>,
    /// Which entry has the heap place of this entry's number; only meaningful below the heap's length.
    tenant: Option<Slot<E>>,
}

impl<E> Timer<E> {
    /// No deadline.
    pub(super) const fn new() -> Self {
        Self {
            due: Instant::NEVER,
            place: None,
            tenant: None,
        }
    }

    /// When it is due; [`Instant::NEVER`] without a deadline.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }
}

/// An entry with a timer; `Which` tells the sets apart where an entry is in several.
pub(super) trait Timed<Which>: Sized {
    /// Its timer.
    fn timer(&mut self) -> &mut Timer<Self>;
    /// Its timer.
    fn timer_ref(&self) -> &Timer<Self>;
}

/// A binary heap whose places live in the entries of the table: setting, moving and clearing a deadline costs
/// O(log n), the earliest O(1).
#[derive(Debug)]
pub(super) struct Deadlines<Which> {
    len: u32,
    which: PhantomData<fn() -> Which>,
}

impl<Which> Deadlines<Which> {
    /// No deadlines.
    pub(super) const fn new() -> Self {
        Self {
            len: 0,
            which: PhantomData,
        }
    }

    /// The entry with the earliest deadline.
    pub(super) fn first<E: Timed<Which>>(&self, table: &Table<'_, E>) -> Option<Slot<E>> {
        if self.len == 0 {
            return None;
        }
        table[table.slot(0)?].timer_ref().tenant
    }

    /// The earliest deadline; [`Instant::NEVER`] if there is none.
    pub(super) fn next<E: Timed<Which>>(&self, table: &Table<'_, E>) -> Instant {
        self.first(table)
            .map_or(Instant::NEVER, |slot| table[slot].timer_ref().due)
    }

    /// Gives an entry its deadline, instead of the one it may have.
    pub(super) fn set<E: Timed<Which>>(
        &mut self,
        table: &mut Table<'_, E>,
        slot: Slot<E>,
        due: Instant,
    ) {
        table[slot].timer().due = due;
        let place = match table[slot].timer_ref().place {
            Some(place) => place,
            None => {
                // There are as many heap places as entries, and this entry has none yet.
                let Some(last) = table.slot(self.len) else {
                    return;
                };
                self.len = self.len.wrapping_add(1);
                last
            }
        };
        self.settle(table, slot, place);
    }

    /// Takes an entry's deadline away, if it has one.
    pub(super) fn clear<E: Timed<Which>>(&mut self, table: &mut Table<'_, E>, slot: Slot<E>) {
        let timer = table[slot].timer();
        timer.due = Instant::NEVER;
        let Some(hole) = timer.place.take() else {
            return;
        };
        self.len = self.len.saturating_sub(1);
        let last = table
            .slot(self.len)
            .and_then(|place| table[place].timer_ref().tenant);
        if let Some(moved) = last
            && moved != slot
        {
            self.settle(table, moved, hole);
        }
    }

    /// Puts an entry to a place that is free or its own, then up or down to where it belongs.
    fn settle<E: Timed<Which>>(&self, table: &mut Table<'_, E>, slot: Slot<E>, place: Slot<E>) {
        let due = table[slot].timer_ref().due;
        let mut place = place;
        while let Some((parent, tenant)) = self.parent(table, place)
            && due < table[tenant].timer_ref().due
        {
            put(table, tenant, place);
            place = parent;
        }
        while let Some((child, tenant)) = self.earlier_child(table, place)
            && table[tenant].timer_ref().due < due
        {
            put(table, tenant, place);
            place = child;
        }
        put(table, slot, place);
    }

    fn parent<E: Timed<Which>>(&self, table: &Table<'_, E>, place: Slot<E>) -> Option<Tenancy<E>> {
        let parent = table.slot(place.index().checked_sub(1)? >> 1)?;
        Some((parent, table[parent].timer_ref().tenant?))
    }

    fn earlier_child<E: Timed<Which>>(
        &self,
        table: &Table<'_, E>,
        place: Slot<E>,
    ) -> Option<Tenancy<E>> {
        let left = place.index().checked_mul(2)?.checked_add(1)?;
        [Some(left), left.checked_add(1)]
            .into_iter()
            .flatten()
            .filter(|child| *child < self.len)
            .filter_map(|child| {
                let child = table.slot(child)?;
                Some((child, table[child].timer_ref().tenant?))
            })
            .min_by_key(|(_, tenant)| table[*tenant].timer_ref().due)
    }
}

/// A heap place and the entry that has it.
type Tenancy<E> = (Slot<E>, Slot<E>);

fn put<E: Timed<Which>, Which>(table: &mut Table<'_, E>, slot: Slot<E>, place: Slot<E>) {
    table[slot].timer().place = Some(place);
    table[place].timer().tenant = Some(slot);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    struct Entry(Timer<Entry>);
    impl Timed<()> for Entry {
        fn timer(&mut self) -> &mut Timer<Self> {
            &mut self.0
        }
        fn timer_ref(&self) -> &Timer<Self> {
            &self.0
        }
    }

    proptest! {
        #[test]
        fn the_earliest_is_first(steps in prop::collection::vec((0_u32..16, prop::option::of(0_u64..40)), 0..300)) {
            let mut entries: Vec<Entry> = (0..16).map(|_| Entry(Timer::new())).collect();
            let mut table = Table::new(&mut entries);
            let mut deadlines = Deadlines::<()>::new();
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for (index, due) in steps {
                let slot = table.slot(index).unwrap();
                match due {
                    Some(ns) => {
                        deadlines.set(&mut table, slot, Instant::from_ns(ns));
                        model.insert(index, ns);
                    }
                    None => {
                        deadlines.clear(&mut table, slot);
                        model.remove(&index);
                    }
                }
                let earliest = model.values().min().copied();
                prop_assert_eq!(deadlines.next(&table), earliest.map_or(Instant::NEVER, Instant::from_ns));
                let first = deadlines.first(&table).map(Slot::index);
                prop_assert_eq!(first.and_then(|first| model.get(&first).copied()), earliest);
            }
            // Emptied from the front, everything comes out in order.
            let mut order = Vec::new();
            while let Some(slot) = deadlines.first(&table) {
                order.push(table[slot].0.due().as_ns());
                deadlines.clear(&mut table, slot);
            }
            let mut expected: Vec<u64> = model.into_values().collect();
            expected.sort_unstable();
            prop_assert_eq!(order, expected);
        }
    }
}
