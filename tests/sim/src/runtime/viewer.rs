//! An application that reads a stream as its [wish](ViewerWish) says, and keeps [books](Books) on what it got.

use core::task::Poll;
use core::time::Duration;

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameProgress, ProgressHints, QosProducer};
use tp_std::aeron::Channel;
use tp_std::{
    Client, Consumer, ConsumerConfig, Endpoint, FrameReader, Pending, ProgressReader, Wait,
};
use tp_tests::fake_transport::Dice;

use super::books::Books;
use super::ledger::Ledger;
use super::planted::{Bug, Planted};
use super::wishes::{Looks, ViewerWish};
use super::{ASK_AGAIN, STRIDE};

/// Progress is wanted each time so many bytes are there.
const PROGRESS_BYTES: u32 = 256;

/// See the module.
pub(super) struct Viewer {
    pub(super) wish: ViewerWish,
    asked: Option<Pending<Consumer>>,
    ask_at: Instant,
    pub(super) consumer: Option<Consumer>,
    books: Option<Books>,
    /// The last frame it took.
    taken: Option<(Epoch, Seq)>,
    dice: Dice,
    planted: Planted,
}

impl Viewer {
    pub(super) fn new(wish: ViewerWish, dice: Dice, planted: Planted) -> Self {
        Self {
            wish,
            asked: None,
            ask_at: Instant::from_ns(0),
            consumer: None,
            books: None,
            taken: None,
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
        if self.wish.progress {
            self.read_ahead(limit, ledger);
        }
    }

    /// Once all is quiet and read: what it did not get is known to it, or told by its producer.
    pub(super) fn balance(&self, told: Option<&QosProducer>, ledger: &mut Ledger) {
        if let (Some(consumer), Some(books)) = (&self.consumer, &self.books) {
            books.balance(self.wish.stream, &consumer.counters(), told, ledger);
        }
    }

    fn ask(&mut self, now: Instant, client: &Client) {
        if self.consumer.is_some() {
            return;
        }
        match self.asked.as_mut().map(Pending::poll) {
            None if now >= self.ask_at => {
                self.asked = client.consumer(self.config()).ok();
            }
            None | Some(Poll::Pending) => {}
            Some(Poll::Ready(result)) => {
                self.asked = None;
                self.ask_at = now.after(ASK_AGAIN);
                self.consumer = result.ok();
                self.books = None;
                self.taken = None;
            }
        }
    }

    fn config(&self) -> ConsumerConfig {
        let wish = &self.wish;
        let mut config = match wish.is_direct {
            true => ConsumerConfig::direct(wish.stream),
            false => ConsumerConfig::new(wish.stream),
        };
        let is_blind = wish.looks == Looks::Descriptors || self.planted.is(Bug::Tailless);
        config = config
            .with_watched_memory(!is_blind)
            .with_direct_poll(wish.looks == Looks::Waits && !is_blind);
        if let Some(frames) = wish.max_rate_hz {
            config = config.with_max_rate_hz(frames);
        }
        if wish.progress {
            config = config.with_progress(ProgressHints {
                interval_us: None,
                bytes_delta: Some(PROGRESS_BYTES),
                major_delta_units: None,
            });
        }
        let own = |stream_id| Endpoint::new(Channel::ipc(), stream_id);
        if let Some(stream_id) = wish.own_descriptors {
            config = config.with_own_descriptors(&own(stream_id)).unwrap();
        }
        if let Some(stream_id) = wish.own_control {
            config = config.with_own_control(&own(stream_id)).unwrap();
        }
        config
    }

    fn read(&mut self, limit: u32, ledger: &mut Ledger) {
        let Self {
            wish,
            consumer,
            books: kept,
            taken,
            dice,
            planted,
            ..
        } = self;
        let Some(consumer) = consumer else {
            return;
        };
        let stream = wish.stream;
        // Whoever maps the same memory again follows its numbers afresh (W-057).
        let epoch = consumer.epoch();
        taken.take_if(|(of, _)| epoch != Some(*of) || consumer.last_seq().is_none());
        let counters = consumer.counters();
        let mut books = kept.filter(|books| books.are_of(consumer));
        let mut buffer = [0; STRIDE];
        let is_private = consumer.status().assigned_descriptor_stream().is_some();
        let waits = wish.looks == Looks::Waits && !dice.happens(20);
        let mut take = |descriptor: &FrameDescriptor, reader: FrameReader<'_>| {
            let (epoch, seq) = (descriptor.epoch, descriptor.seq);
            let books = books.get_or_insert_with(|| Books::begin(epoch, seq, &counters));
            if let Ok(frame) = reader.read()
                && let Ok(len) = frame.copy_to(&mut buffer)
            {
                if planted.is(Bug::Swallowed) && dice.happens(2) {
                    return;
                }
                if planted.is(Bug::Repeated) && dice.happens(2) {
                    *taken = Some((epoch, seq));
                }
                books.accepted += 1;
                ledger.accepted(stream, epoch, seq, &buffer[..len]);
                if let Some((_, last)) = taken.filter(|(of, last)| *of == epoch && *last >= seq) {
                    ledger.came_again(stream, epoch, seq, last);
                }
                *taken = Some((epoch, seq));
                let seen = &mut ledger.seen;
                seen.by_own_stream += u64::from(is_private);
                seen.by_direct_poll += u64::from(waits);
                seen.without_driver += u64::from(wish.is_direct);
                seen.rate_limited += u64::from(wish.max_rate_hz.is_some());
            }
        };
        let polled = match waits {
            // With no time to wait it looks for a while.
            true => consumer.wait(Wait::Deadline(Duration::ZERO), &mut take),
            false => consumer.poll(limit, &mut take),
        };
        if polled.is_err() {
            self.consumer = None;
            self.books = None;
            return;
        }
        if let Some(books) = &mut books {
            books.close(stream, consumer, ledger);
        }
        self.books = books;
    }

    /// Reads the front parts of frames that are told of.
    fn read_ahead(&mut self, limit: u32, ledger: &mut Ledger) {
        let Some(consumer) = &mut self.consumer else {
            return;
        };
        let stream = self.wish.stream;
        let mut buffer = [0; STRIDE];
        let take = |progress: &FrameProgress, reader: ProgressReader<'_>| {
            if let Ok(prefix) = reader.read()
                && let Ok(len) = prefix.copy_to(0, &mut buffer)
            {
                ledger.read_ahead(stream, progress.epoch, progress.seq, &buffer[..len]);
            }
        };
        // One that is closed says so when it is polled for frames.
        let _ = consumer.poll_progress(limit, take);
    }
}
