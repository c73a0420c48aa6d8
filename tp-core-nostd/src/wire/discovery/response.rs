//! DiscoveryResponse: the streams a provider knows (discovery 1.2, 2.3).

use zerocopy::little_endian::U64;

use super::result::RESULTS_LAYOUT;
use super::{DiscoveryResult, DiscoveryResultBlock, DiscoveryResultView, RequestId, SCHEMA};
use crate::sbe::{
    Cursor, DataKind, DecodeError, EncodeError, Group, MessageLayout, Tail, Writer, block,
};
use crate::wire::enums::wire_enum;
use crate::wire::error_message::sent_message;
use crate::wire::value::provided;
use crate::wire::{Entries, Text};

block! {
    /// Fixed block of DiscoveryResponse (discovery 1.2).
    pub struct DiscoveryResponseBlock [9] {
        0 request_id: U64 = "requestId",
        8 status: u8 = "status",
    }
}

wire_enum! {
    /// What became of a request.
    pub enum DiscoveryStatus: u8 {
        /// It was processed, be it without any result.
        Ok = 1,
        /// There is no match the client may see.
        NotFound = 2,
        /// It could not be processed.
        Error = 3,
    }
}

/// A DiscoveryResponse found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryResponseView<'a> {
    /// The fixed block.
    pub block: &'a DiscoveryResponseBlock,
    /// `results`.
    pub results: Group<'a, DiscoveryResultView<'a>>,
    /// `errorMessage`.
    pub error_message: &'a [u8],
}

impl<'a> DiscoveryResponseView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`], [`Cursor::group`] and [`Cursor::data`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, DiscoveryResponse::TEMPLATE)?;
        Ok(Self {
            block,
            results: cursor.group()?,
            error_message: cursor.data()?,
        })
    }
}

/// Streams found. Iterating passes over results that make no sense.
pub type Results<'a> = Entries<'a, DiscoveryResult<'a>, DiscoveryResultView<'a>>;

/// The answer to a discovery request: a snapshot, never authoritative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryResponse<'a> {
    /// That of the request, unchanged.
    pub request_id: RequestId,
    /// What became of it.
    pub outcome: DiscoveryOutcome<'a>,
}

/// What became of a request. Only success has results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryOutcome<'a> {
    /// It was processed; the results may be none.
    Found(Results<'a>),
    /// There is no match the client may see; clients treat it like no result (discovery 7, trap 2).
    NotFound,
    /// It could not be processed, or the status is unknown. The text is for people.
    Error(Option<Text<'a>>),
}

impl<'a> DiscoveryResponse<'a> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 2;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<DiscoveryResponseBlock>(
        "DiscoveryResponse",
        SCHEMA,
        Self::TEMPLATE,
        &[RESULTS_LAYOUT, Tail::Data("errorMessage", DataKind::Text)],
    );

    /// Writes the message to the start of `out`; returns its length, 25 or more.
    ///
    /// # Errors
    /// [`EncodeError`]: it does not fit, or there are too many results.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let (status, message) = match self.outcome {
            DiscoveryOutcome::Found(results) => {
                return Self::encode_found(self.request_id, results.iter(), out);
            }
            DiscoveryOutcome::NotFound => (DiscoveryStatus::NotFound, None),
            DiscoveryOutcome::Error(message) => (DiscoveryStatus::Error, message),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block(self.request_id, status))
            .group::<DiscoveryResultBlock>(0)
            .data(sent_message(message))
            .finish()
    }

    /// Writes an OK response with results made one by one, so that a provider need not hold them all at once.
    /// `results` is run twice, first to count.
    ///
    /// # Errors
    /// [`EncodeError`]: it does not fit, or there are too many results.
    pub fn encode_found<'r>(
        request_id: RequestId,
        results: impl Iterator<Item = DiscoveryResult<'r>> + Clone,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        writer
            .message(
                SCHEMA,
                Self::TEMPLATE,
                &block(request_id, DiscoveryStatus::Ok),
            )
            .group::<DiscoveryResultBlock>(results.clone().count());
        for result in results {
            result.write(&mut writer);
        }
        writer.data(&[]).finish()
    }
}

fn block(request_id: RequestId, status: DiscoveryStatus) -> DiscoveryResponseBlock {
    DiscoveryResponseBlock {
        request_id: request_id.0.into(),
        status: status.get(),
    }
}

impl<'a> From<DiscoveryResponseView<'a>> for DiscoveryResponse<'a> {
    fn from(view: DiscoveryResponseView<'a>) -> Self {
        let outcome = match DiscoveryStatus::new(view.block.status) {
            Some(DiscoveryStatus::Ok) => DiscoveryOutcome::Found(Results::received(view.results)),
            Some(DiscoveryStatus::NotFound) => DiscoveryOutcome::NotFound,
            Some(DiscoveryStatus::Error) | None => {
                DiscoveryOutcome::Error(provided(view.error_message))
            }
        };
        Self {
            request_id: RequestId(view.block.request_id.get()),
            outcome,
        }
    }
}
