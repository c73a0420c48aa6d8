//! Messages on the control stream that are meant to hurt: malformed, as long as they can be, far too many. The driver
//! refuses or counts them, every lease lives on, and not a frame is lost.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde::Deserialize;
use tp_core_nostd::transport::{Publication, SendError};
use tp_std::aeron::{AeronClient, AeronExclusivePublication, ClientConfig};
use tp_std::{CONTROL_STREAM, Client, Error, Producer, ProducerConfig};

use crate::foreign::{connected, garbage};
use crate::frames::{Pace, publish};
use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, consumer, producer, stream, wait_until};
use crate::watcher::{Watcher, assert_accounted, settle};

/// An entry of the golden vectors' refused input.
#[derive(Deserialize)]
struct Malformed {
    name: String,
    hex: String,
}

impl Malformed {
    /// All of them, set into the circumstances in which they are void: `lease` is one in force.
    fn all(lease: u64) -> Vec<Vec<u8>> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
        let files = ["services_malformed.json", "wire_malformed.json"];
        let entries = files.iter().flat_map(|name| {
            let text = std::fs::read_to_string(dir.join(name)).unwrap();
            serde_json::from_str::<Vec<Self>>(&text).unwrap()
        });
        entries.map(|entry| entry.bytes(lease)).collect()
    }

    fn bytes(&self, lease: u64) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        let mut bytes: Vec<u8> = digits.map(byte).collect();
        let (kind, case) = self.name.split_once('/').unwrap();
        match kind {
            // Revocations older than the announce; ours are of today (D-217).
            "LeaseRevoked" if case.ends_with("_announce") => {
                bytes[8..16].copy_from_slice(&1_u64.to_le_bytes());
            }
            // The lease of somebody else; a lease of nobody would be answered (D-154).
            "LeaseKeepalive" if case.starts_with("foreign_") => {
                bytes[8..16].copy_from_slice(&lease.to_le_bytes());
            }
            _ => {}
        }
        bytes
    }
}

/// Messages of the greatest length there is.
fn oversized(len: usize) -> Vec<Vec<u8>> {
    let header = |block: u16, template: u16, version: u16| {
        [block, template, 901, version]
            .into_iter()
            .flat_map(u16::to_le_bytes)
    };
    let filled = |head: Vec<u8>, fill: u8| {
        let mut message = head;
        message.resize(len, fill);
        message
    };
    let mut messages = Vec::new();
    for fill in [0x00, 0x20, 0x7F, 0xFF] {
        // Noise; every message of schema 901 with fields of one byte value; the same in a version that nobody knows.
        messages.push(filled(Vec::new(), fill));
        for (template, block) in [
            (1, 27),
            (2, 54),
            (3, 25),
            (4, 12),
            (5, 25),
            (6, 9),
            (7, 26),
            (8, 9),
        ] {
            // All zeros are a shutdown notice that clients must believe (D-151).
            if (template, fill) == (6, 0x00) {
                continue;
            }
            messages.push(filled(header(block, template, 1).collect(), fill));
            messages.push(filled(header(block, template, 9).collect(), fill));
        }
        // A token of half a megabyte.
        let token = u32::try_from(len - 8 - 9 - 8).unwrap();
        let head = header(9, 8, 1).chain([0; 9]).chain(token.to_le_bytes());
        messages.push(filled(head.collect(), fill));
    }
    messages
}

/// Offers until it is taken; the driver may be busy with what came before.
pub(crate) fn send(
    stranger: &mut AeronClient,
    publication: &mut AeronExclusivePublication,
    message: &[u8],
) {
    wait_until("room on the control stream", || {
        match publication.offer(message) {
            Ok(()) => true,
            Err(SendError::BackPressured | SendError::AdminAction) => {
                stranger.do_work().unwrap();
                false
            }
            Err(other) => panic!("{other:?}"),
        }
    });
}

/// What the driver made of messages that it could not follow.
fn judged(rig: &Rig) -> u64 {
    let counters = &rig.told(&["driver", "counters", "--json"])[0];
    let counters = counters.as_object().unwrap().iter();
    counters
        .filter(|(name, _)| name.starts_with("ignored") || name.ends_with("refused"))
        .map(|(_, value)| value.as_u64().unwrap())
        .sum()
}

