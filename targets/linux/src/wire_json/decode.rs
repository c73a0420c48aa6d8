//! Bytes to JSON.

use serde_json::{Map, Value, json};
use tp_core_nostd::sbe::{
    Cursor, DataKind, DecodeError, Dimension, Field, FieldKind, GroupLayout, MessageHeader,
    MessageLayout, Tail,
};

use super::{WireJsonError, headed, hex_of_bytes};

/// Reads a message with its header, or the body of `body` without one.
///
/// # Errors
/// [`WireJsonError::Bytes`] and [`WireJsonError::UnknownTemplate`].
pub fn decode(bytes: &[u8], body: Option<&'static MessageLayout>) -> Result<Value, WireJsonError> {
    let mut cursor = Cursor::new(bytes);
    let layout = match body {
        Some(layout) => layout,
        None => header(&mut cursor)?,
    };
    let fields = block_and_tail(&mut cursor, layout.block_len, layout.fields, layout.tail)?;
    let mut object = Map::new();
    object.insert("message".into(), layout.name.into());
    object.insert("schema_id".into(), layout.schema.into());
    object.insert("template_id".into(), layout.template.into());
    if body.is_some() {
        object.insert("header".into(), false.into());
    }
    object.insert("fields".into(), fields);
    if !cursor.rest().is_empty() {
        object.insert("trailing".into(), hex(cursor.rest()));
    }
    Ok(object.into())
}

fn header(cursor: &mut Cursor<'_>) -> Result<&'static MessageLayout, WireJsonError> {
    let header: &MessageHeader = cursor.block()?;
    let (schema, template) = (header.schema_id.get(), header.template_id.get());
    let layout = headed()
        .find(|layout| layout.schema == schema && layout.template == template)
        .ok_or(WireJsonError::UnknownTemplate { schema, template })?;
    if header.version.get() != 1 {
        return Err(DecodeError::UnsupportedVersion {
            got: header.version.get(),
        }
        .into());
    }
    exact(layout.block_len, header.block_length.get())?;
    Ok(layout)
}

fn block_and_tail(
    cursor: &mut Cursor<'_>,
    block_len: usize,
    fields: &[Field],
    tail: &[Tail],
) -> Result<Value, WireJsonError> {
    let block = take(cursor, block_len)?;
    let mut object = Map::new();
    for field in fields {
        // Blocks are longer than the offsets of their fields.
        let bytes = block.get(field.offset..).unwrap_or_default();
        object.insert(field.name.into(), fixed(field, bytes));
    }
    for part in tail {
        let (name, value) = match part {
            Tail::Group(layout) => (layout.name, group(cursor, layout)?),
            Tail::OptionalData(name, _) if cursor.rest().is_empty() => (*name, Value::Null),
            Tail::Data(name, kind) | Tail::OptionalData(name, kind) => {
                (*name, data(cursor.data()?, *kind))
            }
        };
        object.insert(name.into(), value);
    }
    Ok(object.into())
}

fn group(cursor: &mut Cursor<'_>, layout: &GroupLayout) -> Result<Value, WireJsonError> {
    let dimension: &Dimension = cursor.block()?;
    exact(layout.block_len, dimension.block_length.get())?;
    // Every entry takes at least one byte, so the bytes that are there bound what is collected.
    (0..dimension.num_in_group.get())
        .map(|_| block_and_tail(cursor, layout.block_len, layout.fields, layout.tail))
        .collect()
}

fn fixed(field: &Field, bytes: &[u8]) -> Value {
    match field.kind {
        FieldKind::Unsigned(size) => {
            let number = unsigned(bytes, size);
            optional(field, size, number, json!(number))
        }
        FieldKind::Signed(size) => {
            let number = unsigned(bytes, size);
            optional(field, size, number, json!(signed(number, size)))
        }
        FieldKind::SignedArray(count) => {
            let (numbers, _) = bytes.as_chunks::<4>();
            numbers
                .iter()
                .take(count)
                .map(|number| i32::from_le_bytes(*number))
                .collect()
        }
        FieldKind::Padding(size) => bytes.iter().take(size).copied().collect(),
    }
}

fn optional(field: &Field, size: usize, number: u64, value: Value) -> Value {
    let null = field.null.map(|null| unsigned(&null.to_le_bytes(), size));
    if null == Some(number) {
        Value::Null
    } else {
        value
    }
}

fn unsigned(bytes: &[u8], size: usize) -> u64 {
    bytes
        .iter()
        .take(size)
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn signed(number: u64, size: usize) -> i64 {
    let unused = 64_u32.saturating_sub(8_u32.saturating_mul(size as u32));
    (number << unused) as i64 >> unused
}

fn data(bytes: &[u8], kind: DataKind) -> Value {
    match (kind, str::from_utf8(bytes)) {
        (DataKind::Text, Ok(text)) => text.into(),
        (DataKind::Text, Err(_)) | (DataKind::Binary, _) => hex(bytes),
        (DataKind::Message, _) => match decode(bytes, None) {
            Ok(embedded) => json!({ "hex": hex_of_bytes(bytes), "embedded": embedded }),
            Err(_) => hex(bytes),
        },
    }
}

fn hex(bytes: &[u8]) -> Value {
    json!({ "hex": hex_of_bytes(bytes) })
}

fn take<'a>(cursor: &mut Cursor<'a>, needed: usize) -> Result<&'a [u8], DecodeError> {
    let got = cursor.rest().len();
    let (taken, rest) = cursor
        .rest()
        .split_at_checked(needed)
        .ok_or(DecodeError::Truncated { needed, got })?;
    *cursor = Cursor::new(rest);
    Ok(taken)
}

fn exact(block_len: usize, got: u16) -> Result<(), DecodeError> {
    // Every block is far below 64 KiB.
    let expected = block_len as u16;
    if got == expected {
        Ok(())
    } else {
        Err(DecodeError::WrongBlockLength { expected, got })
    }
}
