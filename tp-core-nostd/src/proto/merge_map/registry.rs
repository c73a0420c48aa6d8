//! The newest map of each output that was heard of.

use core::marker::PhantomData;

use super::{MergeRule, Scope, StoredMap};
use crate::ids::{Epoch, StreamId};
use crate::wire::ValueError;

/// What an announce of a map did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a map that changed or is void stops the join"]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MapNews {
    /// Nothing: it is for another output, or for an epoch that is over or not known.
    Ignored,
    /// Nothing: it says what applies already (J-021).
    Unchanged,
    /// It applies from now on.
    Applied,
    /// It makes no sense, and so no map applies until another one comes (J-015, J-024).
    Void(ValueError),
    /// There is no place for another output; counted by whoever asks.
    NoRoom,
}

/// Keeps maps by output: of the newest epoch only, for no other is asked for again. `S` lends the places.
#[derive(Clone, Debug)]
pub struct Registry<R, S, const N: usize> {
    maps: S,
    of: PhantomData<fn() -> R>,
}

impl<R: MergeRule, S: AsRef<[StoredMap<N>]> + AsMut<[StoredMap<N>]>, const N: usize>
    Registry<R, S, N>
{
    /// Knows nothing.
    pub fn new(mut maps: S) -> Self {
        maps.as_mut().fill(StoredMap::FREE);
        Self {
            maps,
            of: PhantomData,
        }
    }

    /// An announce arrived.
    pub fn handle(&mut self, view: R::View<'_>) -> MapNews {
        let Some(scope) = R::scope_of_view(&view) else {
            return MapNews::Ignored;
        };
        match R::Map::try_from(view) {
            Ok(map) => self.keep(&map),
            Err(error) => self.void(scope, error),
        }
    }

    /// Keeps a map, announced or configured. One with more rules than there is room for is void (J-026).
    pub fn keep(&mut self, map: &R::Map<'_>) -> MapNews {
        let scope = R::scope(map);
        let stored = match StoredMap::of::<R>(map) {
            Ok(stored) => stored,
            Err(_) => {
                let error = ValueError::TooMany {
                    field: "rules",
                    got: R::rules(map).count(),
                    max: N
                        .saturating_sub(R::FIXED_LEN)
                        .checked_div(R::RULE_LEN)
                        .unwrap_or(0),
                };
                return self.void(scope, error);
            }
        };
        let place = match self.place(scope.out) {
            Some(place) => place,
            None => match self.place_where(|kept| kept.scope.is_none()) {
                Some(free) => free,
                None => return MapNews::NoRoom,
            },
        };
        match place.scope {
            Some(kept) if kept.epoch > scope.epoch => return MapNews::Ignored,
            Some(kept) if kept == scope && place.bytes() == stored.bytes() => {
                return MapNews::Unchanged;
            }
            _ => {}
        }
        *place = stored;
        MapNews::Applied
    }

    /// The map of an output in one of its epochs.
    pub fn find(&self, out: StreamId, epoch: Epoch) -> Option<R::Map<'_>> {
        let scope = Some(Scope { out, epoch });
        let kept = self.maps.as_ref().iter().find(|kept| kept.scope == scope)?;
        R::Map::try_from(R::parse(kept.bytes()).ok()?).ok()
    }

    /// Forgets an output.
    pub fn forget(&mut self, out: StreamId) {
        if let Some(place) = self.place(out) {
            *place = StoredMap::FREE;
        }
    }

    fn void(&mut self, scope: Scope, error: ValueError) -> MapNews {
        // What is void for an epoch not known yet displaces nothing: there is no map for it either way.
        if let Some(place) = self.place_where(|kept| kept.scope == Some(scope)) {
            place.len = 0;
        }
        MapNews::Void(error)
    }

    fn place(&mut self, out: StreamId) -> Option<&mut StoredMap<N>> {
        self.place_where(|kept| kept.scope.is_some_and(|scope| scope.out == out))
    }

    fn place_where(&mut self, is: impl Fn(&StoredMap<N>) -> bool) -> Option<&mut StoredMap<N>> {
        self.maps.as_mut().iter_mut().find(|kept| is(kept))
    }
}
