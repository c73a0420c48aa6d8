//! A running driver seen from other processes: they take no message from anybody, and cost nobody a frame.

use core::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use tp_core_nostd::transport::Publication;
use tp_std::STATUS_STREAM;
use tp_std::aeron::{AeronClient, ClientConfig};

use crate::foreign::connected;
use crate::frames::{Pace, publish};
use crate::rig::{Rig, Shape, aeron_dir, consumer, producer, wait_until};
use crate::watcher::{Watcher, assert_accounted, settle};

fn of_role<'v>(leases: &'v [Value], role: &str) -> Vec<&'v Value> {
    leases
        .iter()
        .filter(|lease| lease["role"] == role)
        .collect()
}

#[test] // req: C-168
fn other_processes_see_status_leases_and_streams_while_frames_flow() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    let epoch = producer.epoch().unwrap().get();

    let going = AtomicBool::new(true);
    let sent = thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let mut pace = Pace::hz(1000);
            let mut sent = 0;
            while going.load(Ordering::Relaxed) {
                sent = publish(&mut producer, 1024).unwrap().0 + 1;
                pace.wait();
            }
            sent
        });
        // Several at once: each gets the whole answer.
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let leases = rig.told(&["driver", "leases", "--json"]);
                        assert_eq!(leases.len(), 2, "{leases:?}");
                        let streams = rig.told(&["driver", "streams", "--json"]);
                        let [stream] = &streams[..] else {
                            panic!("{streams:?}")
                        };
                        let producer = of_role(&leases, "producer")[0];
                        let consumer = of_role(&leases, "consumer")[0];
                        assert_eq!(stream["stream_id"], 10_000);
                        assert_eq!(stream["epoch"], epoch);
                        assert_eq!(stream["producer_lease_id"], producer["lease_id"]);
                        assert_eq!(stream["consumer_lease_ids"][0], consumer["lease_id"]);
                        let uri = stream["header_uri"].as_str().unwrap();
                        let path = uri.strip_prefix("shm:file?path=").unwrap();
                        assert!(std::path::Path::new(path).exists(), "{path}");
                    }
                })
            })
            .collect();
        for asking in asking {
            asking.join().unwrap();
        }
        going.store(false, Ordering::Relaxed);
        publishing.join().unwrap()
    });
    let status = &rig.told(&["driver", "status", "--json"])[0];
    assert_eq!(status["lifecycle"], "running");
    assert_eq!(status["lease_count"], 2);
    assert_eq!(rig.counter("attached"), 2);
    let total = settle(&mut producer, &[&watcher]);
    assert!(total > sent);
    let drops = watcher.drops.clone();
    assert_accounted(total, &watcher.stop(), &drops);
    assert_eq!(
        drops.gap_drops() + drops.late_drops() + drops.local_drops(),
        0
    );
}

#[test] // req: C-168
fn a_lease_can_be_taken_kept_and_given_back_by_hand() {
    let rig = Rig::start(&Shape::default());
    let attach = [
        "driver", "attach", "--json", "--stream", "10000", "--client", "4711",
    ];
    let attach = [
        &attach[..],
        &["--role", "consumer", "--publish-mode", "create"],
    ]
    .concat();
    let mut granted = Vec::new();
    wait_until("the driver", || {
        let output = rig.tp(&attach);
        let text = String::from_utf8(output.stdout).unwrap();
        granted.extend(text.lines().next().map(str::to_owned));
        output.status.success()
    });
    let grant: Value = serde_json::from_str(granted.last().unwrap()).unwrap();
    assert_eq!(
        (&grant["code"], &grant["layout_version"]),
        (&"OK".into(), &1.into())
    );
    // The same client cannot have two.
    let output = rig.tp(&attach);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("client_id already attached")
    );

    let lease = grant["lease_id"].to_string();
    let named = [
        "--stream", "10000", "--client", "4711", "--role", "consumer", "--lease", &lease,
    ];
    let before = rig.counter("keepalives");
    rig.told(&[&["driver", "keepalive", "--json"][..], &named].concat());
    assert_eq!(rig.counter("keepalives"), before + 1);
    let detached = &rig.told(&[&["driver", "detach", "--json"][..], &named].concat())[0];
    assert_eq!(detached["code"], "OK");
    assert!(rig.told(&["driver", "leases", "--json"]).is_empty());
    let again = rig.tp(&[&["driver", "detach"][..], &named].concat());
    assert_eq!(again.status.code(), Some(1));
}

#[test] // req: C-168
fn a_driver_without_a_status_stream_is_not_heard_and_the_tool_says_where_it_asked() {
    let rig = Rig::start(&Shape {
        driver: "status_stream_id = 0",
        ..Shape::default()
    });
    let output = rig.tp(&["driver", "status", "--timeout", "0.5"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("stream 1002"), "{stderr}");
    assert!(stderr.contains("driver.status_stream_id"), "{stderr}");
}

#[test] // req: C-168
fn a_flood_on_the_status_stream_disturbs_no_lease_and_answers_come_after_it() {
    let rig = Rig::start(&Shape::default());
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    let epoch = producer.epoch();

    let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
    let mut flood = connected(&mut stranger, STATUS_STREAM);
    let mut noise = 0;
    for n in 0..100_000_u64 {
        // Half of them would be questions.
        let message = match n % 2 {
            0 => format!(r#"{{"request":{n},"what":"leases"}}"#),
            _ => "x".repeat(usize::try_from(n % 1000).unwrap()),
        };
        noise += n % 2;
        wait_until("room on the status stream", || {
            flood.offer(message.as_bytes()).is_ok()
        });
        if n % 100 == 0 {
            publish(&mut producer, 1024).unwrap();
            stranger.do_work().unwrap();
        }
    }
    wait_until("the end of the flood", || {
        rig.tp(&["driver", "status"]).status.success() && rig.counter("status_noise") == noise
    });
    assert_eq!(rig.counter("expired"), 0);
    settle(&mut producer, &[&watcher]);
    assert_eq!(producer.epoch(), epoch);
    assert_eq!(watcher.stop().torn, 0);
}
