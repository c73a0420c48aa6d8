//! What a consumer asks the driver for, and how it reads.

use tp_core_nostd::ids::{ClientId, StreamId};
use tp_core_nostd::proto::declared::TensorDeclaration;
use tp_core_nostd::proto::endpoint::{CHANNEL_MAX, OwnEndpoint};
use tp_core_nostd::proto::hello::Wish;
use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::sequence::DEFAULT_MAX_OUTSTANDING_SEQ_GAP;
use tp_core_nostd::wire::control::{self, ProgressHints};
use tp_core_nostd::wire::driver::Role;
use tp_core_nostd::wire::enums::Mode;

use crate::context::Endpoint;
use crate::error::ConfigError;

/// What a consumer asks the driver for, and how it reads.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    pub(crate) stream: StreamId,
    lease: LeaseConfig,
    /// Which driver is to grant it, if that matters.
    driver: Option<Box<Endpoint>>,
    /// It has no driver, and takes what is announced.
    pub(crate) is_direct: bool,
    pub(super) watch_memory: bool,
    pub(crate) direct_poll: bool,
    pub(super) max_gap: u64,
    mode: Mode,
    max_rate_hz: Option<u32>,
    progress: Option<ProgressHints>,
    own_descriptors: Option<Box<OwnEndpoint>>,
    own_control: Option<Box<OwnEndpoint>>,
    same_epoch_restart: bool,
    expected: Option<Box<TensorDeclaration>>,
}

impl ConsumerConfig {
    /// A consumer of `stream` with a client id of its own choice.
    pub const fn new(stream: StreamId) -> Self {
        let lease = LeaseConfig::new(stream, Role::Consumer);
        Self {
            stream,
            lease,
            driver: None,
            is_direct: false,
            watch_memory: true,
            direct_poll: false,
            max_gap: DEFAULT_MAX_OUTSTANDING_SEQ_GAP,
            mode: Mode::Stream,
            max_rate_hz: None,
            progress: None,
            own_descriptors: None,
            own_control: None,
            same_epoch_restart: false,
            expected: None,
        }
    }

    /// A consumer of `stream` without a driver: it asks for no lease, and maps what is announced (C-048).
    pub const fn direct(stream: StreamId) -> Self {
        let mut config = Self::new(stream);
        config.is_direct = true;
        config
    }

    /// A fixed client id; unique among all leases of the driver (C-030).
    #[must_use]
    pub const fn with_client(mut self, client: ClientId) -> Self {
        self.lease.client = Some(client);
        self
    }

    /// Whether frames are also found by looking at the memory while no descriptor comes, so that a stopped neighbour
    /// costs no frame (E-01). Such a frame comes without what only descriptors say: the time of sending and the trace id.
    /// On by default; switch it off where these are needed, and for producers that may use a number twice (T-59).
    #[must_use]
    pub const fn with_watched_memory(mut self, on: bool) -> Self {
        self.watch_memory = on;
        self
    }

    /// Whether the consumer reads on while driver and media driver are silent: as long as the activity stamps of its memory
    /// are fresh, the producer lives, and frames are found by [`wait`](super::Consumer::wait) or `poll` without
    /// descriptors (E-01). Without it a consumer whose driver is gone reads nothing until there is one again (D-155). Off
    /// by default. Includes [`Self::with_watched_memory`].
    #[must_use]
    pub const fn with_direct_poll(mut self, on: bool) -> Self {
        self.direct_poll = on;
        self.watch_memory |= on;
        self
    }

    /// Gaps above this many frames resynchronise to the newest (W-114); 256 by default.
    #[must_use]
    pub const fn with_max_outstanding_seq_gap(mut self, frames: u64) -> Self {
        self.max_gap = frames;
        self
    }

    /// Asks for at most so many frames per second (C-115); 0 is as many as there are. A producer that gives this consumer a
    /// stream of its own keeps to it; on the shared stream the rest is dropped here, and counted as
    /// [`RateLimited`](tp_core_nostd::proto::read::DropReason::RateLimited).
    #[must_use]
    pub const fn with_max_rate_hz(mut self, frames: u32) -> Self {
        self.mode = Mode::RateLimited;
        self.max_rate_hz = Some(frames);
        self
    }

