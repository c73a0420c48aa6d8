//! Every program of `examples/`, run as people run it, with the services it needs. Each fails by itself when a frame is
//! lost or wrong.

use std::process::{Command, Stdio};

use crate::rig::{Rig, Shape, aeron_dir, base_dir};
use crate::tool::program;

/// Runs programs beside each other; each has to end well. Their switches follow their names, as `NAME=value`.
fn run(rig: &Rig, programs: &[&[&str]]) {
    let running: Vec<_> = programs
        .iter()
        .map(|words| {
            let switches = words[1..].iter().map(|word| word.split_once('=').unwrap());
            let mut command = Command::new(program(words[0]));
            command
                .env("AERON_DIR", aeron_dir(rig.root()))
                .env("TP_EXAMPLE_ALLOW_DIR", base_dir(rig.root()))
                .envs(switches.map(|(name, value)| (format!("TP_EXAMPLE_{name}"), value)))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            (words[0], command.spawn().unwrap())
        })
        .collect();
    let ended: Vec<_> = running
        .into_iter()
        .map(|(name, child)| (name, child.wait_with_output().unwrap()))
        .collect();
    for (name, output) in &ended {
        println!("{name}: {}", output.status);
        println!("{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(ended.iter().all(|(_, output)| output.status.success()));
}

#[test] // req: C-174
fn driver_pair() {
    let rig = Rig::start(&Shape::default());
    run(&rig, &[&["driver_consumer"], &["driver_producer"]]);
}

#[test] // req: C-174
fn qos_monitor() {
    let rig = Rig::start(&Shape::default());
    let frames = "FRAMES=500";
    run(
        &rig,
        &[
            &["qos_monitor"],
            &["driver_consumer", frames],
            &["driver_producer", frames],
        ],
    );
}

#[test] // req: C-174
fn metadata() {
    let rig = Rig::start(&Shape::default());
    run(&rig, &[&["metadata"]]);
}

#[test] // req: C-174
fn recorder_tap() {
    let rig = Rig::start(&Shape::default());
    run(&rig, &[&["recorder_tap"]]);
}

// The epoch and the files that the provider tells are invented: what counts is what the driver grants.
#[test] // req: C-174, C-128, R-001, R-002, R-003, R-074
fn discovery() {
    let rig = Rig::start(&Shape::default());
    run(
        &rig,
        &[
            &["discovery_provider"],
            &["discovery_consumer"],
            &["driver_producer"],
        ],
    );
}

// A wrong frame, and frames that never come: what an example is for.
#[test] // req: C-174
#[should_panic(expected = "success")]
fn a_pair_that_does_not_agree_on_its_frames_fails() {
    let rig = Rig::start(&Shape::default());
    run(
        &rig,
        &[
            &["driver_consumer", "PATTERN=interop", "MAX_WAIT_MS=5000"],
            &["driver_producer", "PATTERN=none"],
        ],
    );
}

/// Programs that make one stream of two have three.
fn three_streams() -> Rig {
    Rig::start(&Shape {
        streams: &[10_001, 10_002],
        ..Shape::default()
    })
}

#[test] // req: C-174
fn joins() {
    for program in ["join_sequence", "join_timestamp", "join_latest"] {
        run(&three_streams(), &[&[program]]);
    }
}

#[test] // req: C-174
fn trace_n_to_1() {
    run(&three_streams(), &[&["trace_n_to_1"]]);
}
