//! What `tp_driver` says about configurations: the examples are usable, bad ones are named.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn check(file: &Path, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tp_driver"));
    command.arg("--check").arg(file).stdin(Stdio::null());
    command.env_remove("AERON_DIR").env_remove("TP_LOG_LEVEL");
    command.envs(environment.iter().copied()).output().unwrap()
}

fn examples() -> Vec<PathBuf> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let files = fs::read_dir(dir).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    // The other one is for `tp rate-limit`.
    files
        .filter(|file| !file.ends_with("limiter.toml"))
        .collect()
}

#[test] // req: D-205
fn every_example_is_usable() {
    let examples = examples();
    for name in ["camera", "isolated-core", "hugepages", "dynamic", "driver"] {
        let is_there = |path: &PathBuf| path.file_stem().unwrap() == name;
        assert!(examples.iter().any(is_there), "{name}");
    }
    for file in examples {
        let output = check(&file, &[("TP_LOG_FORMAT", "json")]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{}: {said}", file.display());
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{}: usable\n", file.display())
        );
        // How large the cache is depends on the machine; nothing else may be questionable.
        for line in said.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = line["msg"].as_str().unwrap();
            assert!(text.contains("last-level cache"), "{text}");
        }
    }
}

#[test] // req: C-172, D-208, D-213
fn what_is_wrong_is_said_with_its_place_and_nothing_is_started() {
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/dynamic.toml"));
    let output = check(example, &[("DRIVER_STREAM_ID_RANGE", "1-1000")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(
            "environment variable DRIVER_STREAM_ID_RANGE: driver.stream_id_range: 1-1000 overlaps \
             driver.control_stream_id: both have 1000"
        ),
        "{said}"
    );
}

#[test] // req: C-173
fn wrong_log_settings_are_said_and_do_no_harm() {
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/camera.toml"));
    let output = check(
        example,
        &[("TP_LOG_LEVEL", "loud"), ("TP_LOG_FORMAT", "xml")],
    );
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("TP_LOG_LEVEL=\"loud\" must be a level"),
        "{said}"
    );
    assert!(said.contains("TP_LOG_FORMAT=\"xml\" must be text, logfmt or json"));
}

#[test] // req: D-147
fn the_shutdown_token_is_never_printed() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/dynamic.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_tp_driver"))
        .args(["--print-config", example])
        .env("POLICIES_SHUTDOWN_TOKEN", "open-sesame")
        .env("TP_LOG_LEVEL", "trace")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!said.contains("sesame"), "{said}");
    assert!(said.contains(
        "policies.shutdown_token = (secret)  # environment variable POLICIES_SHUTDOWN_TOKEN"
    ));
}
