//! Loom: no reader of shared memory accepts a torn frame, whatever the interleaving, and each fence is needed for it.
//!
//! A model has one slot with an old frame in it. A writer overwrites it with a new one while a reader reads: the real
//! seqlock, one word of header, one of payload. Outcomes of all interleavings are counted; a fence is shown to be needed
//! by taking it out and finding torn frames among them.
#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    reason = "a model stops at what it does not expect"
)]

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::SeqCst;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;
use std::sync::{Arc, Mutex, PoisonError};
use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::{
    CommitWord, Line, RegionError, RegionKind, RegionShape, RegionView, RegionWriter, Superblock,
};
use tp_core_nostd::sync::{FencePoint, SplitWord, model};

/// How often each outcome occurred, over all interleavings of a model.
#[derive(Debug, Default)]
struct Outcomes {
    old: AtomicUsize,
    new: AtomicUsize,
    dropped: AtomicUsize,
    torn: AtomicUsize,
}

impl Outcomes {
    /// Counts what a reader accepted as `seq`, of which every word should be `seq`'s.
    fn accepted(&self, seq: u64, words: [u64; 2], frames: [u64; 2]) {
        let [old, new] = frames;
        let counter = match (seq, words == [seq; 2]) {
            (_, false) => &self.torn,
            (seq, true) if seq == old => &self.old,
            (seq, true) if seq == new => &self.new,
            (_, true) => &self.torn,
        };
        counter.fetch_add(1, SeqCst);
    }

    fn dropped(&self) {
        self.dropped.fetch_add(1, SeqCst);
    }

    /// Whether old, new and no frame were all seen, so that a model proves something; and no torn one.
    fn assert_whole(&self) {
        let count = |counter: &AtomicUsize| counter.load(SeqCst);
        assert!(count(&self.old) > 0 && count(&self.new) > 0, "{self:?}");
        assert!(count(&self.dropped) > 0, "{self:?}");
        assert_eq!(count(&self.torn), 0, "{self:?}");
    }

    fn assert_torn(&self) {
        assert!(self.torn.load(SeqCst) > 0, "{self:?}");
    }
}

