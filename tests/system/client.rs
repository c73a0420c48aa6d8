//! A client from start to end: who drives it, what it calls, how it closes.

use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rustix::process::Signal;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};
use tp_std::handlers::{DriverHandler, LeaseChange, LeaseNews};
use tp_std::{Client, ConsumerConfig, Delivery, Error, ProducerConfig, Reattach};

use crate::frames::publish;
use crate::rig::{PATIENCE, Rig, Shape, aeron_dir, consumer, producer, stream, wait_until};
use crate::watcher::{Watcher, settle};

#[test] // req: C-008, C-009, C-011, C-025
fn a_caller_drives_a_client_without_any_thread() {
    let rig = Rig::start(&Shape::default());
    let cycles = Arc::new(AtomicU32::new(0));
    let context = rig.context().with_delegate({
        let cycles = cycles.clone();
        move || {
            cycles.fetch_add(1, Ordering::Relaxed);
            3
        }
    });
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let (client, mut conductor) = Client::invoker(context).unwrap();
    assert!(conductor.do_work().unwrap() >= 3);
    assert_eq!(cycles.load(Ordering::Relaxed), 1);
    let asked = client.producer(ProducerConfig::new(stream())).unwrap();
    let mut producer = asked.wait_with(&mut conductor, PATIENCE).unwrap();
    let mut asked = client.consumer(ConsumerConfig::new(stream())).unwrap();
    let mut consumer = None;
    wait_until("the consumer", || {
        conductor.do_work().unwrap();
        match asked.poll() {
            Poll::Ready(result) => consumer = Some(result.unwrap()),
            Poll::Pending => {}
        }
        consumer.is_some()
    });
    let mut consumer = consumer.unwrap();
    let mut received = 0;
    wait_until("a frame", || {
        conductor.do_work().unwrap();
        publish(&mut producer, 40).unwrap();
        consumer
            .poll(10, |_, reader| received += u32::from(reader.read().is_ok()))
            .unwrap();
        received > 0
    });
    assert_eq!(threads(), before, "the client started a thread");
    conductor.close();
    assert_eq!(conductor.do_work(), Err(Error::Closed));
}

#[test] // req: C-010, C-148, C-160
fn the_conductor_thread_is_as_it_was_asked_for_and_refuses_to_wait_for_itself() {
    let rig = Rig::start(&Shape::default());
    let (said, hear) = mpsc::channel();
    let inside: Arc<Mutex<Option<Client>>> = Arc::default();
    let context = rig
        .context()
        .with_thread_name("cold-side")
        .unwrap()
        .with_thread_affinity([0])
        .with_delegate({
            let inside = inside.clone();
            move || {
                if let Some(client) = inside.lock().unwrap().take() {
                    let asked = client.producer(ProducerConfig::new(stream())).unwrap();
                    let refused = asked.wait(PATIENCE).unwrap_err();
                    let name = thread::current().name().map(str::to_owned);
                    let on = std::fs::read_to_string("/proc/thread-self/status").unwrap();
                    said.send((refused, name, on)).unwrap();
                }
                0
            }
        });
    let (client, conductor) = Client::start(context).unwrap();
    *inside.lock().unwrap() = Some(client.clone());
    let (refused, name, status) = hear.recv_timeout(PATIENCE).unwrap();
    assert_eq!(refused, Error::InCallback);
    assert_eq!(name.as_deref(), Some("cold-side"));
    assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
    conductor.close().unwrap();
}

#[test] // req: C-160
fn a_thread_that_cannot_run_where_it_should_is_no_thread() {
    let rig = Rig::start(&Shape::default());
    let refused = Client::start(rig.context().with_thread_affinity([100_000])).unwrap_err();
    assert!(refused.to_string().contains("[100000]"), "{refused}");
}

