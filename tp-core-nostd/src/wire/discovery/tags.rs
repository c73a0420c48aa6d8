//! Tags groups: entries without a block, each nothing but var data (discovery 1.3).

use crate::sbe::{Cursor, DataKind, DecodeError, Entry, GroupLayout, Tail, Writer, block};
use crate::wire::{Entries, Text};

block! {
    /// The empty block of a tag; a dimension that says anything but 0 is refused.
    pub struct TagBlock [0] {}
}

/// One tag, compared byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag<'a>(pub Text<'a>);

impl<'a> Entry<'a> for Tag<'a> {
    type Block = TagBlock;

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        Ok(Self(Text(cursor.data()?)))
    }
}

/// The tags of a stream or a filter.
pub type Tags<'a> = Entries<'a, Tag<'a>, Tag<'a>>;

/// The shape of the group, for tools.
pub(super) const TAGS_LAYOUT: Tail = Tail::Group(GroupLayout::of::<TagBlock>(
    "tags",
    &[Tail::Data("tag", DataKind::Text)],
));

/// Appends the group, entries included.
pub(super) fn write_tags(writer: &mut Writer<'_>, tags: &Tags<'_>) {
    writer.group::<TagBlock>(tags.iter().count());
    for tag in tags.iter() {
        writer.data(tag.0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: W-002
    fn tags_stand_as_the_specification_spells_them() {
        let tags = [Tag("a".into()), Tag("".into()), Tag("bc".into())];
        let mut out = [0; 32];
        let mut writer = Writer::new(&mut out);
        write_tags(&mut writer, &Tags::listed(&tags));
        let len = writer.finish().unwrap();
        let expected = b"\x00\x00\x03\x00\x01\x00\x00\x00a\x00\x00\x00\x00\x02\x00\x00\x00bc";
        assert_eq!(out[..len], *expected);

        let group = Cursor::new(&out[..len]).group().unwrap();
        assert_eq!(Tags::received(group), Tags::listed(&tags));
    }
}
