//! Tags in documentation tests that must not compile: a hidden line, `# // req: C-105`, behind a fence that names the error.

use std::collections::BTreeSet;

use crate::lexer::Token;
use crate::tags::{Tag, ids_of};

/// The tags in the documentation of the file `name`.
pub(crate) fn tags(name: &str, tokens: &[(usize, Token<'_>)]) -> Vec<Result<Tag, (usize, String)>> {
    let mut fence = None;
    let mut found = Vec::new();
    for (line, token) in tokens {
        let Some(text) = documentation(token) else {
            fence = None;
            continue;
        };
        if let Some(info) = text.strip_prefix("```") {
            fence = match fence {
                None => Some(info),
                Some(_) => None,
            };
        } else if let Some(info) = fence
            && let Some(ids) = hidden_comment(text).and_then(ids_of)
        {
            let tag = ids.and_then(|ids| tag(name, *line, info, ids));
            found.push(tag.map_err(|problem| (*line, problem)));
        }
    }
    found
}

fn tag(name: &str, line: usize, info: &str, ids: Vec<crate::id::Id>) -> Result<Tag, String> {
    // Without its error it would also pass for a name that is spelled wrong.
    if !info.starts_with("compile_fail,E") {
        return Err("a tag in documentation stands behind ```compile_fail,E0000 only".into());
    }
    let tests = BTreeSet::from([format!("{name}::{info}")]);
    Ok(Tag { line, ids, tests })
}

/// The text of a documentation comment.
fn documentation<'a>(token: &Token<'a>) -> Option<&'a str> {
    match token {
        Token::Comment(text) => Some(text.strip_prefix(['!', '/'])?.trim_start()),
        _ => None,
    }
}

/// The comment in a line of code that readers do not see.
fn hidden_comment(line: &str) -> Option<&str> {
    line.strip_prefix('#')?.trim_start().strip_prefix("//")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    /// Each tag as `line: tests`, or `line! problem`.
    fn shown(source: &str) -> Vec<String> {
        let show = |tag| match tag {
            Ok(Tag { line, ids, tests }) => format!("{line}: {ids:?}: {tests:?}").replace('"', ""),
            Err((line, problem)) => format!("{line}! {problem}"),
        };
        let found = tags("src/misuse.rs", &tokens(source));
        found.into_iter().map(show).collect()
    }

    #[test]
    fn a_hidden_line_of_what_must_not_compile_is_a_tag() {
        let id: crate::id::Id = "C-105".parse().unwrap();
        let expected = format!("3: [{id:?}]: {{src/misuse.rs::compile_fail,E0521}}");
        for slashes in ["//!", "///"] {
            let source = "! Kept.\n! ```compile_fail,E0521\n! # // req: C-105\n! f();\n! ```\n"
                .replace("! ", &format!("{slashes} "));
            assert_eq!(shown(&source), [expected.as_str()], "{source}");
        }
    }

    #[test]
    fn what_compiles_or_fails_for_any_reason_carries_none() {
        for info in ["", "no_run", "compile_fail", "ignore"] {
            let source = format!("//! ```{info}\n//! # // req: C-105\n//! ```\n");
            let problem = "2! a tag in documentation stands behind ```compile_fail,E0000 only";
            assert_eq!(shown(&source), [problem]);
        }
    }

    #[test]
    fn a_tag_is_a_hidden_line_behind_a_fence_and_well_formed() {
        let outside = "//! ```compile_fail,E0521\n//! ```\n//! # // req: C-105\n";
        assert!(shown(outside).is_empty());
        let seen = "//! ```compile_fail,E0521\n//! // req: C-105\n//! ```\n";
        assert!(shown(seen).is_empty());
        let of_no_comment = "//! ```compile_fail,E0521\nfn f() {}\n//! # // req: C-105\n";
        assert!(shown(of_no_comment).is_empty());
        let malformed = "//! ```compile_fail,E0521\n//! # // req: C-1\n//! ```\n";
        assert!(shown(malformed)[0].starts_with("2! 'C-1' is no requirement id"));
    }
}
