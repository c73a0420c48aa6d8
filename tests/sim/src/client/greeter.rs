//! The hellos of a consumer that would like streams of its own (driver 11).

use core::time::Duration;

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::{ConsumerHello, Endpoint, ProgressHints, StreamRequest};
use tp_core_nostd::wire::enums::Mode;

/// How often.
const EVERY: Duration = Duration::from_secs(2);

/// Says hello from time to time.
#[derive(Debug)]
pub(super) struct Greeter {
    next_at: Instant,
}

impl Default for Greeter {
    fn default() -> Self {
        let next_at = Instant::from_ns(0);
        Self { next_at }
    }
}

impl Greeter {
    /// Says hello if it is time, as a consumer that holds its lease.
    pub(super) fn greet(
        &mut self,
        now: Instant,
        stream_id: StreamId,
        consumer_id: ClientId,
        control: &mut impl Publication,
    ) {
        if now < self.next_at {
            return;
        }
        let private = |id| {
            StreamId::new(id).map_or(StreamRequest::None, |stream_id| {
                let channel = "aeron:ipc";
                StreamRequest::Of(Endpoint { channel, stream_id })
            })
        };
        let hello = ConsumerHello {
            stream_id,
            consumer_id,
            supports_shm: true,
            supports_progress: false,
            mode: Mode::Stream,
            max_rate_hz: None,
            expected_layout_version: None,
            progress: ProgressHints::default(),
            // Everybody wishes for the same ones.
            descriptor: private(31_000),
            control: private(32_000),
        };
        let mut buffer = [0; 256];
        let length = hello.encode(&mut buffer).unwrap();
        if control.offer(&buffer[..length]).is_ok() {
            self.next_at = now.after(EVERY);
        }
    }
}
