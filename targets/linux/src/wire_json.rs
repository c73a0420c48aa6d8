//! Messages as JSON objects and back, driven by the layout tables of the core, without loss.
//!
//! ```json
//! {"message": "FrameDescriptor", "schema_id": 900, "template_id": 4,
//!  "fields": {"streamId": 10000, "epoch": 1, "seq": 12, "timestampNs": null, "metaVersion": 0, "traceId": null}}
//! ```
//!
//! Fields bear the specification's names. Numbers are numbers, enumerations included; an absent optional is null; text
//! is a string, `{"hex": …}` where it is not UTF-8, and null where even its length was left out; binary var data is
//! `{"hex": …}`, beside it under `embedded` what a message inside it says (either may be left out when encoding);
//! arrays and groups are lists. `"header": false` marks a body without message header, `trailing` holds what stands
//! after the end of the message. Only lengths are checked here, not meanings.

mod decode;
mod encode;
mod hex;

use tp_core_nostd::sbe::{DecodeError, MessageLayout};
use tp_core_nostd::shm::{MEMORY_MESSAGES, TENSOR_HEADER_TEMPLATE};
use tp_core_nostd::wire;

pub use decode::decode;
pub use encode::encode;
pub use hex::{bytes_of_hex, hex_of_bytes};

/// What lives in memory and has no message header of its own there.
pub const BODIES: &[MessageLayout] = MEMORY_MESSAGES;

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

/// The messages that have a header: those that travel, and the tensor header inside its slot. None of them has another
/// message inside, so nothing nests deeper than that.
fn headed() -> impl Iterator<Item = &'static MessageLayout> {
    let embedded = BODIES
        .iter()
        .filter(|body| body.template == TENSOR_HEADER_TEMPLATE);
    wire::MESSAGES.iter().copied().flatten().chain(embedded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn layout(name: &str) -> Option<&'static MessageLayout> {
        BODIES.iter().find(|layout| layout.name == name)
    }

    fn source() -> Value {
        json!({
            "message": "DataSourceAnnounce",
            "schema_id": 900,
            "template_id": 7,
            "fields": {
                "streamId": 1, "producerId": 2, "epoch": u64::MAX, "metaVersion": 4,
                "name": {"hex": "63ff"}, "summary": "\u{0}\"é",
            },
            "trailing": {"hex": "00"},
        })
    }

    #[test] // req: T-37, T-47
    fn text_of_any_bytes_and_what_follows_the_message_survive() {
        let bytes = encode(&source(), None).unwrap();
        assert_eq!(decode(&bytes, None).unwrap(), source());
    }

    #[test] // req: W-004, W-005
    fn nulls_are_the_null_values_of_their_fields() {
        let object = json!({
            "message": "FrameDescriptor",
            "fields": {
                "streamId": 1, "epoch": 2, "seq": 3,
                "timestampNs": null, "metaVersion": null, "traceId": null,
            },
        });
        let bytes = encode(&object, None).unwrap();
        assert_eq!(bytes[28..40], [0xFF; 12]);
        assert_eq!(bytes[40..48], [0; 8]);
        assert_eq!(decode(&bytes, None).unwrap()["fields"], object["fields"]);
    }

    #[test]
    fn bodies_have_no_header() {
        let body = layout("TensorHeader");
        let mut bytes = vec![0; 184];
        bytes[0] = 0xFE;
        bytes[1] = 0xFF;
        let object = decode(&bytes, body).unwrap();
        assert_eq!(object["fields"]["dtype"], -2);
        assert_eq!(object["header"], false);
        assert_eq!(encode(&object, None).unwrap(), bytes);
        assert_eq!(encode(&object, body).unwrap(), bytes);
        assert!(encode(&object, layout("SlotHeader")).is_err());
    }

    #[test]
    fn an_embedded_message_may_stand_for_its_bytes() {
        let mut slot = vec![0; 60];
        slot.extend([192, 0, 0, 0]);
        slot.extend([184, 0, 52, 0, 0x84, 3, 1, 0]);
        slot.extend([0; 184]);
        let mut object = decode(&slot, layout("SlotHeader")).unwrap();
        let data = &mut object["fields"]["headerBytes"];
        assert_eq!(data["embedded"]["message"], "TensorHeader");
        data.as_object_mut().unwrap().remove("hex");
        assert_eq!(encode(&object, None).unwrap(), slot);
        object["fields"]["headerBytes"]["hex"] = json!("00");
        assert!(encode(&object, None).is_err());
    }

    #[test]
    fn objects_that_are_not_the_message_are_refused_by_part() {
        let fields = |part: &str, value: Value| {
            let mut object = source();
            object["fields"][part] = value;
            object
        };
        let mut without = source();
        without["fields"].as_object_mut().unwrap().remove("epoch");
        let mut renamed = source();
        renamed["message"] = json!("NoSuchMessage");
        let mut renumbered = source();
        renumbered["template_id"] = json!(8);
        let rows = [
            (
                fields("streamId", json!(1_u64 << 32)),
                "streamId: a number from 0 to 4294967295 is needed",
            ),
            (
                fields("streamId", json!(-1)),
                "streamId: a number from 0 to 4294967295 is needed",
            ),
            (
                fields("streamId", json!(1.5)),
                "streamId: a number from 0 to 4294967295 is needed",
            ),
            (
                fields("streamId", Value::Null),
                "streamId: a number from 0 to 4294967295 is needed",
            ),
            (
                fields("name", json!(7)),
                r#"name: bytes are written {"hex": "00ff"}"#,
            ),
            (
                fields("name", json!({"hex": "0"})),
                "not hex: 1 digits are no whole bytes",
            ),
            (fields("nickname", json!("x")), "nickname: no such field"),
            (without, "epoch: it is missing"),
            (renamed, r#"there is no message "NoSuchMessage""#),
            (renumbered, "template_id: DataSourceAnnounce has 7"),
            (json!([]), "the message: an object is needed"),
        ];
        for (object, sentence) in rows {
            assert_eq!(encode(&object, None).unwrap_err().to_string(), sentence);
        }
    }

    #[test] // req: T-37
    fn bytes_that_are_no_message_are_refused() {
        let rows: [(&[u8], &str); 5] = [
            (
                &[60, 0, 51, 0, 0x84, 3, 1, 0],
                "no message has template 51 in schema 900",
            ),
            (&[40, 0], "not a whole message: 8 more bytes needed, 2 left"),
            (
                &[40, 0, 99, 0, 0x84, 3, 1, 0],
                "no message has template 99 in schema 900",
            ),
            (
                &[40, 0, 4, 0, 0x84, 3, 2, 0],
                "not a whole message: version 2 is not supported, only 1 is",
            ),
            (
                &[39, 0, 4, 0, 0x84, 3, 1, 0],
                "not a whole message: block length 39, version 1 has 40",
            ),
        ];
        for (bytes, sentence) in rows {
            assert_eq!(decode(bytes, None).unwrap_err().to_string(), sentence);
        }
    }
}
