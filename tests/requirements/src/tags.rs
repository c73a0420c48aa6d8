//! Which test shows which id: the `req:` comments of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::id::Id;
use crate::items::{Item, items};
use crate::lexer::{Token, tokens};
use crate::{scripts, tree};

/// Where an id is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The tests of that file that show it; empty where the file as a whole is the test.
    pub(crate) tests: BTreeSet<String>,
}

/// All places by id.
pub(crate) type Tags = BTreeMap<Id, Vec<Place>>;

/// Ids named in one comment, and the tests they belong to.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Tag {
    pub(crate) line: usize,
    pub(crate) ids: Vec<Id>,
    pub(crate) tests: BTreeSet<String>,
}

/// Reads the tags of every source file of the project.
///
/// # Errors
/// A sentence for each tag that is malformed or belongs to no test.
pub(crate) fn in_tree(root: &Path) -> Result<Tags, Vec<String>> {
    let files =
        tree::files(root, &["rs", "c", "sh", "py"]).map_err(|error| vec![error.to_string()])?;
    let mut tags = Tags::new();
    let mut problems = Vec::new();
    for file in files {
        let found = if file.name.ends_with(".rs") {
            in_rust(&file.text)
        } else {
            scripts::tags(&file.name, &file.text)
        };
        for tag in found {
            match tag {
                Err((line, problem)) => problems.push(format!("{}:{line}: {problem}", file.name)),
                Ok(Tag { line, ids, tests }) => {
                    for id in ids {
                        let place = Place {
                            file: file.name.clone(),
                            line,
                            tests: tests.clone(),
                        };
                        tags.entry(id).or_default().push(place);
                    }
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(tags)
    } else {
        Err(problems)
    }
}

/// The ids of a comment, if it is a tag.
pub(crate) fn ids_of(comment: &str) -> Option<Result<Vec<Id>, String>> {
    let list = comment.trim_start().strip_prefix("req:")?;
    Some(list.split(',').map(|id| id.trim().parse()).collect())
}

fn in_rust(source: &str) -> Vec<Result<Tag, (usize, String)>> {
    let tokens = tokens(source);
    let file = RustFile {
        items: items(&tokens),
        tokens: &tokens,
    };
    let comments = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, &(line, token))| match token {
            Token::Comment(text) => Some((at, line, ids_of(text)?)),
            _ => None,
        });
    comments
        .map(|(at, line, ids)| {
            let tag = ids.and_then(|ids| {
                Ok(Tag {
                    line,
                    ids,
                    tests: file.tests_of(at)?,
                })
            });
            tag.map_err(|problem| (line, problem))
        })
        .collect()
}

struct RustFile<'t, 'a> {
    tokens: &'t [(usize, Token<'a>)],
    items: Vec<Item<'a>>,
}

impl<'a> RustFile<'_, 'a> {
    /// Names of the tests that the comment at `at` belongs to.
    fn tests_of(&self, at: usize) -> Result<BTreeSet<String>, String> {
        let item = self
            .item_of(at)
            .ok_or("this tag belongs to no test: it stands neither in one nor right above one")?;
        let tests = self.tests_running(item);
        if tests.is_empty() {
            return Err(format!(
                "this tag belongs to `{}`, which no test of this file uses",
                item.name
            ));
        }
        Ok(tests.into_iter().map(str::to_owned).collect())
    }

    /// The item a comment belongs to: the one it stands in or behind, else the one that follows at once.
    fn item_of(&self, at: usize) -> Option<&Item<'a>> {
        let same_line = at
            .checked_sub(1)
            .filter(|before| self.line(*before) == self.line(at));
        self.innermost(same_line.unwrap_or(at)).or_else(|| {
            let next = self
                .items
                .iter()
                .filter(|item| *item.extent.start() > at)
                .min_by_key(|item| *item.extent.start())?;
            // `pub(crate) const` and the like may stand between.
            let between = self.tokens.get(at..*next.extent.start())?;
            between
                .iter()
                .all(|(_, token)| !matches!(token, Token::Sign(sign) if !"()".contains(*sign)))
                .then_some(next)
        })
    }

    fn innermost(&self, at: usize) -> Option<&Item<'a>> {
        self.items
            .iter()
            .filter(|item| item.extent.contains(&at))
            .max_by_key(|item| *item.extent.start())
    }

    fn line(&self, at: usize) -> Option<usize> {
        self.tokens.get(at).map(|(line, _)| *line)
    }

    /// The item itself if it is a test, else the tests that name it, directly or through other items of this file.
    fn tests_running(&self, item: &Item<'a>) -> BTreeSet<&'a str> {
        let mut names = vec![item.name];
        let mut tests = BTreeSet::new();
        if item.is_test {
            tests.insert(item.name);
            return tests;
        }
        let mut next = 0;
        while let Some(name) = names.get(next).copied() {
            for user in self.items.iter().filter(|user| self.names(user, name)) {
                if user.is_test {
                    tests.insert(user.name);
                } else if !names.contains(&user.name) {
                    names.push(user.name);
                }
            }
            next = next.saturating_add(1);
        }
        tests
    }

    fn names(&self, user: &Item<'_>, name: &str) -> bool {
        let body = self.tokens.get(user.extent.clone()).unwrap_or_default();
        user.name != name && body.iter().any(|(_, token)| *token == Token::Word(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each tag as `line: ids: tests`, or `line! problem`.
    fn shown(source: &str) -> Vec<String> {
        let show = |tag| match tag {
            Ok(Tag { line, ids, tests }) => {
                let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
                let tests: Vec<String> = tests.into_iter().collect();
                format!("{line}: {}: {}", ids.join(" "), tests.join(" "))
            }
            Err((line, problem)) => format!("{line}! {problem}"),
        };
        in_rust(source).into_iter().map(show).collect()
    }

    #[test]
    fn a_tag_belongs_to_the_test_around_or_below_it() {
        let source = "
            // req: W-001, T-19
            #[test]
            fn above() {}
            #[test] // req: W-002
            fn beside() {
                // req: W-003
                let rows = [(1, 2), // req: W-004
                            (3, 4)];
            } // req: W-005
            #[test]
            fn other() {}";
        let expected = [
            "2: W-001 T-19: above",
            "5: W-002: beside",
            "7: W-003: beside",
            "8: W-004: beside",
            "10: W-005: beside",
        ];
        assert_eq!(shown(source), expected);
    }

    #[test]
    fn rows_of_a_table_belong_to_the_tests_that_use_it() {
        let source = "
            pub(crate) const ROWS: &[u8] = &[
                1, // req: W-001
            ];
            fn check(row: &u8) { helper(); }
            // req: W-002
            pub fn helper() {}
            #[test]
            fn each_row() { ROWS.iter().for_each(check) }";
        assert_eq!(shown(source), ["3: W-001: each_row", "6: W-002: each_row"]);
    }

    #[test]
    fn a_tag_without_test_is_refused() {
        let unused = "fn production() {\n // req: W-001\n}";
        assert_eq!(
            shown(unused),
            ["2! this tag belongs to `production`, which no test of this file uses"]
        );
        let nowhere = "// req: W-001\nuse core::fmt;\n#[test]\nfn later() {}";
        assert_eq!(
            shown(nowhere),
            ["1! this tag belongs to no test: it stands neither in one nor right above one"]
        );
    }

    #[test]
    fn ranges_and_prose_are_no_tags() {
        for list in ["W-001..W-005", "W-001 and W-002", "W-001,", ""] {
            assert!(ids_of(&format!(" req: {list}")).unwrap().is_err(), "{list}");
        }
        assert_eq!(ids_of(" requires W-001"), None);
    }
}
