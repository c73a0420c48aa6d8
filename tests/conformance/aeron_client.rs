//! What only the real adapter can show: errors of the media driver, threads, identity of images.

use core::time::Duration;
use std::thread;

use tempfile::TempDir;
use tp_core_nostd::transport::{ImageEvent, Publication, SendError, Subscription};
use tp_std::aeron::{
    Absence, AeronClient, Channel, ClientConfig, MediaDriver, MediaDriverConfig, TransportError,
};

use crate::aeron_medium::added;

struct Host {
    driver: MediaDriver,
    _dir: TempDir,
}

impl Host {
    fn start() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut MediaDriverConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = MediaDriverConfig::new(dir.path().join("aeron"));
        change(&mut config);
        Self {
            driver: MediaDriver::start(config).unwrap(),
            _dir: dir,
        }
    }

    fn client(&self) -> AeronClient {
        AeronClient::connect(&ClientConfig::new(self.driver.dir())).unwrap()
    }
}

/// Drives a client until `so`.
fn until(client: &mut AeronClient, mut so: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if so() {
            return;
        }
        client.do_work().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain");
}

#[test]
fn without_a_media_driver_the_error_names_directory_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nowhere");
    let error = AeronClient::connect(&ClientConfig::new(&missing)).unwrap_err();
    let reason = Absence::NoFile;
    assert_eq!(
        error,
        TransportError::NoMediaDriver {
            dir: missing.clone(),
            reason
        }
    );
    let text = error.to_string();
    assert!(
        text.contains(&format!("tp media-driver --dir {}", missing.display())),
        "{text}"
    );
}

#[test]
fn a_media_driver_that_stopped_is_told_from_one_that_never_was() {
    let host = Host::with(|config| config.remove_dir = false);
    let config = ClientConfig::new(host.driver.dir());
    host.driver.stop().unwrap();
    let error = AeronClient::connect(&config).unwrap_err();
    let TransportError::NoMediaDriver { reason, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(reason, Absence::ShutDown);
}

#[test] // req: I-02
fn two_term_lengths_on_one_stream_are_a_conflict_that_names_both() {
    let host = Host::start();
    let mut client = host.client();
    let first: Channel = "aeron:ipc?term-length=64k".parse().unwrap();
    let pending = client.add_publication(&first, 1000).unwrap();
    let _publication = added(&mut client, pending).unwrap();

    let pending = client.add_publication(&Channel::ipc(), 1000).unwrap();
    let error = added(&mut client, pending).unwrap_err();
    assert_eq!(
        error,
        TransportError::ChannelConflict {
            channel: "aeron:ipc?term-length=4m".into(),
            stream_id: 1000,
            parameter: "term-length".into(),
            existing: "65536".into(),
            requested: "4194304".into(),
        }
    );
    assert!(!error.ends_client());
    client.do_work().unwrap();
}

#[test] // req: I-02
fn on_our_media_driver_plain_ipc_agrees_with_the_default_channel() {
    let host = Host::start();
    let mut client = host.client();
    for uri in ["aeron:ipc", "aeron:ipc?term-length=4m", "aeron:ipc"] {
        let pending = client.add_publication(&uri.parse().unwrap(), 1000).unwrap();
        core::mem::forget(added(&mut client, pending).unwrap());
    }
}

#[test]
fn a_refused_channel_keeps_the_client_going() {
    let host = Host::start();
    let mut client = host.client();
    let odd: Channel = "aeron:ipc?term-length=12345".parse().unwrap();
    let pending = client.add_exclusive_publication(&odd, 1000).unwrap();
    let error = added(&mut client, pending).unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
    client.do_work().unwrap();
}

#[test] // req: C-158
fn the_end_of_the_media_driver_is_reported_once_and_a_new_client_can_follow() {
    let host = Host::start();
    let mut client = host.client();
    let mut late = client.add_publication(&Channel::ipc(), 1000).unwrap();
    let dir = host.driver.dir().to_owned();
    host.driver.stop().unwrap();
    let error = loop {
        match client.do_work() {
            Ok(_) => thread::sleep(Duration::from_millis(1)),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, TransportError::MediaDriverGone { dir: d, .. } if *d == dir),
        "{error}"
    );
    assert!(error.ends_client());
    assert_eq!(client.do_work(), Err(TransportError::Closed));
    assert!(matches!(
        late.poll(),
        core::task::Poll::Ready(Err(TransportError::Closed))
    ));
    assert!(client.add_publication(&Channel::ipc(), 1000).is_err());
    drop(client);

    let again = MediaDriver::start(MediaDriverConfig::new(&dir)).unwrap();
    let mut client = AeronClient::connect(&ClientConfig::new(again.dir())).unwrap();
    let pending = client.add_publication(&Channel::ipc(), 1000).unwrap();
    added(&mut client, pending).unwrap();
}

#[test] // req: C-158
fn a_client_that_was_not_driven_in_time_says_so() {
    let host = Host::with(|config| config.client_liveness = Duration::from_millis(500));
    let mut client = host.client();
    let pending = client.add_subscription(&Channel::ipc(), 1000).unwrap();
    let mut subscription = added(&mut client, pending).unwrap();
    thread::sleep(Duration::from_millis(1500));
    let error = client.do_work().unwrap_err();
    assert!(
        matches!(error, TransportError::ClientTimedOut { .. }),
        "{error}"
    );
    assert!(subscription.poll(1, &mut |_, _| ()).is_err());
    // The media driver is well; a new client takes over.
    host.client().do_work().unwrap();
}

#[test]
fn a_session_that_is_used_again_is_another_image() {
    let host = Host::start();
    let mut client = host.client();
    let pending = client.add_subscription(&Channel::ipc(), 7).unwrap();
    let mut subscription = added(&mut client, pending).unwrap();
    let channel: Channel = "aeron:ipc?session-id=77".parse().unwrap();
    let mut images = Vec::new();
    for _ in 0..2 {
        let pending = client.add_exclusive_publication(&channel, 7).unwrap();
        let publication = added(&mut client, pending).unwrap();
        assert_eq!(publication.session_id(), 77);
        until(&mut client, || subscription.image_count() == 1);
        subscription.image_events(&mut |image, event| {
            if event == ImageEvent::Available {
                images.push(image);
            }
        });
        drop(publication);
        until(&mut client, || subscription.image_count() == 0);
    }
    assert_eq!(images.len(), 2);
    assert_ne!(images[0], images[1]);
}

#[test]
fn endpoints_say_what_they_are() {
    let host = Host::start();
    let mut client = host.client();
    let channel = Channel::ipc().for_publication();
    let pending = client.add_publication(&channel, 1000).unwrap();
    let publication = added(&mut client, pending).unwrap();
    assert_eq!(publication.channel(), channel.to_string());
    assert_eq!(publication.stream_id(), 1000);
    assert_eq!(publication.max_message_length(), 4 * 1024 * 1024 / 8);
    let pending = client.add_subscription(&Channel::ipc().for_client_subscription(), 1001);
    let subscription = added(&mut client, pending.unwrap()).unwrap();
    assert_eq!(
        subscription.channel(),
        "aeron:ipc?term-length=4m|tether=false|rejoin=false"
    );
    assert_eq!(subscription.stream_id(), 1001);
}

#[test] // req: T-56
fn the_end_of_a_term_costs_no_descriptor() {
    let host = Host::start();
    let mut client = host.client();
    let channel: Channel = "aeron:ipc?term-length=64k".parse().unwrap();
    let pending = client.add_subscription(&channel, 9).unwrap();
    let mut subscription = added(&mut client, pending).unwrap();
    let pending = client.add_exclusive_publication(&channel, 9).unwrap();
    let mut publication = added(&mut client, pending).unwrap();
    until(&mut client, || {
        publication.is_connected() && subscription.image_count() == 1
    });
    let mut sent = 0;
    until(&mut client, || {
        // 100 terms of 682 messages, each read at once.
        while sent < 68_200 {
            match publication.offer(&[0; 48]) {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert_eq!(error, SendError::BackPressured);
                    return false;
                }
            }
            // Crossing to the next term takes the reader a poll of its own.
            while subscription.poll(1, &mut |_, _| ()) == Ok(0) {}
        }
        true
    });
}

