//! Hands out the stream ids of some ranges (driver 3.10).

use super::id_ranges::IdRange;
use crate::ids::StreamId;

/// Ids in turn: one that was given back comes again only after all others, so that late words about its last holder do not
/// reach the next one. Who holds which id, its owner knows.
#[derive(Debug)]
pub(super) struct IdPool<'a> {
    ranges: &'a [IdRange],
    /// The id handed out last.
    last: Option<StreamId>,
    held: u32,
}

impl<'a> IdPool<'a> {
    pub(super) const fn new(ranges: &'a [IdRange]) -> Self {
        Self {
            ranges,
            last: None,
            held: 0,
        }
    }

    /// Whether this id may be handed out.
    pub(super) fn contains(&self, id: StreamId) -> bool {
        self.ranges.iter().any(|range| range.contains(id))
    }

    /// The next id that is not held; `None` if all are. Changes nothing. Looks at no more ids than are held, and one.
    pub(super) fn next_free(&self, is_held: impl Fn(StreamId) -> bool) -> Option<StreamId> {
        let mut id = self.after(self.last);
        for _ in 0..=self.held {
            let candidate = id?;
            if !is_held(candidate) {
                return Some(candidate);
            }
            id = self.after(id);
        }
        None
    }

    /// Hands out an id that nobody holds.
    pub(super) fn take(&mut self, id: StreamId) {
        self.last = Some(id);
        self.held = self.held.saturating_add(1);
    }

    /// Takes an id back.
    pub(super) fn give_back(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// The id that follows, from the last one of all to the first.
    fn after(&self, id: Option<StreamId>) -> Option<StreamId> {
        let first = self.ranges.first()?.first();
        let Some(id) = id else {
            return Some(first);
        };
        let place = self.ranges.iter().position(|range| range.contains(id))?;
        let range = self.ranges.get(place)?;
        if id < range.last() {
            return StreamId::new(id.get().wrapping_add(1));
        }
        let next = self.ranges.get(place.wrapping_add(1));
        Some(next.map_or(first, |range| range.first()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const fn id(raw: u32) -> StreamId {
        StreamId::new(raw).unwrap()
    }

    /// The highest id.
    const MAX: u32 = i32::MAX as u32;
    const RANGES: &[IdRange] = &[
        IdRange::new(id(20), id(22)).unwrap(),
        IdRange::new(id(7), id(7)).unwrap(),
        IdRange::new(id(MAX - 1), id(MAX)).unwrap(),
    ];

    const IDS: [u32; 6] = [20, 21, 22, 7, MAX - 1, MAX];

    proptest! {
        /// `None` takes the next free id, `Some` gives one back or takes it by number.
        #[test] // req: D-157, D-166, D-170
        fn every_id_is_held_once(steps in prop::collection::vec(prop::option::of(0_usize..6), 0..100)) {
            let all: BTreeSet<StreamId> = IDS.into_iter().map(id).collect();
            let mut pool = IdPool::new(RANGES);
            let mut held = BTreeSet::new();
            for step in steps {
                let free = pool.next_free(|id| held.contains(&id));
                prop_assert_eq!(free.is_none(), held.len() == all.len());
                match step.and_then(|at| all.iter().nth(at).copied()) {
                    None => if let Some(id) = free {
                        prop_assert!(all.contains(&id) && pool.contains(id));
                        prop_assert!(held.insert(id));
                        pool.take(id);
                    },
                    Some(id) if held.remove(&id) => pool.give_back(),
                    Some(id) => {
                        held.insert(id);
                        pool.take(id);
                    }
                }
            }
        }
    }

    #[test]
    fn ids_come_in_turn() {
        let mut pool = IdPool::new(RANGES);
        let mut last = None;
        for expected in IDS.into_iter().chain(IDS) {
            // The one before is held, all others were given back.
            let next = pool.next_free(|id| Some(id) == last).unwrap();
            assert_eq!(next, id(expected));
            pool.take(next);
            pool.give_back();
            last = Some(next);
        }
        assert!(!pool.contains(id(8)));
        // Nothing to hand out.
        assert_eq!(IdPool::new(&[]).next_free(|_| false), None);
    }
}
