//! Loom: watching the ring skips no frame, and sleeping between two looks misses no ringing.
#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    reason = "a model stops at what it does not expect"
)]

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::SeqCst;
use loom::sync::atomic::{Ordering, fence};
use loom::thread;
use std::sync::{Arc, Mutex, PoisonError};
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::direct::{DirectPoll, Look};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::{
    Bell, BellBlock, HeaderRing, Line, RegionKind, RegionShape, Superblock, WritableRegion,
};
use tp_core_nostd::sync::{FencePoint, model};

const SLOTS: u32 = 2;

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

type Memory = &'static [Line];

/// A ring that two threads look at. What a model leaves behind is as large as a few frames.
fn ring() -> HeaderRing<Memory> {
    let shape = RegionShape {
        stream_id: StreamId::new(1).unwrap(),
        epoch: Epoch::new(2).unwrap(),
        slots: SlotCount::new(SLOTS).unwrap(),
        kind: RegionKind::HeaderRing,
    };
    let memory: [Line; 9] = core::array::from_fn(|_| Line::zeroed());
    let memory: Memory = Box::leak(Box::new(memory));
    let superblock = Superblock {
        shape,
        pid: 3,
        start_ns: 4,
        activity_ns: 5,
    };
    superblock.create(memory.writer()).unwrap();
    HeaderRing::open(memory, &shape).unwrap()
}

fn commit(ring: &HeaderRing<Memory>, raw: u64) {
    let slot = ring.slot_writer(ring.slots().slot_of(seq(raw)));
    slot.begin(seq(raw));
    slot.commit(seq(raw));
}

/// Runs every interleaving. One model at a time: fences are left out everywhere.
fn explore(left_out: Option<FencePoint>, scenario: impl Fn() + Sync + Send + 'static) {
    static ONE_MODEL: Mutex<()> = Mutex::new(());
    let _alone = ONE_MODEL.lock().unwrap_or_else(PoisonError::into_inner);
    model::leave_out(left_out);
    loom::model(scenario);
    model::leave_out(None);
}

/// Frames 0 and 1 are committed while somebody looks for frame 0; how often it was told to skip it.
fn skipped(left_out: Option<FencePoint>) -> usize {
    let counted = Arc::new(AtomicUsize::new(0));
    let count = counted.clone();
    explore(left_out, move || {
        let ring = ring();
        let producer = thread::spawn(move || (0..2).for_each(|raw| commit(&ring, raw)));
        match DirectPoll::new().look(&ring, seq(0)) {
            Look::Idle => {}
            Look::Frame(found) if found == seq(0) => {}
            Look::Frame(_) | Look::Lapped(_) => {
                count.fetch_add(1, SeqCst);
            }
        }
        producer.join().unwrap();
        assert_eq!(DirectPoll::new().look(&ring, seq(0)), Look::Frame(seq(0)));
    });
    counted.load(SeqCst)
}

#[test] // req: E-01
fn a_frame_looked_at_too_early_is_not_skipped() {
    assert_eq!(skipped(None), 0);
    assert!(skipped(Some(FencePoint::AfterFirstLoad)) > 0);
}

/// How a consumer goes about sleeping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleeper {
    /// As the bell does it.
    Right,
    /// The ticket is drawn after the wish was made.
    TicketLast,
}

/// How often a consumer found its frame, would have been woken, and would have slept on.
#[derive(Default)]
struct Nights {
    awake: AtomicUsize,
    rung: AtomicUsize,
    missed: AtomicUsize,
}

impl Nights {
    /// A consumer waits for frame `next`, the last that the producer commits.
    ///
    /// The kernel compares the bell with the ticket before it lets anybody sleep, and the producer wakes everybody behind
    /// each ringing. So after all is said and done, whoever went to sleep sleeps on exactly if the bell is still what the
    /// ticket says.
    fn count(
        &self,
        ring: &HeaderRing<Memory>,
        bell: Bell<'_>,
        next: u64,
        ticket: u32,
        slept: bool,
    ) {
        let outcome = match (slept, bell.word().load(Ordering::Acquire) == ticket) {
            (false, _) => &self.awake,
            (true, false) => &self.rung,
            (true, true) => &self.missed,
        };
        outcome.fetch_add(1, SeqCst);
        // Whoever wakes by itself finds the frame.
        let found = DirectPoll::new().look(ring, seq(next));
        assert_eq!(found, Look::Frame(seq(next)));
    }

    fn assert_none_missed(&self) {
        assert!(self.awake.load(SeqCst) > 0 && self.rung.load(SeqCst) > 0);
        assert_eq!(self.missed.load(SeqCst), 0);
    }

    fn assert_missed(&self) {
        assert!(self.missed.load(SeqCst) > 0);
    }
}

/// Publishes a frame. `settled`: its commit is visible before the sleepers are looked for, as it is some nanoseconds later.
fn publish(ring: &HeaderRing<Memory>, bell: Bell<'_>, raw: u64, settled: bool) {
    commit(ring, raw);
    if settled {
        fence(Ordering::SeqCst);
    }
    if bell.is_wanted() {
        bell.ring();
    }
}

/// A producer that still has a wish of its consumer to answer rings for frame 0, while that wants to sleep until frame 1.
fn two_frames(sleeper: Sleeper) -> Arc<Nights> {
    let nights = Arc::new(Nights::default());
    let counted = nights.clone();
    explore(None, move || {
        let ring = ring();
        let block = loom::sync::Arc::new(BellBlock::new());
        Bell::from(&*block).announce();
        let producer = {
            let block = block.clone();
            thread::spawn(move || {
                let bell = Bell::from(&*block);
                (0..2).for_each(|raw| publish(&ring, bell, raw, true));
            })
        };
        let bell = Bell::from(&*block);
        let ticket = bell.announce().get();
        let ticket = match sleeper {
            Sleeper::Right => ticket,
            Sleeper::TicketLast => bell.word().load(Ordering::Acquire),
        };
        let slept = DirectPoll::new().look(&ring, seq(1)) == Look::Idle;
        producer.join().unwrap();
        counted.count(&ring, bell, 1, ticket, slept);
    });
    nights
}

#[test] // req: E-01
fn nobody_sleeps_through_a_ringing_for_an_earlier_frame() {
    two_frames(Sleeper::Right).assert_none_missed();
}

#[test] // req: E-01
fn a_ticket_drawn_after_the_wish_may_be_of_a_ringing_that_took_the_wish_away() {
    two_frames(Sleeper::TicketLast).assert_missed();
}

/// A consumer that nobody knows of yet goes to sleep while frame 0 is published.
fn one_frame(settled: bool) -> Arc<Nights> {
    let nights = Arc::new(Nights::default());
    let counted = nights.clone();
    explore(None, move || {
        let ring = ring();
        let block = loom::sync::Arc::new(BellBlock::new());
        let consumer = {
            let block = block.clone();
            thread::spawn(move || {
                let ticket = Bell::from(&*block).announce().get();
                let slept = DirectPoll::new().look(&ring, seq(0)) == Look::Idle;
                (ticket, slept)
            })
        };
        publish(&ring, Bell::from(&*block), 0, settled);
        let (ticket, slept) = consumer.join().unwrap();
        counted.count(&ring, Bell::from(&*block), 0, ticket, slept);
    });
    nights
}

#[test] // req: E-01
fn nobody_sleeps_through_a_frame() {
    one_frame(true).assert_none_missed();
}

// One relaxed load does not order itself behind the commit. This is why sleepers look for a while and never sleep long.
#[test] // req: E-01
fn a_commit_that_is_not_visible_yet_can_be_slept_through() {
    one_frame(false).assert_missed();
}
