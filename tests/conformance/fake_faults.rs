//! What only the fake does: faults, and only those that were asked for.

use core::time::Duration;

use tp_core_nostd::time::Clock;
use tp_core_nostd::transport::{ImageEvent, Publication, SendError, Subscription};
use tp_tests::fake_transport::{
    FakeNet, FakeSubscription, Faults, Owner, UNTETHERED_LIMIT, WINDOW_BYTES,
};

const SENDER: Owner = Owner(1);
const RECEIVER: Owner = Owner(2);

/// Sends 0 to 199, one a millisecond, over a faulty medium; what arrives.
fn run(seed: u64, faults: &Faults) -> Vec<u8> {
    let net = FakeNet::new(seed);
    net.set_faults(faults.clone());
    let mut publication = net.publication(1, SENDER);
    let mut subscription = net.subscription(1, RECEIVER);
    for number in 0..200 {
        publication.offer(&[number]).unwrap();
        net.advance(Duration::from_millis(1));
    }
    net.advance(Duration::from_secs(1));
    received(&mut subscription)
}

fn received(subscription: &mut FakeSubscription) -> Vec<u8> {
    let mut received = Vec::new();
    subscription
        .poll(1000, &mut |message, _| received.push(message[0]))
        .unwrap();
    received
}

#[test]
fn a_seed_decides_everything() {
    let faults = Faults {
        loss_pct: 20,
        delay_ms: 0..=50,
        duplicate_pct: 5,
    };
    let once = run(7, &faults);
    assert_eq!(once, run(7, &faults));
    assert_ne!(once, run(8, &faults));
}

#[test]
fn each_fault_does_what_it_says_and_nothing_else() {
    let all: Vec<u8> = (0..200).collect();
    assert_eq!(run(1, &Faults::NONE), all);

    let delay_ms = 0..=50;
    let delayed = Faults {
        delay_ms: delay_ms.clone(),
        ..Faults::NONE
    };
    assert_eq!(run(1, &delayed), all, "delay keeps the order of an image");

    let lost = run(
        1,
        &Faults {
            loss_pct: 20,
            ..Faults::NONE
        },
    );
    assert!(
        lost.is_sorted() && (100..190).contains(&lost.len()),
        "{lost:?}"
    );

    let duplicate_pct = 20;
    let doubled = run(
        1,
        &Faults {
            delay_ms,
            duplicate_pct,
            ..Faults::NONE
        },
    );
    let mut distinct = doubled.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, all);
    assert!((220..290).contains(&doubled.len()) && !doubled.is_sorted());
}

#[test]
fn delayed_messages_arrive_when_the_net_says() {
    let net = FakeNet::new(3);
    net.set_faults(Faults {
        delay_ms: 40..=40,
        ..Faults::NONE
    });
    let mut publication = net.publication(1, SENDER);
    let mut subscription = net.subscription(1, RECEIVER);
    assert_eq!(net.next_arrival(), None);
    publication.offer(&[1]).unwrap();
    assert!(received(&mut subscription).is_empty());
    let at = net.next_arrival().unwrap();
    assert_eq!(at, net.clock().now().after(Duration::from_millis(40)));
    net.clock().set(at);
    assert_eq!(received(&mut subscription), [1]);
    assert_eq!(net.next_arrival(), None);
}

#[test]
fn a_cut_loses_what_is_sent_meanwhile_and_only_between_the_two() {
    let net = FakeNet::new(3);
    let mut publication = net.publication(1, SENDER);
    let mut subscription = net.subscription(1, RECEIVER);
    let mut bystander = net.subscription(1, Owner(3));
    net.cut(RECEIVER, SENDER);
    publication.offer(&[1]).unwrap();
    net.heal();
    publication.offer(&[2]).unwrap();
    assert_eq!(received(&mut subscription), [2]);
    assert_eq!(received(&mut bystander), [1, 2]);
}

#[test]
fn a_cut_one_way_leaves_the_other_way_open() {
    let net = FakeNet::new(3);
    let mut there = net.publication(1, SENDER);
    let mut back = net.publication(2, RECEIVER);
    let mut far = net.subscription(1, RECEIVER);
    let mut near = net.subscription(2, SENDER);
    net.cut_one_way(SENDER, RECEIVER);
    there.offer(&[1]).unwrap();
    back.offer(&[2]).unwrap();
    assert!(received(&mut far).is_empty());
    assert_eq!(received(&mut near), [2]);
}

