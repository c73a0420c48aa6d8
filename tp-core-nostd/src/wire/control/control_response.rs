//! ControlResponse: how a request of schema 900 went (wire 4.8, 4.9, T-24).

use zerocopy::little_endian::{I32, I64};

use super::SCHEMA;
use crate::ids::CorrelationId;
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::enums::ResponseCode;
use crate::wire::value::{legal, provided, text_bytes};
use crate::wire::{Text, ValueError};

block! {
    /// Fixed block of ControlResponse (wire 4.8).
    pub struct ControlResponseBlock [12] {
        0 correlation_id: I64 = "correlationId",
        8 code: I32 = "code",
    }
}

/// A ControlResponse found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ControlResponseView<'a> {
    /// The fixed block.
    pub block: &'a ControlResponseBlock,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ControlResponseView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ControlResponse::TEMPLATE)?;
        Ok(Self {
            block,
            error_message: cursor.data()?,
        })
    }
}

/// An answer. No request of the schema carries a correlation id, so it is shown to people and waited for by nobody (T-24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlResponse<'a> {
    /// Whatever the sender put there.
    pub correlation_id: CorrelationId,
    /// The outcome.
    pub code: ResponseCode,
    /// Why, for people.
    pub error_message: Option<Text<'a>>,
}

impl ControlResponse<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 9;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ControlResponseBlock>(
        "ControlResponse",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Data("errorMessage", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`], [`EncodeError::TooLong`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ControlResponseBlock {
            correlation_id: self.correlation_id.0.into(),
            code: self.code.get().into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(text_bytes(self.error_message))
            .finish()
    }
}

impl<'a> TryFrom<ControlResponseView<'a>> for ControlResponse<'a> {
    type Error = ValueError;

    fn try_from(view: ControlResponseView<'a>) -> Result<Self, ValueError> {
        Ok(Self {
            correlation_id: CorrelationId(view.block.correlation_id.get()),
            code: legal("code", view.block.code.get(), ResponseCode::new)?,
            error_message: provided(view.error_message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-006, W-281, T-24
    fn what_is_written_is_read_again() {
        for error_message in [None, Some("consumer 21 is not authorised".into())] {
            let response = ControlResponse {
                correlation_id: CorrelationId(-2),
                code: ResponseCode::Rejected,
                error_message,
            };
            let mut bytes = [0; 60];
            response.encode(&mut bytes).unwrap();
            let view = ControlResponseView::parse(&bytes).unwrap();
            assert_eq!(ControlResponse::try_from(view), Ok(response));
        }
    }
}
