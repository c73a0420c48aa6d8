//! Writes `docs/requirements.md`: for each requirement id of `docs/spec/`, the tests that show it or why it is open.
//!
//! A test names what it shows in a line comment, `// req: W-099, T-19` (`#` in scripts), in it, on the line of its attribute
//! or right above it; a row of a table carries its own, and so does a documentation test that must not compile, in a hidden
//! line. What no test names stands in `docs/requirements-open.txt`.
//! `--check` writes nothing and fails with a sentence for each thing that is wrong.
mod doc_tests;
mod id;
mod items;
mod lexer;
mod links;
mod open;
mod report;
mod rust;
mod scripts;
mod spec;
mod tags;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let check_only = match arguments[..] {
        [] => false,
        ["--check"] => true,
        ["--check", other, ..] | [other, ..] => {
            eprintln!("tp-requirements: unknown argument '{other}'; there is only --check");
            return ExitCode::from(2);
        }
    };
    // Cargo tells where the package is; asked at run time, since checkouts may share a target directory.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = package.map_or(PathBuf::from("."), |package| package.join("../.."));
    let outcome = if check_only {
        check(&root)
    } else {
        write(&root)
    };
    match outcome {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path) -> Result<String, Vec<String>> {
    let report = gather(root)?;
    fs::write(root.join(report::FILE), &report.text)
        .map_err(|error| vec![format!("{}: {error}", report::FILE)])?;
    Ok(report.summary)
}

fn check(root: &Path) -> Result<String, Vec<String>> {
    let mut problems = Vec::new();
    let report = gather(root).map_err(|found| problems.extend(found));
    problems.extend(links::broken(root));
    match report {
        Ok(report) if problems.is_empty() => {
            if fs::read_to_string(root.join(report::FILE))
                .is_ok_and(|standing| standing == report.text)
            {
                return Ok(report.summary);
            }
            Err(vec![format!(
                "{} is stale: `make requirements` writes it anew",
                report::FILE
            )])
        }
        _ => Err(problems),
    }
}

fn gather(root: &Path) -> Result<report::Report, Vec<String>> {
    let defined = spec::defined(root).map_err(|problem| vec![problem])?;
    let open = open::read(root)?;
    let tags = tags::in_tree(root)?;
    report::build(&defined, &tags, &open)
}
