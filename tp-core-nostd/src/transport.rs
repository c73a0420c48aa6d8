//! What the core needs from a message transport. Implemented by Aeron in `tp-std` and by fakes in the tests.

/// One publisher's stream as a subscription sees it; unique among the images of a subscription's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ImageId(pub i64);

/// An image came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ImageEvent {
    /// Messages of this publisher can arrive from now on: the join time of W-042.
    Available,
    /// The publisher is gone, or this image was taken away from a reader that was too slow.
    Unavailable,
}

/// Why a message was not taken. Only `Closed` and `TooLong` will not pass by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SendError {
    /// No room at the moment: some subscriber has not read on.
    BackPressured,
    /// Nobody subscribes.
    NotConnected,
    /// The transport was busy with itself; try again at once.
    AdminAction,
    /// The publication was closed.
    Closed,
    /// The stream's position is used up; the adapter opens a new one.
    MaxPosition,
    /// Longer than the transport carries: `len` against `max` bytes.
    TooLong {
        /// Length of the refused message, in bytes.
        len: usize,
        /// Longest message the publication takes, in bytes.
        max: usize,
    },
    /// The transport failed; its error code.
    Failed(i32),
}

/// Polling failed; nothing was lost by asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PollError {
    /// The subscription was closed.
    Closed,
    /// The transport failed; its error code.
    Failed(i32),
}

/// The sending end of one stream. Never blocks, never allocates after the first call.
pub trait Publication {
    /// Sends one whole message, fragmented if it must be. On error nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError>;

    /// Whether somebody subscribes at the moment; an observation, never a precondition (C-023).
    fn is_connected(&self) -> bool;
}

/// The receiving end of one stream: whole messages, in order per image.
pub trait Subscription {
    /// Hands at most `limit` messages to `handler`, with the image they came from; returns how many.
    ///
    /// # Errors
    /// See [`PollError`].
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError>;

    /// Reports images that came and went since the last call, in order.
    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent));

    /// How many publishers are connected at the moment.
    fn image_count(&self) -> usize;
}
