//! A consumer's presence, said after mapping and then each period (wire 4.3, C-094).
//!
//! ```text
//!            mapped                    period over, another wish, images lost: due
//!  Silent ───────────► Speaking ──┐
//!    ▲                     │  ▲   │
//!    └──── gone ───────────┘  └───┘ taken
//! ```

use super::cadence::Cadence;
use crate::ids::{ClientId, StreamId};
use crate::time::{Duration, Instant};
use crate::wire::control::{ConsumerHello, Endpoint, ProgressHints, StreamRequest};
use crate::wire::enums::Mode;

/// The layout this library maps (T-25).
const LAYOUT_VERSION: u32 = 1;

/// What a consumer would like. Repeated in every hello, for each replaces the last (T-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Wish<'w> {
    /// Whether it can map shared memory.
    pub supports_shm: bool,
    /// How often it would like progress; `None` is not at all.
    pub progress: Option<ProgressHints>,
    /// Every frame, or a limited rate.
    pub mode: Mode,
    /// Frames per second in mode RATE_LIMITED; `None` is unlimited.
    pub max_rate_hz: Option<u32>,
    /// A descriptor stream of its own.
    pub descriptor: Option<Endpoint<'w>>,
    /// A control stream of its own, for progress.
    pub control: Option<Endpoint<'w>>,
}

impl Wish<'_> {
    /// Every frame, from the shared stream.
    pub const PLAIN: Self = Self {
        supports_shm: true,
        progress: None,
        mode: Mode::Stream,
        max_rate_hz: None,
        descriptor: None,
        control: None,
    };
}

/// Says hello for one consumer.
#[derive(Clone, Copy, Debug)]
pub struct HelloSender {
    stream: StreamId,
    /// Only while it has something mapped.
    is_speaking: bool,
    cadence: Cadence,
}

impl HelloSender {
    /// Silent until [`Self::speak`]. A period of zero says hello once, and when there is a reason.
    pub const fn new(stream: StreamId, period: Duration) -> Self {
        Self {
            stream,
            is_speaking: false,
            cadence: Cadence::new(period),
        }
    }

    /// Regions are mapped, the wish is another one, or messages may be missing: hello is due at once.
    pub const fn speak(&mut self) {
        self.is_speaking = true;
        self.cadence.hasten();
    }

    /// The consumer is gone, or has no lease.
    pub const fn fall_silent(&mut self) {
        self.is_speaking = false;
    }

    /// Offers the hello that is due to `emit`, which sends it; returns whether it was sent. A stream is asked for with
    /// channel and id, or not at all (W-183, W-187).
    ///
    /// # Errors
    /// What `emit` returned; the hello stays due.
    pub fn transmit<E>(
        &mut self,
        now: Instant,
        consumer: ClientId,
        wish: &Wish<'_>,
        emit: impl FnOnce(&ConsumerHello<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if now < self.poll_timeout() {
            return Ok(false);
        }
        emit(&ConsumerHello {
            stream_id: self.stream,
            consumer_id: consumer,
            supports_shm: wish.supports_shm,
            supports_progress: wish.progress.is_some(),
            mode: wish.mode,
            max_rate_hz: wish.max_rate_hz,
            expected_layout_version: Some(LAYOUT_VERSION),
            progress: wish.progress.unwrap_or_default(),
            descriptor: request(wish.descriptor),
            control: request(wish.control.filter(|_| wish.progress.is_some())),
        })?;
        self.cadence.sent(now);
        Ok(true)
    }

    /// When to come back.
    pub const fn poll_timeout(&self) -> Instant {
        match self.is_speaking {
            true => self.cadence.due_at(),
            false => Instant::NEVER,
        }
    }
}

fn request(wish: Option<Endpoint<'_>>) -> StreamRequest<'_> {
    wish.map_or(StreamRequest::None, StreamRequest::Of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: StreamId = StreamId::new(10_000).unwrap();
    const ANN: ClientId = ClientId::new(1).unwrap();

    fn at(ns: u64) -> Instant {
        Instant::from_ns(ns)
    }

    fn says(sender: &mut HelloSender, ns: u64) -> bool {
        let taken = sender.transmit(at(ns), ANN, &Wish::PLAIN, |_| Ok::<_, ()>(()));
        taken == Ok(true)
    }

    #[test] // req: C-094, W-177
    fn hello_is_said_after_mapping_and_then_each_period() {
        let mut sender = HelloSender::new(STREAM, Duration::from_nanos(100));
        assert!(!says(&mut sender, 0), "nothing mapped");
        assert_eq!(sender.poll_timeout(), Instant::NEVER);
        sender.speak();
        assert_eq!(
            sender.transmit(at(5), ANN, &Wish::PLAIN, |_| Err(1)),
            Err(1)
        );
        assert_eq!(
            [5, 104, 105].map(|ns| says(&mut sender, ns)),
            [true, false, true]
        );
        sender.speak();
        assert!(says(&mut sender, 106), "another wish");
        sender.fall_silent();
        assert!(!says(&mut sender, 1_000));
        // Without a period: once, and with a reason.
        let mut sender = HelloSender::new(STREAM, Duration::ZERO);
        sender.speak();
        assert_eq!([0, 1_000].map(|ns| says(&mut sender, ns)), [true, false]);
        sender.speak();
        assert!(says(&mut sender, 1_001));
    }

    #[test] // req: C-094, W-181, W-183, W-185, W-187, T-16, T-25
    fn each_hello_says_all_of_it_and_asks_for_streams_whole() {
        let own = |id| Endpoint {
            channel: "aeron:ipc",
            stream_id: StreamId::new(id).unwrap(),
        };
        let hints = ProgressHints {
            bytes_delta: Some(4_096),
            ..ProgressHints::default()
        };
        let wish = Wish {
            progress: Some(hints),
            mode: Mode::RateLimited,
            max_rate_hz: Some(30),
            descriptor: Some(own(31_000)),
            control: Some(own(32_000)),
            ..Wish::PLAIN
        };
        let full = ConsumerHello {
            stream_id: STREAM,
            consumer_id: ANN,
            supports_shm: true,
            supports_progress: true,
            mode: Mode::RateLimited,
            max_rate_hz: Some(30),
            expected_layout_version: Some(1),
            progress: hints,
            descriptor: StreamRequest::Of(own(31_000)),
            control: StreamRequest::Of(own(32_000)),
        };
        // Without progress a stream for it makes no sense.
        let unprogressive = Wish {
            progress: None,
            ..wish
        };
        let quiet = ConsumerHello {
            supports_progress: false,
            progress: ProgressHints::default(),
            control: StreamRequest::None,
            ..full
        };
        for (wish, expected) in [(wish, full), (unprogressive, quiet)] {
            let mut sender = HelloSender::new(STREAM, Duration::from_secs(1));
            sender.speak();
            let sent = sender.transmit(at(0), ANN, &wish, |hello| {
                assert_eq!(*hello, expected);
                Ok::<_, ()>(())
            });
            assert_eq!(sent, Ok(true));
        }
    }
}
