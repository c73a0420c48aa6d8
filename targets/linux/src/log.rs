//! Log lines of services: on stderr, from the level that `TP_LOG_LEVEL` names (client 1.9).

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing::warn;

/// The variable that sets the level.
const VARIABLE: &str = "TP_LOG_LEVEL";

/// Starts logging. To be called once, before anything is logged.
pub fn init() {
    let set = std::env::var(VARIABLE).ok();
    let level = set.as_deref().map_or(Some(LevelFilter::INFO), level);
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    if level.is_none() {
        warn!("{VARIABLE}={set:?} is no level: 0 to 4, or error, warn, info, debug, trace");
    }
}

/// A number, or a name in any case.
fn level(text: &str) -> Option<LevelFilter> {
    Some(match text.to_ascii_lowercase().as_str() {
        "0" | "error" => LevelFilter::ERROR,
        "1" | "warn" => LevelFilter::WARN,
        "2" | "info" => LevelFilter::INFO,
        "3" | "debug" => LevelFilter::DEBUG,
        "4" | "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-173
    fn levels_have_numbers_and_names() {
        assert_eq!(level("0"), Some(LevelFilter::ERROR));
        assert_eq!(level("4"), Some(LevelFilter::TRACE));
        assert_eq!(level("Warn"), Some(LevelFilter::WARN));
        assert_eq!(level("5"), None);
        assert_eq!(level(""), None);
    }
}
