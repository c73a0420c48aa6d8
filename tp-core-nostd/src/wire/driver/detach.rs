//! ShmDetachRequest and ShmDetachResponse: a client gives its lease back (driver 2.2, 3.6).

use zerocopy::little_endian::{I32, I64, U32, U64};

use super::{Refusal, Role, SCHEMA};
use crate::ids::{ClientId, CorrelationId, LeaseId, StreamId};
use crate::sbe::{Cursor, DataKind, DecodeError, EncodeError, MessageLayout, Tail, Writer, block};
use crate::wire::ValueError;
use crate::wire::enums::ResponseCode;
use crate::wire::value::legal;

block! {
    /// Fixed block of ShmDetachRequest (driver 2.2).
    pub struct ShmDetachRequestBlock [25] {
        0 correlation_id: I64 = "correlationId",
        8 lease_id: U64 = "leaseId",
        16 stream_id: U32 = "streamId",
        20 client_id: U32 = "clientId",
        24 role: u8 = "role",
    }
}

block! {
    /// Fixed block of ShmDetachResponse (driver 2.2).
    pub struct ShmDetachResponseBlock [12] {
        0 correlation_id: I64 = "correlationId",
        8 code: I32 = "code",
    }
}

/// A ShmDetachRequest found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmDetachRequestView<'a> {
    /// The fixed block. Its correlation id is echoed whatever the rest holds (D-107).
    pub block: &'a ShmDetachRequestBlock,
}

impl<'a> ShmDetachRequestView<'a> {
    /// Reads the message at the start of `bytes`. A driver tries
    /// [`NewerRequest::recognise`](super::NewerRequest::recognise) on what is refused here.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, ShmDetachRequest::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A client gives a lease back. Where the value cannot be made, [`Refusal::of_detach`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ShmDetachRequest {
    /// Ties the answer to this request.
    pub correlation_id: CorrelationId,
    /// The lease; it ends only if the other three fields are its own as well (D-102).
    pub lease_id: LeaseId,
    /// Its stream.
    pub stream_id: StreamId,
    /// Its holder.
    pub client_id: ClientId,
    /// Its role.
    pub role: Role,
}

impl ShmDetachRequest {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 3;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<ShmDetachRequestBlock>("ShmDetachRequest", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 33.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmDetachRequestBlock {
            correlation_id: self.correlation_id.0.into(),
            lease_id: self.lease_id.get().into(),
            stream_id: self.stream_id.get().into(),
            client_id: self.client_id.get().into(),
            role: self.role.get(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<ShmDetachRequestView<'_>> for ShmDetachRequest {
    type Error = ValueError;

    /// The role comes first: it alone makes a request invalid instead of unknown (D-104).
    fn try_from(view: ShmDetachRequestView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        Ok(Self {
            role: legal("role", block.role, Role::new)?,
            correlation_id: CorrelationId(block.correlation_id.get()),
            lease_id: legal("leaseId", block.lease_id.get(), LeaseId::new)?,
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            client_id: legal("clientId", block.client_id.get(), ClientId::new)?,
        })
    }
}

/// A ShmDetachResponse found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmDetachResponseView<'a> {
    /// The fixed block.
    pub block: &'a ShmDetachResponseBlock,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> ShmDetachResponseView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, ShmDetachResponse::TEMPLATE)?;
        Ok(Self {
            block,
            error_message: cursor.data()?,
        })
    }
}

/// The answer to a detach request. Any answer, or none, leaves the client unattached (D-105).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmDetachResponse<'a> {
    /// That of the request, unchanged (D-107).
    pub correlation_id: CorrelationId,
    /// Done, or why not.
    pub outcome: Result<(), Refusal<'a>>,
}

impl ShmDetachResponse<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 4;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<ShmDetachResponseBlock>(
        "ShmDetachResponse",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Data("errorMessage", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let (code, error_message) = match &self.outcome {
            Ok(()) => (ResponseCode::Ok.get(), &[][..]),
            Err(refusal) => (refusal.code.get(), refusal.sent_message()),
        };
        let block = ShmDetachResponseBlock {
            correlation_id: self.correlation_id.0.into(),
            code: code.into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .data(error_message)
            .finish()
    }
}

impl<'a> TryFrom<ShmDetachResponseView<'a>> for ShmDetachResponse<'a> {
    type Error = ValueError;

    fn try_from(view: ShmDetachResponseView<'a>) -> Result<Self, ValueError> {
        Ok(Self {
            correlation_id: CorrelationId(view.block.correlation_id.get()),
            outcome: Refusal::of_response(view.block.code.get(), view.error_message)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::RefusalCode;
    use super::*;

    #[test] // req: D-103, D-104
    fn senseless_detaches_have_an_answer() {
        let answer = |lease_id: u64, stream_id: u32, client_id: u32, role| {
            let block = ShmDetachRequestBlock {
                correlation_id: 1.into(),
                lease_id: lease_id.into(),
                stream_id: stream_id.into(),
                client_id: client_id.into(),
                role,
            };
            let request = ShmDetachRequest::try_from(ShmDetachRequestView { block: &block });
            request.map_err(|error| Refusal::of_detach(error).code)
        };
        assert!(answer(1, 1, 1, 2).is_ok());
        assert_eq!(answer(1, 1, 1, 0), Err(RefusalCode::InvalidParams));
        assert_eq!(answer(0, 0, 0, 3), Err(RefusalCode::InvalidParams));
        assert_eq!(answer(0, 1, 1, 2), Err(RefusalCode::Rejected));
        assert_eq!(answer(1, 0, 1, 2), Err(RefusalCode::Rejected));
        assert_eq!(answer(1, 1, 0, 2), Err(RefusalCode::Rejected));
    }
}