#[test] // req: C-012, C-013, C-047
fn closing_can_wait_until_the_driver_has_every_lease_back() {
    let rig = Rig::start(&Shape::default());
    let (client, conductor) = rig.client();
    let mut first = producer(&client);
    let _consumer = consumer(&client);
    publish(&mut first, 40).unwrap();
    conductor.close_and_wait(PATIENCE).unwrap();
    assert!(publish(&mut first, 40).is_err());

    // At once, since nobody has to expire.
    let (client, conductor) = rig.client();
    let second = client.producer(ProducerConfig::new(stream())).unwrap();
    second.wait(PATIENCE).unwrap();
    conductor.close().unwrap();
}

#[test] // req: C-013
fn closing_gives_up_on_a_driver_that_does_not_answer() {
    let mut rig = Rig::start(&Shape::default());
    let (client, conductor) = rig.client();
    let _producer = producer(&client);
    rig.signal_driver(Signal::STOP);
    let closed = conductor.close_and_wait(Duration::from_millis(300));
    rig.signal_driver(Signal::CONT);
    assert_eq!(closed, Err(Error::Timeout));
    assert!(rig.end_driver(Signal::TERM).success());
}

#[test] // req: C-158
fn a_client_is_started_again_in_the_process_whose_media_driver_came_back() {
    let mut rig = Rig::start(&Shape::default());
    let (said, hear) = mpsc::channel();
    let context = rig
        .context()
        .with_driver_timeout(Duration::from_secs(2))
        .with_error_handler(move |error| said.send(error.clone()).unwrap());
    let (client, conductor) = Client::start(context).unwrap();
    let mut lost = producer(&client);
    rig.stop_media();
    wait_until("the end of the client", || conductor.is_finished());
    let told = hear.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(told, Error::Transport(_)), "{told}");
    assert_eq!(conductor.close(), Err(told));
    assert!(!rig.driver_ended().success());
    assert!(lost.try_claim(1).is_err());

    let media = MediaDriver::start(MediaDriverConfig::new(aeron_dir(rig.root()))).unwrap();
    rig.start_driver();
    let (client, conductor) = rig.client();
    let mut found = producer(&client);
    let watcher = Watcher::start(consumer(&client));
    settle(&mut found, &[&watcher]);
    assert_eq!(publish(&mut found, 40).unwrap().1, Delivery::Sent);
    assert_eq!(watcher.stop().torn, 0);
    conductor.close().unwrap();
    assert!(rig.end_driver(Signal::TERM).success());
    media.stop().unwrap();
}

/// Tells what becomes of the leases.
struct Leases(mpsc::Sender<LeaseChange>);

impl DriverHandler for Leases {
    fn on_lease(&mut self, news: &LeaseNews) {
        let _ = self.0.send(news.change.clone());
    }
}

#[test] // req: C-041, C-046
fn by_hand_a_lost_lease_comes_back_when_the_application_says_so() {
    let mut rig = Rig::start(&Shape::default());
    let context = rig.context().with_reattach(Reattach::ByHand).unwrap();
    let (client, conductor) = Client::start(context).unwrap();
    let (said, hear) = mpsc::channel();
    let _handler = client.on_driver(Leases(said)).unwrap();
    let mut producer = producer(&client);
    let Ok(LeaseChange::Attached { epoch }) = hear.recv_timeout(PATIENCE) else {
        panic!("no lease");
    };
    assert_eq!(producer.epoch(), Some(epoch));

    assert!(rig.end_driver(Signal::TERM).success());
    let lost = hear.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(lost, LeaseChange::Lost(_)), "{lost:?}");
    assert_eq!(producer.epoch(), None, "stopped before that was said");
    rig.start_driver();
    // Long enough for several pauses of those that come back by themselves.
    assert!(hear.recv_timeout(Duration::from_secs(2)).is_err());

    producer.schedule_reattach(Duration::ZERO);
    let back = hear.recv_timeout(PATIENCE).unwrap();
    assert!(
        matches!(back, LeaseChange::Attached { epoch: newer } if newer > epoch),
        "{back:?}"
    );
    wait_until("frames", || publish(&mut producer, 40).is_ok());
    conductor.close().unwrap();
    assert!(rig.end_driver(Signal::TERM).success());
}
