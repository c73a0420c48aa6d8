//! Ranges of stream ids, in every form that drivers take them in (driver 9, trap 16).

use core::fmt;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::IdRange;

use super::setting::{FileValue, Setting};
use super::tree::{Node, Value};

/// The ranges of one key; none where it is empty. In a file `"a-b"`, `"a"`, `[a, b]` or a list of such texts; in the
/// environment `a-b` or `a,b`, or several ranges with commas between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdRanges(pub Vec<IdRange>);

impl fmt::Display for IdRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let (first, last) = (range.first(), range.last());
            write!(f, "{comma}{first}-{last}")?;
        }
        Ok(())
    }
}

impl Setting for IdRanges {
    const EXPECTED: &'static str = "a range of stream ids from 1 to 2147483647, \"20000-29999\" or [20000, 29999], \
                                    or a list of texts like the first";

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        match &value.0.value {
            Value::Text(text) if text.is_empty() => Some(Self::default()),
            Value::Text(text) => Some(Self(vec![range(text)?])),
            Value::List(items) => match (items.first().map(number), items.get(1).map(number)) {
                (Some(Some(first)), Some(Some(last))) if items.len() == 2 => {
                    Some(Self(vec![between(first, last)?]))
                }
                _ => items.iter().map(text).collect::<Option<_>>().map(Self),
            },
            _ => None,
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        if let Some((first, last)) = text.split_once(',')
            && let (Some(first), Some(last)) = (id(first), id(last))
        {
            return Some(Self(vec![between(first, last)?]));
        }
        text.split(',').map(range).collect::<Option<_>>().map(Self)
    }
}

/// `a-b` or `a`.
fn range(text: &str) -> Option<IdRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    between(id(first)?, id(last)?)
}

fn between(first: StreamId, last: StreamId) -> Option<IdRange> {
    IdRange::new(first, last)
}

fn id(text: &str) -> Option<StreamId> {
    text.trim().parse().ok().and_then(StreamId::new)
}

fn number(node: &Node) -> Option<StreamId> {
    match node.value {
        Value::Integer(number) => u32::try_from(number?).ok().and_then(StreamId::new),
        _ => None,
    }
}

fn text(node: &Node) -> Option<IdRange> {
    match &node.value {
        Value::Text(text) => range(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(value: &str) -> Option<String> {
        let root = Node::parse(&format!("key = {value}\n")).unwrap();
        let found = IdRanges::in_file(&FileValue(root.find("key").unwrap()));
        found.map(|ranges| ranges.to_string())
    }

    #[test] // req: D-163, D-170
    fn a_file_may_write_ranges_in_every_form_that_is_in_use() {
        for (written, read) in [
            ("\"20000-29999\"", "20000-29999"),
            ("\"20000 - 29999\"", "20000-29999"),
            ("\"7\"", "7-7"),
            ("[20000, 29999]", "20000-29999"),
            ("[7, 7]", "7-7"),
            (
                "[\"1-5\", \"8\", \"10-2147483647\"]",
                "1-5,8-8,10-2147483647",
            ),
            ("[\"1-5\"]", "1-5"),
            ("[\"1\", \"5\"]", "1-1,5-5"),
            ("\"\"", ""),
            ("[]", ""),
        ] {
            assert_eq!(in_file(written).as_deref(), Some(read), "{written}");
        }
        for bad in [
            "\"0-5\"",
            "\"0\"",
            "[0, 5]",
            "\"5-4\"",
            "[5, 4]",
            "\"1-2147483648\"",
            "[1, 2147483648]",
            "[1, -5]",
            "\"-5\"",
            "\"a-b\"",
            "\"1-2-3\"",
            "\"1,2\"",
            "[1]",
            "[1, 2, 3]",
            "[1, \"2\"]",
            "[\"1-2\", 3]",
            "[\"\"]",
            "5",
            "true",
        ] {
            assert_eq!(in_file(bad), None, "{bad}");
        }
    }

    #[test] // req: D-207
    fn the_environment_separates_by_commas() {
        let read = |text| IdRanges::from_text(text).map(|ranges| ranges.to_string());
        for (written, expected) in [
            ("20000-29999", "20000-29999"),
            ("20000,29999", "20000-29999"),
            ("7", "7-7"),
            ("1-5,8,10-12", "1-5,8-8,10-12"),
            ("1-5,8", "1-5,8-8"),
            ("", ""),
        ] {
            assert_eq!(read(written).as_deref(), Some(expected), "{written}");
        }
        for bad in ["0,5", "5,4", "1-5,", ",", "1;5", "[1, 5]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