#[test]
fn only_loose_readers_that_missed_something_lose_the_image_it_was_on() {
    let net = FakeNet::new(3);
    let mut publication = net.publication(1, SENDER);
    let _other = net.publication(1, Owner(3));
    let loose = net.subscription(1, RECEIVER);
    let tight = net.tethered_subscription(1, RECEIVER);
    let bystander = net.subscription(1, Owner(4));
    net.cut(SENDER, RECEIVER);
    publication.offer(&[1]).unwrap();
    net.end_gaps();
    let images = [loose, tight, bystander].map(|subscription| subscription.image_count());
    assert_eq!(images, [1, 2, 2]);
}

#[test]
fn a_jam_refuses_the_offers_of_one_owner_for_a_while() {
    let net = FakeNet::new(3);
    let mut jammed = net.publication(1, SENDER);
    let mut other = net.publication(1, Owner(3));
    let mut subscription = net.subscription(1, RECEIVER);
    net.jam(SENDER, Duration::from_secs(2));
    assert_eq!(jammed.offer(&[1]), Err(SendError::BackPressured));
    other.offer(&[2]).unwrap();
    net.advance(Duration::from_secs(2));
    jammed.offer(&[3]).unwrap();
    assert_eq!(received(&mut subscription), [2, 3]);
}

#[test]
fn mail_is_what_a_duty_cycle_would_hear_of() {
    let net = FakeNet::new(3);
    let mut subscription = net.subscription(1, RECEIVER);
    assert!(!net.has_mail(RECEIVER));
    let mut publication = net.publication(1, SENDER);
    assert!(net.has_mail(RECEIVER), "an image came");
    subscription.image_events(&mut |_, _| ());
    assert!(!net.has_mail(RECEIVER));
    net.set_faults(Faults {
        delay_ms: 5..=5,
        ..Faults::NONE
    });
    publication.offer(&[1]).unwrap();
    assert!(!net.has_mail(RECEIVER), "it is under way");
    net.advance(Duration::from_millis(5));
    assert!(net.has_mail(RECEIVER) && !net.has_mail(SENDER));
}

#[test]
fn a_killed_process_keeps_its_images_for_a_while() {
    let net = FakeNet::new(3);
    let mut publication = net.publication(1, SENDER);
    let mut subscription = net.subscription(1, RECEIVER);
    publication.offer(&[1]).unwrap();
    net.kill(SENDER, Duration::from_secs(10));
    assert_eq!(publication.offer(&[2]), Err(SendError::Closed));
    assert_eq!(received(&mut subscription), [1]);
    net.advance(Duration::from_secs(9));
    assert_eq!(subscription.image_count(), 1);
    net.advance(Duration::from_secs(1));
    assert_eq!(subscription.image_count(), 0);
}

#[test]
fn a_slow_loose_reader_loses_its_image_and_frees_the_others() {
    let net = FakeNet::new(3);
    let mut publication = net.publication(1, SENDER);
    let mut slow = net.subscription(1, RECEIVER);
    let mut quick = net.subscription(1, Owner(3));
    let chunk = vec![9; WINDOW_BYTES / 8];
    while publication.offer(&chunk).is_ok() {
        quick.poll(1, &mut |_, _| ()).unwrap();
    }
    assert_eq!(publication.offer(&chunk), Err(SendError::BackPressured));
    net.advance(UNTETHERED_LIMIT);
    assert_eq!(publication.offer(&chunk), Ok(()));
    let mut events = Vec::new();
    slow.image_events(&mut |_, event| events.push(event));
    assert_eq!(events, [ImageEvent::Available, ImageEvent::Unavailable]);
    assert_eq!(quick.image_count(), 1);

    // It comes back by subscribing again, and only to what is sent from then on.
    let mut again = net.subscription(1, RECEIVER);
    publication.offer(&[1]).unwrap();
    assert_eq!(received(&mut again), [1]);
}

#[test]
fn shared_publications_are_one_image_until_the_last_is_gone() {
    let net = FakeNet::new(3);
    let mut subscription = net.tethered_subscription(1, RECEIVER);
    let mut first = net.shared_publication(1, SENDER);
    let mut second = net.shared_publication(1, Owner(3));
    first.offer(&[1]).unwrap();
    second.offer(&[2]).unwrap();
    assert_eq!(subscription.image_count(), 1);
    drop(first);
    assert_eq!(received(&mut subscription), [1, 2]);
    assert_eq!(subscription.image_count(), 1);
    drop(second);
    assert_eq!(subscription.image_count(), 0);
}

#[test]
fn eviction_takes_all_images_of_one_owner() {
    let net = FakeNet::new(3);
    let _publication = net.publication(1, SENDER);
    let mut evicted = net.subscription(1, RECEIVER);
    let mut bystander = net.subscription(1, Owner(3));
    net.evict(RECEIVER);
    assert_eq!(evicted.image_count(), 0);
    assert_eq!(bystander.image_count(), 1);
    assert!(received(&mut evicted).is_empty());
    assert!(received(&mut bystander).is_empty());
}
