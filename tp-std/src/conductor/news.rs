//! What became of a lease, for handlers of the application, in its order.

use std::collections::VecDeque;

use tp_core_nostd::proto::session::{Happened, Session};

use crate::client::handlers::{LeaseChange, LeaseNews};

/// What happens to one lease in one duty cycle is less.
const KEPT: usize = 16;

/// Not told yet, oldest first.
#[derive(Debug)]
pub(super) struct News(VecDeque<LeaseNews>);

impl Default for News {
    fn default() -> Self {
        Self(VecDeque::with_capacity(KEPT))
    }
}

impl News {
    /// Something happened to the lease of `session`.
    pub(super) fn note(&mut self, session: &Session, happened: &Happened<'_>) {
        let Some(change) = change(happened) else {
            return;
        };
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(LeaseNews {
            stream: session.stream(),
            role: session.role(),
            client: session.client(),
            change,
        });
    }

    pub(super) fn take(&mut self) -> Option<LeaseNews> {
        self.0.pop_front()
    }
}

fn change(happened: &Happened<'_>) -> Option<LeaseChange> {
    Some(match happened {
        Happened::Granted(grant) => LeaseChange::Attached { epoch: grant.epoch },
        Happened::Refused {
            code,
            text,
            will_retry,
        } => LeaseChange::Refused {
            code: *code,
            text: text.map(|text| text.to_string()).unwrap_or_default(),
            will_retry: *will_retry,
        },
        Happened::Broken => LeaseChange::Broken,
        Happened::TimedOut => LeaseChange::TimedOut,
        Happened::Lost(why) => LeaseChange::Lost(*why),
        Happened::Detached => LeaseChange::Detached,
        _ => return None,
    })
}
