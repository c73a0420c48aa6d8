//! A TOML file as a tree that knows its lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One value of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Line in the file, from 1.
    pub(super) line: usize,
    /// What stands there.
    pub(super) value: Value,
}

/// What can stand in a configuration.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer; `None` beyond 64 bits.
    Integer(Option<i64>),
    /// A boolean.
    Flag(bool),
    /// An array.
    List(Vec<Node>),
    /// A table: names and values in file order.
    Table(Vec<(String, Node)>),
    /// Something no key takes: a float or a date.
    Other(String),
}

impl Node {
    /// Reads a file.
    ///
    /// # Errors
    /// Where the file is not TOML: line and reason.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let lines = Lines(text);
        match DeTable::parse(text) {
            Ok(table) => Ok(Self {
                line: 1,
                value: lines.table(table.get_ref()),
            }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err((lines.line(at), error.message().to_owned()))
            }
        }
    }

    /// The value below this table, by its dotted key.
    pub(super) fn find(&self, key: &str) -> Option<&Self> {
        key.split('.')
            .try_fold(self, |node, name| match &node.value {
                Value::Table(entries) => entries
                    .iter()
                    .find(|(other, _)| other == name)
                    .map(|(_, node)| node),
                _ => None,
            })
    }

    /// The value as it is written, for messages.
    pub(super) fn written(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("{text:?}"),
            Value::Integer(Some(number)) => number.to_string(),
            Value::Integer(None) => "a number beyond 64 bits".into(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Self::written).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(_) => "a table".into(),
            Value::Other(text) => text.clone(),
        }
    }
}

/// Turns byte offsets into lines.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.0.as_bytes().get(..at).unwrap_or_default();
        let breaks = before.iter().filter(|byte| **byte == b'\n').count();
        breaks.saturating_add(1)
    }

    fn table(&self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entries = entries.into_iter().map(|(name, value)| {
            let node = Node {
                line: self.line(name.span().start),
                value: self.value(value),
            };
            (name.get_ref().to_string(), node)
        });
        Value::Table(entries.collect())
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Node {
                        line: self.line(item.span().start),
                        value: self.value(item),
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
            DeValue::Float(number) => Value::Other(number.as_str().to_owned()),
            DeValue::Datetime(date) => Value::Other(date.to_string()),
        }
    }
}
