//! What may be read of a frame that is not complete, or not yet committed (W-163 to W-170, T-21, T-48, E-02).

use crate::seq::Seq;
use crate::shm::{CommitWord, MajorOrder, SlotHeader, TensorHeader};
use crate::wire::control::Attributes;

/// The attribute by which a producer says that slot headers are written before STARTED (E-02).
pub const HEADER_FIRST: &[u8] = b"tp.progress.header_first";

/// Whether metadata says that headers come first. It holds for frames of that metadata version only.
pub fn says_header_first(attributes: &Attributes<'_>) -> bool {
    let mut named = attributes
        .iter()
        .filter(|attribute| attribute.key.0 == HEADER_FIRST);
    named.any(|attribute| attribute.format.0 == b"text/plain" && attribute.value == b"1")
}

/// Whether header and told bytes of frame `seq` may be read while its slot shows `word`: to be asked with the word from
/// before and the word from after the read, and both times true, or what was read is void. Without `header_first` only
/// committed frames may be read, whatever progress says (W-167).
pub fn may_read(word: Option<CommitWord>, seq: Seq, header_first: bool) -> bool {
    word.is_some_and(|word| word.seq() == seq && (word.is_committed() || header_first))
}

/// The front part of a payload that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Prefix {
    /// Bytes from the start of the payload.
    pub bytes: u32,
    /// Whole rows or columns in it, where the tensor counts them and a prefix holds them (T-48).
    pub lines: Option<u32>,
}

/// Why no prefix may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PrefixError {
    /// Progress speaks of more bytes than the frame has.
    TooLong {
        /// Bytes of the frame.
        length: u32,
        /// Bytes told.
        got: u64,
    },
    /// There are gaps between the elements, and no unit says where whole lines end: the count is information only.
    NotInOrder,
}

impl Prefix {
    /// What `filled` bytes of a frame come to. The header has passed its checks, the consistency of unit and stride among
    /// them (W-164, W-166).
    ///
    /// # Errors
    /// [`PrefixError`]
    pub fn of(header: &SlotHeader, filled: u64) -> Result<Self, PrefixError> {
        Prefixes::of(&header.tensor).of_frame(header.values_len_bytes, filled)
    }
}

/// What a tensor lets its prefixes be: worked out once, it serves every step of every frame with that tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefixes {
    is_contiguous: bool,
    lines: Option<Lines>,
}

/// Rows or columns that a prefix holds whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lines {
    /// Bytes from one to the next.
    len: u32,
    count: u32,
    /// From how many bytes on all are there, for the last one may lack the gap behind it. `None` where others follow.
    all_from: Option<u64>,
}

impl Prefixes {
    pub(crate) fn of(tensor: &TensorHeader) -> Self {
        Self {
            is_contiguous: is_contiguous(tensor),
            lines: tensor
                .prefix_line_len()
                .and_then(|len| Lines::of(tensor, len)),
        }
    }

    /// As [`Prefix::of`], for a frame of `length` bytes.
    ///
    /// # Errors
    /// [`PrefixError`]
    pub(crate) fn of_frame(&self, length: u32, filled: u64) -> Result<Prefix, PrefixError> {
        let bytes = match u32::try_from(filled) {
            Ok(bytes) if bytes <= length => bytes,
            _ => {
                return Err(PrefixError::TooLong {
                    length,
                    got: filled,
                });
            }
        };
        let whole = self.lines.and_then(|lines| lines.within(bytes));
        match (self.is_contiguous, self.lines.zip(whole)) {
            (true, _) => Ok(Prefix {
                bytes,
                lines: whole,
            }),
            // What lies behind the last whole line may have holes.
            (false, Some((lines, whole))) => Ok(Prefix {
                bytes: lines.len.saturating_mul(whole).min(bytes),
                lines: Some(whole),
            }),
            (false, None) => Err(PrefixError::NotInOrder),
        }
    }
}

impl Lines {
    fn of(tensor: &TensorHeader, len: u32) -> Option<Self> {
        let (dims, extent) = (tensor.dims(), tensor.extent()?);
        let (count, is_outermost) = match tensor.major_order() {
            MajorOrder::Row => (dims.first(), true),
            // Further planes of columns are not counted: whether they follow without a gap is not told.
            MajorOrder::Column => (dims.get(1), dims.len() == 2),
        };
        Some(Self {
            len,
            count: u32::try_from(*count?).ok()?,
            all_from: is_outermost.then_some(extent),
        })
    }

    /// Whole lines in the first `bytes` bytes.
    fn within(self, bytes: u32) -> Option<u32> {
        if self.all_from.is_some_and(|all| all <= bytes.into()) {
            return Some(self.count);
        }
        bytes
            .checked_div(self.len)
            .map(|whole| whole.min(self.count))
    }
}

