//! Discovery as tools and clients use it, with a provider that is a program of `examples/`.

use core::time::Duration;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tp_std::discovery::{Discovery, DiscoveryConfig, Filter, Timing};
use tp_std::{Client, ConsumerConfig, Error};

use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, base_dir, producer, stream};
use crate::tool::program;

/// A provider that ends by itself behind so many answers, and when dropped.
struct Provider(Child);

impl Provider {
    fn start(rig: &Rig, answers: u32) -> Self {
        let mut command = Command::new(program("discovery_provider"));
        command
            .env("AERON_DIR", aeron_dir(rig.root()))
            .env("TP_EXAMPLE_ALLOW_DIR", base_dir(rig.root()))
            .env("TP_EXAMPLE_ANSWERS", answers.to_string())
            .stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_tool_asks_and_tells_what_it_was_told() {
    let rig = Rig::start(&Shape::default());
    let _provider = Provider::start(&rig, 100);
    let told = rig.told(&["discover", "--name", "camera", "--timeout", "20", "--json"]);
    let answer = &told[0];
    assert_eq!((told.len(), &answer["status"]), (1, &json!("OK")));
    let results = answer["results"].as_array().unwrap();
    let result = &results[0];
    assert_eq!(results.len(), 1);
    assert_eq!(result["stream_id"], stream().get());
    assert_eq!(result["driver_control_stream_id"], 1000);
    assert_eq!(result["tags"], json!(["example"]));
    assert_eq!(result["pools"][0]["stride_bytes"], 4096);

    let nothing = rig.told(&["discovery-query", "-t", "99", "-j"]);
    assert_eq!(nothing[0]["results"], json!([]));

    let text = rig.tp(&["discover", "-t", "10000"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with("STREAM") && text.contains("camera"),
        "{text}"
    );

    // Where nobody answers: one object, and a failure.
    let silent = rig.tp(&["discover", "-s", "7100", "--timeout", "0.2", "--json"]);
    assert_eq!(silent.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&silent.stdout).unwrap();
    assert_eq!(told["status"], "TIMEOUT");
    assert_eq!(rig.tp(&["discover", "-t", "0"]).status.code(), Some(2));
}

#[test] // req: C-130, R-073
fn who_drives_its_client_waits_for_answers_and_measures_its_lease() {
    let rig = Rig::start(&Shape::default());
    let _provider = Provider::start(&rig, 100);
    let (publishing, _its_conductor) = rig.client();
    let _producer = producer(&publishing);
    let context = rig.context().with_histograms(true);
    let (client, mut conductor) = Client::invoker(context).unwrap();
    // The provider may take its time to start.
    let config = DiscoveryConfig::default().with_timing(Timing {
        total: PATIENCE,
        ..Timing::DEFAULT
    });
    let mut discovery = Discovery::new(&client, &config).unwrap();
    let found = discovery
        .find_with(&mut conductor, &Filter::default())
        .unwrap();
    let camera = found.stream(stream()).unwrap();
    let asked = client.consumer(ConsumerConfig::found(camera)).unwrap();
    let _consumer = asked.wait_with(&mut conductor, PATIENCE).unwrap();

    let elsewhere = Filter {
        stream_id: Some(99),
        ..Filter::default()
    };
    let nothing = discovery.find_with(&mut conductor, &elsewhere);
    assert!(nothing.unwrap().is_empty());
    let histograms = client.histograms().unwrap();
    let started = Instant::now();
    while histograms.keepalive_gap.snapshot().count() < 2 {
        assert!(started.elapsed() < PATIENCE);
        conductor.do_work().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(histograms.attach.snapshot().count(), 1);
    assert!(histograms.cycle.snapshot().count() > 2);
    let json: Value = serde_json::from_str(&histograms.attach.snapshot().to_json()).unwrap();
    assert_eq!(json["count"], 1);

    conductor.close();
    let closed = discovery.find_with(&mut conductor, &elsewhere);
    assert!(matches!(closed, Err(Error::Closed)));
}
