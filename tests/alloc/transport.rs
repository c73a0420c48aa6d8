//! The Aeron adapter once everything was done once.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use core::task::Poll;
use core::time::Duration;
use std::thread;

use tp_core_nostd::transport::{Publication, Subscription};
use tp_std::aeron::{AeronClient, Channel, ClientConfig, MediaDriver, MediaDriverConfig, Pending};

use crate::counter::allocations;

fn add<T>(client: &mut AeronClient, mut pending: Pending<T>) -> T {
    loop {
        client.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
}

// req: C-162, C-202
#[test]
fn offer_poll_and_the_duty_cycle_allocate_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let driver = MediaDriver::start(MediaDriverConfig::new(parent.path().join("aeron"))).unwrap();
    let mut client = AeronClient::connect(&ClientConfig::new(driver.dir())).unwrap();
    let channel = Channel::ipc();
    let pending = client.add_subscription(&channel, 1100).unwrap();
    let mut subscription = add(&mut client, pending);
    let pending = client.add_exclusive_publication(&channel, 1100).unwrap();
    let mut exclusive = add(&mut client, pending);
    let pending = client.add_publication(&channel, 1100).unwrap();
    let mut shared = add(&mut client, pending);
    while subscription.image_count() < 2 {
        client.do_work().unwrap();
    }

    let longest = vec![7; 100_000];
    let mut cycle = || {
        client.do_work().unwrap();
        subscription.image_events(&mut |_, _| ());
        let mut sent = 0;
        for message in [&longest[..48], &longest, &longest[..5000], &longest[..0]] {
            sent += u32::from(exclusive.offer(message).is_ok());
            sent += u32::from(shared.offer(message).is_ok());
        }
        let mut received = 0;
        while received < sent {
            received += subscription.poll(10, &mut |_, _| ()).unwrap();
        }
        sent
    };
    // Full windows open as soon as the media driver's thread gets to it.
    let mut messages = |count: u32| {
        let mut sent = 0;
        while sent < count {
            sent += cycle();
            thread::yield_now();
        }
    };
    messages(500);
    let (count, ()) = allocations(|| messages(5000));
    assert_eq!(count, 0);
}
