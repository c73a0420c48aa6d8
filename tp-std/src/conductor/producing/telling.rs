//! What a producer sends by itself while it has its memory: how far it has come, what its source is like, blobs.
//!
//! ```text
//!  each period, when asked ─────────────────────▶ QosProducer                          QoS stream
//!  each period, a change, a new consumer, asked ▶ DataSourceAnnounce, DataSourceMeta   metadata stream
//!  the application ─────────────────────────────▶ MetaBlobAnnounce, …Chunk, …Complete  metadata stream
//! ```
//!
//! Where nobody listens nothing is sent; it stays due until somebody does.

use std::sync::Arc;

use tp_core_nostd::ids::{ClientId, Epoch, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::newcomers::Newcomers;
use tp_core_nostd::proto::qos::ProducerQos;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::ConsumerHello;

use super::blobs::Blobs;
use super::source::Source;
use crate::conductor::connection::Connection;
use crate::medium::Sender;
use crate::producer::Voice;

/// Bytes of a QosProducer message.
const QOS_LEN: usize = 36;

#[derive(Debug)]
pub(super) struct Telling {
    stream: StreamId,
    voice: Arc<Voice>,
    qos: ProducerQos,
    source: Source,
    blobs: Blobs,
    newcomers: Newcomers,
}

/// Who tells, and of what memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    pub(super) client: ClientId,
    pub(super) epoch: Epoch,
}

impl Telling {
    /// A consumer that says no hello for `silence` is a new one when it does.
    pub(super) fn new(
        stream: StreamId,
        client: ClientId,
        period: Duration,
        voice: Arc<Voice>,
        silence: Duration,
        metadata_capacity: usize,
    ) -> Self {
        Self {
            stream,
            voice,
            qos: ProducerQos::new(stream, client, period),
            source: Source::new(stream, client, period, metadata_capacity),
            blobs: Blobs::default(),
            newcomers: Newcomers::new(silence),
        }
    }

    /// There is new memory: everything is told again.
    pub(super) const fn renew(&mut self) {
        self.qos.hasten();
        self.source.asked();
    }

    /// A blob that was under way begins again: its listeners lost what they had of it.
    pub(super) const fn on_reconnect(&mut self) {
        self.blobs.again();
    }

    /// Consumers of our stream may be new.
    pub(super) fn hear(&mut self, now: Instant, message: Message<'_>) {
        if let Message::ConsumerHello(view) = message
            && view.block.stream_id.get() == self.stream.get()
            && let Ok(hello) = ConsumerHello::try_from(view)
        {
            self.newcomers.hear(now, hello.consumer_id);
        }
    }

    /// Whether somebody came who has to be told where everything is. Says so once.
    pub(super) fn has_newcomers(&mut self, now: Instant) -> bool {
        let told = self.newcomers.are_to_be_told(now);
        if told {
            self.source.asked();
        }
        told
    }

    /// Sends what is due.
    pub(super) fn tend(
        &mut self,
        now: Instant,
        teller: Teller,
        connection: &mut Connection,
    ) -> u32 {
        let mut work = 0_u32;
        if let Some(sender) = connection.qos() {
            work = work.saturating_add(self.tell_qos(now, teller, sender));
        }
        if let Some(sender) = connection.metadata() {
            let told = self.source.tend(now, teller, &self.voice, sender);
            work = work
                .saturating_add(told)
                .saturating_add(self.blobs.tend(&self.voice, sender));
        }
        work
    }

    fn tell_qos(&mut self, now: Instant, teller: Teller, sender: &mut dyn Sender) -> u32 {
        if self.voice.is_qos_asked() {
            self.qos.hasten();
        }
        if !sender.is_connected() {
            return 0;
        }
        self.qos.set_producer(teller.client);
        let figures = self.voice.figures().read(Some(teller.epoch));
        let sent = self.qos.transmit(now, figures, |qos| {
            let mut message = [0; QOS_LEN];
            // The message always has this length.
            qos.encode(&mut message).map_err(|_| SendError::Closed)?;
            sender.offer(&message)
        });
        u32::from(sent == Ok(true))
    }
}
