//! One exchange for every configuration: pictures from a producer to a consumer, frame by frame, over three turns of the
//! ring, each of them told of when it is half full; then the same again with a new producer and a new consumer.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::Signal;
use tp_core_nostd::ids::{NodeId, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::FrameProgress;
use tp_core_nostd::wire::driver::ShmAttachResponse;
use tp_core_nostd::wire::enums::FrameProgressState;
use tp_std::{
    ANNOUNCE_STREAM, CONTROL_STREAM, Client, CommitMeta, Consumer, ConsumerConfig,
    ConsumerCounters, Context, Endpoint, Producer, ProducerConfig,
};

use super::film::Film;
use crate::ears::Ears;
use crate::no_driver;
use crate::rig::{PATIENCE, Rig, Shape, paths_below, stream, wait_until};

pub(super) const SLOTS: u32 = 8;
/// Frames of one exchange.
pub(super) const FRAMES: u64 = 3 * SLOTS as u64;
/// Room for a picture.
const STRIDE: u32 = 1 << 20;

/// One configuration; what is not said is as usual.
pub(super) struct Row {
    pub(super) shape: Shape,
    pub(super) stream: StreamId,
    /// The producer owns the memory, and there is no driver.
    pub(super) is_direct: bool,
    pub(super) producer: fn(ProducerConfig) -> ProducerConfig,
    pub(super) consumer: fn(ConsumerConfig) -> ConsumerConfig,
    /// Waits until the exchange can begin.
    pub(super) begin: fn(&mut Pair),
    /// What has to hold besides when it is over.
    pub(super) end: fn(&mut Pair),
}

impl Default for Row {
    fn default() -> Self {
        Self {
            shape: shape(),
            stream: stream(),
            is_direct: false,
            producer: |config| config,
            consumer: |config| config,
            begin: |pair| pair.flow("the first frame", |pair| pair.received > 0),
            end: |_| {},
        }
    }
}

/// A ring of few pictures.
pub(super) fn shape() -> Shape {
    Shape {
        slots: SLOTS,
        strides: &[1024, STRIDE],
        announce_ms: 200,
        ..Shape::default()
    }
}

/// What was said on the shared streams.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Announces on the control stream, and on that of announces.
    pub(super) announces: [u64; 2],
    pub(super) nodes: Vec<NodeId>,
    /// What the shared control stream told of the frames of the exchange while they were written: state and number.
    pub(super) progress: Vec<(FrameProgressState, u64)>,
}

/// A producer, a consumer, and what came of them.
pub(super) struct Pair<'f> {
    film: &'f Film,
    ears: [Ears; 2],
    pub(super) producer: Producer,
    pub(super) consumer: Consumer,
    pub(super) drops: Arc<ConsumerCounters>,
    pub(super) said: Said,
    /// The first frame of the exchange.
    first: u64,
    /// Whole frames since the exchange began.
    pub(super) received: u64,
    /// What the consumer was told of them while they were written, since then: state and number.
    pub(super) progress: Vec<(FrameProgressState, u64)>,
    /// Trace ids of their descriptors.
    pub(super) traces: Vec<Option<u64>>,
    buffer: Vec<u8>,
}

impl Row {
    /// Runs the exchange with this configuration.
    pub(super) fn run(&self) {
        let film = Film::load();
        let rig = match self.is_direct {
            true => Rig::start_without_driver(&self.shape),
            false => Rig::start(&self.shape),
        };
        self.run_on(rig, &film);
    }

    pub(super) fn run_on(&self, mut rig: Rig, film: &Film) {
        let (client, conductor) = Client::start(self.context(&rig)).unwrap();
        let mut epochs = Vec::new();
        // Again, with what the first ones left: ids, files, streams.
        for turn in 0..2 {
            let mut pair = self.pair(&rig, film, &client, 5 + turn);
            (self.begin)(&mut pair);
            pair.exchange();
            epochs.push(pair.producer.epoch().unwrap());
            (self.end)(&mut pair);
        }
        assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
        conductor.close_and_wait(PATIENCE).unwrap();
        if !self.is_direct {
            assert!(rig.end_driver(Signal::TERM).success());
            rig.stop_media();
            let mut left = paths_below(rig.root());
            left.retain(|path| !path.is_dir());
            assert_eq!(left, Vec::<PathBuf>::new(), "left in shared memory");
        }
    }

    fn context(&self, rig: &Rig) -> Context {
        let announce = Endpoint::new(
            rig.context().control().channel.clone(),
            self.shape.announces,
        );
        let context = rig.context().with_announce(announce);
        context.with_hello_period(Duration::from_millis(200))
    }

