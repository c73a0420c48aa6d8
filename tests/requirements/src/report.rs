//! The text of `docs/requirements.md`.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::{FAMILIES, Id};
use crate::open::{self, Open};
use crate::tags::{Place, Tags};

/// Name of the report, from the root of the project.
pub(crate) const FILE: &str = "docs/requirements.md";

/// The report, and one line on what it says.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) summary: String,
}

/// Puts together what is defined, what is tested and what is open; a tested id is not open any more.
///
/// # Errors
/// A sentence for each unknown id, each id left out, and each line of the open list that says nothing (any more).
pub(crate) fn build(
    defined: &BTreeSet<Id>,
    tags: &Tags,
    open: &[Open],
) -> Result<Report, Vec<String>> {
    let mut problems = unknown(defined, tags);
    let reasons = reasons(defined, tags, open, &mut problems);
    let left_out = defined
        .iter()
        .filter(|id| !tags.contains_key(id) && !reasons.contains_key(id));
    problems.extend(left_out.map(|id| {
        format!(
            "{}: {id} is neither tested nor listed with a reason",
            open::FILE
        )
    }));
    if !problems.is_empty() {
        return Err(problems);
    }
    let summary = format!(
        "{} of {} requirements are tested",
        tags.len(),
        defined.len()
    );
    Ok(Report {
        text: text(defined, tags, &reasons),
        summary,
    })
}

fn unknown(defined: &BTreeSet<Id>, tags: &Tags) -> Vec<String> {
    let unknown = tags.iter().filter(|(id, _)| !defined.contains(id));
    unknown
        .flat_map(|(id, places)| {
            places.iter().map(move |place| {
                format!(
                    "{}:{}: {id} is no requirement of docs/spec",
                    place.file, place.line
                )
            })
        })
        .collect()
}

fn reasons<'o>(
    defined: &BTreeSet<Id>,
    tags: &Tags,
    open: &'o [Open],
    problems: &mut Vec<String>,
) -> BTreeMap<Id, &'o str> {
    let mut reasons = BTreeMap::new();
    for Open { line, ids, reason } in open {
        for id in ids.iter().filter(|id| !defined.contains(id)) {
            problems.push(format!(
                "{}:{line}: {id} is no requirement of docs/spec",
                open::FILE
            ));
        }
        if ids.iter().all(|id| tags.contains_key(id)) {
            problems.push(format!(
                "{}:{line}: all of this is tested now; take the line out",
                open::FILE
            ));
        }
        for id in ids.iter().filter(|id| !tags.contains_key(id)) {
            if reasons.insert(*id, reason.as_str()).is_some() {
                problems.push(format!("{}:{line}: {id} is listed twice", open::FILE));
            }
        }
    }
    reasons
}

fn text(defined: &BTreeSet<Id>, tags: &Tags, reasons: &BTreeMap<Id, &str>) -> String {
    let mut overview = String::from(HEAD);
    let mut details = String::new();
    for family in &FAMILIES {
        let ids = || defined.iter().filter(|id| id.letter() == family.letter);
        let (count, tested) = (
            ids().count(),
            ids().filter(|id| tags.contains_key(id)).count(),
        );
        let open = count.saturating_sub(tested);
        let (letter, title, digest) = (family.letter, family.title, family.digest);
        line(
            &mut overview,
            format_args!(
                "| {letter} | {title} | [{digest}](spec/{digest}) | {count} | {tested} | {open} |"
            ),
        );
        line(
            &mut details,
            format_args!("\n## {letter}: {title}\n\n| id | shown by |\n|---|---|"),
        );
        for id in ids() {
            let shown = match tags.get(id) {
                Some(places) => format!("tested by {}", names(places)),
                None => format!("open: {}", reasons.get(id).unwrap_or(&"")),
            };
            line(&mut details, format_args!("| {id} | {shown} |"));
        }
    }
    overview + &details
}

const HEAD: &str = "\
# Requirements and the tests that show them

Written by `make requirements` from the `req:` comments of the tests and from `requirements-open.txt`; edit those, not this.
The rules behind the ids are in the digests of [spec](spec/README.md).

| | family | digest | ids | tested | open |
|---|---|---|---:|---:|---:|
";

/// The tests of some places, each once.
fn names(places: &[Place]) -> String {
    let tests: BTreeSet<&String> = places.iter().flat_map(|place| &place.tests).collect();
    let quoted: Vec<String> = tests.into_iter().map(|test| format!("`{test}`")).collect();
    quoted.join(", ")
}

fn line(text: &mut String, content: core::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &str) -> Vec<Id> {
        list.split(' ').map(|id| id.parse().unwrap()).collect()
    }

    fn tags(list: &[(&str, &str)]) -> Tags {
        let mut tags = Tags::new();
        for (id, test) in list {
            let tests = BTreeSet::from([(*test).to_owned()]);
            tags.entry(id.parse().unwrap()).or_default().push(Place {
                file: "a.rs".to_owned(),
                line: 7,
                tests,
            });
        }
        tags
    }

    fn open(line: usize, list: &str) -> Open {
        Open {
            line,
            ids: ids(list),
            reason: "not built".to_owned(),
        }
    }

    fn problems(defined: &str, tagged: &[(&str, &str)], open: &[Open]) -> Vec<String> {
        build(&ids(defined).into_iter().collect(), &tags(tagged), open)
            .map(|_| Vec::new())
            .unwrap_or_else(|problems| problems)
    }

    #[test]
    fn a_tested_id_is_not_open_any_more() {
        let defined = ids("W-001 W-002").into_iter().collect();
        let tagged = tags(&[("W-001", "b"), ("W-001", "a"), ("W-001", "b")]);
        let report = build(&defined, &tagged, &[open(1, "W-001 W-002")]).unwrap();
        assert!(
            report
                .text
                .contains("| W-001 | tested by `a`, `b` |\n| W-002 | open: not built |\n")
        );
        assert!(
            report
                .text
                .contains("| W | Wire and shared memory | [wire.md](spec/wire.md) | 2 | 1 | 1 |\n")
        );
        assert_eq!(report.summary, "1 of 2 requirements are tested");
    }

    #[test] // req: C-178
    fn every_id_is_tested_or_open() {
        let left_out = problems("W-001 W-002", &[("W-001", "a")], &[]);
        assert_eq!(
            left_out,
            ["docs/requirements-open.txt: W-002 is neither tested nor listed with a reason"]
        );
    }

    #[test] // req: C-178
    fn unknown_ids_are_named_with_their_place() {
        let unknown = problems(
            "W-001",
            &[("W-001", "a"), ("W-002", "a")],
            &[open(3, "W-003")],
        );
        assert_eq!(unknown[0], "a.rs:7: W-002 is no requirement of docs/spec");
        assert_eq!(
            unknown[1],
            "docs/requirements-open.txt:3: W-003 is no requirement of docs/spec"
        );
    }

    #[test]
    fn the_open_list_says_each_thing_once() {
        let done = problems("W-001", &[("W-001", "a")], &[open(3, "W-001")]);
        assert_eq!(
            done,
            ["docs/requirements-open.txt:3: all of this is tested now; take the line out"]
        );
        let twice = problems("W-001", &[], &[open(1, "W-001"), open(2, "W-001")]);
        assert_eq!(
            twice,
            ["docs/requirements-open.txt:2: W-001 is listed twice"]
        );
    }
}
