//! Stand-ins for the peers' programs: scripts with their names and command lines around programs of ours, so that the suite
//! is known to run, and to fail where it should, without any peer.

use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::json;
use tempfile::TempDir;
use tp_core_nostd::ids::ClientId;
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::transport::Subscription;
use tp_std::aeron::{AeronClient, AeronSubscription, Channel, ClientConfig};
use tp_std::{Client, ConductorThread, ConsumerConfig, Context, ProducerConfig};

use crate::pairs::{self, stream};
use crate::pattern::check;
use crate::peers::{CHANNEL, Peers, ours};

const NAME: &str = "TP_STAND_IN";
const ARGS: &str = "TP_STAND_IN_ARGS";
const WRONG: &str = "TP_STAND_IN_WRONG";

/// A folder of stand-ins.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn peers(&self) -> Peers {
        Peers::at(self.0.path())
    }
}

/// Stand-ins whose producer is `wrong`, or right.
pub(crate) fn folder(wrong: bool) -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, lines: String| {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    };
    let (tp, driver) = (ours("tp"), ours("tp_driver"));
    script(
        "aeronmd",
        format!("exec {} media-driver --dir \"$AERON_DIR\"", tp.display()),
    );
    script("tp_driver", format!("exec {} \"$@\"", driver.display()));
    let us = std::env::current_exe().unwrap();
    for name in [
        "tp_example_producer_driver",
        "tp_example_consumer_driver",
        "tp_control_listen",
        "tp_descriptor_listen",
    ] {
        let us = us.display();
        script(
            name,
            format!(
                "export {NAME}={name} {WRONG}={wrong} {ARGS}=\"$*\"\n\
                 exec {us} --exact stand_in_here --nocapture --test-threads=1"
            ),
        );
    }
    Folder(dir)
}

/// The other end: returns at once in the test run itself.
pub(crate) fn run() {
    let Ok(name) = std::env::var(NAME) else {
        return;
    };
    let args = std::env::var(ARGS).unwrap();
    let mut options = BTreeMap::new();
    let mut words = args.split(' ').peekable();
    while let Some(option) = words.next() {
        let value = words.next_if(|word| !word.starts_with('-'));
        options.insert(option, value.unwrap_or_default());
    }
    // The harness has not ended its line.
    println!();
    match name.as_str() {
        "tp_example_producer_driver" => produce(&options),
        "tp_example_consumer_driver" => consume(&options),
        "tp_control_listen" => listen(&options, &[options["-C"], options["-M"], options["-Q"]]),
        "tp_descriptor_listen" => listen(&options, &["1100"]),
        other => panic!("{other}"),
    }
}

type Options<'a> = BTreeMap<&'a str, &'a str>;

fn client(options: &Options<'_>) -> (Client, ConductorThread, ClientId, u64) {
    assert_eq!(options["-s"], stream().to_string());
    let context = Context::new().with_aeron_dir(options["-a"]).unwrap();
    let context = context.with_default_channels(options["-c"], 0).unwrap();
    let (client, conductor) = Client::start(context.allow_dir("/dev/shm")).unwrap();
    let id = options["-i"].parse().ok().and_then(ClientId::new).unwrap();
    (client, conductor, id, options["-n"].parse().unwrap())
}

fn produce(options: &Options<'_>) {
    assert_eq!(std::env::var("TP_PATTERN").as_deref(), Ok("interop"));
    let wrong = std::env::var(WRONG).as_deref() == Ok("true");
    let (client, _conductor, id, frames) = client(options);
    let config = ProducerConfig::new(stream()).with_client(id);
    let mut producer = pairs::producer(&client, config).unwrap();
    let mut next = 0;
    for _ in 0..frames {
        next = pairs::send(&mut producer, next, wrong);
        thread::sleep(Duration::from_millis(3));
    }
}

fn consume(options: &Options<'_>) {
    let (client, _conductor, id, frames) = client(options);
    let config = ConsumerConfig::new(stream()).with_client(id);
    let mut consumer = pairs::consumer(&client, config).unwrap();
    let mut right = 0;
    while right < frames {
        let polled = consumer.poll(64, |descriptor, reader| {
            let mut payload = [0; 4096];
            let copied = reader
                .read()
                .ok()
                .and_then(|frame| frame.copy_to(&mut payload).ok());
            if let Some(len) = copied {
                check(descriptor.seq.get(), &payload[..len]).unwrap();
                right += 1;
            }
        });
        polled.unwrap();
        thread::sleep(Duration::from_millis(1));
    }
}

fn subscribe(aeron: &mut AeronClient, stream: &str) -> AeronSubscription {
    let channel: Channel = CHANNEL.parse().unwrap();
    let mut pending = aeron
        .add_subscription(&channel, stream.parse().unwrap())
        .unwrap();
    loop {
        aeron.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// One object per message, until it is killed.
fn listen(options: &Options<'_>, streams: &[&str]) {
    assert!(options.contains_key("-j"));
    let mut aeron = AeronClient::connect(&ClientConfig::new(Path::new(options["-a"]))).unwrap();
    let mut subscriptions: Vec<_> = streams
        .iter()
        .map(|stream| subscribe(&mut aeron, stream))
        .collect();
    loop {
        aeron.do_work().unwrap();
        for subscription in &mut subscriptions {
            let polled = subscription.poll(10, &mut |bytes, _| {
                if let Some((name, stream)) = classify(bytes).ok().and_then(|message| of(&message))
                {
                    println!("{}", json!({"type": name, "stream": stream}));
                }
            });
            polled.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Type and stream of a message.
fn of(message: &Message<'_>) -> Option<(&'static str, u32)> {
    Some(match message {
        Message::ShmPoolAnnounce(view) => ("ShmPoolAnnounce", view.block.stream_id.get()),
        Message::ConsumerHello(view) => ("ConsumerHello", view.block.stream_id.get()),
        Message::QosProducer(view) => ("QosProducer", view.block.stream_id.get()),
        Message::QosConsumer(view) => ("QosConsumer", view.block.stream_id.get()),
        Message::DataSourceAnnounce(view) => ("DataSourceAnnounce", view.block.stream_id.get()),
        Message::DataSourceMeta(view) => ("DataSourceMeta", view.block.stream_id.get()),
        Message::FrameProgress(view) => ("FrameProgress", view.block.stream_id.get()),
        Message::FrameDescriptor(view) => ("FrameDescriptor", view.block.stream_id.get()),
        _ => return None,
    })
}
