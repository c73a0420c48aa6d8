//! Just enough of Rust's tokens to tell comments from code and to match braces.

/// A token that matters here. Literals are left out, so that their contents are never taken for code or comments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token<'a> {
    /// Keyword, name or number.
    Word(&'a str),
    Sign(char),
    /// Text of a line comment, without its slashes.
    Comment(&'a str),
}

/// The tokens of `source`, each with its line, counted from 1.
pub(crate) fn tokens(source: &str) -> Vec<(usize, Token<'_>)> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
    };
    let mut tokens = Vec::new();
    while !lexer.rest.is_empty() {
        let line = lexer.line;
        tokens.extend(lexer.next().map(|token| (line, token)));
    }
    tokens
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    /// Takes the next token, or one stretch of what is none.
    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(comment) = self.rest.strip_prefix("//") {
            let text = comment.lines().next().unwrap_or_default();
            self.skip(text.len().saturating_add(2));
            return Some(Token::Comment(text));
        }
        if self.rest.starts_with("/*") {
            self.skip_block_comment();
            return None;
        }
        let word = self
            .rest
            .find(|c: char| !is_word(c))
            .unwrap_or(self.rest.len());
        if word > 0 {
            let word = self.take(word);
            let raw = matches!(word, "r" | "br" | "cr")
                && self.rest.trim_start_matches('#').starts_with('"');
            if raw {
                self.skip_raw_string();
                return None;
            }
            return Some(Token::Word(word));
        }
        let sign = self.rest.chars().next()?;
        match sign {
            '"' => self.skip_string('"'),
            '\'' => self.skip_character_or_lifetime(),
            _ => self.skip(sign.len_utf8()),
        }
        (!matches!(sign, '"' | '\'') && !sign.is_whitespace()).then_some(Token::Sign(sign))
    }

    /// Takes `length` bytes; all of the rest where that is no boundary.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(taken.matches('\n').count());
        self.rest = rest;
        taken
    }

    fn skip(&mut self, length: usize) {
        self.take(length);
    }

    /// Skips up to and with `end`.
    fn skip_past(&mut self, end: &str) {
        self.skip(
            self.rest
                .find(end)
                .map_or(self.rest.len(), |at| at.saturating_add(end.len())),
        );
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_u32;
        loop {
            let (change, length) = match self.rest.get(..2) {
                Some("/*") => (1, 2),
                Some("*/") => (-1, 2),
                _ => (0, self.rest.chars().next().map_or(0, char::len_utf8)),
            };
            self.skip(length);
            depth = depth.saturating_add_signed(change);
            if depth == 0 || length == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self, quote: char) {
        self.skip(1);
        while let Some(character) = self.rest.chars().next() {
            self.skip(character.len_utf8());
            if character == quote {
                return;
            }
            if character == '\\' {
                self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
            }
        }
    }

    fn skip_raw_string(&mut self) {
        let hashes = self.rest.find('"').unwrap_or(0);
        self.skip(hashes.saturating_add(1));
        self.skip_past(&format!("\"{}", "#".repeat(hashes)));
    }

    fn skip_character_or_lifetime(&mut self) {
        let mut after = self.rest.chars().skip(1);
        let (first, second) = (after.next(), after.next());
        if first == Some('\\') || second == Some('\'') {
            self.skip_string('\'');
        } else {
            self.skip(1);
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        tokens(source)
            .iter()
            .map(|(line, token)| format!("{line} {token:?}"))
            .collect()
    }

    #[test]
    fn literals_hide_comments_and_braces() {
        for literal in [
            r#""// {""#,
            r##"r#"" // {"#"##,
            r#""\"{""#,
            "'{'",
            r"'\''",
            "/* { // /* */ */",
        ] {
            assert_eq!(shown(&format!("{literal};")), ["1 Sign(';')"], "{literal}");
        }
    }

    #[test]
    fn lifetimes_are_no_character_literals() {
        assert_eq!(
            shown("&'a T, 'x'"),
            [
                "1 Sign('&')",
                "1 Word(\"a\")",
                "1 Word(\"T\")",
                "1 Sign(',')"
            ]
        );
    }

    #[test]
    fn lines_are_counted_through_literals_and_comments() {
        assert_eq!(
            shown("\"\n\" /* \n */ a // b\nc"),
            ["3 Word(\"a\")", "3 Comment(\" b\")", "4 Word(\"c\")"]
        );
    }
}
