//! Which test shows which id: the `req:` comments of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::id::Id;
use crate::rust::RustFile;
use crate::{scripts, tree};

/// Where an id is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The tests that show it, as `file::name`; the file alone where it is the test as a whole.
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
    let files = |extensions| tree::files(root, extensions).map_err(|error| vec![error.to_string()]);
    let (rust, others) = (files(&["rs"])?, files(&["c", "sh", "py"])?);
    let rust: Vec<RustFile<'_>> = rust
        .iter()
        .map(|file| RustFile::parse(&file.name, &file.text))
        .collect();
    let in_rust = rust.iter().map(|file| (file.name, file.tags(&rust)));
    let in_others = others
        .iter()
        .map(|file| (file.name.as_str(), scripts::tags(&file.name, &file.text)));

    let mut tags = Tags::new();
    let mut problems = Vec::new();
    for (file, found) in in_rust.chain(in_others) {
        for tag in found {
            match tag {
                Err((line, problem)) => problems.push(format!("{file}:{line}: {problem}")),
                Ok(Tag { line, ids, tests }) => {
                    for id in ids {
                        let place = Place {
                            file: file.to_owned(),
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

/// The ids of a comment, if it is a tag. Behind other words a tag would be passed over, so it is refused there.
pub(crate) fn ids_of(comment: &str) -> Option<Result<Vec<Id>, String>> {
    if let Some(list) = comment.trim_start().strip_prefix("req:") {
        return Some(list.split(',').map(|id| id.trim().parse()).collect());
    }
    let is_doc = comment.starts_with(['/', '!']);
    let (_, list) = comment.split_once(" req: ").filter(|_| !is_doc)?;
    let first: Result<Id, _> = list.split(',').next()?.trim().parse();
    first
        .is_ok()
        .then(|| Err(format!("a tag is a comment of its own: // req: {list}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_prose_are_no_tags() {
        for list in ["W-001..W-005", "W-001 and W-002", "W-001,", ""] {
            assert!(ids_of(&format!(" req: {list}")).unwrap().is_err(), "{list}");
        }
        assert_eq!(ids_of(" requires W-001"), None);
        assert_eq!(ids_of(" as req: says"), None);
        assert_eq!(ids_of("! in a comment, `// req: W-099`"), None);
        assert!(ids_of(" Row 8. req: W-001, W-002").unwrap().is_err());
    }
}
