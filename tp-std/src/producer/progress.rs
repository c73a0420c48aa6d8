//! Frames that are told of while they are being filled (client 1.4, C-072 to C-076, E-02).

use tp_core_nostd::proto::progress::ProgressPolicy;
use tp_core_nostd::proto::publish::{CommitError, FrameMeta};
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::time::{Clock, Instant};

use super::buffer::Buffer;
use super::{CommitMeta, CommitRefused, Consumers, Mode, PrivateDeliveries, Producer};

/// What was said of a frame when its filling began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    pub(super) len: u32,
    /// Unless its tensor was not known.
    pub(super) meta: Option<FrameMeta>,
}

impl<M: Mode> Producer<M> {
    /// How often progress is told; `None` while no consumer wants to know (C-076).
    pub fn progress_policy(&mut self) -> Option<ProgressPolicy> {
        let _ = self.catch_up();
        self.outlet.privates.policy()
    }

    /// How many consumers of the stream are known.
    pub fn consumer_count(&self) -> u64 {
        self.outlet.privates.exchange().known.get()
    }

    /// What became of each consumer's own descriptor stream (C-059).
    pub fn private_deliveries(&self) -> impl Iterator<Item = PrivateDeliveries> {
        self.outlet.privates.deliveries()
    }

    /// Treats its consumers differently from now on; capacity and who answers stay as they are (C-086).
    pub fn set_consumers(&self, consumers: Consumers) {
        let exchange = self.outlet.privates.exchange();
        exchange.policy.put(consumers.policy);
    }

    /// Sends what waited for its time: the newest frame of each rate-limited consumer, and progress that came too fast.
    /// Whoever publishes seldom calls it in between; returns how many messages were due.
    pub fn poll(&mut self) -> u32 {
        if self.catch_up().is_err() {
            return 0;
        }
        let now = self.outlet.clock.now();
        let told = self.tell_at(now);
        self.outlet.privates.poll(now).saturating_add(told.into())
    }

    /// When [`Self::poll`] has something to do, in time of the client's clock; `None` while nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let progress = self.writing.as_ref().map(|writing| writing.poll_timeout());
        let due = progress
            .into_iter()
            .chain([self.outlet.privates.poll_timeout()])
            .min();
        due.filter(|due| *due != Instant::NEVER)
    }

    /// Begins to tell of a claim: its tensor is known, `len` bytes will follow.
    pub(super) fn start_buffer(
        &mut self,
        buffer: &mut Buffer,
        tensor: &TensorHeader,
        len: u32,
        meta: CommitMeta,
    ) -> Result<(), CommitRefused> {
        let meta = self
            .outlet
            .meta(meta.capture_ns, meta.meta_version, meta.trace_id);
        self.catch_up().map_err(|_| CommitRefused::LeaseLost)?;
        let writing = self.writing.as_mut().ok_or(CommitRefused::LeaseLost)?;
        let image = self.outlet.prepare(tensor);
        buffer.token = writing
            .start(buffer.token, image, len, meta)
            .map_err(CommitRefused::Claim)?;
        let next = M::next_seq(self);
        self.outlet.voice.figures().advance(next);
        let meta = Some(meta);
        buffer.started = Some(Started { len, meta });
        self.tell();
        Ok(())
    }

    /// So many bytes of a claim are there; the first report begins it if nothing did.
    pub(super) fn fill_buffer(
        &mut self,
        buffer: &mut Buffer,
        len: u32,
        bytes_filled: u32,
    ) -> Result<(), CommitRefused> {
        self.catch_up().map_err(|_| CommitRefused::LeaseLost)?;
        let writing = self.writing.as_mut().ok_or(CommitRefused::LeaseLost)?;
        let mut report = || -> Result<(), CommitError> {
            if buffer.started.is_none() {
                buffer.token = writing.start_unknown(buffer.token, len)?;
                buffer.started = Some(Started { len, meta: None });
            }
            writing.fill(buffer.token, bytes_filled)
        };
        report().map_err(CommitRefused::Claim)?;
        self.tell();
        Ok(())
    }

    /// Sends the progress that is due, if any.
    #[inline]
    pub(super) fn tell(&mut self) {
        let due = self.writing.as_ref().map(|writing| writing.poll_timeout());
        if due.is_some_and(|due| due != Instant::NEVER) {
            let now = self.outlet.clock.now();
            self.tell_at(now);
        }
    }

    fn tell_at(&mut self, now: Instant) -> bool {
        let privates = &mut self.outlet.privates;
        let writing = self.writing.as_mut();
        let told = writing.map(|writing| writing.transmit(now, |progress| privates.tell(progress)));
        // What was not taken stays due, until something newer takes its place.
        matches!(told, Some(Ok(true)))
    }
}