/// Runs every interleaving of `scenario` without the fence at `left_out`. One at a time: fences are left out everywhere.
fn explore(
    left_out: Option<FencePoint>,
    scenario: impl Fn(&Outcomes) + Sync + Send + 'static,
) -> Arc<Outcomes> {
    static ONE_MODEL: Mutex<()> = Mutex::new(());
    let _alone = ONE_MODEL.lock().unwrap_or_else(PoisonError::into_inner);
    let outcomes = Arc::new(Outcomes::default());
    let counted = Arc::clone(&outcomes);
    model::leave_out(left_out);
    loom::model(move || scenario(&counted));
    model::leave_out(None);
    outcomes
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

// Words of the one line of memory.
const COMMIT: usize = 0;
const HEADER: usize = 1;
const PAYLOAD: usize = 2;

fn write(slot: RegionWriter<'_>, raw: u64) {
    let lock = slot.seqlock(COMMIT).unwrap();
    lock.begin(seq(raw));
    slot.copy_in(8 * PAYLOAD, &raw.to_le_bytes()).unwrap();
    slot.store(HEADER, raw).unwrap();
    lock.commit(seq(raw));
}

fn read(slot: RegionView<'_>, frames: [u64; 2], outcomes: &Outcomes) {
    let lock = slot.seqlock(COMMIT).unwrap();
    let Some(seen) = lock.load().filter(|word| word.is_committed()) else {
        return outcomes.dropped();
    };
    let header = slot.load(HEADER).unwrap();
    let mut payload = [0; 8];
    slot.copy_out(8 * PAYLOAD, &mut payload).unwrap();
    if lock.is_still(seen) {
        let words = [header, u64::from_le_bytes(payload)];
        outcomes.accepted(seen.seq().get(), words, frames);
    } else {
        outcomes.dropped();
    }
}

/// Frame 5 is there; frame 6 overwrites it while somebody reads.
fn overwrite(outcomes: &Outcomes) {
    let memory = Arc::new([Line::zeroed()]);
    write(RegionWriter::of_lines(&*memory), 5);
    let writer = {
        let memory = Arc::clone(&memory);
        thread::spawn(move || write(RegionWriter::of_lines(&*memory), 6))
    };
    read(RegionView::of_lines(&*memory), [5, 6], outcomes);
    writer.join().unwrap();
}

#[test] // req: W-089, W-090, W-094, W-097, W-098, W-099, W-102, W-105, W-106, W-108, T-19
fn no_torn_frame_is_accepted() {
    explore(None, overwrite).assert_whole();
}

#[test] // req: T-19
fn without_the_writers_fence_a_torn_frame_is_accepted() {
    explore(Some(FencePoint::AfterBegin), overwrite).assert_torn();
}

#[test] // req: W-097, T-19
fn without_the_readers_first_fence_a_torn_frame_is_accepted() {
    explore(Some(FencePoint::AfterFirstLoad), overwrite).assert_torn();
}

#[test] // req: W-098, T-19
fn without_the_readers_second_fence_a_torn_frame_is_accepted() {
    explore(Some(FencePoint::BeforeSecondLoad), overwrite).assert_torn();
}

/// A consumer that reads again after it used a view in place; the frame may go away in between (T-20).
fn view_in_place(outcomes: &Outcomes) {
    let memory = Arc::new([Line::zeroed()]);
    write(RegionWriter::of_lines(&*memory), 5);
    let writer = {
        let memory = Arc::clone(&memory);
        thread::spawn(move || write(RegionWriter::of_lines(&*memory), 6))
    };
    let slot = RegionView::of_lines(&*memory);
    let lock = slot.seqlock(COMMIT).unwrap();
    let seen = CommitWord::committed(seq(5));
    if lock.load() == Some(seen) && lock.is_still(seen) {
        let used = slot.load(PAYLOAD).unwrap();
        if lock.is_still(seen) {
            outcomes.accepted(5, [5, used], [5, 6]);
        } else {
            outcomes.dropped();
        }
    }
    writer.join().unwrap();
}

#[test] // req: W-102, T-20
fn a_view_checked_after_its_last_use_is_of_one_frame() {
    let outcomes = explore(None, view_in_place);
    assert!(outcomes.old.load(SeqCst) > 0 && outcomes.dropped.load(SeqCst) > 0);
    assert_eq!(outcomes.torn.load(SeqCst), 0);
    explore(Some(FencePoint::BeforeSecondLoad), view_in_place).assert_torn();
}

/// A region is created while somebody looks at it: `old` is no region yet, `new` is the whole one.
fn creation(outcomes: &Outcomes) {
    let superblock = Superblock {
        shape: RegionShape {
            stream_id: StreamId::new(1).unwrap(),
            epoch: Epoch::new(2).unwrap(),
            slots: SlotCount::new(1).unwrap(),
            kind: RegionKind::HeaderRing,
        },
        pid: 3,
        start_ns: 4,
        activity_ns: 5,
    };
    let memory: Arc<[Line; 5]> = Arc::new(core::array::from_fn(|_| Line::zeroed()));
    let writer = {
        let memory = Arc::clone(&memory);
        thread::spawn(move || superblock.create(RegionWriter::of_lines(&*memory)).unwrap())
    };
    let counter = match Superblock::load(RegionView::of_lines(&*memory)) {
        Ok(found) if found == superblock => &outcomes.new,
        Err(RegionError::Magic { got: 0 }) => &outcomes.old,
        _ => &outcomes.torn,
    };
    counter.fetch_add(1, SeqCst);
    writer.join().unwrap();
}

#[test] // req: T-04
fn a_region_is_there_at_once_or_not_at_all() {
    let outcomes = explore(None, creation);
    assert!(outcomes.old.load(SeqCst) > 0 && outcomes.new.load(SeqCst) > 0);
    assert_eq!(outcomes.torn.load(SeqCst), 0);
    explore(Some(FencePoint::AfterFirstLoad), creation).assert_torn();
}

/// How a reader looks at a word that is written in two halves.
#[derive(Clone, Copy)]
enum Load {
    /// With 32-bit loads: low, high, low.
    Split,
    /// With a 64-bit load that the bus brings in two parts.
    Parts { high_first: bool },
}

/// [`overwrite`] with the split word: its high half changes, too. One word of data stands for the frame.
fn split_overwrite(load: Load) -> impl Fn(&Outcomes) {
    const OLD: u64 = 0x7FFF_FFFF;
    const NEW: u64 = 0x8000_0000;
    let word_of = |raw| CommitWord::committed(seq(raw)).to_bits();
    move |outcomes| {
        let slot = Arc::new((SplitWord::new(word_of(OLD)), AtomicU64::new(OLD)));
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let (word, data) = &*slot;
                word.begin(CommitWord::in_progress(seq(NEW)).to_bits());
                fence(Ordering::Release);
                data.store(NEW, Ordering::Relaxed);
                word.commit(word_of(NEW));
            })
        };
        let (word, data) = &*slot;
        let load = || match load {
            Load::Split => word.load_stable(),
            Load::Parts { high_first } => Some(word.load_by_parts(high_first)),
        };
        let seen = load();
        fence(Ordering::Acquire);
        let frame = data.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        match seen.map(CommitWord::from_bits) {
            Some(seen) if seen.is_committed() && load() == Some(seen.to_bits()) => {
                outcomes.accepted(seen.seq().get(), [frame; 2], [OLD, NEW]);
            }
            _ => outcomes.dropped(),
        }
        writer.join().unwrap();
    }
}

const LOADS: [Load; 3] = [
    Load::Split,
    Load::Parts { high_first: false },
    Load::Parts { high_first: true },
];

#[test] // req: W-106, W-108, E-03
fn no_mixture_of_halves_is_accepted() {
    for load in LOADS {
        explore(None, split_overwrite(load)).assert_whole();
    }
}

// Without the second barrier of E-03 nothing goes wrong that loom could show: the first one covers the data as well.
#[test] // req: E-03
fn without_the_barrier_between_the_halves_a_mixture_is_accepted() {
    for load in LOADS {
        explore(Some(FencePoint::BetweenHalves), split_overwrite(load)).assert_torn();
    }
}
