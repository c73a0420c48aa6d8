//! ShmDriverShutdown: the driver leaves, all its leases with it (driver 2.2, 3.9).

use zerocopy::little_endian::U64;

use super::{SCHEMA, ShutdownReason};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::error_message::sent_message;
use crate::wire::value::{legal, provided};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of ShmDriverShutdown (driver 2.2).
    pub struct ShmDriverShutdownBlock [9] {
        0 timestamp_ns: U64 = "timestampNs",
        8 reason: u8 = "reason",
    }
}

/// A ShmDriverShutdown found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmDriverShutdownView<'a> {
    /// The fixed block.
    pub block: &'a ShmDriverShutdownBlock,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ShmDriverShutdownView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ShmDriverShutdown::TEMPLATE)?;
        Ok(Self {
            block,
            error_message: cursor.data()?,
        })
    }
}

/// The end of every lease of this driver, at once (D-151).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmDriverShutdown<'a> {
    /// When it was sent, by the driver's monotonic clock (D-139).
    pub timestamp_ns: u64,
    /// Why the driver leaves.
    pub reason: ShutdownReason,
    /// For people.
    pub error_message: Option<Text<'a>>,
}

impl ShmDriverShutdown<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 6;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmDriverShutdownBlock>(
        "ShmDriverShutdown",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Data("errorMessage", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmDriverShutdownBlock {
            timestamp_ns: self.timestamp_ns.into(),
            reason: self.reason.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(sent_message(self.error_message))
            .finish()
    }
}

impl<'a> TryFrom<ShmDriverShutdownView<'a>> for ShmDriverShutdown<'a> {
    type Error = ValueError;

    /// An unknown reason makes the message void (D-218).
    fn try_from(view: ShmDriverShutdownView<'a>) -> Result<Self, ValueError> {
        Ok(Self {
            timestamp_ns: view.block.timestamp_ns.get(),
            reason: legal("reason", view.block.reason, ShutdownReason::new)?,
            error_message: provided(view.error_message),
        })
    }
}
