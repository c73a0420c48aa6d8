//! What a driver does by itself: collecting old epochs, stopping when told to, leaving hellos to a supervisor.

use core::time::Duration;

use tp_core_nostd::proto::driver::Retention;

use super::{milliseconds, number};
use crate::config::{Secret, Settings};

/// Retention of old epochs (driver 3.13); `None` where it is off.
pub(super) fn retention(s: &mut Settings<'_>, announce_period: Duration) -> Option<Retention> {
    let enabled = s.scalar("policies.epoch_gc_enabled", true).value;
    let keep = number(s, "policies.epoch_gc_keep", 2, 1, u32::MAX.into());
    let min_age_ns = number(s, "policies.epoch_gc_min_age_ns", 0, 0, i64::MAX as u64);
    let on_startup = s.scalar("policies.epoch_gc_on_startup", false).value;
    let min_age = match min_age_ns {
        0 => announce_period.saturating_mul(3),
        ns => Duration::from_nanos(ns),
    };
    enabled.then_some(Retention {
        keep: u32::try_from(keep).unwrap_or(u32::MAX),
        min_age,
        on_startup,
    })
}

/// The secret that a shutdown request must carry; `None`: every request is ignored (D-147). And how long a driver goes
/// on serving when it was told to stop.
pub(super) fn shutdown(s: &mut Settings<'_>) -> (Option<Secret>, Duration) {
    let token = s.scalar("policies.shutdown_token", Secret::default()).value;
    let timeout = milliseconds(s, "policies.shutdown_timeout_ms", 2000, 0);
    ((!token.is_empty()).then_some(token), timeout)
}

/// What the table of the supervisor means for a driver.
pub(super) struct Supervised {
    /// Whether the driver itself answers hellos (P-007).
    pub(super) answers_hellos: bool,
    /// Most consumers of one stream (P-059).
    pub(super) consumer_limit: Option<u32>,
}

/// Reads what concerns a driver in the table of the supervisor, which is another process.
pub(super) fn supervisor(s: &mut Settings<'_>) -> Supervised {
    let present = s.is_table("supervisor");
    if !present {
        return Supervised {
            answers_hellos: true,
            consumer_limit: None,
        };
    }
    let external = s.scalar("supervisor.external", false);
    if !external.value {
        let origin = s.origin("supervisor");
        let text = "no supervisor is embedded in this program: run one beside it and set external = true; hellos are \
                    left to it";
        s.warning(&origin, "supervisor", text);
    }
    let key = "supervisor.max_consumers_per_stream";
    let limit = number(s, key, 0, 0, u32::MAX.into());
    s.without_effect(
        "supervisor.admitted_consumer_ids",
        "only the supervisor looks at it, not the attach",
    );
    s.for_others("supervisor");
    Supervised {
        answers_hellos: false,
        consumer_limit: u32::try_from(limit).ok().filter(|limit| *limit > 0),
    }
}
