//! JSON to bytes.

use serde_json::{Map, Value};
use tp_core_nostd::sbe::{DataKind, Field, FieldKind, GroupLayout, MessageLayout, Tail};

use super::{BODIES, WireJsonError, bytes_of_hex, headed};

/// Writes what `object` says, the object that [`super::decode`] made or one like it: with a message header, or without
/// one where `body` names the message or the object says `"header": false`.
///
/// # Errors
/// [`WireJsonError::UnknownName`] and [`WireJsonError::Json`].
pub fn encode(
    object: &Value,
    body: Option<&'static MessageLayout>,
) -> Result<Vec<u8>, WireJsonError> {
    let object = map("the message", object)?;
    let layout = layout_of(object, body)?;
    let mut out = Vec::new();
    let headed = headed().any(|headed| headed.name == layout.name);
    if headed && body.is_none() && object.get("header") != Some(&Value::Bool(false)) {
        // Every block is far below 64 KiB.
        for part in [layout.block_len as u16, layout.template, layout.schema, 1] {
            out.extend(part.to_le_bytes());
        }
    }
    let fields = map("fields", required("fields", object)?)?;
    block_and_tail(&mut out, fields, layout.fields, layout.tail)?;
    if let Some(trailing) = object.get("trailing") {
        out.extend(binary("trailing", trailing)?);
    }
    Ok(out)
}

/// The layout the object or the caller names; where several parts name one they must agree.
fn layout_of(
    object: &Map<String, Value>,
    body: Option<&'static MessageLayout>,
) -> Result<&'static MessageLayout, WireJsonError> {
    let layout = match (object.get("message").and_then(Value::as_str), body) {
        (None, None) => return Err(wrong("message", "the message's name is missing")),
        (None, Some(body)) => body,
        (Some(name), Some(body)) if name != body.name => {
            return Err(wrong("message", format!("{name} is not {}", body.name)));
        }
        (Some(name), _) => headed()
            .chain(BODIES)
            .find(|layout| layout.name == name)
            .ok_or_else(|| WireJsonError::UnknownName(name.into()))?,
    };
    for (part, number) in [
        ("schema_id", layout.schema),
        ("template_id", layout.template),
    ] {
        if object
            .get(part)
            .is_some_and(|given| given.as_u64() != Some(number.into()))
        {
            return Err(wrong(part, format!("{} has {number}", layout.name)));
        }
    }
    Ok(layout)
}

fn block_and_tail(
    out: &mut Vec<u8>,
    object: &Map<String, Value>,
    fields: &[Field],
    tail: &[Tail],
) -> Result<(), WireJsonError> {
    let names = fields
        .iter()
        .map(|field| field.name)
        .chain(tail.iter().map(Tail::name));
    if let Some(unknown) = object
        .keys()
        .find(|key| !names.clone().any(|name| name == *key))
    {
        return Err(wrong(unknown, "no such field"));
    }
    // Blocks are packed, so their fields in order are their bytes.
    for field in fields {
        fixed(out, field, required(field.name, object)?)?;
    }
    for part in tail {
        let value = required(part.name(), object)?;
        match part {
            Tail::Group(layout) => group(out, layout, value)?,
            Tail::OptionalData(..) if value.is_null() => {}
            Tail::Data(name, kind) | Tail::OptionalData(name, kind) => {
                let bytes = data(name, *kind, value)?;
                let length = u32::try_from(bytes.len())
                    .map_err(|_| wrong(name, "longer than its length field can say"))?;
                out.extend(length.to_le_bytes());
                out.extend(bytes);
            }
        }
    }
    Ok(())
}

fn group(out: &mut Vec<u8>, layout: &GroupLayout, value: &Value) -> Result<(), WireJsonError> {
    let entries = list(layout.name, value)?;
    let count = u16::try_from(entries.len())
        .map_err(|_| wrong(layout.name, "more entries than its count field can say"))?;
    // Every block is far below 64 KiB.
    out.extend((layout.block_len as u16).to_le_bytes());
    out.extend(count.to_le_bytes());
    for entry in entries {
        block_and_tail(out, map(layout.name, entry)?, layout.fields, layout.tail)?;
    }
    Ok(())
}

fn fixed(out: &mut Vec<u8>, field: &Field, value: &Value) -> Result<(), WireJsonError> {
    let (count, one) = match field.kind {
        FieldKind::SignedArray(count) => (count, FieldKind::Signed(4)),
        FieldKind::Padding(count) => (count, FieldKind::Unsigned(1)),
        kind => return number(out, field, kind, value),
    };
    let numbers = list(field.name, value)?;
    if numbers.len() != count {
        return Err(wrong(field.name, format!("{count} numbers are needed")));
    }
    numbers
        .iter()
        .try_for_each(|value| number(out, field, one, value))
}

fn number(
    out: &mut Vec<u8>,
    field: &Field,
    kind: FieldKind,
    value: &Value,
) -> Result<(), WireJsonError> {
    let (size, least, most) = match kind {
        FieldKind::Signed(size) => (
            size,
            i64::MIN >> unused_bits(size),
            i64::MAX as u64 >> unused_bits(size),
        ),
        FieldKind::Unsigned(size) | FieldKind::Padding(size) | FieldKind::SignedArray(size) => {
            (size, 0, u64::MAX >> unused_bits(size))
        }
    };
    let (least, most) = (i128::from(least), i128::from(most));
    let number = match (value, field.null) {
        (Value::Null, Some(null)) => Some(null.into()),
        _ => value
            .as_i64()
            .map(i128::from)
            .or(value.as_u64().map(i128::from))
            .filter(|number| (least..=most).contains(number)),
    };
    let number = number.ok_or_else(|| {
        wrong(
            field.name,
            format!("a number from {least} to {most} is needed"),
        )
    })?;
    out.extend(number.to_le_bytes().iter().take(size));
    Ok(())
}

/// How many bits of 64 an integer of `size` bytes leaves unused.
fn unused_bits(size: usize) -> u32 {
    64_u32.saturating_sub(8_u32.saturating_mul(size as u32))
}

fn data(part: &str, kind: DataKind, value: &Value) -> Result<Vec<u8>, WireJsonError> {
    match (kind, value) {
        (DataKind::Text, Value::String(text)) => Ok(text.clone().into_bytes()),
        (DataKind::Message, Value::Object(object)) if object.contains_key("embedded") => {
            let bytes = encode(required("embedded", object)?, None)?;
            if object.contains_key("hex") && binary(part, value)? != bytes {
                return Err(wrong(part, "hex and embedded say different things"));
            }
            Ok(bytes)
        }
        _ => binary(part, value),
    }
}

fn binary(part: &str, value: &Value) -> Result<Vec<u8>, WireJsonError> {
    let hex = value.get("hex").and_then(Value::as_str);
    bytes_of_hex(hex.ok_or_else(|| wrong(part, r#"bytes are written {"hex": "00ff"}"#))?)
}

fn required<'v>(part: &str, object: &'v Map<String, Value>) -> Result<&'v Value, WireJsonError> {
    object.get(part).ok_or_else(|| wrong(part, "it is missing"))
}

fn map<'v>(part: &str, value: &'v Value) -> Result<&'v Map<String, Value>, WireJsonError> {
    value
        .as_object()
        .ok_or_else(|| wrong(part, "an object is needed"))
}

fn list<'v>(part: &str, value: &'v Value) -> Result<&'v [Value], WireJsonError> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| wrong(part, "a list is needed"))
}

fn wrong(part: &str, problem: impl Into<String>) -> WireJsonError {
    WireJsonError::Json {
        part: part.into(),
        problem: problem.into(),
    }
}
