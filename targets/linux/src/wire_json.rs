//! Messages as JSON objects and back, driven by the layout tables of the core, without loss.
//!
//! ```json
//! {"message": "FrameDescriptor", "schema_id": 900, "template_id": 4,
//!  "fields": {"streamId": 10000, "epoch": 1, "seq": 12, "timestampNs": null, "metaVersion": 0, "traceId": null}}
//! ```
//!
//! Fields bear the specification's names. Numbers are numbers, enumerations included; an absent optional is null; text
//! is a string, `{"hex": …}` where it is not UTF-8, and null where even its length was left out; binary var data is `{"hex": …}`, beside it under `embedded` what a
//! message inside it says; arrays and groups are lists. `"header": false` marks a body without message header, `trailing`
//! holds what stands after the end of the message. Only lengths are checked here, not meanings.

mod decode;
mod encode;
mod hex;

use tp_core_nostd::sbe::{DecodeError, MessageLayout};
use tp_core_nostd::shm::MEMORY_MESSAGES;
use tp_core_nostd::wire;

pub use decode::decode;
pub use encode::encode;
pub use hex::{bytes_of_hex, hex_of_bytes};

/// What lives in memory and has no message header of its own there.
pub const BODIES: &[MessageLayout] = &MEMORY_MESSAGES;

/// Bytes or JSON that do not describe a message.
#[derive(Debug, thiserror::Error)]
pub enum WireJsonError {
    /// The bytes are too short or at odds with the message's layout.
    #[error("not a whole message: {0}")]
    Bytes(#[from] DecodeError),
    /// Neither schema 900, 901, 903, 904 nor 910 has this message.
    #[error("no message has template {template} in schema {schema}")]
    UnknownTemplate {
        /// Schema id of the header.
        schema: u16,
        /// Template id of the header.
        template: u16,
    },
    /// No schema has a message of this name.
    #[error("there is no message {0:?}")]
    UnknownName(String),
    /// A character that is no hex digit, or an odd number of digits.
    #[error("not hex: {0}")]
    Hex(String),
    /// A part of the JSON object is not what the layout asks for.
    #[error("{part}: {problem}")]
    Json {
        /// The field's name, or the object's.
        part: String,
        /// What is wrong.
        problem: String,
    },
}

/// All messages that can be told apart by a header, travelling or embedded.
fn headed() -> impl Iterator<Item = &'static MessageLayout> {
    wire::MESSAGES.iter().copied().flatten().chain(BODIES)
}