#[test]
fn endpoints_work_and_close_on_threads_of_their_own() {
    let host = Host::start();
    let mut client = host.client();
    let pending = client.add_subscription(&Channel::ipc(), 9).unwrap();
    let mut subscription = added(&mut client, pending).unwrap();
    let pending = client
        .add_exclusive_publication(&Channel::ipc(), 9)
        .unwrap();
    let mut publication = added(&mut client, pending).unwrap();
    // A wish taken back on another thread.
    let unwanted = client.add_subscription(&Channel::ipc(), 10).unwrap();
    thread::spawn(move || drop(unwanted)).join().unwrap();
    until(&mut client, || publication.is_connected());

    let sender = thread::spawn(move || {
        for number in 0..10_000_u32 {
            while publication.offer(&number.to_le_bytes()).is_err() {
                thread::yield_now();
            }
        }
    });
    let receiver = thread::spawn(move || {
        let mut expected = 0_u32;
        while expected < 10_000 {
            let work = subscription.poll(100, &mut |message, _| {
                assert_eq!(message, expected.to_le_bytes());
                expected += 1;
            });
            if work == Ok(0) {
                thread::yield_now();
            }
        }
    });
    until(&mut client, || {
        sender.is_finished() && receiver.is_finished()
    });
    sender.join().unwrap();
    receiver.join().unwrap();

    // Both were closed by the client in its cycle: nobody publishes there now.
    let pending = client.add_subscription(&Channel::ipc(), 9).unwrap();
    let subscription = added(&mut client, pending).unwrap();
    until(&mut client, || subscription.image_count() == 0);
}

#[test]
fn endpoints_outlive_their_client_closed() {
    let host = Host::start();
    let mut client = host.client();
    let pending = client.add_subscription(&Channel::ipc(), 9).unwrap();
    let mut subscription = added(&mut client, pending).unwrap();
    let pending = client.add_publication(&Channel::ipc(), 9).unwrap();
    let mut publication = added(&mut client, pending).unwrap();
    until(&mut client, || publication.is_connected());
    drop(client);
    assert_eq!(publication.offer(b"x"), Err(SendError::Closed));
    assert!(subscription.poll(1, &mut |_, _| ()).is_err());
    thread::spawn(move || drop(subscription)).join().unwrap();
    drop(publication);
}
