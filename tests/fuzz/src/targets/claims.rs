//! Claims as operations: whatever is claimed, told, committed, given up and offered in whatever order, a reader finds the
//! frames that were published, whole, and no others.

use std::collections::BTreeMap;

use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId, Token};
use tp_core_nostd::proto::publish::{Committed, FrameMeta, Publisher};
use tp_core_nostd::proto::read::Reader;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{Dtype, Line, MajorOrder, PayloadPool, SlotImage, TensorHeader};

use super::stream::{SLOTS, StreamMemory};
use crate::Input;
use crate::reach::Reached;

type Pools<'m> = [PayloadPool<&'m [Line]>; 1];
type Producer<'m> = Publisher<&'m [Line], Pools<'m>, Streaming<[Entry; 8]>>;
type Consumer<'m> = Reader<&'m [Line], Pools<'m>, [u64; 8]>;

const META: FrameMeta = FrameMeta {
    timestamp_ns: 1,
    meta_version: None,
    trace_id: None,
};
/// Bytes of a frame.
const LEN: usize = 64;

/// A writer and a reader of the same memory, and what a reader has to find there.
struct Stage<'m> {
    producer: Producer<'m>,
    consumer: Consumer<'m>,
    image: SlotImage,
    /// Tokens that live, and what fills their slots.
    open: Vec<(Token, u8)>,
    /// Tokens that ended, whose use has to be refused.
    ended: Vec<Token>,
    /// Frames that are committed, and those that wait for older ones: their number and content.
    published: BTreeMap<u64, u8>,
    held: BTreeMap<u64, u8>,
    reached: Reached,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut input = Input::new(bytes);
    let memory = StreamMemory::new();
    let entries = [Entry::FREE; 8];
    let claims = Streaming::new(TableId(1), entries, SLOTS, Overtaking::Hold).unwrap();
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[LEN as i32]);
    let mut stage = Stage {
        producer: Publisher::new(memory.regions(), claims),
        consumer: Reader::new(memory.regions(), [0; 8]).unwrap(),
        image: SlotImage::new(&tensor.unwrap()),
        open: Vec::new(),
        ended: Vec::new(),
        published: BTreeMap::new(),
        held: BTreeMap::new(),
        reached: Reached::new(),
    };
    while !input.is_empty() {
        stage.step(&mut input);
        while let Some(descriptor) = stage.producer.next_ready(None) {
            let content = stage.held.remove(&descriptor.seq.get()).unwrap();
            stage.reached.insert("let go by an older one");
            stage.publish(descriptor.seq, content);
        }
    }
    stage.check();
    stage.reached
}

impl Stage<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 8 {
            0 | 1 => self.claim(input.u8()),
            2 => self.offer(input.u8()),
            3 | 4 => self.commit(input.below(self.open.len())),
            5 => self.abort(input.below(self.open.len())),
            6 => {
                if let Some((token, _)) = input.pick(&self.open) {
                    assert_eq!(self.producer.announce(token), Ok(token));
                    self.reached.insert("told ahead");
                }
            }
            _ => self.misuse(input),
        }
    }

    fn claim(&mut self, content: u8) {
        let Ok(token) = self.producer.claim(LEN as u32) else {
            self.reached.insert("no slot to claim");
            return;
        };
        let slot = self.producer.payload(token).unwrap();
        slot.copy_in(0, &[content; LEN]).unwrap();
        self.open.push((token, content));
    }

    fn offer(&mut self, content: u8) {
        let offered = self
            .producer
            .offer(&[content; LEN], &mut self.image, META, None);
        match offered {
            Ok(committed) => self.committed(committed, content),
            Err(_) => drop(self.reached.insert("no slot to offer")),
        }
    }

    fn commit(&mut self, which: usize) {
        if self.open.is_empty() {
            return;
        }
        let (token, content) = self.open.swap_remove(which);
        let committed = self
            .producer
            .commit(token, &mut self.image, LEN as u32, META, None);
        self.ended.push(token);
        self.committed(committed.unwrap(), content);
    }

    fn abort(&mut self, which: usize) {
        if !self.open.is_empty() {
            let (token, _) = self.open.swap_remove(which);
            assert_eq!(self.producer.abort(token), Ok(()));
            self.ended.push(token);
            self.reached.insert("given up");
        }
    }

    /// A token that ended, and a payload that is too long.
    fn misuse(&mut self, input: &mut Input<'_>) {
        if let Some(token) = input.pick(&self.ended) {
            assert!(self.producer.abort(token).is_err());
            self.reached.insert("used after its end");
            let committed = self.producer.commit(token, &mut self.image, 1, META, None);
            assert!(committed.is_err());
        }
        if let Some((token, _)) = input.pick(&self.open) {
            let committed = self
                .producer
                .commit(token, &mut self.image, u32::MAX, META, None);
            assert!(committed.is_err());
        }
    }

    fn committed(&mut self, committed: Committed, content: u8) {
        match committed {
            Committed::Ready(descriptor) => self.publish(descriptor.seq, content),
            Committed::Held(seq) => {
                assert_eq!(self.held.insert(seq.get(), content), None, "{seq:?} twice");
                self.reached.insert("held");
            }
        }
    }

    /// Numbers rise, and what was published can be read.
    fn publish(&mut self, seq: Seq, content: u8) {
        let newest = self.published.last_key_value();
        assert!(newest.is_none_or(|(newest, _)| *newest < seq.get()));
        self.published.insert(seq.get(), content);
        self.reached.insert(match seq.get() {
            ..8 => "published",
            8..80 => "in the next turns of the ring",
            _ => "after ten turns",
        });
        self.read(seq, content);
    }

    fn read(&mut self, seq: Seq, content: u8) {
        let mut buffer = [!content; LEN];
        let frame = self.consumer.read(seq).unwrap();
        assert_eq!(self.consumer.copy_to(&frame, &mut buffer), Ok(LEN));
        assert_eq!(buffer, [content; LEN]);
    }

    /// Of the last turn of the ring exactly those frames are there that were published and whose slot is not in use again.
    fn check(&mut self) {
        let newest = self.published.last_key_value().map_or(0, |(seq, _)| *seq);
        let claimed = self.open.iter().map(|(token, _)| token.seq().get());
        let in_use: Vec<_> = claimed.chain(self.held.keys().copied()).collect();
        let slots = u64::from(SLOTS.get());
        for number in newest.saturating_sub(slots - 1)..=newest {
            let is_overwritten = in_use
                .iter()
                .any(|seq| *seq > number && seq % slots == number % slots);
            let seq = Seq::new(number).unwrap();
            match self.published.get(&number).copied() {
                Some(content) if !is_overwritten => {
                    // A claim that was given up may have begun to overwrite it, too.
                    if self.consumer.read(seq).is_ok() {
                        self.read(seq, content);
                    }
                }
                _ => assert!(self.consumer.read(seq).is_err()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn frames_are_published_held_and_given_up_over_many_turns() {
        let turns = [
            "after ten turns",
            "given up",
            "held",
            "in the next turns of the ring",
            "let go by an older one",
            "no slot to claim",
            "no slot to offer",
            "published",
            "told ahead",
            "used after its end",
        ];
        crate::reach::assert_reached("claims", super::play, &turns);
    }
}
