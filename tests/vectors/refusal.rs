//! Why a message is refused, written short enough for tables.

use tp_core_nostd::sbe::DecodeError;
use tp_core_nostd::uri::UriError;
use tp_core_nostd::wire::ValueError;

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes are not the message.
    Codec(DecodeError),
    /// The message makes no sense.
    Semantic(ValueError),
}

/// A table of refusals by the name of the vector: `"header/only" => truncated(40, 0), // req: T-37`.
/// The files damage the headers of some messages all alike: `headers { "ShmAttachRequest": 27, }` names them with
/// the length of their block.
macro_rules! refusals {
    ($(headers { $($message:literal: $len:literal,)* })? $($name:literal => $refusal:expr,)*) => {
        &[
            $($(
                (concat!($message, "/empty"), crate::refusal::truncated(8, 0)),
                (concat!($message, "/header_7_bytes"), crate::refusal::truncated(8, 7)),
                (concat!($message, "/header_only"), crate::refusal::truncated($len, 0)),
                (concat!($message, "/block_cut"), crate::refusal::truncated($len, $len - 1)),
                (concat!($message, "/schema_900"), crate::refusal::schema(900)),
                (concat!($message, "/template_99"), crate::refusal::template(99)),
                (concat!($message, "/version_0"), crate::refusal::version(0)),
                (concat!($message, "/version_2"), crate::refusal::version(2)),
                (concat!($message, "/block_length_minus_1"), crate::refusal::block_length($len, $len - 1)),
                (concat!($message, "/block_length_plus_1"), crate::refusal::block_length($len, $len + 1)),
                (concat!($message, "/block_length_65535"), crate::refusal::block_length($len, 65_535)),
            )*)?
            $(($name, $refusal),)*
        ]
    };
}
pub(crate) use refusals;

pub(crate) const fn truncated(needed: usize, got: usize) -> Refusal {
    Refusal::Codec(DecodeError::Truncated { needed, got })
}

pub(crate) const fn schema(got: u16) -> Refusal {
    Refusal::Codec(DecodeError::WrongSchema { got })
}

pub(crate) const fn template(got: u16) -> Refusal {
    Refusal::Codec(DecodeError::WrongTemplate { got })
}

pub(crate) const fn version(got: u16) -> Refusal {
    Refusal::Codec(DecodeError::UnsupportedVersion { got })
}

pub(crate) const fn block_length(expected: u16, got: u16) -> Refusal {
    Refusal::Codec(DecodeError::WrongBlockLength { expected, got })
}

pub(crate) const fn var_data(got: u32) -> Refusal {
    Refusal::Codec(DecodeError::VarDataTooLong { got })
}

pub(crate) const fn number(field: &'static str, got: i128) -> Refusal {
    Refusal::Semantic(ValueError::Number { field, got })
}

pub(crate) const fn missing(field: &'static str) -> Refusal {
    Refusal::Semantic(ValueError::Missing { field })
}

pub(crate) const fn repeated(field: &'static str, got: i128) -> Refusal {
    Refusal::Semantic(ValueError::Repeated { field, got })
}

pub(crate) const fn uri(field: &'static str, error: UriError) -> Refusal {
    Refusal::Semantic(ValueError::Uri { field, error })
}

pub(crate) const fn too_many(field: &'static str, got: usize, max: usize) -> Refusal {
    Refusal::Semantic(ValueError::TooMany { field, got, max })
}
