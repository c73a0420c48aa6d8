//! What is told of a source, told of its destination: metadata, progress, QoS; and the hellos that set rates.
//!
//! All lanes share one stream in and one out per family (L-029). Only what is of a mapped source is passed on, so that both
//! may be one stream (L-035). What does not go out at once is not sent again: all of it repeats, or is out of date.

use core::time::Duration;

use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::sbe::EncodeError;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::control::{
    ConsumerHello, DataSourceAnnounce, DataSourceMeta, FrameProgress, QosConsumer, QosProducer,
};

use super::config::RateLimiterConfig;
use super::lane::Lane;
use super::wanted::Wanted;
use crate::client::Client;
use crate::client::endpoints::{PublicationHandle, SubscriptionHandle};
use crate::context::Endpoint;

/// Messages of one family in one duty cycle.
const MESSAGES_PER_CYCLE: u32 = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Relay {
    pause: Duration,
    hellos: Ear,
    progress: Option<(Ear, Mouth)>,
    qos: Option<(Ear, Mouth)>,
    /// One way out per lane (L-021).
    metadata: Option<(Ear, Vec<Mouth>)>,
    scratch: Vec<u8>,
}

impl Relay {
    pub(super) fn new(config: &RateLimiterConfig) -> Self {
        let pair = |(from, to): (Endpoint, Endpoint)| (Ear::new(from), Mouth::new(to));
        Self {
            pause: config.attach_retry_interval,
            hellos: Ear::new(config.hellos()),
            progress: config.progress().map(pair),
            qos: config.qos().map(pair),
            metadata: config.metadata().map(|(from, to)| {
                let mouths = to.into_iter().map(Mouth::new);
                (Ear::new(from), mouths.collect())
            }),
            scratch: Vec::new(),
        }
    }

    /// Messages that a stream did not take.
    pub(super) fn untold(&self) -> u64 {
        let pairs = self.progress.iter().chain(&self.qos);
        let metadata = self.metadata.iter().flat_map(|(_, mouths)| mouths);
        let mouths = pairs.map(|(_, mouth)| mouth).chain(metadata);
        mouths.map(|mouth| mouth.untold).sum()
    }

    /// Hears what there is and passes it on.
    pub(super) fn work(&mut self, now: Instant, client: &Client, lanes: &mut [Lane]) -> u32 {
        let (pause, scratch) = (self.pause, &mut self.scratch);
        let mut heard = self.hellos.hear(now, pause, client, |message, _| {
            if let Message::ConsumerHello(view) = *message
                && let Ok(hello) = ConsumerHello::try_from(view)
            {
                lanes.iter_mut().for_each(|lane| lane.hello(now, &hello));
            }
        });
        if let Some((ear, mouth)) = &mut self.progress {
            mouth.open(now, pause, client);
            for lane in lanes.iter_mut() {
                let due = lane.limiter.due_progress();
                mouth.tell(scratch, FrameProgress::LEN, |out| Some(due?.encode(out)));
            }
            heard = heard.saturating_add(ear.hear(now, pause, client, |message, len| {
                for lane in lanes.iter_mut() {
                    mouth.tell(scratch, len, |out| progress(lane, message, out));
                }
            }));
        }
        if let Some((ear, mouth)) = &mut self.qos {
            mouth.open(now, pause, client);
            heard = heard.saturating_add(ear.hear(now, pause, client, |message, len| {
                for lane in lanes.iter() {
                    mouth.tell(scratch, len, |out| qos(lane, message, out));
                }
            }));
        }
        if let Some((ear, mouths)) = &mut self.metadata {
            for mouth in mouths.iter_mut() {
                mouth.open(now, pause, client);
            }
            heard = heard.saturating_add(ear.hear(now, pause, client, |message, len| {
                for (lane, mouth) in lanes.iter().zip(mouths.iter_mut()) {
                    mouth.tell(scratch, len, |out| metadata(lane, message, out));
                }
            }));
        }
        heard
    }
}

