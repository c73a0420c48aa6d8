//! Loom: fence against a call in flight, adoption of a new mapping, retirement of the old one.
//!
//! Mappings are `Arc`s around a flag that says whether their memory is still there; the mailbox is a locked queue, since
//! the real one is a library's. What is checked is the protocol around them.
#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a model stops at what it does not expect"
)]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::collections::VecDeque;
use tp_core_nostd::role::{Generation, RoleCell};

struct Mapping {
    epoch: u32,
    unmapped: AtomicBool,
}

fn mapping(epoch: u32) -> Arc<Mapping> {
    Arc::new(Mapping {
        epoch,
        unmapped: AtomicBool::new(false),
    })
}

#[derive(Default)]
struct Seam {
    cell: RoleCell,
    mailbox: Mutex<VecDeque<Arc<Mapping>>>,
}

struct Role {
    seam: Arc<Seam>,
    seen: Generation,
    mapping: Option<Arc<Mapping>>,
}

impl Role {
    /// One hot call: returns the epoch it worked on.
    fn call(&mut self) -> Option<u32> {
        if self.seam.cell.moved(self.seen) {
            self.seen = self.seam.cell.catch_up();
            let mut mailbox = self.seam.mailbox.lock().unwrap();
            while let Some(new) = mailbox.pop_front() {
                self.mapping = Some(new);
            }
        }
        if !self.seen.is_active() {
            return None;
        }
        let mapping = self.mapping.as_ref().expect("an active role has a mapping");
        assert!(
            !mapping.unmapped.load(Ordering::Relaxed),
            "memory went away under a call"
        );
        Some(mapping.epoch)
    }
}

/// Unmaps what nobody but the conductor holds any more.
fn collect(retired: &mut Vec<Arc<Mapping>>) {
    retired.retain(|mapping| {
        let last = Arc::strong_count(mapping) == 1;
        if last {
            mapping.unmapped.store(true, Ordering::Relaxed);
        }
        !last
    });
}

fn hand_over(seam: &Seam, mapping: &Arc<Mapping>) {
    seam.mailbox.lock().unwrap().push_back(mapping.clone());
    seam.cell.activate();
}

#[test] // req: C-092, C-154
fn memory_never_goes_away_under_a_call() {
    loom::model(|| {
        let seam = Arc::new(Seam::default());
        let role = {
            let seam = seam.clone();
            thread::spawn(move || {
                let mut role = Role {
                    seam,
                    seen: Generation::START,
                    mapping: None,
                };
                let mut last = 0;
                for _ in 0..2 {
                    if let Some(epoch) = role.call() {
                        assert!(epoch >= last, "a role never goes back to an older mapping");
                        last = epoch;
                    }
                }
            })
        };
        let first = mapping(1);
        hand_over(&seam, &first);
        seam.cell.fence();
        let mut retired = vec![first];
        collect(&mut retired);
        let second = mapping(2);
        hand_over(&seam, &second);
        collect(&mut retired);
        role.join().unwrap();
    });
}

// In the models below the role is the spawned thread: loom takes a step back only from the last access of an object, and
// the conductor's own load before its store would hide the role's.

#[test] // req: C-092
fn a_fence_is_seen_by_the_next_call() {
    loom::model(|| {
        let seam = Arc::new(Seam::default());
        let first = mapping(1);
        hand_over(&seam, &first);
        let fenced = Arc::new(AtomicBool::new(false));
        let role = {
            let (seam, fenced) = (seam.clone(), fenced.clone());
            thread::spawn(move || {
                let mut role = Role {
                    seam,
                    seen: Generation::START,
                    mapping: None,
                };
                let was_fenced = fenced.load(Ordering::Acquire);
                let epoch = role.call();
                assert!(
                    !(was_fenced && epoch.is_some()),
                    "worked on after a fence it had to see"
                );
            })
        };
        seam.cell.fence();
        fenced.store(true, Ordering::Release);
        role.join().unwrap();
    });
}

#[test] // req: C-154
fn a_role_that_sees_the_new_generation_has_the_new_mapping() {
    loom::model(|| {
        let seam = Arc::new(Seam::default());
        let first = mapping(1);
        hand_over(&seam, &first);
        let before = seam.cell.catch_up();
        let role = {
            let seam = seam.clone();
            thread::spawn(move || {
                let mut role = Role {
                    seam,
                    seen: Generation::START,
                    mapping: None,
                };
                let epoch = role.call();
                if role.seen != before && role.seen.is_active() {
                    assert_eq!(
                        epoch,
                        Some(2),
                        "the mailbox was filled before the generation moved"
                    );
                }
            })
        };
        seam.cell.fence();
        hand_over(&seam, &mapping(2));
        role.join().unwrap();
    });
}
