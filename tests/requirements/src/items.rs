//! Where the functions and constants of a Rust file stand, and which of them are tests.

use core::ops::RangeInclusive;
use std::collections::BTreeSet;

use crate::lexer::Token;

/// A function, constant or static; or a test that a macro makes of a name.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_test: bool,
    /// Its tokens, attributes included.
    pub(crate) extent: RangeInclusive<usize>,
}

/// The items of a file, nested ones too, in the order of their names.
pub(crate) fn items<'a>(tokens: &[(usize, Token<'a>)]) -> Vec<Item<'a>> {
    let code = Code(tokens);
    let makers = code.makers_of_tests();
    let mut items = Vec::new();
    let mut attributes = None;
    let mut at = 0;
    while at < tokens.len() {
        if code.sign(at) == Some('#') {
            let end = code.end_of_group(at.saturating_add(1));
            let known = attributes.get_or_insert(Attributes {
                first: at,
                test: false,
                ignored: false,
            });
            match code.word(at.saturating_add(2)) {
                Some("test") => known.test = true,
                Some("ignore") => known.ignored = true,
                _ => {}
            }
            at = end;
        } else if code.word(at).is_some_and(|word| makers.contains(word))
            && code.sign(at.saturating_add(1)) == Some('!')
        {
            let end = code.end_of_group(at.saturating_add(2));
            let names = (at.saturating_add(2)..end).filter_map(|at| Some((at, code.word(at)?)));
            items.extend(names.map(|(at, name)| Item {
                name,
                is_test: true,
                extent: at..=at,
            }));
            at = end;
        } else if let Some((name, end)) = code.item(at) {
            let is_test = attributes
                .as_ref()
                .is_some_and(|known| known.test && !known.ignored);
            let start = attributes.take().map_or(at, |known| known.first);
            items.push(Item {
                name,
                is_test,
                extent: start..=end,
            });
        } else if matches!(code.sign(at), Some('{' | '}' | ';' | ',')) {
            attributes = None;
        }
        at = at.saturating_add(1);
    }
    items
}

/// What the attributes right before an item say.
struct Attributes {
    first: usize,
    test: bool,
    ignored: bool,
}

struct Code<'t, 'a>(&'t [(usize, Token<'a>)]);

impl<'a> Code<'_, 'a> {
    fn word(&self, at: usize) -> Option<&'a str> {
        match self.0.get(at)?.1 {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn sign(&self, at: usize) -> Option<char> {
        match self.0.get(at)?.1 {
            Token::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    /// Macros of this file that make a test of each name they are given.
    fn makers_of_tests(&self) -> BTreeSet<&'a str> {
        let starts = (0..self.0.len()).filter(|at| self.word(*at) == Some("macro_rules"));
        let named =
            starts.filter_map(|at| Some((self.word(at.saturating_add(2))?, at.saturating_add(3))));
        named
            .filter(|(_, body)| self.has_generated_test(*body))
            .map(|(name, _)| name)
            .collect()
    }

    /// Whether `#[test] fn $name` stands in the group that opens at `start`.
    fn has_generated_test(&self, start: usize) -> bool {
        let body = self
            .0
            .get(start..self.end_of_group(start))
            .unwrap_or_default();
        let wanted = [
            Token::Word("test"),
            Token::Sign(']'),
            Token::Word("fn"),
            Token::Sign('$'),
        ];
        body.windows(wanted.len())
            .any(|window| window.iter().map(|(_, token)| token).eq(&wanted))
    }

    /// Name and last token of the item whose keyword stands at `at`.
    fn item(&self, at: usize) -> Option<(&'a str, usize)> {
        let next = at.saturating_add(1);
        match self.word(at)? {
            "fn" => Some((self.word(next)?, self.end_of_item(next, true))),
            "const" | "static" if self.sign(next.saturating_add(1)) == Some(':') => {
                Some((self.word(next)?, self.end_of_item(next, false)))
            }
            _ => None,
        }
    }

    /// The `;` that ends the item, or the end of its body.
    fn end_of_item(&self, mut at: usize, has_body: bool) -> usize {
        while at < self.0.len() {
            match self.sign(at) {
                Some(';') => return at,
                Some('{') if has_body => return self.end_of_group(at),
                Some('(' | '[' | '{') => at = self.end_of_group(at),
                _ => {}
            }
            at = at.saturating_add(1);
        }
        at
    }

    /// The bracket that closes the one at `at`; `at` itself if there is none.
    fn end_of_group(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for index in at..self.0.len() {
            match self.sign(index) {
                Some('(' | '[' | '{') => depth = depth.saturating_add(1),
                Some(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return index;
            }
        }
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    fn found(source: &str) -> Vec<(&str, bool)> {
        items(&tokens(source))
            .into_iter()
            .map(|item| (item.name, item.is_test))
            .collect()
    }

    #[test]
    fn only_functions_that_run_are_tests() {
        let source = r#"
            const ROWS: &[(u8, fn(u8))] = &[(1, f); 2];
            fn f(_: u8) {}
            #[cfg(test)] mod tests {
                #[test] #[should_panic] fn one() { const INNER: u8 = 1; }
                #[test] #[ignore = "slow"] fn two() {}
                #[cfg_attr(x, test)] fn three() {}
            }"#;
        let all = [
            ("ROWS", false),
            ("f", false),
            ("one", true),
            ("INNER", false),
            ("two", false),
            ("three", false),
        ];
        assert_eq!(found(source), all);
    }

    #[test]
    fn an_item_reaches_from_its_attributes_to_its_last_brace() {
        let source = "#[test] fn a() -> [u8; 2] { if x { y } } ;";
        let tokens = tokens(source);
        let items = items(&tokens);
        let (_, last) = tokens[*items[0].extent.end()];
        assert_eq!((*items[0].extent.start(), last), (0, Token::Sign('}')));
        assert_eq!(items[0].extent.end() + 2, tokens.len());
    }
}
