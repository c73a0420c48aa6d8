//! The lines of one client, on their way to its hook.

use core::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher, span};

use super::level::Level;

/// Longest line, in bytes (client 1.9).
const LINE_MAX: usize = 1024;

/// Says up to which level lines are wanted, where the client does not (client 1.9).
const LEVEL_VARIABLE: &str = "TP_LOG_LEVEL";

/// Takes one line. Any thread that drives the client calls it.
pub(crate) type Handler = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Where the lines of a client go; nothing if they go where those of the process do.
#[derive(Clone, Debug)]
pub(crate) struct Hook(Option<Dispatch>);

impl Hook {
    /// Lines up to `level`, or to what the environment says, go to `handler`; without one to stderr, unless the process
    /// has a subscriber and no level was asked for.
    pub(crate) fn new(handler: Option<Handler>, level: Option<Level>) -> Self {
        let has_subscriber = || !dispatcher::get_default(Dispatch::is::<NoSubscriber>);
        if handler.is_none() && level.is_none() && has_subscriber() {
            return Self(None);
        }
        let from_environment = || std::env::var(LEVEL_VARIABLE).ok()?.parse().ok();
        let lines = Lines {
            level: level.or_else(from_environment).unwrap_or_default(),
            handler: handler.unwrap_or_else(|| Arc::new(to_stderr)),
        };
        Self(Some(Dispatch::new(lines)))
    }

    /// Does `work`; what it reports goes to the hook.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(dispatch) => dispatcher::with_default(dispatch, work),
            None => work(),
        }
    }
}

fn to_stderr(level: Level, text: &str) {
    // Who closed stderr does not want to know.
    let _ = writeln!(io::stderr(), "[tp][{level}] {text}");
}

struct Lines {
    level: Level,
    handler: Handler,
}

impl Subscriber for Lines {
    /// Before anything is formatted.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && Level::of(metadata.level()) <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.filter())
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        (self.handler)(Level::of(event.metadata().level()), &line.text);
    }

    // Lines only: this crate has no spans, and those of others never pass `enabled`.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Line {
    text: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Only a full line refuses, and a full line is what is wanted then.
        let _ = match field.name() {
            "message" => write!(self, "{value:?}"),
            name => write!(self, " {name}={value:?}"),
        };
    }
}

impl fmt::Write for Line {
    /// Cuts what is too long between two characters.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = LINE_MAX.saturating_sub(self.text.len());
        let fits = part.get(..part.floor_char_boundary(room)).unwrap_or(part);
        self.text.push_str(fits);
        if fits.len() == part.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Heard = Arc<Mutex<Vec<(Level, String)>>>;

    fn hook(level: Option<Level>) -> (Hook, Heard) {
        let heard = Heard::default();
        let handler = {
            let heard = heard.clone();
            move |level, text: &str| heard.lock().unwrap().push((level, text.to_owned()))
        };
        (Hook::new(Some(Arc::new(handler)), level), heard)
    }

    /// Must not be formatted.
    struct Unwanted;

    impl fmt::Display for Unwanted {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("formatted although nobody wants it")
        }
    }

    #[test] // req: C-138
    fn lines_beyond_the_level_are_not_even_formatted() {
        let (hook, heard) = hook(Some(Level::Warn));
        hook.within(|| {
            tracing::error!("one");
            tracing::warn!(stream = %10_000, "two");
            tracing::info!(value = %Unwanted, "three");
            tracing::trace!("{Unwanted}");
        });
        tracing::error!("not of this client");
        let lines = [(Level::Error, "one"), (Level::Warn, "two stream=10000")];
        let lines = lines.map(|(level, text)| (level, text.to_owned()));
        assert_eq!(*heard.lock().unwrap(), lines);
    }

    #[test] // req: C-138, C-133
    fn each_client_has_a_hook_of_its_own() {
        let (quiet, few) = hook(Some(Level::Error));
        let (chatty, many) = hook(Some(Level::Trace));
        for hook in [&quiet, &chatty] {
            hook.within(|| tracing::debug!("a detail"));
        }
        assert!(few.lock().unwrap().is_empty());
        assert_eq!(
            *many.lock().unwrap(),
            [(Level::Debug, "a detail".to_owned())]
        );
    }

    #[test] // req: C-138
    fn long_lines_are_cut_between_characters() {
        let (hook, heard) = hook(Some(Level::Info));
        hook.within(|| tracing::info!("x{}", "ä".repeat(2000)));
        let (_, line) = &heard.lock().unwrap()[0];
        assert_eq!(line.len(), LINE_MAX - 1, "the next character has two bytes");
    }

    #[test] // req: C-138
    fn without_a_hook_the_subscriber_of_the_process_is_left_alone() {
        let (outer, heard) = hook(Some(Level::Info));
        let inner = outer.within(|| Hook::new(None, None));
        outer.within(|| inner.within(|| tracing::info!("passed on")));
        assert_eq!(heard.lock().unwrap().len(), 1);
    }
}
