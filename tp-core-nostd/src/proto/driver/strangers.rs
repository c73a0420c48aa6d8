//! Leases of other drivers whose holders have been told that they are void (D-154).

use crate::ids::LeaseId;

/// The last so many of them, in memory the caller lends; the oldest is forgotten first.
#[derive(Debug)]
pub(super) struct Strangers<'a> {
    told: &'a mut [Option<LeaseId>],
    oldest: usize,
}

impl<'a> Strangers<'a> {
    pub(super) fn new(told: &'a mut [Option<LeaseId>]) -> Self {
        told.fill(None);
        Self { told, oldest: 0 }
    }

    pub(super) fn knows(&self, id: LeaseId) -> bool {
        self.told.contains(&Some(id))
    }

    pub(super) fn remember(&mut self, id: LeaseId) {
        if let Some(place) = self.told.get_mut(self.oldest) {
            *place = Some(id);
        }
        let next = self.oldest.wrapping_add(1);
        self.oldest = if next < self.told.len() { next } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-154
    fn the_oldest_is_forgotten_first() {
        let id = |raw| LeaseId::new(raw).unwrap();
        let mut told = [Some(id(9)); 2];
        let mut strangers = Strangers::new(&mut told);
        assert!(!strangers.knows(id(9)));
        for raw in 1..=3 {
            strangers.remember(id(raw));
            assert!(strangers.knows(id(raw)));
        }
        assert!(!strangers.knows(id(1)) && strangers.knows(id(2)));
        // Without room nothing is remembered, and nothing breaks.
        Strangers::new(&mut []).remember(id(1));
    }
}
