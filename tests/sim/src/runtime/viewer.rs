//! An application that reads a stream, and keeps books on what it got.

use core::task::Poll;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_std::{Client, Consumer, ConsumerConfig, Pending};
use tp_tests::fake_transport::Dice;

use super::ledger::Ledger;
use super::planted::{Bug, Planted};
use super::{ASK_AGAIN, STRIDE};

/// See the module.
pub(super) struct Viewer {
    pub(super) stream: StreamId,
    asked: Option<Pending<Consumer>>,
    ask_at: Instant,
    pub(super) consumer: Option<Consumer>,
    books: Option<Books>,
    dice: Dice,
    planted: Planted,
}

/// From the first frame that was seen of a mapping on.
#[derive(Clone, Copy)]
struct Books {
    epoch: Epoch,
    first: Seq,
    last: Seq,
    accepted: u64,
    /// Gaps and late drops of the consumer before the first frame.
    drops_before: u64,
}

impl Viewer {
    pub(super) fn new(stream: StreamId, dice: Dice, planted: Planted) -> Self {
        Self {
            stream,
            asked: None,
            ask_at: Instant::from_ns(0),
            consumer: None,
            books: None,
            dice,
            planted,
        }
    }

    /// The epoch it reads.
    pub(super) fn epoch(&mut self) -> Option<Epoch> {
        self.consumer.as_mut()?.epoch()
    }

    /// The last number it saw of that epoch.
    pub(super) fn last_seq(&self) -> Option<Seq> {
        self.consumer.as_ref()?.last_seq()
    }

    /// Asks for the consumer, or polls it; in haste it takes whatever there is.
    pub(super) fn step(&mut self, now: Instant, client: &Client, ledger: &mut Ledger, haste: bool) {
        self.ask(now, client);
        let limit = match haste {
            true => 1_000,
            // Most look often, some rarely enough to be lapped.
            false if self.dice.happens(30) => return,
            false => u32::try_from(self.dice.within(1..=6)).unwrap(),
        };
        self.read(limit, ledger);
    }

    fn ask(&mut self, now: Instant, client: &Client) {
        if self.consumer.is_some() {
            return;
        }
        match self.asked.as_mut().map(Pending::poll) {
            None if now >= self.ask_at => {
                let config = ConsumerConfig::new(self.stream)
                    .with_watched_memory(!self.planted.is(Bug::Tailless));
                self.asked = client.consumer(config).ok();
            }
            None | Some(Poll::Pending) => {}
            Some(Poll::Ready(result)) => {
                self.asked = None;
                self.ask_at = now.after(ASK_AGAIN);
                self.consumer = result.ok();
                self.books = None;
            }
        }
    }

    fn read(&mut self, limit: u32, ledger: &mut Ledger) {
        let Some(consumer) = &mut self.consumer else {
            return;
        };
        let counters = consumer.counters();
        let drops = || counters.gap_drops() + counters.late_drops();
        // What was mapped anew begins anew.
        let epoch = consumer.epoch();
        let seen = consumer.last_seq();
        let goes_on = |books: &Books| Some(books.epoch) == epoch && Some(books.last) == seen;
        let mut books = self.books.filter(goes_on);
        let mut drops_before = drops();
        let (stream, planted, dice) = (self.stream, self.planted, &mut self.dice);
        let mut buffer = [0; STRIDE];
        let polled = consumer.poll(limit, |descriptor, reader| {
            // The gap before the first frame is nobody's.
            let books = books.get_or_insert_with(|| {
                let (epoch, first) = (descriptor.epoch, descriptor.seq);
                drops_before = drops();
                Books {
                    epoch,
                    first,
                    last: first,
                    accepted: 0,
                    drops_before,
                }
            });
            if let Ok(frame) = reader.read()
                && let Ok(len) = frame.copy_to(&mut buffer)
            {
                if planted.is(Bug::Swallowed) && dice.happens(2) {
                    return;
                }
                books.accepted += 1;
                let (epoch, seq) = (descriptor.epoch, descriptor.seq);
                ledger.accepted(stream, epoch, seq, &buffer[..len]);
            }
        });
        if polled.is_err() {
            self.consumer = None;
            self.books = None;
            return;
        }
        self.books = books.and_then(|books| {
            let last = consumer.last_seq()?;
            Some(Books { last, ..books })
        });
        if let Some(books) = &self.books {
            let spanned = books.last.get() + 1 - books.first.get();
            let dropped = drops() - books.drops_before;
            if spanned != books.accepted + dropped {
                let Books {
                    first,
                    last,
                    accepted,
                    ..
                } = books;
                let detail = format!(
                    "{stream}: {accepted} accepted and {dropped} dropped from {first} to {last}"
                );
                ledger.broken("every_frame_is_accounted_for", detail);
            }
        }
    }
}
