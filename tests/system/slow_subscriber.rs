//! A stopped subscriber must not hold up the others (design 4.6): 20,000 descriptors a second, two untethered readers,
//! one of which does not poll for three seconds.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use tp_core_nostd::transport::{ImageEvent, Publication, SendError, Subscription};
use tp_std::aeron::{
    AeronClient, AeronExclusivePublication, AeronSubscription, Channel, ClientConfig, MediaDriver,
    MediaDriverConfig, Pending,
};

const DESCRIPTOR_BYTES: usize = 48;
const RATE_HZ: u32 = 20_000;
const RUN: Duration = Duration::from_secs(5);
const STOPPED_FROM: Duration = Duration::from_secs(1);
const STOPPED_FOR: Duration = Duration::from_secs(3);

/// Far above what the settings promise: enough for a busy machine, too little for the 5 s of Aeron's own settings.
const GENEROUS: Duration = Duration::from_secs(2);

fn add<T>(client: &mut AeronClient, mut pending: Pending<T>) -> T {
    loop {
        client.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What the publisher saw.
#[derive(Debug, Default)]
struct Published {
    taken: u64,
    refused: u64,
    /// Longest time without an offer that was taken.
    stall: Duration,
    stalls_above_50_ms: u32,
}

fn publish(mut publication: AeronExclusivePublication, started: Instant) -> Published {
    let mut seen = Published::default();
    let mut last_taken = Instant::now();
    for number in 0..(u64::from(RATE_HZ) * RUN.as_secs()) {
        while started.elapsed() < Duration::from_secs(1) / RATE_HZ * u32::try_from(number).unwrap()
        {
            thread::yield_now();
        }
        let mut descriptor = [0; DESCRIPTOR_BYTES];
        descriptor[..8].copy_from_slice(&number.to_le_bytes());
        match publication.offer(&descriptor) {
            Ok(()) => {
                let gap = last_taken.elapsed();
                seen.taken += 1;
                seen.stall = seen.stall.max(gap);
                seen.stalls_above_50_ms += u32::from(gap > Duration::from_millis(50));
                last_taken = Instant::now();
            }
            Err(SendError::BackPressured | SendError::AdminAction) => seen.refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    seen
}

/// What a subscriber saw: messages, and the longest time without one.
fn receive(
    subscription: &mut AeronSubscription,
    done: &AtomicBool,
    mut may_poll: impl FnMut() -> bool,
) -> (u64, Duration) {
    let (mut messages, mut longest, mut last) = (0_u64, Duration::ZERO, Instant::now());
    while !done.load(Ordering::Relaxed) {
        if may_poll() {
            let taken = subscription.poll(256, &mut |_, _| ()).unwrap();
            if taken > 0 {
                messages += u64::from(taken);
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
        }
        thread::sleep(Duration::from_micros(200));
    }
    (messages, longest.max(last.elapsed()))
}

#[test] // req: I-01
fn a_stopped_untethered_subscriber_holds_nobody_up_for_long() {
    let parent = tempfile::tempdir().unwrap();
    let driver = MediaDriver::start(MediaDriverConfig::new(parent.path().join("aeron"))).unwrap();
    let mut client = AeronClient::connect(&ClientConfig::new(driver.dir())).unwrap();
    let channel: Channel = "aeron:ipc?term-length=1m".parse().unwrap();
    let subscribed = channel.clone().for_client_subscription();
    let pending = client.add_subscription(&subscribed, 1100).unwrap();
    let mut healthy = add(&mut client, pending);
    let pending = client.add_subscription(&subscribed, 1100).unwrap();
    let mut stopped = add(&mut client, pending);
    let pending = client.add_exclusive_publication(&channel.for_publication(), 1100);
    let publication = add(&mut client, pending.unwrap());
    while healthy.image_count() + stopped.image_count() < 2 {
        client.do_work().unwrap();
    }

    let done = AtomicBool::new(false);
    let started = Instant::now();
    let (published, (received, starved), lost_image) = thread::scope(|threads| {
        let publisher = threads.spawn(|| publish(publication, started));
        let reader = threads.spawn(|| receive(&mut healthy, &done, || true));
        let sleeper = threads.spawn(|| {
            let asleep = STOPPED_FROM..STOPPED_FROM + STOPPED_FOR;
            receive(&mut stopped, &done, || !asleep.contains(&started.elapsed()));
            let mut lost = false;
            stopped.image_events(&mut |_, event| lost |= event == ImageEvent::Unavailable);
            lost || stopped.image_count() == 0
        });
        while !publisher.is_finished() {
            client.do_work().unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        // What is still on its way.
        thread::sleep(Duration::from_millis(100));
        done.store(true, Ordering::Relaxed);
        (
            publisher.join().unwrap(),
            reader.join().unwrap(),
            sleeper.join().unwrap(),
        )
    });

    println!("publisher {published:?}; healthy reader got {received}, longest silence {starved:?}");
    assert!(published.stall < GENEROUS && starved < GENEROUS);
    assert_eq!(
        received, published.taken,
        "the healthy reader misses nothing that was taken"
    );
    assert!(lost_image, "the stopped reader lost its image");
    // Without this the window was never full and the test showed nothing.
    assert!(published.refused > 0);
}
