//! What can be asked, and how a question looks: bytes from anybody become a question or nothing.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;

use serde::Deserialize;

/// Longest question, in bytes; generous for a number and a word.
const LONGEST: usize = 512;

/// What a driver tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Name, life and sizes.
    Status,
    /// The leases in force, one line each.
    Leases,
    /// The streams, one line each.
    Streams,
    /// What it has done so far.
    Counters,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Status, Self::Leases, Self::Streams, Self::Counters];

    /// As it stands in a question.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Leases => "leases",
            Self::Streams => "streams",
            Self::Counters => "counters",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that nothing is known under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what must be status, leases, streams or counters")]
pub struct UnknownWhat;

impl FromStr for What {
    type Err = UnknownWhat;

    fn from_str(text: &str) -> Result<Self, UnknownWhat> {
        let mut all = Self::ALL.into_iter();
        all.find(|what| what.name() == text).ok_or(UnknownWhat)
    }
}

/// A question with the number its answer will carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) request: u64,
    pub(super) what: What,
}

/// What some bytes on the status stream are to a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something to answer.
    Question(Question),
    /// A question for something that nobody knows.
    Unknown {
        /// Its number.
        request: u64,
    },
    /// The words of a driver, perhaps our own.
    Answer,
    /// Nothing that could be answered.
    Noise,
}

/// A question as it stands in a message; further fields are for later versions.
#[derive(Deserialize)]
struct Written<'m> {
    request: u64,
    #[serde(borrow)]
    what: Cow<'m, str>,
}

/// Makes sense of a message.
pub(super) fn hear(message: &[u8]) -> Heard {
    if message.starts_with(br#"{"type":"#) {
        return Heard::Answer;
    }
    if message.len() > LONGEST {
        return Heard::Noise;
    }
    match serde_json::from_slice::<Written<'_>>(message) {
        Ok(Written { request, what }) => match what.parse() {
            Ok(what) => Heard::Question(Question { request, what }),
            Err(UnknownWhat) => Heard::Unknown { request },
        },
        Err(_) => Heard::Noise,
    }
}

/// The message that asks.
pub(super) fn write(question: Question) -> String {
    format!(
        r#"{{"request":{},"what":"{}"}}"#,
        question.request, question.what
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_written() {
        for what in What::ALL {
            for request in [0, 7, u64::MAX] {
                let question = Question { request, what };
                assert_eq!(hear(write(question).as_bytes()), Heard::Question(question));
            }
        }
        let spaced = br#" {"what" : "l\u0065ases", "later": [1, {}], "request": 7 } "#;
        let what = What::Leases;
        assert_eq!(hear(spaced), Heard::Question(Question { request: 7, what }));
    }

    #[test]
    fn what_nobody_knows_can_be_refused_and_noise_is_dropped() {
        assert_eq!(
            hear(br#"{"request":7,"what":"secrets"}"#),
            Heard::Unknown { request: 7 }
        );
        assert_eq!(hear(br#"{"type":"end","request":7}"#), Heard::Answer);
        let long = format!(r#"{{"request":7,"what":"{}"}}"#, "x".repeat(LONGEST));
        for noise in [
            &b""[..],
            b"{",
            b"null",
            b"[]",
            b"\xff\xfe",
            br#"{"request":7}"#,
            br#"{"request":-1,"what":"leases"}"#,
            br#"{"request":1.5,"what":"leases"}"#,
            br#"{"request":18446744073709551616,"what":"leases"}"#,
            br#"{"request":"7","what":"leases"}"#,
            br#"{"request":7,"request":8,"what":"leases"}"#,
            br#"{"request":7,"what":"leases"}x"#,
            br#"{"request":7,"what":5}"#,
            long.as_bytes(),
            "[".repeat(LONGEST).as_bytes(),
        ] {
            assert_eq!(
                hear(noise),
                Heard::Noise,
                "{}",
                String::from_utf8_lossy(noise)
            );
        }
    }
}
