//! Log lines of services: on stderr, as `TP_LOG_LEVEL` and `TP_LOG_FORMAT` say (client 1.9, C-173).
//!
//! `TP_LOG_LEVEL` is a level for everything, or levels for single modules after commas: `info,tp_std::driver=debug`. A
//! level is a number from 0 to 4 or its name. `TP_LOG_FORMAT` is `text` for people, `logfmt` or `json` for machines.

mod line;

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing::warn;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use line::{Line, Shape};

/// Starts logging. To be called once, before anything is logged. What is wrong with the variables is the first line.
pub fn init() {
    let level = Variable::read("TP_LOG_LEVEL", filter);
    let format = Variable::read("TP_LOG_FORMAT", format);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format.value {
        Some(Format::Machine(shape)) => lines.event_format(Line(shape)).boxed(),
        Some(Format::Text) | None => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    let everything = Targets::new().with_default(LevelFilter::INFO);
    let lines = lines.with_filter(level.value.clone().unwrap_or(everything));
    tracing_subscriber::registry().with(lines).init();
    level.complain(
        "must be a level, 0 to 4 or error, warn, info, debug, trace, or levels of modules like info,tp_std=debug",
    );
    format.complain("must be text, logfmt or json");
}

/// An environment variable and what it means; nothing if it is unset or wrong.
struct Variable<T> {
    name: &'static str,
    set: Option<String>,
    value: Option<T>,
}

impl<T> Variable<T> {
    fn read(name: &'static str, meaning: impl Fn(&str) -> Option<T>) -> Self {
        let set = std::env::var(name).ok();
        let value = set.as_deref().and_then(meaning);
        Self { name, set, value }
    }

    fn complain(&self, right: &str) {
        if let (Some(set), None) = (&self.set, &self.value) {
            warn!("{}={set:?} {right}", self.name);
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Machine(Shape),
}

fn format(text: &str) -> Option<Format> {
    Some(match text.to_ascii_lowercase().as_str() {
        "text" => Format::Text,
        "logfmt" => Format::Machine(Shape::Logfmt),
        "json" => Format::Machine(Shape::Json),
        _ => return None,
    })
}

/// Levels by module; INFO where nothing else is said.
fn filter(text: &str) -> Option<Targets> {
    let info = Targets::new().with_default(LevelFilter::INFO);
    text.split(',').try_fold(info, |targets, directive| {
        Some(match directive.split_once('=') {
            Some((module, text)) => targets.with_target(module.trim(), level(text.trim())?),
            None => targets.with_default(level(directive.trim())?),
        })
    })
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
    use tracing::Level;

    #[test] // req: C-173
    fn levels_have_numbers_and_names() {
        assert_eq!(level("0"), Some(LevelFilter::ERROR));
        assert_eq!(level("4"), Some(LevelFilter::TRACE));
        assert_eq!(level("Warn"), Some(LevelFilter::WARN));
        assert_eq!(level("5"), None);
        assert_eq!(level(""), None);
    }

    #[test] // req: C-173
    fn modules_have_levels_of_their_own() {
        let filter = filter("warn, tp_std::driver=debug,tp_linux=0").unwrap();
        for (module, level, expected) in [
            ("tp_std::driver::agent", Level::DEBUG, true),
            ("tp_std::driver::agent", Level::TRACE, false),
            ("tp_std::aeron", Level::WARN, true),
            ("tp_std::aeron", Level::INFO, false),
            ("tp_linux", Level::WARN, false),
        ] {
            assert_eq!(
                filter.would_enable(module, &level),
                expected,
                "{module} {level}"
            );
        }
        let one = super::filter("tp_std=4").unwrap();
        assert!(one.would_enable("tp_std", &Level::TRACE));
        assert!(one.would_enable("other", &Level::INFO), "the default stays");
        for bad in ["loud", "info,", "tp_std=loud", "=", "tp_std="] {
            assert!(super::filter(bad).is_none(), "{bad}");
        }
    }

    #[test] // req: C-173
    fn formats_have_names() {
        assert_eq!(format("text"), Some(Format::Text));
        assert_eq!(format("JSON"), Some(Format::Machine(Shape::Json)));
        assert_eq!(format("logfmt"), Some(Format::Machine(Shape::Logfmt)));
        assert_eq!(format("xml"), None);
    }
}
