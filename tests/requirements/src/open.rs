//! What no test shows yet, with reasons: `docs/requirements-open.txt`.

use std::fs;
use std::path::Path;

use crate::id::Id;

/// Name of the list, from the root of the project.
pub(crate) const FILE: &str = "docs/requirements-open.txt";

/// One line of the list: ids and ranges of ids, then the reason they share.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Open {
    pub(crate) line: usize,
    pub(crate) ids: Vec<Id>,
    pub(crate) reason: String,
}

/// Reads the list.
///
/// # Errors
/// A sentence for each line that is not understood.
pub(crate) fn read(root: &Path) -> Result<Vec<Open>, Vec<String>> {
    let text =
        fs::read_to_string(root.join(FILE)).map_err(|error| vec![format!("{FILE}: {error}")])?;
    let (mut open, mut problems) = (Vec::new(), Vec::new());
    for (line, content) in (1_usize..).zip(text.lines()) {
        match entry(content) {
            Ok(Some((ids, reason))) => open.push(Open { line, ids, reason }),
            Ok(None) => {}
            Err(problem) => problems.push(format!("{FILE}:{line}: {problem}")),
        }
    }
    if problems.is_empty() {
        Ok(open)
    } else {
        Err(problems)
    }
}

/// Ids and reason of a line; none for empty lines and comments.
fn entry(line: &str) -> Result<Option<(Vec<Id>, String)>, String> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (list, reason) = line
        .split_once(": ")
        .ok_or("a line is a list of ids, a colon and the reason")?;
    let mut ids = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        let (first, last): (Id, Id) = (first.trim().parse()?, last.trim().parse()?);
        let before = ids.len();
        ids.extend(first.up_to(last));
        if ids.len() == before {
            return Err(format!("the range {first}..{last} is empty"));
        }
    }
    Ok(Some((ids, reason.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_share_a_reason() {
        let (ids, reason) = entry("W-001..W-003, T-19: not built: later")
            .unwrap()
            .unwrap();
        let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
        assert_eq!(
            (ids.join(" ").as_str(), reason.as_str()),
            ("W-001 W-002 W-003 T-19", "not built: later")
        );
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        assert_eq!((entry("# W-001: x"), entry("  ")), (Ok(None), Ok(None)));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "W-001",
            "W-001 reason",
            "W-1: reason",
            "W-003..W-001: reason",
            "W-001..T-02: reason",
        ] {
            assert!(entry(line).is_err(), "{line}");
        }
    }
}
