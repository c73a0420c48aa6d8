//! Requests of a version above ours: not read, but answered (D-028).

use super::{SCHEMA, ShmAttachRequest, ShmDetachRequest};
use crate::ids::CorrelationId;
use crate::sbe::{Cursor, DecodeError, MessageHeader, block};
use zerocopy::little_endian::I64;

block! {
    /// What attach and detach requests of every version start with.
    struct Correlation [8] {
        0 correlation_id: I64 = "correlationId",
    }
}

/// A request of a version above ours, of which only the name and the correlation id are known. It is answered with
/// [`Refusal::unsupported_version`](super::Refusal::unsupported_version) (driver 4, row 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NewerRequest {
    /// An attach request.
    Attach(CorrelationId),
    /// A detach request.
    Detach(CorrelationId),
}

impl NewerRequest {
    /// Recognises such a request; `None` for everything else, which has either been read already or gets no answer.
    /// Block lengths are those of an unknown version and not looked at.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let header: &MessageHeader = cursor.block().ok()?;
        if header.schema_id.get() != SCHEMA || header.version.get() <= 1 {
            return None;
        }
        let start: Result<&Correlation, DecodeError> = cursor.block();
        let correlation_id = CorrelationId(start.ok()?.correlation_id.get());
        match header.template_id.get() {
            ShmAttachRequest::TEMPLATE => Some(Self::Attach(correlation_id)),
            ShmDetachRequest::TEMPLATE => Some(Self::Detach(correlation_id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(schema: u8, template: u8, version: u8, body: &[u8]) -> std::vec::Vec<u8> {
        let mut bytes = std::vec![99, 0, template, 0, schema, 3, version, 0];
        bytes.extend_from_slice(body);
        bytes
    }

    #[test] // req: D-028
    fn newer_attaches_and_detaches_are_recognised_by_their_first_bytes() {
        let body = [0xFF; 8];
        let minus_one = CorrelationId(-1);
        for (bytes, expected) in [
            (
                message(0x85, 1, 2, &body),
                Some(NewerRequest::Attach(minus_one)),
            ),
            (
                message(0x85, 3, 9, &body),
                Some(NewerRequest::Detach(minus_one)),
            ),
            (
                message(0x85, 1, 2, &[0xFF; 50]),
                Some(NewerRequest::Attach(minus_one)),
            ),
            (message(0x85, 1, 2, &body[..7]), None),
            (message(0x85, 1, 1, &body), None),
            (message(0x85, 1, 0, &body), None),
            (message(0x85, 2, 2, &body), None),
            (message(0x85, 5, 2, &body), None),
            (message(0x84, 1, 2, &body), None),
        ] {
            assert_eq!(NewerRequest::recognise(&bytes), expected, "{bytes:02x?}");
        }
    }
}
