//! Which ids exist: the rows of the tables in `docs/spec/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::id::{FAMILIES, Id};

/// All ids that the digests define.
pub(crate) fn defined(root: &Path) -> Result<BTreeSet<Id>, String> {
    let mut ids = BTreeSet::new();
    for family in &FAMILIES {
        let name = format!("docs/spec/{}", family.digest);
        let text =
            fs::read_to_string(root.join(&name)).map_err(|error| format!("{name}: {error}"))?;
        for id in rows(&text).filter(|id| id.letter() == family.letter) {
            if !ids.insert(id) {
                return Err(format!("{name} defines {id} twice"));
            }
        }
    }
    Ok(ids)
}

/// Ids in the first column of the tables.
fn rows(digest: &str) -> impl Iterator<Item = Id> {
    digest
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_first_columns_define_ids() {
        let digest = "| Id | Rule |\n|---|---|\n| W-001 | as W-002 |\ntext on W-003\n| T-04 | trap |\n| - | W-005 |\n";
        let ids: Vec<String> = rows(digest).map(|id| id.to_string()).collect();
        assert_eq!(ids, ["W-001", "T-04"]);
    }
}
