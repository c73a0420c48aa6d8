//! Consumers that their conductor polls.

use tp_core_nostd::wire::control::FrameDescriptor;

use super::Client;
use super::handlers::Registration;
use crate::consumer::{Consumer, FrameReader};
use crate::error::Error;

impl Client {
    /// Has `consumer` polled in every duty cycle, at most `limit` descriptors at a time, on the thread that drives the
    /// conductor: for applications without a thread to spare. Its counters and status stay readable through what
    /// [`Consumer::counters`] and [`Consumer::status`] gave before. It ends, and its lease goes back, when the registration
    /// is dropped.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; the consumer is gone then, too.
    pub fn poll_in_cycle(
        &self,
        mut consumer: Consumer,
        limit: u32,
        mut handler: impl FnMut(&FrameDescriptor, FrameReader<'_>) + Send + 'static,
    ) -> Result<Registration, Error> {
        self.register_work(limit, move |limit| {
            // A closed client has no further cycles.
            Ok(consumer.poll(limit, &mut handler).unwrap_or(0))
        })
    }
}