    fn pair<'f>(&self, rig: &Rig, film: &'f Film, client: &Client, epoch: u64) -> Pair<'f> {
        let ears =
            [CONTROL_STREAM, ANNOUNCE_STREAM].map(|stream| Ears::open(rig.root(), &[stream]));
        let (producer, consumer) = match self.is_direct {
            true => {
                let regions = no_driver::regions(rig, epoch, SLOTS, STRIDE);
                let producer = ProducerConfig::direct(self.stream, regions);
                (producer, ConsumerConfig::direct(self.stream))
            }
            false => (
                ProducerConfig::new(self.stream),
                ConsumerConfig::new(self.stream),
            ),
        };
        // Descriptors alone bring frames, or a stream that is silent would go unnoticed.
        let consumer = consumer.with_watched_memory(false);
        let producer = client.producer((self.producer)(producer)).unwrap();
        let producer = producer.wait(PATIENCE).unwrap();
        let consumer = client.consumer((self.consumer)(consumer)).unwrap();
        let consumer = consumer.wait(PATIENCE).unwrap();
        Pair {
            film,
            ears,
            drops: consumer.counters(),
            producer,
            consumer,
            said: Said::default(),
            first: 0,
            received: 0,
            progress: Vec::new(),
            traces: Vec::new(),
            buffer: vec![0; STRIDE as usize],
        }
    }
}

impl Pair<'_> {
    /// Publishes the next frame and says which it is.
    pub(super) fn publish(&mut self) -> u64 {
        let (meta, len) = (CommitMeta::default(), self.film.len());
        let mut claim = self
            .producer
            .try_claim(u32::try_from(len).unwrap())
            .unwrap();
        self.producer
            .start(&mut claim, self.film.header(), meta)
            .unwrap();
        let seq = claim.seq().get();
        self.film.write(seq, claim.bytes());
        self.producer
            .offer_progress(&mut claim, u32::try_from(len / 2).unwrap())
            .unwrap();
        let published = self
            .producer
            .commit(claim, self.film.header(), meta)
            .unwrap();
        assert_eq!(published.seq.get(), seq);
        seq
    }

    /// Takes what came, and compares it.
    pub(super) fn poll(&mut self) {
        let Self {
            film,
            consumer,
            buffer,
            received,
            progress,
            traces,
            ..
        } = self;
        let polled = consumer.poll(64, |descriptor, reader| {
            let Ok(view) = reader.read() else { return };
            let len = view.copy_to(buffer).unwrap();
            let seq = descriptor.seq.get();
            assert!(
                film.is(seq, view.tensor(), &buffer[..len]),
                "frame {seq} is another"
            );
            traces.push(descriptor.trace_id);
            *received += 1;
        });
        polled.unwrap();
        let polled = consumer.poll_progress(64, |told: &FrameProgress, _| {
            progress.push((told.state, told.seq.get()));
        });
        polled.unwrap();
        self.listen();
    }

    fn listen(&mut self) {
        let first = self.first;
        let Said {
            announces,
            nodes,
            progress,
        } = &mut self.said;
        for (ears, announces) in self.ears.iter_mut().zip(announces) {
            ears.hear(|message| match message {
                Message::ShmPoolAnnounce(_) => *announces += 1,
                Message::FrameProgress(view) => {
                    let told = FrameProgress::try_from(view).unwrap();
                    let told = (told.state, told.seq.get());
                    progress.extend((told.1 >= first).then_some(told));
                }
                Message::ShmAttachResponse(view) => {
                    let response = ShmAttachResponse::try_from(view).unwrap();
                    nodes.extend(response.outcome.ok().and_then(|grant| grant.node_id));
                }
                _ => {}
            });
        }
    }

    /// Publishes and polls until `done`.
    pub(super) fn flow(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        wait_until(what, || {
            self.publish();
            self.poll();
            done(self)
        });
    }

    /// One frame after the other, each of them received, or counted, before the next.
    fn exchange(&mut self) {
        // What was published while it began has been told by now, and is not of the exchange.
        let last = self.publish();
        self.meet(last);
        self.received = 0;
        self.progress.clear();
        self.traces.clear();
        self.said.progress.clear();
        self.first = last + 1;
        let before = self.dropped();
        for _ in 0..FRAMES {
            let seq = self.publish();
            self.meet(seq);
        }
        let dropped = self.dropped() - before;
        assert_eq!(self.received + dropped, FRAMES, "{dropped} dropped");
        assert_eq!(self.drops.progress_violations(), 0);
    }

    /// Waits for a frame, and for the end of what is told of it where anything is.
    fn meet(&mut self, seq: u64) {
        let is_told = self.producer.progress_policy().is_some();
        let end = (FrameProgressState::Complete, seq);
        wait_until("the frame", || {
            self.poll();
            let is_seen = self.drops.last_seq().is_some_and(|seen| seen.get() == seq);
            is_seen && (!is_told || self.progress.contains(&end))
        });
    }

    /// What the consumer was told of frames that are written is what everybody was told.
    pub(super) fn is_told_with_all(&mut self) {
        wait_until("progress as everybody hears it", || {
            self.listen();
            self.said.progress == self.progress
        });
    }

    /// Frames that came to nothing.
    pub(super) fn dropped(&self) -> u64 {
        self.drops.gap_drops() + self.drops.late_drops() + self.drops.local_drops()
    }
}
