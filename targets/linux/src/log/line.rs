//! Log lines for machines: one event as logfmt or as a JSON object.

use core::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `ts=… level=info target=… msg="…" key=value`.
    Logfmt,
    /// One object per line with the same names.
    Json,
}

/// Writes one line per event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line(pub(super) Shape);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let meta = event.metadata();
        let mut fields = Fields::default();
        fields.put("ts", time);
        fields.put("level", meta.level().as_str().to_ascii_lowercase());
        fields.put("target", meta.target());
        event.record(&mut fields);
        writeln!(writer, "{}", self.0.line(&fields.0))
    }
}

impl Shape {
    fn line(self, fields: &Map<String, Value>) -> String {
        match self {
            Self::Json => serde_json::to_string(fields).unwrap_or_default(),
            Self::Logfmt => {
                let pair = |(name, value): (&String, &Value)| format!("{name}={}", plain(value));
                fields.iter().map(pair).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// A value as logfmt has it: quoted where it would fall apart otherwise.
fn plain(value: &Value) -> String {
    let needs_quotes = |c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=';
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(needs_quotes) => text.clone(),
        other => other.to_string(),
    }
}

/// The fields of an event in their order, the message among them as `msg`.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let name = if name == "message" { "msg" } else { name };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written for an event with everything in it that is hard to write.
    fn written(shape: Shape) -> String {
        let sink = Sink::default();
        let to = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Line(shape))
            .with_writer(move || to.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let text = "say \"no\"\nand=go";
            tracing::warn!(stream = %10_000, count = 3_u64, delta = -2_i64, again = true, text, empty = "", "not removed");
        });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test] // req: C-173
    fn logfmt_is_one_line_of_pairs() {
        let line = written(Shape::Logfmt);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.starts_with("ts=2"), "{line}");
        let rest = line.split_once(" level=").unwrap().1.trim_end();
        assert_eq!(
            rest,
            format!(
                "warn target={} msg=\"not removed\" stream=10000 count=3 delta=-2 again=true \
                 text=\"say \\\"no\\\"\\nand=go\" empty=\"\"",
                module_path!()
            )
        );
    }

    #[test] // req: C-173
    fn json_is_one_object_per_line() {
        let line = written(Shape::Json);
        assert_eq!(line.lines().count(), 1, "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["msg"], "not removed");
        assert_eq!(value["stream"], "10000");
        assert_eq!(
            (&value["count"], &value["delta"]),
            (&3.into(), &(-2).into())
        );
        assert_eq!(value["again"], true);
        assert_eq!(value["text"], "say \"no\"\nand=go");
    }
}
