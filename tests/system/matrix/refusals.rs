//! Rows of the matrix that must be refused, and disturb nobody.

use tp_core_nostd::ids::{NodeId, StreamId};
use tp_core_nostd::wire::driver::{HugepagesPolicy, PublishMode, RefusalCode};
use tp_std::{Client, Error, ProducerConfig};

use super::exchange::shape;
use crate::frames::{Pace, publish};
use crate::rig::{PATIENCE, Rig, Shape, consumer, stream};
use crate::watcher::{Watcher, assert_accounted, settle};

const OTHER: u32 = 10_001;

fn on(id: u32) -> ProducerConfig {
    ProducerConfig::new(StreamId::new(id).unwrap())
}

fn node() -> NodeId {
    NodeId::new(77).unwrap()
}

/// What is asked for, and what the driver says.
fn rows() -> [(ProducerConfig, &'static str); 4] {
    let unknown = |mode| (on(10_009).with_publish_mode(mode), "stream not provisioned");
    let huge = on(OTHER).with_hugepages(HugepagesPolicy::Hugepages);
    [
        unknown(PublishMode::RequireExisting),
        unknown(PublishMode::ExistingOrCreate),
        (huge, "huge pages are not available"),
        (
            on(OTHER).with_node(node()),
            "desired node id is not available",
        ),
    ]
}

fn refused(client: &Client, config: ProducerConfig) -> (RefusalCode, String) {
    match client.producer(config).unwrap().wait(PATIENCE) {
        Err(Error::Rejected { code, text }) => (code, text),
        other => panic!("{other:?}"),
    }
}

#[test] // req: C-037, C-196, C-197, D-044, D-046, D-050, D-060, D-173
fn what_the_driver_cannot_give_is_refused_and_disturbs_nobody() {
    let rig = Rig::start(&Shape {
        streams: &[OTHER],
        ..shape()
    });
    let (client, _conductor) = rig.client();
    let config = ProducerConfig::new(stream()).with_node(node());
    let mut producer = client.producer(config).unwrap().wait(PATIENCE).unwrap();
    let watcher = Watcher::start(consumer(&client));
    settle(&mut producer, &[&watcher]);
    let epoch = producer.epoch();
    let mut pace = Pace::hz(1000);
    for (config, text) in rows() {
        assert_eq!(
            refused(&client, config),
            (RefusalCode::Rejected, text.to_owned())
        );
        publish(&mut producer, 1000).unwrap();
        pace.wait();
    }
    // Another layout than there is (wire 9).
    let attach = [
        "driver", "attach", "--stream", "10001", "--client", "4711", "--role", "producer",
    ];
    for (layout, taken) in [("2", false), ("1", true)] {
        let output = rig.tp(&[&attach[..], &["--layout", layout]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), taken, "{layout}: {said}");
        println!("{said} {}", String::from_utf8_lossy(&output.stdout));
    }
    let sent = settle(&mut producer, &[&watcher]);
    assert_eq!(producer.epoch(), epoch);
    let drops = watcher.drops.clone();
    assert_accounted(sent, &watcher.stop(), &drops);
}