/// Publishes at 1 kHz while `attack` runs, and checks that nobody noticed it.
pub(crate) fn undisturbed(shape: &Shape, attack: impl FnOnce(&Rig) + Send) {
    let rig = Rig::start(shape);
    let (client, _conductor) = rig.client();
    let first = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    // A second epoch, which the consumer learns from an announce: older revocations do not count any more (D-217).
    drop(first);
    let mut producer = successor(&client);
    settle(&mut producer, &[&watcher]);
    let epoch = producer.epoch();

    let going = AtomicBool::new(true);
    thread::scope(|scope| {
        let publishing = scope.spawn(|| flow(&mut producer, &going));
        // Stops the traffic also when the attack fails.
        let attack = scope.spawn(|| attack(&rig));
        let outcome = attack.join();
        // The attacker has gone by now, and its images with it.
        thread::sleep(Duration::from_millis(300));
        going.store(false, Ordering::Relaxed);
        assert!(publishing.join().unwrap() > 0);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    let total = settle(&mut producer, &[&watcher]);
    assert_eq!(producer.epoch(), epoch, "a lease was lost");
    for (name, expected) in [("detached", 1), ("expired", 0), ("revoked", 0)] {
        assert_eq!(rig.counter(name), expected, "{name}");
    }
    let drops = watcher.drops.clone();
    assert_eq!(drops.local_drops(), 0, "a mapping was lost");
    assert_accounted(total, &watcher.stop(), &drops);
    // The driver is still there for newcomers.
    let (other, _other_conductor) = rig.client();
    let newcomer = Watcher::start(consumer(&other));
    settle(&mut producer, &[&newcomer]);
    assert_eq!(newcomer.stop().torn, 0);
}

/// A producer, once the lease of the one before has ended.
fn successor(client: &Client) -> Producer {
    let mut next = None;
    wait_until("the lease of the first producer to end", || {
        let pending = client.producer(ProducerConfig::new(stream())).unwrap();
        match pending.wait(PATIENCE) {
            Ok(producer) => next = Some(producer),
            Err(Error::Rejected { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        next.is_some()
    });
    next.unwrap()
}

fn flow(producer: &mut Producer, going: &AtomicBool) -> u64 {
    let mut pace = Pace::hz(1000);
    let mut frames = 0;
    while going.load(Ordering::Relaxed) {
        publish(producer, 1024).unwrap();
        frames += 1;
        pace.wait();
    }
    frames
}

#[test] // req: D-025, D-029, D-030, D-060, D-062, D-217
fn malformed_and_oversized_control_messages_disturb_nobody() {
    undisturbed(&Shape::default(), |rig| {
        let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
        let mut control = connected(&mut stranger, CONTROL_STREAM);
        let before = judged(rig);
        let leases = rig.told(&["driver", "leases", "--json"]);
        let mut messages = Malformed::all(leases[0]["lease_id"].as_u64().unwrap());
        assert!(messages.len() > 262, "{}", messages.len());
        messages.extend(oversized(control.max_message_length()));
        let sent = messages.len() as u64;
        for message in &messages {
            send(&mut stranger, &mut control, message);
            stranger.do_work().unwrap();
        }
        println!("{sent} messages");
        wait_until("the driver to judge them all", || {
            judged(rig) >= before + sent
        });
    });
}

#[test] // req: D-216
fn a_flood_of_garbage_keeps_no_lease_from_being_kept_alive() {
    const AT_ONCE: usize = 50_000;
    /// The rest comes over a longer time than a lease lives without keepalives.
    const BURSTS: usize = 100;
    const BURST: usize = 500;
    undisturbed(&Shape::default(), |rig| {
        let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
        let mut control = connected(&mut stranger, CONTROL_STREAM);
        let before = judged(rig);
        let garbage = garbage();
        let mut garbage = garbage.iter().map(|(message, _)| message).cycle();
        let started = Instant::now();
        for message in garbage.by_ref().take(AT_ONCE) {
            send(&mut stranger, &mut control, message);
        }
        println!("{AT_ONCE} messages sent in {:?}", started.elapsed());
        for _ in 0..BURSTS {
            for message in garbage.by_ref().take(BURST) {
                send(&mut stranger, &mut control, message);
            }
            stranger.do_work().unwrap();
            thread::sleep(Duration::from_millis(50));
        }
        let sent = (AT_ONCE + BURSTS * BURST) as u64;
        wait_until("the driver to judge them all", || {
            judged(rig) >= before + sent
        });
        println!("{sent} messages judged after {:?}", started.elapsed());
    });
}
