//! An application whose buffers belong to a device: they are filled in any order, some are cancelled, and all are given
//! back when the lease goes.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::shm::TensorHeader;
use tp_std::{
    CommitMeta, Filled, FixedPool, FixedPoolConfig, Producer, Queued, Refused, Requeueable, Slot,
};
use tp_tests::fake_transport::Dice;

use super::STRIDE;
use super::ledger::{Content, Ledger};

/// See the module.
pub(super) struct Rig {
    producer: Producer<FixedPool>,
    queued: Vec<Slot<Queued>>,
    filled: Vec<Slot<Filled>>,
}

impl Rig {
    /// Takes so many buffers, unless there is no memory at the moment.
    pub(super) fn take(producer: Producer, buffers: u32) -> Result<Self, Producer> {
        let len = u32::try_from(STRIDE).unwrap();
        match producer.into_fixed_pool(FixedPoolConfig { buffers, len }) {
            Ok((producer, queued)) => Ok(Self {
                producer,
                queued,
                filled: Vec::new(),
            }),
            Err(refused) => Err(refused.producer),
        }
    }

    /// Gives all buffers back.
    pub(super) fn give_back(mut self) -> Producer {
        self.queued.clear();
        self.filled.clear();
        self.producer
            .into_streaming()
            .expect("every buffer is back")
    }

    pub(super) const fn producer(&mut self) -> &mut Producer<FixedPool> {
        &mut self.producer
    }

    /// The epoch it writes; `None` once the lease is gone.
    pub(super) fn epoch(&mut self) -> Option<Epoch> {
        self.producer.epoch()
    }

    /// Takes a buffer away for ever.
    pub(super) fn lose_one(&mut self) {
        core::mem::forget(self.queued.pop());
    }

    /// The device completes a buffer, or the application gives one back to it.
    pub(super) fn step(
        &mut self,
        stream: StreamId,
        ledger: &mut Ledger,
        dice: &mut Dice,
        tensor: impl Fn(usize) -> TensorHeader,
    ) -> u32 {
        match dice.within(0..=9) {
            0..=4 => {
                let Some(slot) = pick(&mut self.queued, dice) else {
                    return 0;
                };
                self.complete(stream, slot, ledger, dice, tensor)
            }
            5..=8 => {
                if let Some(slot) = pick(&mut self.filled, dice) {
                    let queued = self.producer.queue(slot);
                    keep(queued, &mut self.queued, &mut self.filled);
                }
                0
            }
            _ => {
                // The device gives up a buffer, and gets it again.
                if let Some(slot) = pick(&mut self.queued, dice) {
                    let slot = match self.producer.queue(slot) {
                        Ok(slot) => slot,
                        Err(refused) => refused.claim,
                    };
                    self.queued.push(slot);
                }
                0
            }
        }
    }

    fn complete(
        &mut self,
        stream: StreamId,
        mut slot: Slot<Queued>,
        ledger: &mut Ledger,
        dice: &mut Dice,
        tensor: impl Fn(usize) -> TensorHeader,
    ) -> u32 {
        let Some(epoch) = self.producer.epoch() else {
            self.queued.push(slot);
            return 0;
        };
        let len = usize::try_from(dice.within(8..=STRIDE as u64)).unwrap();
        let content: Content = ledger.content(len);
        content.fill(&mut slot.bytes()[..len]);
        let meta = CommitMeta {
            len: u32::try_from(len).ok(),
            capture_ns: Some(content.captured_ns),
            ..CommitMeta::default()
        };
        match self.producer.commit(slot, &tensor(len), meta) {
            Ok((published, slot)) => {
                ledger.published(stream, epoch, published.seq, content);
                self.filled.push(slot);
                1
            }
            Err(refused) => {
                self.queued.push(refused.claim);
                0
            }
        }
    }
}

fn pick<S>(slots: &mut Vec<Slot<S>>, dice: &mut Dice) -> Option<Slot<S>> {
    let last = slots.len().checked_sub(1)?;
    let at = dice.within(0..=last as u64);
    Some(slots.swap_remove(usize::try_from(at).unwrap()))
}

fn keep<S: Requeueable>(
    queued: Result<Slot<Queued>, Refused<Slot<S>>>,
    ours: &mut Vec<Slot<Queued>>,
    theirs: &mut Vec<Slot<S>>,
) {
    match queued {
        Ok(slot) => ours.push(slot),
        Err(refused) => theirs.push(refused.claim),
    }
}
