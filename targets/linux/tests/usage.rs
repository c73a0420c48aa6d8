//! What the programs say to people who use them wrongly: what was wrong, and what would be right.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output, Stdio};

fn tp(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tp"));
    let command = command.args(args).env_remove("AERON_DIR");
    command.stdin(Stdio::null()).output().unwrap()
}

/// Exit code and standard error of a call that must fail and print nothing on standard output.
fn refused(args: &[&str]) -> (i32, String) {
    let output = tp(args);
    assert!(output.stdout.is_empty(), "{args:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), stderr)
}

#[test]
fn misuse_ends_with_2_and_a_sentence_that_helps() {
    let publish = |args: &'static [&'static str]| {
        [&["publish", "--stream", "10000", "--input"][..], args].concat()
    };
    for (args, help) in [
        (vec![], "Usage"),
        (vec!["driver"], "tp driver status"),
        (vec!["driver", "leases", "--stream-id", "0"], "such as 1000"),
        (
            vec!["driver", "status", "--timeout", "never"],
            "such as 5 or 0.5",
        ),
        (
            vec!["driver", "status", "--channel", "udp"],
            "does not begin with",
        ),
        (
            vec![
                "driver", "attach", "--stream", "1", "--client", "0", "--role", "consumer",
            ],
            "from 1 to 4294967294",
        ),
        (vec!["driver", "shutdown"], "TP_SHUTDOWN_TOKEN"),
        (
            vec!["driver-status", "/a", "aeron:ipc", "1002", "more"],
            "unexpected argument 'more'",
        ),
        (vec!["rate-limit", "--dest", "2"], "--source"),
        (
            vec!["rate-limit", "--source", "2", "--dest", "2"],
            "must be two streams",
        ),
        (vec!["fly"], "unrecognized subcommand 'fly'"),
        (
            vec![
                "size",
                "--rate",
                "30",
                "--shape",
                "4x4",
                "--dtype",
                "uint8",
                "--latency",
                "5",
            ],
            "such as 5ms",
        ),
        (
            vec![
                "size",
                "--rate",
                "1",
                "--shape",
                "70000x70000",
                "--dtype",
                "uint8",
                "--latency",
                "5s",
            ],
            "4 GiB or more",
        ),
        (
            vec![
                "size",
                "--rate",
                "1",
                "--shape",
                "60000x60000",
                "--dtype",
                "uint8",
                "--latency",
                "5s",
            ],
            "at most 2 GiB",
        ),
        (vec!["publish", "--input", "a.png"], "--stream <ID>"),
        (
            vec!["publish", "--stream", "0", "--input", "a.png"],
            "from 1 to 2147483647",
        ),
        (vec!["subscribe", "--stream", "camera"], "such as 10000"),
        (publish(&[]), "--input <PATH>"),
        (publish(&["a.png", "--rate", "fast"]), "frames per second"),
        (publish(&["a.png", "--rate", "-3"]), "frames per second"),
        (publish(&["-"]), "--dtype uint8 --shape 480x640x3"),
        (
            publish(&["-", "--dtype", "double", "--shape", "2"]),
            "float64",
        ),
        (
            publish(&["-", "--dtype", "uint8", "--shape", "2,3"]),
            "480x640x3",
        ),
        (
            publish(&["-", "--dtype", "uint8", "--shape", "2", "--loop"]),
            "leave out --loop",
        ),
        (
            publish(&["-", "--dtype", "uint8", "--shape", "2", "--hold"]),
            "leave out --hold",
        ),
        (
            publish(&["-", "a.png", "--dtype", "uint8", "--shape", "2"]),
            "- alone",
        ),
        (publish(&["a.png", "--shape", "2"]), "--input -"),
        (
            vec!["subscribe", "--stream", "1", "--format", "png"],
            "--out",
        ),
        (
            vec![
                "subscribe",
                "--stream",
                "1",
                "--out",
                "x",
                "--format",
                "gif",
            ],
            "npy, png",
        ),
        (vec!["inspect"], "<URI>"),
        (vec!["demo", "--seconds", "0"], "1..="),
        (
            vec!["demo", "--seconds", "long"],
            "--seconds <N> takes a whole number, such as 10, not 'long'",
        ),
        (
            vec!["rate-limit", "--max-rate", "x"],
            "--max-rate <HZ> takes a whole number",
        ),
        (
            vec!["rate-limit", "--max-rate", "99999999999999999999"],
            "--max-rate <HZ> takes a smaller number",
        ),
    ] {
        let (code, stderr) = refused(&args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(help), "{args:?}: {stderr}");
    }
}

#[test]
fn failure_ends_with_1_and_names_what_failed() {
    for (args, reason) in [
        (
            vec!["publish", "--stream", "1", "--input", "no/such.png"],
            "no/such.png: No such file",
        ),
        (
            vec!["publish", "--stream", "1", "--input", "Cargo.toml"],
            ".png .jpg",
        ),
        (
            vec!["subscribe", "--stream", "1", "--check", "src"],
            "src: its name should end",
        ),
        (
            vec!["subscribe", "--stream", "1", "--allow", "/no/such"],
            "/no/such",
        ),
        (
            vec!["subscribe", "--stream", "1", "--aeron-dir", "/no/such/dir"],
            "tp media-driver --dir /no/such/dir",
        ),
        (
            vec!["driver", "leases", "--aeron-dir", "/no/such/dir"],
            "tp media-driver --dir /no/such/dir",
        ),
        (
            vec!["driver", "shutdown", "--token-file", "no/such/token"],
            "no/such/token: No such file",
        ),
        (vec!["inspect", "Cargo.toml"], "no region of a tensor pool"),
        (
            vec!["inspect", "shm:file?path=/dev/null"],
            "/dev/null: not a regular file",
        ),
    ] {
        let (code, stderr) = refused(&args);
        assert_eq!(code, 1, "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
    }
}

#[test]
fn a_demo_that_cannot_start_says_so_in_json_and_by_its_exit_status() {
    let output = tp(&["demo", "--data", "no/such/directory", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let last = String::from_utf8(output.stdout).unwrap();
    assert!(
        last.starts_with(r#"{"demo":"failed","reason":"no/such/directory/"#),
        "{last}"
    );
}

#[test]
fn every_command_shows_how_it_is_used() {
    for command in [
        "publish",
        "subscribe",
        "rate-limit",
        "inspect",
        "demo",
        "bench",
        "size",
        "driver",
        "discover",
    ] {
        let output = tp(&[command, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{command}"
        );
        assert!(
            help.contains(&format!("  tp {command} ")),
            "no example: {help}"
        );
    }
}

#[test]
fn the_example_of_a_rate_limiter_is_usable() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/limiter.toml");
    let output = tp(&["rate-limit", "--config", file, "--check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said, format!("{file}: usable\n"));
}
