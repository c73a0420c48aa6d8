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

fn rig() -> Rig {
    Rig::start(&Shape {
        driver: "descriptor_stream_id_range = [31000, 31009]\ncontrol_stream_id_range = [32000, 32009]",
        streams: &[10_001],
        ..Shape::default()
    })
}

/// One program that plays both ends.
fn alone(words: &[&str]) {
    run(&rig(), &[words]);
}

#[test] // req: C-174, C-175, C-176
fn camera() {
    alone(&["camera"]);
}

#[test] // req: C-174
fn direct_poll() {
    alone(&["direct_poll"]);
}

#[test] // req: C-174
fn dma() {
    alone(&["dma"]);
}

#[test] // req: C-174
fn invoker() {
    alone(&["invoker"]);
}

#[test] // req: C-174
fn no_driver_pair() {
    let rig = Rig::start_without_driver(&Shape::default());
    run(&rig, &[&["no_driver_consumer"], &["no_driver_producer"]]);
}

#[test] // req: C-174
fn private_streams() {
    alone(&["private_streams"]);
}

#[test] // req: C-174
fn progress() {
    alone(&["progress"]);
}

#[test] // req: C-175
fn progress_on_a_stream_of_its_own() {
    alone(&["progress", "CONTROL_STREAM_ID=32003", "FRAMES=20"]);
}

#[test] // req: C-174, C-175
fn progress_that_nobody_asked_for() {
    alone(&[
        "progress",
        "POLL_PROGRESS=false",
        "REQUIRE_PROGRESS=false",
        "FRAMES=20",
    ]);
}

#[test] // req: C-174
fn rate_limited() {
    alone(&["rate_limited"]);
}

#[test] // req: C-174, C-175
fn reattach() {
    alone(&["reattach", "MAX_WAIT_MS=40000"]);
    alone(&["reattach", "KEEPALIVE_MS=500", "EXPECT_LEASE_EXPIRY=false"]);
}

// Ids, timeouts, a pattern: each half is switched by itself.
#[test] // req: C-175
fn a_pair_that_is_switched() {
    run(
        &rig(),
        &[
            &[
                "driver_consumer",
                "PATTERN=seq",
                "FRAMES=20",
                "CLIENT_ID=71",
                "SILENT_ATTACH=true",
                "ATTACH_TIMEOUT_MS=9000",
                "ANNOUNCE_STREAM_ID=1001",
            ],
            &[
                "driver_producer",
                "PATTERN=seq",
                "FRAMES=20",
                "CLIENT_ID=72",
                "NODE_ID=5",
                "HUGEPAGES=0",
                "KEEPALIVE_MS=300",
                "CONSUMERS=1",
                "WAIT_CONNECTED=true",
            ],
        ],
    );
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