/// What becomes of a message; `None` if it is not for this lane.
type Rewritten = Option<Result<usize, EncodeError>>;

fn progress(lane: &mut Lane, message: &Message<'_>, out: &mut [u8]) -> Rewritten {
    let Message::FrameProgress(view) = *message else {
        return None;
    };
    let progress = lane
        .limiter
        .progress(&FrameProgress::try_from(view).ok()?)?;
    Some(progress.encode(out))
}

fn qos(lane: &Lane, message: &Message<'_>, out: &mut [u8]) -> Rewritten {
    match *message {
        Message::QosProducer(view) => {
            let report = QosProducer::try_from(view).ok()?;
            Some(lane.limiter.qos_producer(&report)?.encode(out))
        }
        Message::QosConsumer(view) => {
            let report = QosConsumer::try_from(view).ok()?;
            Some(lane.limiter.qos_consumer(&report)?.encode(out))
        }
        _ => None,
    }
}

fn metadata(lane: &Lane, message: &Message<'_>, out: &mut [u8]) -> Rewritten {
    match *message {
        Message::DataSourceAnnounce(view) => {
            let announce = DataSourceAnnounce::try_from(view).ok()?;
            let rewritten = lane.limiter.announce(&announce, lane.producer_id)?;
            Some(rewritten.encode(out))
        }
        Message::DataSourceMeta(view) => {
            let meta = DataSourceMeta::try_from(view).ok()?;
            Some(lane.limiter.meta(&meta)?.encode(out))
        }
        _ => None,
    }
}

/// A stream that is heard.
#[derive(Debug)]
struct Ear {
    endpoint: Endpoint,
    subscription: Wanted<SubscriptionHandle>,
}

impl Ear {
    const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            subscription: Wanted::new(),
        }
    }

    /// Hands on each message that is one of ours, with its length in bytes.
    fn hear(
        &mut self,
        now: Instant,
        pause: Duration,
        client: &Client,
        mut handler: impl FnMut(&Message<'_>, usize),
    ) -> u32 {
        let Endpoint { channel, stream_id } = &self.endpoint;
        let ask = || client.add_subscription(&channel.to_string(), *stream_id);
        if let Err(error) = self.subscription.work(now, pause, ask) {
            tracing::warn!(stream_id, %error, "not heard");
        }
        let Some(subscription) = self.subscription.get() else {
            return 0;
        };
        subscription.image_events(|_, _| {});
        let heard = subscription.poll(MESSAGES_PER_CYCLE, |bytes, _| {
            if let Ok(message) = classify(bytes) {
                handler(&message, bytes.len());
            }
        });
        // A closed client says so at its next duty cycle.
        heard.unwrap_or(0)
    }
}

/// A stream that is told.
#[derive(Debug)]
struct Mouth {
    endpoint: Endpoint,
    publication: Wanted<PublicationHandle>,
    untold: u64,
}

impl Mouth {
    const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            publication: Wanted::new(),
            untold: 0,
        }
    }

    fn open(&mut self, now: Instant, pause: Duration, client: &Client) {
        let Endpoint { channel, stream_id } = &self.endpoint;
        let ask = || client.add_publication(&channel.to_string(), *stream_id);
        if let Err(error) = self.publication.work(now, pause, ask) {
            tracing::warn!(stream_id, %error, "not told");
        }
    }

    /// Sends what `rewrite` makes of a message of `len` bytes, once. It is as long as before: only ids change.
    fn tell(
        &mut self,
        scratch: &mut Vec<u8>,
        len: usize,
        rewrite: impl FnOnce(&mut [u8]) -> Rewritten,
    ) {
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        let Some(written) = rewrite(scratch) else {
            return;
        };
        let message = written.ok().and_then(|len| scratch.get(..len));
        let (Some(message), Some(publication)) = (message, self.publication.get()) else {
            self.untold = self.untold.wrapping_add(1);
            return;
        };
        if publication.offer(message).is_err() {
            self.untold = self.untold.wrapping_add(1);
        }
    }
}
