//! From what a view holds to what makes sense: the error, and the readers all values share.

use core::fmt;

use crate::uri::{RegionUri, UriError};

/// A message that has the right shape but no sensible meaning. `field` is the specification's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ValueError {
    /// The number is reserved, out of range, undefined in its enumeration, or at odds with another field.
    Number {
        /// The field, `headerNslots`.
        field: &'static str,
        /// What it holds.
        got: i128,
    },
    /// The part must be there and is null or empty.
    Missing {
        /// The field, var data or group.
        field: &'static str,
    },
    /// Strict text (URIs, channels) with a byte that is not printable ASCII (wire T-47).
    NotAscii {
        /// The var data.
        field: &'static str,
        /// The first such byte.
        got: u8,
    },
    /// A region URI that names no region (wire 5.18).
    Uri {
        /// The var data, `regionUri`.
        field: &'static str,
        /// What is wrong with it.
        error: UriError,
    },
    /// The same number twice where numbers must differ.
    Repeated {
        /// The field, `poolId`.
        field: &'static str,
        /// What it holds.
        got: i128,
    },
    /// More entries than this build keeps.
    TooMany {
        /// The group.
        field: &'static str,
        /// How many there are.
        got: usize,
        /// How many are kept.
        max: usize,
    },
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number { field, got } => write!(f, "{field} must not be {got}"),
            Self::Missing { field } => write!(f, "{field} is missing"),
            Self::NotAscii { field, got } => {
                write!(
                    f,
                    "{field} has the byte {got:#04x}, which is not printable ASCII"
                )
            }
            Self::Uri { field, error } => write!(f, "{field}: {error}"),
            Self::Repeated { field, got } => write!(f, "{field} {got} occurs twice"),
            Self::TooMany { field, got, max } => {
                write!(f, "{field} has {got} entries, at most {max} are kept")
            }
        }
    }
}

impl core::error::Error for ValueError {}

/// Makes a newtype or an enumeration of a raw number: `legal("streamId", raw, StreamId::new)?`.
pub(crate) fn legal<R: Copy + Into<i128>, T>(
    field: &'static str,
    raw: R,
    new: impl FnOnce(R) -> Option<T>,
) -> Result<T, ValueError> {
    new(raw).ok_or(ValueError::Number {
        field,
        got: raw.into(),
    })
}

/// `None` for the null value of an optional number (W-005).
pub(crate) fn optional<R: PartialEq>(raw: R, null: R) -> Option<R> {
    (raw != null).then_some(raw)
}

/// `None` for var data of length 0 (W-007).
pub(crate) fn provided(bytes: &[u8]) -> Option<Text<'_>> {
    (!bytes.is_empty()).then_some(Text(bytes))
}

/// The bytes of text that may be absent; absent is length 0 (W-006).
pub(crate) fn text_bytes(text: Option<Text<'_>>) -> &[u8] {
    text.map_or(&[], |text| text.0)
}

/// Reads URIs and channels, where nothing but printable ASCII has a meaning (wire T-47).
pub(crate) fn ascii<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, ValueError> {
    match bytes.iter().find(|byte| !matches!(byte, 0x20..=0x7E)) {
        Some(byte) => Err(ValueError::NotAscii { field, got: *byte }),
        // ASCII is UTF-8, so nothing is left to fail.
        None => Ok(core::str::from_utf8(bytes).unwrap_or_default()),
    }
}

/// Reads a region URI that must be there (D-077, D-080).
pub(crate) fn region_uri<'a>(
    field: &'static str,
    bytes: &'a [u8],
) -> Result<RegionUri<'a>, ValueError> {
    if bytes.is_empty() {
        return Err(ValueError::Missing { field });
    }
    RegionUri::parse(bytes).map_err(|error| ValueError::Uri { field, error })
}

/// Descriptive text: names, summaries, error messages. Declared ASCII and sent so by us, but whatever bytes a peer puts
/// there are kept; shown lossily and without trailing NULs (wire T-47).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().rposition(|byte| *byte != 0);
        let shown = end.and_then(|last| self.0.get(..=last)).unwrap_or_default();
        for chunk in shown.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{FFFD}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test] // req: T-47
    fn descriptive_text_keeps_its_bytes_and_is_shown_lossily() {
        let text = Text(b"cam\xC3\xA9ra\xFF\0\0");
        assert_eq!(text.0.len(), 10);
        assert_eq!(text.to_string(), "cam\u{E9}ra\u{FFFD}");
        assert_eq!(Text(b"\0").to_string(), "");
    }

    #[test] // req: T-47, T-31
    fn strict_text_is_printable_ascii() {
        assert_eq!(ascii("regionUri", b"aeron:ipc"), Ok("aeron:ipc"));
        for (bytes, got) in [(&b"a\0b"[..], 0), (b"a\x7F", 0x7F), (b"\xC3\xA9", 0xC3)] {
            let field = "regionUri";
            assert_eq!(
                ascii(field, bytes),
                Err(ValueError::NotAscii { field, got })
            );
        }
    }

    #[test] // req: W-005, W-006, W-007
    fn nulls_and_empty_var_data_are_absent() {
        assert_eq!(optional(u32::MAX, u32::MAX), None);
        assert_eq!(optional(0, u32::MAX), Some(0));
        assert_eq!(provided(b""), None);
        assert_eq!(text_bytes(None), b"");
    }
}
