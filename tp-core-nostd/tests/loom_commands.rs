//! Loom: what is asked of a conductor comes to somebody, whoever gives up when (C-020, C-143).
//!
//! This is a model of the discipline around the queues between an application and its conductor (`tp-std`: command ring,
//! pending handle): wish, flag, outcome, waker. The queues themselves are those of a library, whose models are its own; here
//! they are locked ones, which order what they hand over as the library's do.
#![cfg(loom)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a model stops at what it does not expect"
)]

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::SeqCst;
use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::collections::VecDeque;

/// A role; its end is counted, as the conductor hears of it.
struct Role(Arc<AtomicU32>);

impl Drop for Role {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Shared by whoever asks and the conductor.
#[derive(Default)]
struct Handle {
    outcome: Mutex<Option<Role>>,
    cancelled: AtomicBool,
}

type Ring = Mutex<VecDeque<Arc<Handle>>>;

/// Asks, looks once, and gives up if nothing was there; whether it had a role.
fn ask(ring: &Ring) -> bool {
    let handle = Arc::new(Handle::default());
    ring.lock().unwrap().push_back(handle.clone());
    let role = handle.outcome.lock().unwrap().take();
    let had = role.is_some();
    if !had {
        handle.cancelled.store(true, Ordering::Relaxed);
    }
    had
}

/// Who ends a role that came too late.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    /// The handle it lies in, as it is.
    EndsWithHandle,
    /// Whoever reads the flag, in time or not.
    EndsByFlag,
}

/// One duty cycle: takes what was asked for, and answers unless the wish was taken back; how many roles it made.
fn conduct(ring: &Ring, ended: &Arc<AtomicU32>, late: Late, kept: &mut Vec<Arc<Handle>>) -> u32 {
    let mut made = 0;
    loop {
        let next = ring.lock().unwrap().pop_front();
        let Some(handle) = next else { return made };
        if !handle.cancelled.load(Ordering::Relaxed) {
            *handle.outcome.lock().unwrap() = Some(Role(ended.clone()));
            made += 1;
            if late == Late::EndsByFlag {
                kept.push(handle);
            }
        }
    }
}

/// One wish, taken back at any moment; how often a role was left to nobody.
fn left_over(late: Late) -> usize {
    let counted = std::sync::Arc::new(AtomicUsize::new(0));
    let count = counted.clone();
    loom::model(move || {
        let (ring, ended) = (Arc::new(Ring::default()), Arc::new(AtomicU32::new(0)));
        let mut kept = Vec::new();
        let asker = {
            let ring = ring.clone();
            thread::spawn(move || ask(&ring))
        };
        let mut made = conduct(&ring, &ended, late, &mut kept);
        asker.join().unwrap();
        made += conduct(&ring, &ended, late, &mut kept);
        if ended.load(Ordering::Relaxed) != made {
            count.fetch_add(1, SeqCst);
        }
    });
    counted.load(SeqCst)
}

#[test] // req: C-020
fn a_role_that_nobody_takes_ends_with_its_handle() {
    assert_eq!(left_over(Late::EndsWithHandle), 0);
    // The flag alone may be set after it was read.
    assert!(left_over(Late::EndsByFlag) > 0);
}

/// With three threads, each interleaving with at most two preemptions.
#[test]
fn two_askers_and_a_conductor_lose_and_double_nothing() {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let (ring, ended) = (Arc::new(Ring::default()), Arc::new(AtomicU32::new(0)));
        let mut kept = Vec::new();
        let askers = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || ask(&ring))
        });
        let mut made = conduct(&ring, &ended, Late::EndsWithHandle, &mut kept);
        let had = askers.map(|asker| u32::from(asker.join().unwrap()));
        made += conduct(&ring, &ended, Late::EndsWithHandle, &mut kept);
        assert!(had.iter().sum::<u32>() <= made && made <= 2);
        assert_eq!(ended.load(Ordering::Relaxed), made);
    });
}

/// In which order somebody who is to be woken goes about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleeper {
    /// Leaves its waker, then looks, as it is.
    WakerFirst,
    /// Looks, then leaves its waker.
    LooksFirst,
}

/// How often somebody slept although its outcome was there, and nobody would wake it.
fn missed(sleeper: Sleeper) -> usize {
    let counted = std::sync::Arc::new(AtomicUsize::new(0));
    let count = counted.clone();
    loom::model(move || {
        let outcome = Arc::new(Mutex::new(None));
        let waker = Arc::new(Mutex::new(None));
        let conductor = {
            let (outcome, waker) = (outcome.clone(), waker.clone());
            thread::spawn(move || {
                *outcome.lock().unwrap() = Some(());
                waker.lock().unwrap().take().is_some()
            })
        };
        let leave_waker = || *waker.lock().unwrap() = Some(());
        let look = || outcome.lock().unwrap().take().is_some();
        let found = match sleeper {
            Sleeper::WakerFirst => {
                leave_waker();
                look()
            }
            Sleeper::LooksFirst => {
                let found = look();
                leave_waker();
                found
            }
        };
        let woken = conductor.join().unwrap();
        if !found && !woken {
            count.fetch_add(1, SeqCst);
        }
    });
    counted.load(SeqCst)
}

#[test]
fn an_outcome_wakes_whoever_did_not_see_it() {
    assert_eq!(missed(Sleeper::WakerFirst), 0);
    assert!(missed(Sleeper::LooksFirst) > 0);
}
