//! The end of the driver: by its owner, or by an operator with the secret (driver 3.9).

use heapless::Vec;

use super::engine::{Driver, Life, bump};
use crate::time::{Duration, Instant};
use crate::wire::driver::{
    ShmDriverShutdownRequest, ShmDriverShutdownRequestView, ShutdownReason, Token,
};
use crate::wire::error_message::sent_message;
use crate::wire::{ERROR_MESSAGE_MAX, Text};

/// What the operator who asked for the shutdown had to say about it.
pub(super) type Farewell = Vec<u8, ERROR_MESSAGE_MAX>;

impl Driver<'_> {
    /// Stops: attaches are refused from now on, all streams are announced once more, and after `grace` the shutdown
    /// notice goes out. Called again it can only shorten the time.
    pub fn stop(&mut self, now: Instant, reason: ShutdownReason, grace: Duration) {
        let end = now.after(grace);
        self.life = match self.life {
            Life::Running => {
                self.streams.announce_all(now);
                Life::Draining { until: end, reason }
            }
            Life::Draining { until, reason } => Life::Draining {
                until: until.min(end),
                reason,
            },
            Life::Stopped => Life::Stopped,
        };
    }

    /// An operator asks for the end. Whoever does not know the secret is not answered (D-146).
    pub(super) fn shutdown_request(
        &mut self,
        now: Instant,
        view: ShmDriverShutdownRequestView<'_>,
    ) {
        let request = ShmDriverShutdownRequest::try_from(view).ok();
        let authorised = request.filter(|request| {
            let secret = self.config.shutdown.map(|policy| Token(policy.token));
            secret.is_some_and(|secret| secret == request.token)
        });
        let Some(request) = authorised else {
            return bump(&mut self.counters.ignored.shutdown_requests);
        };
        bump(&mut self.counters.shutdown_requests);
        if self.life == Life::Running {
            // As long as it may be, and cut where it may be.
            self.farewell =
                Farewell::from_slice(sent_message(request.error_message)).unwrap_or_default();
            self.stop(now, request.reason, self.config.shutdown_timeout);
        }
    }

    /// What the operator who asked for the shutdown had to say about it (D-149).
    pub fn shutdown_message(&self) -> Option<Text<'_>> {
        (!self.farewell.is_empty()).then_some(Text(&self.farewell))
    }
}
