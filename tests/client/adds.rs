//! Endpoints of the application's own.

use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context as TaskContext, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;

use tp_core_nostd::transport::{Publication, SendError};
use tp_std::aeron::TransportError;
use tp_std::medium::ChannelStatus;
use tp_std::{Error, Pending, PublicationHandle, SubscriptionHandle};
use tp_tests::fake_transport::Owner;

use crate::medium::REFUSED;
use crate::rig::Rig;

const NUMBER: i32 = 4000;
const SHORT: Duration = Duration::from_millis(1);

#[track_caller]
fn there<T>(rig: &mut Rig, mut pending: Pending<T>) -> T {
    for _ in 0..3 {
        rig.cycle();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
    }
    panic!("it did not come");
}

fn pair(rig: &mut Rig) -> (PublicationHandle, SubscriptionHandle) {
    let publication = rig.client.add_publication("aeron:ipc", NUMBER).unwrap();
    let publication = there(rig, publication);
    let subscription = rig.client.add_subscription("aeron:ipc", NUMBER).unwrap();
    (publication, there(rig, subscription))
}

#[test] // req: C-017, C-021, C-022
fn what_is_asked_for_comes_with_the_duty_cycles_and_tells_what_it_is() {
    let mut rig = Rig::new();
    let mut early = rig.client.add_publication("aeron:ipc", NUMBER).unwrap();
    assert!(early.poll().is_pending(), "nobody drove the client");
    drop(early);
    let (mut publication, mut subscription) = pair(&mut rig);
    assert_eq!(
        (publication.channel(), publication.stream_id()),
        ("aeron:ipc".to_owned(), NUMBER)
    );
    assert_eq!(
        (subscription.channel(), subscription.stream_id()),
        ("aeron:ipc".to_owned(), NUMBER)
    );
    assert_eq!(publication.channel_status(), ChannelStatus::Active);
    assert_eq!(publication.can_accept(5), Ok(()));
    publication.offer(b"hello").unwrap();
    let mut heard = Vec::new();
    assert_eq!(
        subscription.poll(10, |bytes, _| heard.extend_from_slice(bytes)),
        Ok(1)
    );
    assert_eq!(
        (heard.as_slice(), subscription.image_count()),
        (&b"hello"[..], 1)
    );
}

#[test] // req: C-017
fn a_refusal_is_the_end_of_the_wish_only() {
    let mut rig = Rig::new();
    let mut refused = rig.client.add_publication("aeron:ipc", REFUSED).unwrap();
    rig.cycles(2);
    let Poll::Ready(Err(Error::Transport(TransportError::Refused { stream_id, .. }))) =
        refused.poll()
    else {
        panic!("{refused:?}");
    };
    assert_eq!(stream_id, REFUSED);
    assert!(matches!(
        rig.client.add_subscription("ipc", 1),
        Err(Error::Config(_))
    ));
    pair(&mut rig);
}

#[test] // req: C-017
fn a_full_queue_is_back_pressure() {
    let mut rig = Rig::with(|context| context.with_command_queue_capacity(2).unwrap());
    let ask = |rig: &Rig| rig.client.add_publication("aeron:ipc", NUMBER);
    let (_one, _two) = (ask(&rig).unwrap(), ask(&rig).unwrap());
    assert_eq!(ask(&rig).unwrap_err(), Error::QueueFull);
    rig.cycle();
    assert!(ask(&rig).is_ok());
}

#[test] // req: C-020
fn a_wish_that_is_taken_back_leaves_nothing_behind() {
    let mut rig = Rig::new();
    rig.is_slow.store(true, Ordering::Relaxed);
    let wanted = rig.client.add_subscription("aeron:ipc", NUMBER).unwrap();
    let mut speaker = rig.net.publication(NUMBER, Owner(2));
    rig.cycle();
    assert!(speaker.is_connected(), "the medium is at it");
    drop(wanted);
    rig.cycle();
    assert_eq!(speaker.offer(b"anybody?"), Err(SendError::NotConnected));

    // What was there before it was taken back is closed as well.
    rig.is_slow.store(false, Ordering::Relaxed);
    let wanted = rig.client.add_subscription("aeron:ipc", NUMBER).unwrap();
    rig.cycles(3);
    assert!(speaker.is_connected());
    drop(wanted);
    rig.cycle();
    assert!(!speaker.is_connected());
}

#[test] // req: C-023, C-024, C-025
fn waiting_for_the_other_end_drives_the_client_and_has_a_bound() {
    let mut rig = Rig::new();
    let publication = rig.client.add_publication("aeron:ipc", NUMBER).unwrap();
    let publication = there(&mut rig, publication);
    assert!(!publication.is_connected());
    assert_eq!(publication.wait_connected(SHORT), Err(Error::Timeout));
    let late = publication.wait_connected_with(&mut rig.conductor, SHORT);
    assert_eq!(late, Err(Error::Timeout));
    // It comes while the conductor is driven, so that waiting for it must drive.
    let mut wanted = rig.client.add_subscription("aeron:ipc", NUMBER).unwrap();
    let minute = Duration::from_secs(60);
    publication
        .wait_connected_with(&mut rig.conductor, minute)
        .unwrap();
    let subscription = loop {
        rig.cycle();
        if let Poll::Ready(subscription) = wanted.poll() {
            break subscription.unwrap();
        }
    };
    subscription.wait_connected(minute).unwrap();
    assert!(subscription.is_connected() && publication.is_connected());
}

#[test] // req: C-012
fn wishes_of_a_closed_client_are_answered() {
    let mut rig = Rig::new();
    rig.is_slow.store(true, Ordering::Relaxed);
    let mut waiting = rig.client.add_publication("aeron:ipc", NUMBER).unwrap();
    rig.cycle();
    let mut queued = rig.client.add_subscription("aeron:ipc", NUMBER).unwrap();
    rig.client.close().unwrap();
    rig.net.advance(SHORT);
    assert_eq!(rig.conductor.do_work(), Err(Error::Closed));
    assert!(matches!(waiting.poll(), Poll::Ready(Err(Error::Closed))));
    assert!(queued.poll().is_ready());
}

/// Counts how often it was woken.
#[derive(Default)]
struct Alarm(AtomicU32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test] // req: C-163
fn a_wish_can_be_awaited() {
    let mut rig = Rig::new();
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(alarm.clone());
    let mut context = TaskContext::from_waker(&waker);
    let client = rig.client.clone();
    let mut both = Box::pin(async move {
        let publication = client.add_publication("aeron:ipc", NUMBER)?.await?;
        let subscription = client.add_subscription("aeron:ipc", NUMBER)?.await?;
        Ok::<_, Error>((publication, subscription))
    });
    let mut woken = 0;
    let (publication, subscription) = loop {
        if let Poll::Ready(both) = both.as_mut().poll(&mut context) {
            break both.unwrap();
        }
        // An executor looks again only when it was woken.
        while alarm.0.load(Ordering::Relaxed) == woken {
            rig.cycle();
        }
        woken = alarm.0.load(Ordering::Relaxed);
    };
    assert_eq!(woken, 2);
    assert!(publication.is_connected() && subscription.is_connected());
}
