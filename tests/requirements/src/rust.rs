//! Tags in Rust: the test a comment stands in, beside or right above, or the tests that use what it stands in.

use std::collections::BTreeSet;

use crate::doc_tests;
use crate::items::{Item, items};
use crate::lexer::{Token, tokens};
use crate::tags::{Tag, ids_of};

/// A Rust file, ready to be asked.
pub(crate) struct RustFile<'a> {
    pub(crate) name: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    items: Vec<Item<'a>>,
}

impl<'a> RustFile<'a> {
    pub(crate) fn parse(name: &'a str, source: &'a str) -> Self {
        let tokens = tokens(source);
        let items = items(&tokens);
        Self {
            name,
            tokens,
            items,
        }
    }

    /// The tags of this file; `all` are the files among which their tests are looked for.
    pub(crate) fn tags(&self, all: &[Self]) -> Vec<Result<Tag, (usize, String)>> {
        let comments =
            self.tokens
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
                        tests: self.tests_of(at, all)?,
                    })
                });
                tag.map_err(|problem| (line, problem))
            })
            .chain(doc_tests::tags(self.name, &self.tokens))
            .collect()
    }

    /// The tests that the comment at `at` belongs to.
    fn tests_of(&self, at: usize, all: &[Self]) -> Result<BTreeSet<String>, String> {
        let item = self
            .item_of(at)
            .ok_or("this tag belongs to no test: it stands neither in one nor right above one")?;
        let names = self.users_of(item);
        let own = self.tests_using(item, &names);
        if !own.is_empty() {
            return Ok(own);
        }
        // A suite of claims in one file, the tests that make them beside it.
        let beside = all
            .iter()
            .filter(|file| file.name != self.name && file.directory() == self.directory());
        let tests: BTreeSet<String> = beside
            .flat_map(|file| file.tests_using(item, &names))
            .collect();
        if tests.is_empty() {
            return Err(format!(
                "this tag belongs to `{}`, which no test of this directory uses",
                item.name
            ));
        }
        Ok(tests)
    }

    fn directory(&self) -> &str {
        self.name
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }

    /// The item a comment belongs to: the one it stands in or behind, else the one that follows at once.
    fn item_of(&self, at: usize) -> Option<&Item<'a>> {
        let same_line = at
            .checked_sub(1)
            .filter(|before| self.line(*before) == self.line(at));
        self.innermost(same_line.unwrap_or(at)).or_else(|| {
            let later = self.items.iter().filter(|item| *item.extent.start() > at);
            let next = later.min_by_key(|item| *item.extent.start())?;
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

    /// Names of `item` and of what uses it in this file, directly or not, up to the tests.
    fn users_of(&self, item: &Item<'a>) -> Vec<&'a str> {
        let mut names = vec![item.name];
        let mut next = 0;
        while let Some(name) = names.get(next).copied() {
            for user in self
                .items
                .iter()
                .filter(|user| !user.is_test && self.mentions(user, name))
            {
                if !names.contains(&user.name) {
                    names.push(user.name);
                }
            }
            next = next.saturating_add(1);
        }
        names
    }

    /// `item` itself if it is a test, else the tests of this file that mention one of `names`.
    fn tests_using(&self, item: &Item<'_>, names: &[&str]) -> BTreeSet<String> {
        let full = |test: &str| format!("{}::{test}", self.name);
        if item.is_test {
            return BTreeSet::from([full(item.name)]);
        }
        let users = self
            .items
            .iter()
            .filter(|user| user.is_test && names.iter().any(|name| self.mentions(user, name)));
        users.map(|test| full(test.name)).collect()
    }

    fn mentions(&self, user: &Item<'_>, name: &str) -> bool {
        let body = self.tokens.get(user.extent.clone()).unwrap_or_default();
        body.iter().any(|(_, token)| *token == Token::Word(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    /// Each tag as `line: ids: tests`, or `line! problem`.
    fn shown(source: &str) -> Vec<String> {
        shown_beside(source, "")
    }

    /// The same, with another file in the same directory.
    fn shown_beside(source: &str, other: &str) -> Vec<String> {
        let show = |tag| match tag {
            Ok(Tag { line, ids, tests }) => {
                let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
                let tests: Vec<String> = tests.into_iter().collect();
                format!("{line}: {}: {}", ids.join(" "), tests.join(" "))
            }
            Err((line, problem)) => format!("{line}! {problem}"),
        };
        let files = [
            RustFile::parse("t/a.rs", source),
            RustFile::parse("t/b.rs", other),
        ];
        files[0].tags(&files).into_iter().map(show).collect()
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
            "2: W-001 T-19: t/a.rs::above",
            "5: W-002: t/a.rs::beside",
            "7: W-003: t/a.rs::beside",
            "8: W-004: t/a.rs::beside",
            "10: W-005: t/a.rs::beside",
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
        assert_eq!(
            shown(source),
            ["3: W-001: t/a.rs::each_row", "6: W-002: t/a.rs::each_row"]
        );
    }

    #[test]
    fn a_tag_without_test_is_refused() {
        let unused = "fn production() {\n // req: W-001\n}";
        assert_eq!(
            shown(unused),
            ["2! this tag belongs to `production`, which no test of this directory uses"]
        );
        let nowhere = "// req: W-001\nuse core::fmt;\n#[test]\nfn later() {}";
        assert_eq!(
            shown(nowhere),
            ["1! this tag belongs to no test: it stands neither in one nor right above one"]
        );
    }

    #[test]
    fn a_suite_belongs_to_the_tests_beside_it() {
        let suite =
            "// req: W-001\npub fn claim_a(m: &mut M) {}\n// req: W-002\npub fn claim_b() {}";
        let direct = "#[test]\nfn on_the_fake() { suite::claim_a(); suite::claim_b(); }";
        assert_eq!(
            shown_beside(suite, direct),
            [
                "1: W-001: t/b.rs::on_the_fake",
                "3: W-002: t/b.rs::on_the_fake"
            ]
        );
        let generated = "
            macro_rules! both { ($($claim:ident)*) => { $(#[test] fn $claim() { suite::$claim(); })* }; }
            both! { claim_a claim_b }";
        assert_eq!(
            shown_beside(suite, generated),
            ["1: W-001: t/b.rs::claim_a", "3: W-002: t/b.rs::claim_b"]
        );
    }
}
