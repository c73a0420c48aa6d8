//! Arguments that make no sense are refused with what would be right (C-164). The parser's own sentence about a number is
//! that of the standard library, which knows neither the option nor what it takes.

use core::error::Error as _;
use core::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::ffi::OsString;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Parses `arguments`; ends the process with 2 where they make no sense.
pub(super) fn parse<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> P {
    P::try_parse_from(arguments).unwrap_or_else(|error| match sentence(&error) {
        Some(sentence) => {
            let text = format!("{sentence}\n\nFor more information, try '--help'.\n");
            <Error>::raw(ErrorKind::ValueValidation, text).exit()
        }
        None => error.exit(),
    })
}

/// A better one, if there is.
fn sentence(error: &Error) -> Option<String> {
    let ContextValue::String(argument) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let ContextValue::String(value) = error.get(ContextKind::InvalidValue)? else {
        return None;
    };
    let wanted = wanted(error.source()?)?;
    Some(format!("{argument} takes {wanted}, not '{value}'"))
}

fn wanted(source: &(dyn core::error::Error + 'static)) -> Option<&'static str> {
    if source.is::<ParseFloatError>() {
        return Some("a number, such as 2.5");
    }
    Some(match source.downcast_ref::<ParseIntError>()?.kind() {
        IntErrorKind::PosOverflow => "a smaller number",
        IntErrorKind::NegOverflow => "a larger number",
        _ => "a whole number, such as 10",
    })
}
