//! What a joiner makes of its frames: a stream without a driver, whose frames say what they were made from (tracelink).

use core::task::Poll;
use std::path::{Path, PathBuf};

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::time::Instant;
use tp_std::{
    Client, Frame, OfferError, Pending, Producer, ProducerConfig, Stage, TraceIds, Tracing,
};
use tp_tests::fake_transport::Dice;

use super::ASK_AGAIN;
use super::STRIDE;
use super::camera::{len, tensor};
use super::files::own_regions;
use super::ledger::Ledger;

/// The node of its ids, that of nobody else.
const NODE: u64 = 1000;

/// See the module.
pub(super) struct Outlet {
    stream: StreamId,
    dir: PathBuf,
    asked: Option<Pending<Producer>>,
    ask_at: Instant,
    producer: Option<Producer>,
}

impl Outlet {
    pub(super) fn new(stream: StreamId, dir: &Path) -> Self {
        Self {
            stream,
            dir: dir.to_owned(),
            asked: None,
            ask_at: Instant::from_ns(0),
            producer: None,
        }
    }

    /// Asks for the producer, while there is none.
    pub(super) fn ask(&mut self, now: Instant, client: &Client) {
        if self.producer.is_some() {
            return;
        }
        match self.asked.as_mut().map(Pending::poll) {
            None if now >= self.ask_at => {
                let regions = own_regions(&self.dir, now, self.stream);
                let ids = TraceIds::of_node(NODE).unwrap();
                let tracing = Tracing::of(Stage::NToOne).with_ids(ids);
                let config = ProducerConfig::direct(self.stream, regions).with_tracing(tracing);
                self.asked = client.producer(config).ok();
            }
            None | Some(Poll::Pending) => {}
            Some(Poll::Ready(result)) => {
                self.asked = None;
                self.ask_at = now.after(ASK_AGAIN);
                self.producer = result.ok();
            }
        }
    }

    /// Writes a frame that was made from those with these ids, and says so.
    pub(super) fn write(
        &mut self,
        parents: impl IntoIterator<Item = Option<u64>>,
        expected: Vec<u64>,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) {
        let Some(producer) = &mut self.producer else {
            return;
        };
        let Some(traced) = producer.trace(parents) else {
            return;
        };
        let content = ledger.content(len(dice));
        let mut payload = [0; STRIDE];
        let payload = &mut payload[..content.len];
        content.fill(payload);
        let frame = Frame::new(tensor(payload.len()), payload).with_trace(&traced);
        match producer.offer(&frame) {
            Ok(published) => {
                let (epoch, seq) = (published.epoch, published.seq);
                ledger.published(self.stream, epoch, seq, content);
                let id = traced.trace_id().get();
                ledger.made((self.stream, epoch, seq), id, expected);
                let _ = producer.link(&published, traced);
            }
            Err(OfferError::Closed) => self.producer = None,
            Err(_) => {}
        }
    }
}
