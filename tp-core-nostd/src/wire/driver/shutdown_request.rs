//! ShmDriverShutdownRequest: an operator asks the driver to leave (driver 2.2, 3.9).

use zerocopy::little_endian::I64;

use super::{SCHEMA, ShutdownReason};
use crate::ids::CorrelationId;
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::error_message::sent_message;
use crate::wire::value::{legal, provided};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of ShmDriverShutdownRequest (driver 2.2).
    pub struct ShmDriverShutdownRequestBlock [9] {
        0 correlation_id: I64 = "correlationId",
        8 reason: u8 = "reason",
    }
}

/// The secret that authorises a shutdown. It is never shown, and comparing two takes as long whether they differ in the
/// first byte, in the last or not at all (D-147).
#[derive(Clone, Copy)]
pub struct Token<'a>(pub &'a [u8]);

impl PartialEq for Token<'_> {
    fn eq(&self, other: &Self) -> bool {
        let differences = self
            .0
            .iter()
            .zip(other.0)
            .fold(0, |seen, (ours, theirs)| seen | (ours ^ theirs));
        self.0.len() == other.0.len() && core::hint::black_box(differences) == 0
    }
}
impl Eq for Token<'_> {}

impl core::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// A ShmDriverShutdownRequest found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmDriverShutdownRequestView<'a> {
    /// The fixed block.
    pub block: &'a ShmDriverShutdownRequestBlock,
    /// `token`.
    pub token: Token<'a>,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ShmDriverShutdownRequestView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) =
            Cursor::message(bytes, SCHEMA, ShmDriverShutdownRequest::TEMPLATE)?;
        Ok(Self {
            block,
            token: Token(cursor.data()?),
            error_message: cursor.data()?,
        })
    }
}

/// A wish that the driver leaves; ignored unless its token is the configured one (D-146). Never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmDriverShutdownRequest<'a> {
    /// Chosen by the operator's tool.
    pub correlation_id: CorrelationId,
    /// Goes into the driver's notice (D-149).
    pub reason: ShutdownReason,
    /// The secret; empty is no authorisation (D-147).
    pub token: Token<'a>,
    /// For people; goes into the driver's notice, too.
    pub error_message: Option<Text<'a>>,
}

impl ShmDriverShutdownRequest<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 8;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmDriverShutdownRequestBlock>(
        "ShmDriverShutdownRequest",
        SCHEMA,
        Self::TEMPLATE,
        &[
            Tail::Data("token", DataKind::Text),
            Tail::Data("errorMessage", DataKind::Text),
        ],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmDriverShutdownRequestBlock {
            correlation_id: self.correlation_id.0.into(),
            reason: self.reason.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(self.token.0)
            .data(sent_message(self.error_message))
            .finish()
    }
}

impl<'a> TryFrom<ShmDriverShutdownRequestView<'a>> for ShmDriverShutdownRequest<'a> {
    type Error = ValueError;

    /// An unknown reason makes the message void (D-218).
    fn try_from(view: ShmDriverShutdownRequestView<'a>) -> Result<Self, ValueError> {
        Ok(Self {
            correlation_id: CorrelationId(view.block.correlation_id.get()),
            reason: legal("reason", view.block.reason, ShutdownReason::new)?,
            token: view.token,
            error_message: provided(view.error_message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-146, D-147
    fn tokens_compare_whole_and_stay_unseen() {
        assert_eq!(Token(b"s3cret"), Token(b"s3cret"));
        for other in [&b""[..], b"s3cre", b"s3cret2", b"S3cret", b"s3creT"] {
            assert_ne!(Token(b"s3cret"), Token(other));
        }
        assert_eq!(std::format!("{:?}", Token(b"s3cret")), "Token(..)");
    }
}
