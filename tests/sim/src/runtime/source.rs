//! What a camera says of its source: name and summary, attributes that come, change and go, and blobs.

use std::collections::BTreeMap;

use tp_core_nostd::ids::StreamId;
use tp_std::{Mode, Producer};
use tp_tests::fake_transport::Dice;

use super::ledger::Ledger;

/// Keys of attributes; others are not the application's.
pub(super) const KEYS: &[&str] = &["sim.gain", "sim.lens", "sim.place"];
/// Bytes of a blob at most; more than one message can carry.
pub(super) const LONGEST_BLOB: usize = 70_000;
/// Bytes of attributes and of most blobs at most.
const SHORT: u64 = 400;

/// A value of an attribute: bytes that are all the same.
pub(super) type Value = (u8, usize);

/// What was said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saying {
    pub(super) name: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) attributes: BTreeMap<String, Value>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) said: Saying,
    /// The last blob was sent.
    has_closed: bool,
}

impl Source {
    /// Changes something, or sends a blob.
    pub(super) fn go_on<M: Mode>(
        &mut self,
        stream: StreamId,
        producer: &mut Producer<M>,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) {
        match dice.within(0..=9) {
            0 | 1 => self.describe(producer, dice),
            2..=5 => self.set(producer, dice),
            6 | 7 => self.remove(producer, dice),
            _ => {
                let longest = dice.pick(&[SHORT, SHORT, SHORT, SHORT, LONGEST_BLOB as u64]);
                let blob = ledger.blob(stream, short(dice, longest));
                let _ = producer.send_blob(blob.kind, blob.bytes, dice.happens(60));
            }
        }
    }

    /// Sends a blob that everybody has to hear, once.
    pub(super) fn close<M: Mode>(
        &mut self,
        stream: StreamId,
        producer: &mut Producer<M>,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) {
        if self.has_closed || producer.epoch().is_none() {
            return;
        }
        let blob = ledger.blob(stream, short(dice, SHORT));
        let kind = blob.kind;
        if producer
            .send_blob(kind, blob.bytes, dice.happens(60))
            .is_ok()
        {
            self.has_closed = true;
            ledger.blob_is_for_all(stream, kind);
        }
    }

    fn describe<M: Mode>(&mut self, producer: &mut Producer<M>, dice: &mut Dice) {
        let name = format!("camera {}", dice.within(0..=9));
        let summary = format!("what it sees, take {}", dice.within(0..=99));
        if producer.describe(&name, &summary).is_ok() {
            self.said.name = Some(name);
            self.said.summary = Some(summary);
        }
    }

    fn set<M: Mode>(&mut self, producer: &mut Producer<M>, dice: &mut Dice) {
        let key = dice.pick(KEYS);
        let value = (
            u8::try_from(dice.within(0..=255)).unwrap(),
            short(dice, SHORT),
        );
        let bytes = vec![value.0; value.1];
        if producer.set_attribute(key, "text/plain", &bytes).is_ok() {
            self.said.attributes.insert(key.to_owned(), value);
        }
    }

    fn remove<M: Mode>(&mut self, producer: &mut Producer<M>, dice: &mut Dice) {
        let key = dice.pick(KEYS);
        if producer.remove_attribute(key).is_ok() {
            self.said.attributes.remove(key);
        }
    }
}

fn short(dice: &mut Dice, longest: u64) -> usize {
    usize::try_from(dice.within(1..=longest)).unwrap()
}
