//! The shape of every message as a table, for tools that print and build messages by field name.

use super::block::{Block, Field};

/// One message of one schema.
#[derive(Clone, Copy, Debug)]
pub struct MessageLayout {
    /// The specification's name, `FrameDescriptor`.
    pub name: &'static str,
    /// Schema id of its header.
    pub schema: u16,
    /// Template id of its header.
    pub template: u16,
    /// Length of the fixed block in bytes.
    pub block_len: usize,
    /// Fields of the fixed block.
    pub fields: &'static [Field],
    /// Groups and var data, in wire order.
    pub tail: &'static [Tail],
}

impl MessageLayout {
    /// The layout of a message with fixed block `B`.
    pub const fn of<B: Block>(
        name: &'static str,
        schema: u16,
        template: u16,
        tail: &'static [Tail],
    ) -> Self {
        Self {
            name,
            schema,
            template,
            block_len: size_of::<B>(),
            fields: B::FIELDS,
            tail,
        }
    }
}

/// What follows a fixed block.
#[derive(Clone, Copy, Debug)]
pub enum Tail {
    /// A repeating group.
    Group(GroupLayout),
    /// Var data of this name.
    Data(&'static str, DataKind),
    /// Var data at the very end that some senders leave out together with its length (discovery 7, trap 5).
    OptionalData(&'static str, DataKind),
}

impl Tail {
    /// The name of the group or var data.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Group(layout) => layout.name,
            Self::Data(name, _) | Self::OptionalData(name, _) => name,
        }
    }
}

/// A repeating group.
#[derive(Clone, Copy, Debug)]
pub struct GroupLayout {
    /// The specification's name, `payloadPools`.
    pub name: &'static str,
    /// Length of an entry's fixed block in bytes.
    pub block_len: usize,
    /// Fields of an entry.
    pub fields: &'static [Field],
    /// Groups and var data of an entry, in wire order.
    pub tail: &'static [Tail],
}

impl GroupLayout {
    /// The layout of a group whose entries have the fixed block `B`.
    pub const fn of<B: Block>(name: &'static str, tail: &'static [Tail]) -> Self {
        Self {
            name,
            block_len: size_of::<B>(),
            fields: B::FIELDS,
            tail,
        }
    }
}

/// What var data holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Text, declared US-ASCII.
    Text,
    /// Bytes.
    Binary,
    /// A whole message with its header.
    Message,
}
