//! What an owner does with a lease by hand: keep it alive, and ask for it again (C-038, C-046).

use super::{LeaseClient, State};
use crate::ids::NodeId;
use crate::time::{Duration, Instant};

impl LeaseClient {
    /// Makes a keepalive due at `now`; the next one follows in its usual pause. Whether there is a lease to keep.
    pub const fn keep_alive(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Attached { keepalive_at, .. } => {
                *keepalive_at = now;
                true
            }
            _ => false,
        }
    }

    /// Asks for a lost lease again after `delay`, whatever was planned. Whether it waits for that; a lease that is held,
    /// being asked for or given back does not.
    pub const fn schedule_reattach(&mut self, now: Instant, delay: Duration) -> bool {
        match &mut self.state {
            State::Backoff { until } => {
                *until = now.after(delay);
                true
            }
            _ => false,
        }
    }

    /// Asks for a lost lease no more, until it is scheduled again. Whether one was waited for.
    pub const fn clear_reattach(&mut self) -> bool {
        match &mut self.state {
            State::Backoff { until } => {
                *until = Instant::NEVER;
                true
            }
            _ => false,
        }
    }

    /// Asks for this node id, or for none in particular, from the next attach on (tracelink 4).
    pub const fn desire_node(&mut self, node: Option<NodeId>) {
        self.config.desired_node = node;
    }

    /// When a lost lease will be asked for again; [`Instant::NEVER`] while nobody said when.
    pub const fn reattach_at(&self) -> Option<Instant> {
        match self.state {
            State::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// Whether an attach is under way: at most one per stream and role may be, in one client (C-032).
    pub const fn is_attaching(&self) -> bool {
        matches!(self.state, State::Attaching { .. })
    }
}
