//! What a test cannot do here it says by [`skip`], which is an error where somebody promised that it can (C-180).
//!
//! `TP_PROVIDED` holds the promises, names as in `NEEDS` with spaces between them: `.ci/run` sets it to what its machine has.
//! `TP_SKIPS` is a file that collects what was skipped, for a summary.

#![allow(
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests of two crates share this file, and fail by it"
)]

use core::fmt::Display;
use std::fs::File;
use std::io::Write;

/// What not every machine has. The scripts' own stand in `targets/linux/skip.sh`.
pub const NEEDS: &[&str] = &[
    "tmpfs",
    "hugetlbfs",
    "huge-pages",
    "owners",
    "devices",
    "realtime",
    "memory-lock",
    "capabilities",
    "immutable",
    "peer",
    "discovery",
];

/// Says that `test` is left out, since this machine does not have what it `needs`.
///
/// # Panics
/// It was promised, or `needs` is none of those names.
pub fn skip(test: &str, needs: &str, why: impl Display) {
    let promised = std::env::var("TP_PROVIDED").unwrap_or_default();
    let line =
        verdict(test, needs, &why.to_string(), &promised).unwrap_or_else(|why| panic!("{why}"));
    println!("{line}");
    if let Some(file) = std::env::var_os("TP_SKIPS") {
        let list = File::options().create(true).append(true).open(file);
        list.and_then(|mut list| writeln!(list, "{line}")).unwrap();
    }
}

fn verdict(test: &str, needs: &str, why: &str, promised: &str) -> Result<String, String> {
    if !NEEDS.contains(&needs) {
        return Err(format!(
            "{needs} is none of what a test may need: {NEEDS:?}"
        ));
    }
    if promised.split_whitespace().any(|name| name == needs) {
        return Err(format!(
            "{test} would be skipped, because {why}; TP_PROVIDED promises {needs}"
        ));
    }
    Ok(format!("{test}: skipped, because {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-180
    fn what_is_promised_is_not_skipped() {
        let said = verdict("mounts", "tmpfs", "it is not permitted", "realtime  owners");
        assert_eq!(
            said.unwrap(),
            "mounts: skipped, because it is not permitted"
        );
        for promised in ["tmpfs", "realtime tmpfs\n"] {
            let why = verdict("mounts", "tmpfs", "it is not permitted", promised).unwrap_err();
            assert!(
                why.contains("would be skipped") && why.contains("promises tmpfs"),
                "{why}"
            );
        }
        assert!(verdict("mounts", "tmpf", "it is not permitted", "").is_err());
    }
}
