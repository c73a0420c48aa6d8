//! Schema 904: which frames a frame was made from (tracelink 1).

use zerocopy::little_endian::{U32, U64};

use super::value::legal;
use super::{Entries, ValueError};
use crate::ids::{Epoch, StreamId, TraceId};
use crate::sbe::{
    Cursor, DecodeError, EncodeError, Entry, Group, GroupLayout, MessageLayout, Tail, Writer, block,
};
use crate::seq::Seq;

/// Schema id of this message.
pub const SCHEMA: u16 = 904;

/// Every message of the schema.
pub const MESSAGES: &[MessageLayout] = &[TraceLinkSet::LAYOUT];

/// Most parents of one frame (K-037).
pub const PARENTS_MAX: usize = 256;

block! {
    /// Fixed block of TraceLinkSet (tracelink 1).
    pub struct TraceLinkSetBlock [28] {
        0 stream_id: U32 = "streamId",
        4 epoch: U64 = "epoch",
        12 seq: U64 = "seq",
        20 trace_id: U64 = "traceId",
    }
}

block! {
    /// Fixed block of a `parents` entry.
    pub struct ParentBlock [8] {
        0 trace_id: U64 = "traceId",
    }
}

/// A `parents` entry found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ParentView<'a> {
    /// The fixed block.
    pub block: &'a ParentBlock,
}

impl<'a> Entry<'a> for ParentView<'a> {
    type Block = ParentBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: cursor.block()?,
        })
    }
}

impl TryFrom<ParentView<'_>> for TraceId {
    type Error = ValueError;

    fn try_from(view: ParentView<'_>) -> Result<Self, ValueError> {
        legal("parents", view.block.trace_id.get(), Self::new)
    }
}

/// A TraceLinkSet found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct TraceLinkSetView<'a> {
    /// The fixed block.
    pub block: &'a TraceLinkSetBlock,
    /// `parents`.
    pub parents: Group<'a, ParentView<'a>>,
}

impl<'a> TraceLinkSetView<'a> {
    /// Reads the message at the start of `bytes`.
    ///
    /// # Errors
    /// What [`Cursor::message`] and [`Cursor::group`] refuse.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut cursor, block) = Cursor::message(bytes, SCHEMA, TraceLinkSet::TEMPLATE)?;
        Ok(Self {
            block,
            parents: cursor.group()?,
        })
    }
}

/// The parents of one frame. Best effort: nothing waits for it or depends on it (K-001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLinkSet<'a> {
    /// Stream of the frame that was made.
    pub stream_id: StreamId,
    /// Epoch of the frame that was made.
    pub epoch: Epoch,
    /// Number of the frame that was made.
    pub seq: Seq,
    /// Its trace id.
    pub trace_id: TraceId,
    /// The trace ids it was made from, in the order the stage observed them: 1 to [`PARENTS_MAX`], none twice, never
    /// its own.
    pub parents: Entries<'a, TraceId, ParentView<'a>>,
}

impl TraceLinkSet<'_> {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 1;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout = MessageLayout::of::<TraceLinkSetBlock>(
        "TraceLinkSet",
        SCHEMA,
        Self::TEMPLATE,
        &[Tail::Group(GroupLayout::of::<ParentBlock>("parents", &[]))],
    );

    /// Writes the message to the start of `out`; returns its length, 40 and 8 per parent.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        let block = TraceLinkSetBlock {
            stream_id: self.stream_id.get().into(),
            epoch: self.epoch.get().into(),
            seq: self.seq.get().into(),
            trace_id: self.trace_id.get().into(),
        };
        writer
            .message(SCHEMA, Self::TEMPLATE, &block)
            .group::<ParentBlock>(self.parents.iter().count());
        for parent in self.parents.iter() {
            writer.block(&ParentBlock {
                trace_id: parent.get().into(),
            });
        }
        writer.finish()
    }
}

impl<'a> TryFrom<TraceLinkSetView<'a>> for TraceLinkSet<'a> {
    type Error = ValueError;

    /// Any fault makes the whole set void (K-036).
    fn try_from(view: TraceLinkSetView<'a>) -> Result<Self, ValueError> {
        let block = view.block;
        let trace_id = legal("traceId", block.trace_id.get(), TraceId::new)?;
        check_parents(view.parents, trace_id)?;
        Ok(Self {
            stream_id: legal("streamId", block.stream_id.get(), StreamId::new)?,
            epoch: legal("epoch", block.epoch.get(), Epoch::new)?,
            seq: legal("seq", block.seq.get(), Seq::new)?,
            trace_id,
            parents: Entries::received(view.parents),
        })
    }
}

fn check_parents<'a>(parents: Group<'a, ParentView<'a>>, own: TraceId) -> Result<(), ValueError> {
    let field = "parents";
    if parents.is_empty() {
        return Err(ValueError::Missing { field });
    }
    if usize::from(parents.len()) > PARENTS_MAX {
        return Err(ValueError::TooMany {
            field,
            got: parents.len().into(),
            max: PARENTS_MAX,
        });
    }
    for (at, parent) in parents.iter().enumerate() {
        let parent = TraceId::try_from(parent)?;
        let mut others = parents
            .iter()
            .take(at)
            .map(|other| other.block.trace_id.get());
        if parent == own || others.any(|other| other == parent.get()) {
            return Err(ValueError::Repeated {
                field,
                got: parent.get().into(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What becomes of a set with these raw ids, or the error.
    fn judged(trace_id: u64, parents: &[u64]) -> Result<(), ValueError> {
        let mut out = [0; 4096];
        let mut writer = Writer::new(&mut out);
        let block = TraceLinkSetBlock {
            stream_id: 1.into(),
            epoch: 1.into(),
            seq: 0.into(),
            trace_id: trace_id.into(),
        };
        writer
            .message(SCHEMA, TraceLinkSet::TEMPLATE, &block)
            .group::<ParentBlock>(parents.len());
        for parent in parents {
            writer.block(&ParentBlock {
                trace_id: (*parent).into(),
            });
        }
        let len = writer.finish().unwrap();
        TraceLinkSetView::parse(&out[..len])
            .unwrap()
            .try_into()
            .map(|set: TraceLinkSet<'_>| {
                let read: Vec<u64> = set.parents.iter().map(TraceId::get).collect();
                assert_eq!(read, parents);
            })
    }

    #[test]
    fn sets_with_a_fault_are_void() {
        let field = "parents";
        let number = |got| Err(ValueError::Number { field, got });
        let repeated = |got| Err(ValueError::Repeated { field, got });
        let many: Vec<u64> = (1..=257).collect();
        let too_many = Err(ValueError::TooMany {
            field,
            got: 257,
            max: 256,
        });
        for (trace_id, parents, expected) in [
            (500, &[3, 1, 2][..], Ok(())),                  // req: K-033
            (500, &many[..256], Ok(())),                    // req: K-037
            (500, &many, too_many),                         // req: K-037
            (500, &[], Err(ValueError::Missing { field })), // req: K-031, K-036
            (500, &[1, 0], number(0)),                      // req: K-030, K-036
            (500, &[u64::MAX], number(u64::MAX.into())),    // req: K-042
            (500, &[1, 2, 1], repeated(1)),                 // req: K-032, K-036
            (500, &[1, 500], repeated(500)),                // req: K-041
            (
                0,
                &[1],
                Err(ValueError::Number {
                    field: "traceId",
                    got: 0,
                }),
            ), // req: K-036
        ] {
            assert_eq!(
                judged(trace_id, parents),
                expected,
                "{trace_id} {parents:?}"
            );
        }
    }
}
