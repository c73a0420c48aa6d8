//! What commands say while they run: JSON lines on standard output for programs, a live line on standard error for people.

use core::fmt::Display;
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use serde_json::Value;

/// JSON lines on standard output, where they were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    wanted: bool,
}

impl Events {
    /// Prints events only if `wanted`.
    pub(super) const fn new(wanted: bool) -> Self {
        Self { wanted }
    }

    /// Prints one object as one line, at once.
    pub(super) fn emit(self, event: &Value) -> io::Result<()> {
        match self.wanted {
            true => writeln!(io::stdout(), "{event}"),
            false => Ok(()),
        }
    }
}

/// A line on standard error that is rewritten on a terminal, and repeated more rarely in a log.
#[derive(Debug)]
pub(super) struct LiveLine {
    on_terminal: bool,
    every: Duration,
    due: Instant,
    shown: bool,
}

impl LiveLine {
    pub(super) fn new() -> Self {
        let on_terminal = io::stderr().is_terminal();
        let every = Duration::from_millis(if on_terminal { 250 } else { 1000 });
        Self {
            on_terminal,
            every,
            due: Instant::now()
                .checked_add(every)
                .unwrap_or_else(Instant::now),
            shown: false,
        }
    }

    /// Whether it is time for another one; then it is not for a while.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.due;
        if due {
            self.due = now.checked_add(self.every).unwrap_or(now);
        }
        due
    }

    /// Shows `line` in place of the last one. Nobody is told if standard error is closed.
    pub(super) fn show(&mut self, line: impl Display) {
        self.shown = true;
        let _ = match self.on_terminal {
            true => write!(io::stderr(), "\r{line}\x1b[K"),
            false => writeln!(io::stderr(), "{line}"),
        };
    }

    /// Says something that stays.
    pub(super) fn say(&mut self, line: impl Display) {
        self.end();
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn end(&mut self) {
        if self.shown && self.on_terminal {
            let _ = writeln!(io::stderr());
        }
        self.shown = false;
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        self.end();
    }
}

/// A time span as people read it, with three digits: `0.52 us`, `412 us`, `1.25 ms`, `3.1 s`.
pub(super) fn span(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000_000 => (1e3, "us"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let value = ns as f64 / unit;
    let digits = match value {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {name}")
}

/// One object as text: `key=value` per line, lists and objects as JSON.
pub(super) fn pairs(object: &Value) -> String {
    let mut text = String::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        if key != "type" {
            text.push_str(key);
            text.push('=');
            text.push_str(&plain(value));
            text.push('\n');
        }
    }
    text
}

/// A value without the quotes of JSON; nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_fitting_unit() {
        for (ns, text) in [
            (0, "0.00 us"),
            (520, "0.52 us"),
            (412_345, "412 us"),
            (1_250_000, "1.25 ms"),
            (31_000_000, "31.0 ms"),
            (3_100_000_000, "3.10 s"),
        ] {
            assert_eq!(span(ns), text);
        }
    }

    #[test]
    fn a_live_line_is_not_due_at_once() {
        assert!(!LiveLine::new().is_due());
    }
}
