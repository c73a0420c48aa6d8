//! What a consumer says of itself: hello while it is there, and how it goes.

use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::hello::HelloSender;
use tp_core_nostd::proto::qos::{Collision, ConsumerFigures, ConsumerQos};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::control::QosConsumer;

use super::super::connection::Connection;
use crate::consumer::ConsumerConfig;
use crate::context::Context;

/// Room for a hello with two channels of 1024 bytes.
const HELLO_MAX: usize = 4096;
/// Room for a QosConsumer, which has 49 bytes.
const QOS_MAX: usize = 64;

/// Says hello and reports.
#[derive(Debug)]
pub(super) struct Presence {
    hello: HelloSender,
    /// Once there is an id to report under.
    qos: Option<ConsumerQos>,
    qos_period: Duration,
    is_speaking: bool,
    scratch: Box<[u8]>,
}

impl Presence {
    pub(super) fn new(config: &ConsumerConfig, context: &Context) -> Self {
        Self {
            hello: HelloSender::new(config.stream, context.hello_period()),
            qos: None,
            qos_period: context.announce_period(),
            is_speaking: false,
            scratch: vec![0; HELLO_MAX].into_boxed_slice(),
        }
    }

    /// Regions are mapped: hello at once.
    pub(super) const fn speak(&mut self) {
        self.is_speaking = true;
        self.hello.speak();
    }

    /// The lease is gone.
    pub(super) const fn fall_silent(&mut self) {
        self.is_speaking = false;
        self.hello.fall_silent();
    }

    /// Says hello, if it is due; returns whether it was said. What finds no room is said next time.
    pub(super) fn say_hello(
        &mut self,
        now: Instant,
        consumer: ClientId,
        config: &ConsumerConfig,
        connection: &mut Connection,
    ) -> bool {
        if now < self.hello.poll_timeout() {
            return false;
        }
        let Some(control) = connection.control() else {
            return false;
        };
        let scratch = &mut self.scratch;
        let said = self.hello.transmit(now, consumer, &config.wish(), |hello| {
            // Every hello fits: its channels were measured.
            let len = hello.encode(scratch).map_err(|_| SendError::Closed)?;
            control.offer(scratch.get(..len).unwrap_or_default())
        });
        said.unwrap_or(false)
    }

    /// Reports, if that is due, as whoever it is by now; returns whether it was done.
    pub(super) fn report(
        &mut self,
        now: Instant,
        consumer: ClientId,
        config: &ConsumerConfig,
        figures: impl FnOnce() -> ConsumerFigures,
        connection: &mut Connection,
    ) -> bool {
        let (stream, period) = (config.stream, self.qos_period);
        let is_own_choice = config.lease().client.is_none();
        let qos = self
            .qos
            .get_or_insert_with(|| ConsumerQos::new(stream, consumer, is_own_choice, period));
        qos.set_consumer(consumer);
        if !self.is_speaking || now < qos.poll_timeout() {
            return false;
        }
        let Some(publication) = connection.qos() else {
            return false;
        };
        let reported = qos.transmit(now, figures(), |qos| {
            let mut bytes = [0; QOS_MAX];
            let len = qos.encode(&mut bytes).map_err(|_| SendError::Closed)?;
            publication.offer(bytes.get(..len).unwrap_or_default())
        });
        reported.unwrap_or(false)
    }

    /// Somebody's report was heard: whether another goes by our id (C-112), and how often that was so by now.
    pub(super) fn hear(&mut self, qos: &QosConsumer) -> (Option<Collision>, u64) {
        self.qos
            .as_mut()
            .map_or((None, 0), |own| (own.handle(qos), own.collisions()))
    }
}
