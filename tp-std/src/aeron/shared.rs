//! What a client and its endpoints share, across threads.
//!
//! The conductor of Aeron runs inside `do_work` and takes no locks: closing an endpoint changes its tables at once, on
//! the calling thread. Endpoints live on other threads, so one that is dropped is not closed there. It is handed back
//! here and the client closes it in its next `do_work`; when the client is gone, under the lock that its end took.

use core::any::Any;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reports of Aeron kept until the client collects them; further ones are counted.
const MAX_REPORTS: usize = 16;

/// Something of Aeron's whose drop closes it.
type Endpoint = Box<dyn Any + Send>;

#[derive(Default)]
pub(super) struct Shared {
    /// The client is gone or was ended by an error.
    closed: AtomicBool,
    /// `returned` is not empty; spares `do_work` the lock.
    has_returned: AtomicBool,
    returned: Mutex<Returned>,
    /// `reports` is not empty; spares `do_work` the lock.
    has_reports: AtomicBool,
    reports: Mutex<Reports>,
}

#[derive(Default)]
struct Returned {
    endpoints: Vec<Endpoint>,
    client_gone: bool,
}

/// What Aeron's error handler was told, oldest first: code and text.
#[derive(Default)]
pub(super) struct Reports {
    pub(super) kept: VecDeque<(i32, String)>,
    pub(super) lost: u64,
}

impl Shared {
    /// Whether offers and polls are pointless. An observation: relaxed, and nothing else depends on it.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Gives an endpoint back, to be closed where no conductor runs at the same time.
    pub(super) fn give_back(&self, endpoint: Endpoint) {
        let mut returned = lock(&self.returned);
        if returned.client_gone {
            // Nobody drives the conductor any more; the lock keeps two endpoints from closing at the same time.
            drop(endpoint);
        } else {
            returned.endpoints.push(endpoint);
            self.has_returned.store(true, Ordering::Release);
        }
    }

    /// Closes what was given back; returns how many. Only for the thread that drives the conductor.
    pub(super) fn close_returned(&self) -> u32 {
        if !self.has_returned.load(Ordering::Relaxed) {
            return 0;
        }
        let endpoints = {
            let mut returned = lock(&self.returned);
            self.has_returned.store(false, Ordering::Relaxed);
            mem::take(&mut returned.endpoints)
        };
        u32::try_from(endpoints.len()).unwrap_or(u32::MAX)
    }

    /// The client drives the conductor no more.
    pub(super) fn client_is_gone(&self) {
        self.close();
        let mut returned = lock(&self.returned);
        returned.client_gone = true;
        returned.endpoints.clear();
    }

    /// Keeps what Aeron's error handler was told.
    pub(super) fn report(&self, code: i32, text: &str) {
        let mut reports = lock(&self.reports);
        if reports.kept.len() < MAX_REPORTS {
            reports.kept.push_back((code, text.to_owned()));
        } else {
            reports.lost = reports.lost.saturating_add(1);
        }
        self.has_reports.store(true, Ordering::Release);
    }

    /// Takes the reports, if there are any.
    pub(super) fn take_reports(&self) -> Option<Reports> {
        if !self.has_reports.load(Ordering::Relaxed) {
            return None;
        }
        let mut reports = lock(&self.reports);
        self.has_reports.store(false, Ordering::Relaxed);
        Some(mem::take(&mut *reports))
    }
}

/// Nothing under these locks can be left half done, so a panic elsewhere is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// Says on which thread it was closed.
    struct Witness(Arc<Mutex<Vec<thread::ThreadId>>>);

    impl Drop for Witness {
        fn drop(&mut self) {
            lock(&self.0).push(thread::current().id());
        }
    }

    #[test]
    fn a_returned_endpoint_is_closed_on_the_clients_thread() {
        let shared = Arc::new(Shared::default());
        let closed_on = Arc::new(Mutex::new(Vec::new()));
        let witness = Witness(closed_on.clone());
        let role = thread::spawn({
            let shared = shared.clone();
            move || shared.give_back(Box::new(witness))
        });
        role.join().unwrap();
        assert!(lock(&closed_on).is_empty());
        assert_eq!(shared.close_returned(), 1);
        assert_eq!(*lock(&closed_on), [thread::current().id()]);
        assert_eq!(shared.close_returned(), 0);
    }

    #[test]
    fn without_a_client_an_endpoint_is_closed_at_once() {
        let shared = Shared::default();
        let closed_on = Arc::new(Mutex::new(Vec::new()));
        shared.give_back(Box::new(Witness(closed_on.clone())));
        shared.client_is_gone();
        assert_eq!(lock(&closed_on).len(), 1);
        shared.give_back(Box::new(Witness(closed_on.clone())));
        assert_eq!(lock(&closed_on).len(), 2);
        assert!(shared.is_closed());
    }

    #[test]
    fn reports_are_bounded_and_the_rest_is_counted() {
        let shared = Shared::default();
        assert!(shared.take_reports().is_none());
        for code in 0..20 {
            shared.report(code, "text");
        }
        let reports = shared.take_reports().unwrap();
        assert_eq!(reports.kept.len(), MAX_REPORTS);
        assert_eq!(reports.kept[0], (0, "text".to_owned()));
        assert_eq!(reports.lost, 4);
        assert!(shared.take_reports().is_none());
    }
}
