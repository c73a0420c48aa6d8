//! How much is said.

use core::fmt;
use core::str::FromStr;

use tracing::level_filters::LevelFilter;

/// How urgent a line is, or up to where lines are wanted. The numbers are those of client 1.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something ended.
    Error = 0,
    /// Something is not as it should be; work goes on.
    Warn = 1,
    /// Leases come and go.
    #[default]
    Info = 2,
    /// Memory comes and goes.
    Debug = 3,
    /// Everything.
    Trace = 4,
}

/// Not a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no log level: 0 to 4, or error, warn, info, debug, trace")]
pub struct LevelError(String);

impl Level {
    /// That of a line of `tracing`.
    pub(super) fn of(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            _ => Self::Trace,
        }
    }

    pub(super) const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

impl FromStr for Level {
    type Err = LevelError;

    /// A number from 0 to 4, or a name in any case.
    fn from_str(text: &str) -> Result<Self, LevelError> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "0" | "error" => Self::Error,
            "1" | "warn" => Self::Warn,
            "2" | "info" => Self::Info,
            "3" | "debug" => Self::Debug,
            "4" | "trace" => Self::Trace,
            _ => return Err(LevelError(text.to_owned())),
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-138, C-173
    fn levels_are_numbers_or_names() {
        for (number, name) in [
            (0, "error"),
            (1, "Warn"),
            (2, "INFO"),
            (3, "debug"),
            (4, "trace"),
        ] {
            let level: Level = name.parse().unwrap();
            assert_eq!(level as u8, number);
            assert_eq!(number.to_string().parse(), Ok(level));
            assert_eq!(level.to_string(), name.to_uppercase());
        }
        assert!("5".parse::<Level>().is_err() && "".parse::<Level>().is_err());
        assert_eq!(Level::default(), Level::Info);
    }
}
