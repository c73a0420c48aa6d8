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
macro_rules! refusals {
    ($($name:literal => $refusal:expr,)*) => { &[$(($name, $refusal)),*] };
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
