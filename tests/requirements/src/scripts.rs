//! Tags in shell, Python and C: the comment's function, or the file as a whole, is the test.

use std::collections::BTreeSet;

use crate::tags::{Tag, ids_of};

/// The tags of the file called `name`.
pub(crate) fn tags(name: &str, text: &str) -> Vec<Result<Tag, (usize, String)>> {
    let language = match name.rsplit('.').next() {
        Some("py") => PYTHON,
        Some("c") => C,
        _ => SHELL,
    };
    let mut tags = Vec::new();
    let mut function = None;
    for (line, content) in (1_usize..).zip(text.lines()) {
        if let Some(head) = (language.head)(content) {
            function = Some(head);
        } else if content.starts_with('}') {
            function = None;
        }
        let Some(ids) = comment(content, language.comment).and_then(ids_of) else {
            continue;
        };
        // Right above a function it belongs to that one.
        let below = text
            .lines()
            .skip(line)
            .find(|next| !next.trim_start().starts_with(language.comment));
        let own_line = content.trim_start().starts_with(language.comment);
        let next = below.filter(|_| own_line).and_then(language.head);
        let test = next
            .or(function)
            .map_or(name.to_owned(), |test| format!("{name}::{test}"));
        let tests = BTreeSet::from([test]);
        tags.push(
            ids.map(|ids| Tag { line, ids, tests })
                .map_err(|problem| (line, problem)),
        );
    }
    tags
}

struct Language {
    comment: &'static str,
    /// Name of the function that starts on a line.
    head: fn(&str) -> Option<&str>,
}

const SHELL: Language = Language {
    comment: "#",
    head: |line| name_before(line, "()"),
};
const PYTHON: Language = Language {
    comment: "#",
    head: |line| name_before(line.trim_start().strip_prefix("def ")?, "("),
};
const C: Language = Language {
    comment: "//",
    head: |line| {
        let declared = line
            .split_once('(')
            .filter(|_| line.starts_with(is_word) && !line.ends_with(';'))?
            .0;
        Some(declared.rsplit(|c| !is_word(c)).next().unwrap_or(declared))
    },
};

fn name_before<'a>(line: &'a str, end: &str) -> Option<&'a str> {
    let (name, _) = line.split_once(end)?;
    (!name.is_empty() && name.chars().all(is_word)).then_some(name)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows the comment sign at the start of the line or behind a space.
fn comment<'a>(line: &'a str, sign: &str) -> Option<&'a str> {
    line.trim_start()
        .strip_prefix(sign)
        .or_else(|| Some(line.split_once(&format!(" {sign} "))?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, text: &str) -> Vec<String> {
        let show = |tag: Result<Tag, _>| {
            let tag = tag.unwrap();
            format!(
                "{}: {} {}",
                tag.line,
                tag.ids[0],
                tag.tests.first().unwrap()
            )
        };
        tags(name, text).into_iter().map(show).collect()
    }

    #[test]
    fn shell_tags_belong_to_function_or_file() {
        let text = "# req: W-001\nset -e\n# req: W-002\nstop() {\n  kill $1 # req: W-003\n}\n# req: W-004\n";
        let expected = [
            "1: W-001 a.sh",
            "3: W-002 a.sh::stop",
            "5: W-003 a.sh::stop",
            "7: W-004 a.sh",
        ];
        assert_eq!(shown("a.sh", text), expected);
    }

    #[test]
    fn python_and_c_tags_belong_to_their_function() {
        assert_eq!(
            shown("a.py", "def test_a():\n    # req: W-001\n"),
            ["2: W-001 a.py::test_a"]
        );
        let c = "int unused(void);\n// req: W-001\nstatic int *test_b(int a)\n{\n    // req: W-002\n}\n// req: W-003\n";
        assert_eq!(
            shown("a.c", c),
            [
                "2: W-001 a.c::test_b",
                "5: W-002 a.c::test_b",
                "7: W-003 a.c"
            ]
        );
    }
}
