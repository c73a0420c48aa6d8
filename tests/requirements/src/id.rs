//! Requirement ids and their families.

use core::fmt;
use core::str::FromStr;

/// One letter of ids: where they are defined and how many digits they have. The order is that of the report.
pub(crate) struct Family {
    pub(crate) letter: char,
    pub(crate) digits: usize,
    pub(crate) title: &'static str,
    /// Digest in `docs/spec/` that defines the ids.
    pub(crate) digest: &'static str,
}

pub(crate) const FAMILIES: [Family; 12] = [
    family('W', 3, "Wire and shared memory", "wire.md"),
    family('T', 2, "Traps of the wire, and our readings", "wire.md"),
    family('E', 2, "Our own extensions", "README.md"),
    family('D', 3, "Driver", "driver.md"),
    family('R', 3, "Discovery", "discovery.md"),
    family('P', 3, "Supervisor", "supervisor.md"),
    family('C', 3, "Client, conductor, tools, tests", "client.md"),
    family('A', 3, "C ABI", "c-abi.md"),
    family('K', 3, "Trace links", "tracelink.md"),
    family('J', 3, "Merge maps and join barriers", "join-barrier.md"),
    family('L', 3, "Rate limiter", "rate-limiter.md"),
    family('I', 2, "Interoperation with X", "interop.md"),
];

const fn family(letter: char, digits: usize, title: &'static str, digest: &'static str) -> Family {
    Family {
        letter,
        digits,
        title,
        digest,
    }
}

/// A requirement id such as `W-091` or `T-19`; ordered by family, then number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Id {
    family: usize,
    number: u16,
}

impl Id {
    pub(crate) fn letter(self) -> char {
        FAMILIES
            .get(self.family)
            .map_or('?', |family| family.letter)
    }

    /// All ids from this one to `last`, both included; none when `last` is of another family or lower.
    pub(crate) fn up_to(self, last: Self) -> impl Iterator<Item = Self> {
        let end = if self.family == last.family {
            last.number
        } else {
            0
        };
        (self.number..=end).map(move |number| Self { number, ..self })
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("'{text}' is no requirement id (as W-091 or T-19)");
        let (letter, digits) = text.split_once('-').ok_or_else(malformed)?;
        let (family, _) = FAMILIES
            .iter()
            .enumerate()
            .find(|(_, family)| letter.chars().eq([family.letter]) && digits.len() == family.digits)
            .ok_or_else(malformed)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or_else(malformed)?;
        Ok(Self { family, number })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = FAMILIES.get(self.family).map_or(3, |family| family.digits);
        write!(out, "{}-{:0digits$}", self.letter(), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        for text in ["W-001", "W-290", "T-19", "E-06", "A-381"] {
            assert_eq!(text.parse::<Id>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_words_are_no_ids() {
        for text in [
            "W-1",
            "W-0001",
            "T-019",
            "X-001",
            "w-001",
            "W-00a",
            "W-+01",
            "W001",
            "W-001..W-005",
            "",
        ] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_stays_in_its_family() {
        let id = |text: &str| text.parse::<Id>().unwrap();
        let range: Vec<String> = id("T-09")
            .up_to(id("T-11"))
            .map(|id| id.to_string())
            .collect();
        assert_eq!(range, ["T-09", "T-10", "T-11"]);
        assert_eq!(id("W-003").up_to(id("D-005")).count(), 0);
        assert_eq!(id("W-003").up_to(id("W-002")).count(), 0);
    }
}
