//! Asks for the map a stage does not have (J-038, J-042).
//!
//! ```text
//!            a map is wanted                          sent: again after 1, 2, 4, 5, 5, … s
//!  Quiet ──────────────────────► Asking ──┐
//!    ▲                             │  ▲   │
//!    └──── none is wanted ─────────┘  └───┘ of another output or epoch: at once, from 1 s on
//! ```

use core::marker::PhantomData;

use super::{MergeRule, Scope};
use crate::time::{Duration, Instant};

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of a request.
const REQUEST_LEN: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Asking {
        scope: Scope,
        at: Instant,
        wait: Duration,
    },
}

/// Asks for one map at a time.
#[derive(Clone, Copy, Debug)]
pub struct MapRequester<R> {
    state: State,
    of: PhantomData<fn() -> R>,
}

impl<R: MergeRule> Default for MapRequester<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: MergeRule> MapRequester<R> {
    /// Asks for nothing.
    pub const fn new() -> Self {
        Self {
            state: State::Quiet,
            of: PhantomData,
        }
    }

    /// What is wanted now, as `wanted` of a barrier says. The same again changes nothing.
    pub fn want(&mut self, wanted: Option<Scope>) {
        self.state = match (wanted, self.state) {
            (None, _) => State::Quiet,
            (Some(wanted), asking @ State::Asking { scope, .. }) if scope == wanted => asking,
            (Some(scope), _) => State::Asking {
                scope,
                at: Instant::from_ns(0),
                wait: FIRST,
            },
        };
    }

    /// Offers the request that is due to `emit`, which sends it; returns whether it was sent.
    ///
    /// # Errors
    /// What `emit` returned; the request stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        emit: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let State::Asking { scope, at, wait } = &mut self.state else {
            return Ok(false);
        };
        if now < *at {
            return Ok(false);
        }
        let mut request = [0; REQUEST_LEN];
        // A request is as long as its buffer, so it fits.
        let len = R::encode_request(*scope, &mut request).unwrap_or(0);
        emit(request.get(..len).unwrap_or_default())?;
        *at = now.after(*wait);
        *wait = wait.saturating_mul(2).min(LONGEST);
        Ok(true)
    }

    /// When to come back.
    pub const fn poll_timeout(&self) -> Instant {
        match self.state {
            State::Quiet => Instant::NEVER,
            State::Asking { at, .. } => at,
        }
    }
}
