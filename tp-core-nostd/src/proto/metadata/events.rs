//! Metadata as a sequence of events, for handlers: begin, each attribute, end (C-120).
//!
//! There are no events of a message that is not valid as a whole: its lengths were all checked when it was parsed.

use crate::ids::StreamId;
use crate::wire::control::{Attribute, DataSourceMeta};

/// A step through one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaEvent<'m> {
    /// A version of a stream's metadata begins.
    Begin {
        /// The stream.
        stream: StreamId,
        /// The version.
        meta_version: u32,
        /// When it came to apply, in nanoseconds.
        timestamp_ns: u64,
        /// How many attributes follow.
        count: usize,
    },
    /// One of its attributes.
    Attribute {
        /// Its place, from 0.
        index: usize,
        /// What it says.
        attribute: Attribute<'m>,
    },
    /// That was all of it.
    End,
}

/// The events of one message.
pub fn events<'m>(meta: &DataSourceMeta<'m>) -> impl Iterator<Item = MetaEvent<'m>> + use<'m> {
    let begin = MetaEvent::Begin {
        stream: meta.stream_id,
        meta_version: meta.meta_version,
        timestamp_ns: meta.timestamp_ns,
        count: meta.attributes.iter().count(),
    };
    let attributes = meta.attributes.iter().enumerate();
    let attributes = attributes.map(|(index, attribute)| MetaEvent::Attribute { index, attribute });
    core::iter::once(begin)
        .chain(attributes)
        .chain(core::iter::once(MetaEvent::End))
}
