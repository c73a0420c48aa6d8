//! The encoding all schemas share: packed little-endian blocks, repeating groups, var data (wire 2.1, 4).
//!
//! Reading goes through a [`Cursor`], which checks every length against the bytes that are left before it looks at
//! them; writing goes through a [`Writer`], which never writes past the caller's buffer.

mod block;
mod cursor;
mod layout;
mod writer;

pub(crate) use block::block;
pub use block::{Block, Field, FieldKind, Primitive};
pub use cursor::{
    Cursor, DecodeError, Dimension, Entry, Group, MESSAGE_HEADER_LEN, MessageHeader, VAR_DATA_MAX,
};
pub use layout::{DataKind, GroupLayout, MessageLayout, Tail};
pub use writer::{EncodeError, GROUP_MAX, Writer};
