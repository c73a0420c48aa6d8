//! A consumer that checks every byte of every frame it gets, and one that does so on a thread of its own.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tp_core_nostd::proto::read::CopyError;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_std::{ConsumeError, Consumer, ConsumerCounters, FrameReader, Producer, Wait};

use crate::frames::{is_whole, publish};
use crate::rig::wait_until;

/// What a consumer got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Whole frames.
    pub(crate) received: u64,
    /// Frames that were accepted with other bytes than they were sent with.
    pub(crate) torn: u64,
    /// Epoch of the last whole frame.
    pub(crate) epoch: u64,
    /// Number after that of the last whole frame; 0 before the first.
    pub(crate) next: u64,
}

impl Tally {
    /// Polls once and checks what comes.
    pub(crate) fn poll(&mut self, consumer: &mut Consumer) -> Result<u32, ConsumeError> {
        consumer.poll(64, |descriptor, reader| self.check(descriptor, reader))
    }

    /// Waits once and checks what comes.
    pub(crate) fn wait(&mut self, consumer: &mut Consumer, how: Wait) -> Result<u32, ConsumeError> {
        consumer.wait(how, |descriptor, reader| self.check(descriptor, reader))
    }

    fn check(&mut self, descriptor: &FrameDescriptor, reader: FrameReader<'_>) {
        let mut buffer = [0; 16 * 1024];
        let Ok(frame) = reader.read() else { return };
        match frame.copy_to(&mut buffer) {
            Ok(len) => {
                let (epoch, seq) = (descriptor.epoch.get(), frame.seq().get());
                let shaped = frame.tensor().dims() == [i32::try_from(len).unwrap()];
                if shaped && is_whole(epoch, seq, &buffer[..len]) {
                    self.received += 1;
                } else {
                    self.torn += 1;
                }
                (self.epoch, self.next) = (epoch, seq + 1);
            }
            Err(CopyError::Overwritten) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Frames sent in one epoch are received or counted by one reason each.
#[track_caller]
pub(crate) fn assert_accounted(sent: u64, tally: &Tally, drops: &ConsumerCounters) {
    let (gap, late, local) = (drops.gap_drops(), drops.late_drops(), drops.local_drops());
    println!(
        "sent {sent}, received {}, gap {gap}, late {late}, local {local}, found in memory {}",
        tally.received,
        drops.found_in_memory()
    );
    assert_eq!(tally.torn, 0);
    assert_eq!(sent, tally.received + gap + late + local);
}

/// A consumer on its own thread.
pub(crate) struct Watcher {
    pub(crate) drops: Arc<ConsumerCounters>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<(Tally, Result<(), ConsumeError>)>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    mapped: AtomicU64,
    epoch: AtomicU64,
    next: AtomicU64,
    received: AtomicU64,
}

impl Watcher {
    pub(crate) fn start(mut consumer: Consumer) -> Self {
        let (drops, shared) = (consumer.counters(), Arc::new(Shared::default()));
        let thread = thread::spawn({
            let shared = shared.clone();
            move || {
                let mut tally = Tally::default();
                while !shared.stop.load(Ordering::Relaxed) {
                    match tally.poll(&mut consumer) {
                        Ok(0) => thread::yield_now(),
                        Ok(_) => {}
                        Err(error) => return (tally, Err(error)),
                    }
                    let mapped = consumer.epoch().map_or(0, |epoch| epoch.get());
                    shared.mapped.store(mapped, Ordering::Relaxed);
                    shared.received.store(tally.received, Ordering::Relaxed);
                    shared.next.store(tally.next, Ordering::Relaxed);
                    shared.epoch.store(tally.epoch, Ordering::Release);
                }
                (tally, Ok(()))
            }
        });
        Self {
            drops,
            shared,
            thread: Some(thread),
        }
    }

    /// Whole frames so far.
    pub(crate) fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// The epoch that is mapped; 0 while none is.
    pub(crate) fn mapped(&self) -> u64 {
        self.shared.mapped.load(Ordering::Relaxed)
    }

    /// Whether it got frame `seq` of `epoch`, or a later one of it.
    pub(crate) fn is_past(&self, epoch: u64, seq: u64) -> bool {
        self.shared.epoch.load(Ordering::Acquire) == epoch
            && self.shared.next.load(Ordering::Relaxed) > seq
    }

    /// Ends polling.
    pub(crate) fn stop(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        let (tally, ended) = self.thread.take().unwrap().join().unwrap();
        assert_eq!(ended, Ok(()), "the client ended");
        tally
    }

    /// Waits until polling ended because the client did.
    pub(crate) fn closed(mut self) -> (Tally, ConsumeError) {
        let thread = self.thread.take().unwrap();
        wait_until("the end of polling", || thread.is_finished());
        let (tally, ended) = thread.join().unwrap();
        (tally, ended.expect_err("polling goes on"))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends frames, a few, until `watchers` have the newest: a consumer that was lapped learns what it lost from the next
/// descriptor. Returns how many frames the epoch has now.
pub(crate) fn settle(producer: &mut Producer, watchers: &[&Watcher]) -> u64 {
    let epoch = producer.epoch().unwrap().get();
    let mut sent = 0;
    wait_until("every consumer to get the newest frame", || {
        let (seq, _) = publish(producer, 64).unwrap();
        sent = seq + 1;
        for _ in 0..20 {
            thread::sleep(core::time::Duration::from_millis(5));
            if watchers.iter().all(|watcher| watcher.is_past(epoch, seq)) {
                return true;
            }
        }
        false
    });
    sent
}