/// Whether each element follows the one before without a gap (W-169).
fn is_contiguous(tensor: &TensorHeader) -> bool {
    let packed = TensorHeader::contiguous(tensor.dtype(), tensor.major_order(), tensor.dims());
    packed.is_ok_and(|packed| packed.strides() == tensor.strides())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PoolId;
    use crate::shm::{Dtype, ProgressUnit};
    use crate::wire::control::Attribute;

    fn header(tensor: TensorHeader, length: u32) -> SlotHeader {
        SlotHeader {
            pool_id: PoolId::new(1).unwrap(),
            values_len_bytes: length,
            timestamp_ns: None,
            meta_version: None,
            tensor,
        }
    }

    fn prefix(bytes: u32, lines: Option<u32>) -> Result<Prefix, PrefixError> {
        Ok(Prefix { bytes, lines })
    }

    // req: W-163, W-164, W-169, W-170, T-48, C-116
    #[test]
    fn a_prefix_is_what_layout_and_unit_allow() {
        use MajorOrder::{Column, Row};
        use ProgressUnit::{Columns, None as Bytes, Rows};
        // 4 x 3 elements of 2 bytes.
        let tensor = |order, strides: &[i32], unit| {
            let plain = TensorHeader::strided(Dtype::Uint16, order, &[4, 3], strides);
            plain.unwrap().with_progress(unit).unwrap()
        };
        let (packed, padded) = (&[0, 0], &[10, 2]);
        let not_in_order = Err(PrefixError::NotInOrder);
        #[rustfmt::skip]
        let rows = [
            // tensor                            length  filled  prefix
            (tensor(Row, packed, Bytes),             24,     13, prefix(13, None)),
            (tensor(Row, packed, Rows),              24,     13, prefix(13, Some(2))),
            (tensor(Row, packed, Rows),              24,     24, prefix(24, Some(4))),
            (tensor(Row, packed, Rows),              40,     40, prefix(40, Some(4))), // longer than the tensor
            (tensor(Row, packed, Columns),           24,     13, prefix(13, None)),    // no prefix holds columns
            (tensor(Row, padded, Bytes),             36,     13, not_in_order),
            (tensor(Row, padded, Columns),           36,     13, not_in_order),
            (tensor(Row, padded, Rows),              36,      9, prefix(0, Some(0))),
            (tensor(Row, padded, Rows),              36,     29, prefix(20, Some(2))),
            (tensor(Row, padded, Rows),              36,     35, prefix(30, Some(3))),
            (tensor(Row, padded, Rows),              36,     36, prefix(36, Some(4))), // no gap behind the last
            (tensor(Column, packed, Columns),        24,     17, prefix(17, Some(2))),
            (tensor(Column, &[2, 12], Columns),      32,     24, prefix(24, Some(2))),
            (tensor(Column, &[2, 12], Columns),      32,     32, prefix(32, Some(3))),
            (tensor(Row, packed, Rows),              24,     25, Err(PrefixError::TooLong { length: 24, got: 25 })),
            (tensor(Row, packed, Rows),               0,      0, prefix(0, Some(0))),
        ];
        for (tensor, length, filled, expected) in rows {
            let header = header(tensor, length);
            assert_eq!(Prefix::of(&header, filled), expected, "{tensor:?} {filled}");
        }
        let huge = u64::from(u32::MAX) + 25;
        let frame = header(tensor(Row, packed, Rows), 24);
        assert!(Prefix::of(&frame, huge).is_err(), "no wrap");
    }

    #[test] // req: T-48
    fn columns_of_the_first_plane_are_counted() {
        let cube = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Column, &[4, 3, 2]);
        let cube = cube.unwrap().with_progress(ProgressUnit::Columns).unwrap();
        assert_eq!(Prefix::of(&header(cube, 24), 9), prefix(9, Some(2)));
        assert_eq!(Prefix::of(&header(cube, 24), 24), prefix(24, Some(3)));
    }

    #[test] // req: W-167, T-21
    fn only_the_commit_word_says_what_is_visible() {
        let seq = |raw| Seq::new(raw).unwrap();
        let (open, whole) = (CommitWord::in_progress, CommitWord::committed);
        #[rustfmt::skip]
        let rows = [
            // word                hint   header first
            (Some(whole(seq(8))),  true,  true),
            (Some(open(seq(8))),   false, true),
            (Some(whole(seq(0))),  false, false),
            (Some(whole(seq(16))), false, false),
            (Some(open(seq(16))),  false, false),
            (None,                 false, false),
        ];
        for (word, plain, header_first) in rows {
            assert_eq!(may_read(word, seq(8), false), plain, "{word:?}");
            assert_eq!(may_read(word, seq(8), true), header_first, "{word:?}");
        }
    }

    #[test]
    fn the_attribute_must_say_exactly_so() {
        let attribute = |key: &'static str, format: &'static str, value| Attribute {
            key: key.into(),
            format: format.into(),
            value,
        };
        let name = "tp.progress.header_first";
        let other = attribute("other", "text/plain", b"1");
        let rows = [
            (attribute(name, "text/plain", b"1"), true),
            (attribute(name, "text/plain", b"0"), false),
            (attribute(name, "application/json", b"1"), false),
            (attribute("tp.progress", "text/plain", b"1"), false),
        ];
        for (listed, expected) in rows {
            let list = [other, listed];
            assert_eq!(says_header_first(&Attributes::listed(&list)), expected);
        }
    }
}