    /// Asks for progress of frames while they are written, as often as `hints` say; nobody does by default.
    #[must_use]
    pub const fn with_progress(mut self, hints: ProgressHints) -> Self {
        self.progress = Some(hints);
        self
    }

    /// Asks for a descriptor stream of its own there. Whoever answers may assign another one, or none (C-110).
    ///
    /// # Errors
    /// [`ConfigError`]: the channel has more than 1024 bytes, or the id is not above 0 (C-094).
    pub fn with_own_descriptors(mut self, endpoint: &Endpoint) -> Result<Self, ConfigError> {
        self.own_descriptors = Some(Box::new(own(endpoint)?));
        Ok(self)
    }

    /// Asks for a control stream of its own there, for progress; only together with [`Self::with_progress`].
    ///
    /// # Errors
    /// As [`Self::with_own_descriptors`].
    pub fn with_own_control(mut self, endpoint: &Endpoint) -> Result<Self, ConfigError> {
        self.own_control = Some(Box::new(own(endpoint)?));
        Ok(self)
    }

    /// Whether a stream without a driver may be read on when its producer restarted in the same epoch: after three announce
    /// periods, with one new process id in all of its regions (E-05). By default a higher epoch is awaited (W-275).
    #[must_use]
    pub const fn with_same_epoch_restart(mut self, on: bool) -> Self {
        self.same_epoch_restart = on;
        self
    }

    /// What frames have to be for this consumer. It is handed out when the stream's metadata declared its tensors, or did not
    /// for three announce periods; where the declaration contradicts, it fails with
    /// [`Error::Declared`](crate::Error::Declared) (E-04). Each frame still says for itself what it is.
    #[must_use]
    pub fn with_expected_tensor(mut self, expected: TensorDeclaration) -> Self {
        self.expected = Some(Box::new(expected));
        self
    }

    pub(crate) fn expected(&self) -> Option<&TensorDeclaration> {
        self.expected.as_deref()
    }

    /// The most frames per second that were asked for; `None` is every frame.
    pub(crate) const fn max_rate_hz(&self) -> Option<u32> {
        self.max_rate_hz
    }

    pub(crate) const fn allows_same_epoch_restart(&self) -> bool {
        self.same_epoch_restart
    }

    /// What hellos ask for.
    pub(crate) fn wish(&self) -> Wish<'_> {
        Wish {
            supports_shm: true,
            progress: self.progress,
            mode: self.mode,
            max_rate_hz: self.max_rate_hz,
            descriptor: self.own_descriptors.as_deref().map(OwnEndpoint::get),
            control: self.own_control.as_deref().map(OwnEndpoint::get),
        }
    }

    /// Only the driver that listens there may grant it.
    pub(crate) fn with_driver(mut self, endpoint: Endpoint) -> Self {
        self.driver = Some(Box::new(endpoint));
        self
    }

    pub(crate) fn driver(&self) -> Option<&Endpoint> {
        self.driver.as_deref()
    }

    pub(crate) const fn lease(&self) -> LeaseConfig {
        self.lease
    }
}

/// An endpoint as hellos carry it.
fn own(endpoint: &Endpoint) -> Result<OwnEndpoint, ConfigError> {
    let stream_id = u32::try_from(endpoint.stream_id)
        .ok()
        .and_then(StreamId::new);
    let stream_id = stream_id.ok_or(ConfigError::Zero {
        knob: "the id of a stream of its own",
    })?;
    let channel = endpoint.channel.to_string();
    let wish = control::Endpoint {
        channel: &channel,
        stream_id,
    };
    OwnEndpoint::copy(wish).ok_or(ConfigError::TooLong {
        knob: "the channel of a stream of its own",
        got: channel.len(),
        max: CHANNEL_MAX,
    })
}
