//! The maps of the outputs one is the authority of: told at each change, each period, and when asked (J-035 to J-043, J-097).
//!
//! ```text
//!          publish                 taken
//!  Free ────────────► Due ──────────────────────► Told ──┐
//!   ▲                  ▲ ▲ publish of another map │   ▲  │ publish of the same, request for another epoch
//!   └─ withdraw ───────┘ └── request, period over ┘   └──┘
//! ```

use core::fmt;
use core::marker::PhantomData;

use super::{MergeRule, Scope, StoredMap};
use crate::ids::StreamId;
use crate::proto::cadence::Cadence;
use crate::sbe::EncodeError;
use crate::time::{Duration, Instant};
use crate::wire::ValueError;

/// Why a map is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refused {
    /// It makes no sense.
    Void(ValueError),
    /// It has too many rules for its place.
    TooLong(EncodeError),
    /// There is no place for another output.
    NoRoom,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void(error) => write!(f, "the merge map makes no sense: {error}"),
            Self::TooLong(error) => write!(f, "the merge map is too long: {error}"),
            Self::NoRoom => f.write_str("there is no room for another merge map"),
        }
    }
}

impl core::error::Error for Refused {}

/// Room for a map that is told.
#[derive(Clone, Copy, Debug)]
pub struct OwnMap<const N: usize> {
    map: StoredMap<N>,
    cadence: Cadence,
}

impl<const N: usize> OwnMap<N> {
    /// No map.
    pub const FREE: Self = Self {
        map: StoredMap::FREE,
        cadence: Cadence::new(Duration::ZERO),
    };
}

/// Tells the maps of some outputs, one per output. `S` lends the places.
#[derive(Clone, Debug)]
pub struct Authority<R, S, const N: usize> {
    maps: S,
    period: Duration,
    of: PhantomData<fn() -> R>,
}

impl<R: MergeRule, S: AsRef<[OwnMap<N>]> + AsMut<[OwnMap<N>]>, const N: usize> Authority<R, S, N> {
    /// Has no map yet. A period of zero tells them when they change and when somebody asks, no more (J-097).
    pub fn new(mut maps: S, period: Duration) -> Self {
        maps.as_mut().fill(OwnMap::FREE);
        Self {
            maps,
            period,
            of: PhantomData,
        }
    }

    /// This map applies from now on, in place of the one its output had. The first map of an epoch is a change.
    ///
    /// # Errors
    /// [`Refused`]; then the one that was told is told on.
    pub fn publish(&mut self, map: &R::Map<'_>) -> Result<(), Refused> {
        let map = StoredMap::of::<R>(map).map_err(Refused::TooLong)?;
        if let Ok(view) = R::parse(map.bytes()) {
            R::Map::try_from(view).map_err(Refused::Void)?;
        }
        let out = map.scope.map(|scope| scope.out);
        let maps = self.maps.as_mut();
        let of_output = |own: &OwnMap<N>| own.map.scope.map(|scope| scope.out) == out;
        let place = maps.iter().position(of_output);
        let place = place.or_else(|| maps.iter().position(|own| own.map.scope.is_none()));
        let own = place.and_then(|place| maps.get_mut(place));
        let own = own.ok_or(Refused::NoRoom)?;
        if own.map.bytes() != map.bytes() {
            own.map = map;
            own.cadence = Cadence::new(self.period);
            own.cadence.hasten();
        }
        Ok(())
    }

    /// The output has no map any more.
    pub fn withdraw(&mut self, out: StreamId) {
        for own in self.maps.as_mut() {
            if own.map.scope.is_some_and(|scope| scope.out == out) {
                *own = OwnMap::FREE;
            }
        }
    }

    /// Somebody asks for a map; returns whether it is one of ours and so is told again (J-036, J-037). One that is not is
    /// not answered (J-042).
    pub fn asked(&mut self, scope: Scope) -> bool {
        let mut maps = self.maps.as_mut().iter_mut();
        let own = maps.find(|own| own.map.scope == Some(scope));
        if let Some(own) = own {
            own.cadence.hasten();
            return true;
        }
        false
    }

    /// Offers the announce that is due to `emit`, which sends it; returns whether one was sent.
    ///
    /// # Errors
    /// What `emit` returned; the announce stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut maps = self.maps.as_mut().iter_mut();
        let due = maps.find(|own| own.map.scope.is_some() && own.cadence.is_due(now));
        let Some(own) = due else {
            return Ok(false);
        };
        emit(own.map.bytes())?;
        own.cadence.sent(now);
        Ok(true)
    }

    /// When to come back.
    pub fn poll_timeout(&self) -> Instant {
        let told = self.maps.as_ref().iter();
        let told = told.filter(|own| own.map.scope.is_some());
        let due = told.map(|own| own.cadence.due_at()).min();
        due.unwrap_or(Instant::NEVER)
    }
}
