//! What kinds of values keys take, from a file and from the environment.

use super::tree::{Node, Value};

/// A type that a key can have.
pub trait Setting: Sized + ToString {
    /// What would be right, for messages: "a whole number".
    const EXPECTED: &'static str;

    /// Whether no message may show the value.
    const SECRET: bool = false;

    /// Reads what stands in the file; `None` if it is something else.
    #[doc(hidden)]
    fn in_file(value: &FileValue<'_>) -> Option<Self>;

    /// Reads an environment variable; `None` if it is something else.
    fn from_text(text: &str) -> Option<Self>;
}

/// What stands in a file behind a key.
#[derive(Debug)]
pub struct FileValue<'n>(pub(super) &'n Node);

impl Setting for String {
    const EXPECTED: &'static str = "text";

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        match &value.0.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Setting for u64 {
    const EXPECTED: &'static str = "a whole number";

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        match value.0.value {
            Value::Integer(number) => number?.try_into().ok(),
            _ => None,
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        match value.0.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A list of texts; in the environment separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl core::fmt::Display for Texts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl Setting for Texts {
    const EXPECTED: &'static str = "a list of texts";

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        let Value::List(items) = &value.0.value else {
            return None;
        };
        let texts = items.iter().map(|item| String::in_file(&FileValue(item)));
        texts.collect::<Option<_>>().map(Self)
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.split(',').map(str::to_owned).collect()))
    }
}

/// A text that nobody gets to see: neither printed, nor logged, nor quoted in a complaint (D-147).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Display for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.is_empty() { "" } else { "(secret)" })
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Setting for Secret {
    const EXPECTED: &'static str = String::EXPECTED;
    const SECRET: bool = true;

    fn in_file(value: &FileValue<'_>) -> Option<Self> {
        String::in_file(value).map(Self)
    }

    fn from_text(text: &str) -> Option<Self> {
        String::from_text(text).map(Self)
    }
}
