//! Clients on an Aeron client of the host program.

use core::task::Poll;
use core::time::Duration;
use std::thread;

use tempfile::TempDir;
use tp_core_nostd::transport::Publication;
use tp_std::aeron::{
    AdoptError, AeronClient, Channel, ClientConfig, DrivenBy, HostAeron, MediaDriver,
    MediaDriverConfig,
};
use tp_std::medium::ChannelStatus;
use tp_std::{Client, Conductor, ConfigError, Context, Error, Pending, PublicationHandle};

const STREAM: i32 = 4000;
const MINUTE: Duration = Duration::from_secs(60);

/// A host with an Aeron client that nobody drives by itself.
struct Host {
    aeron: AeronClient,
    driver: MediaDriver,
    _dir: TempDir,
}

impl Host {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let driver = MediaDriver::start(MediaDriverConfig::new(dir.path().join("aeron"))).unwrap();
        let aeron = AeronClient::connect(&ClientConfig::new(driver.dir())).unwrap();
        Self {
            aeron,
            driver,
            _dir: dir,
        }
    }

    #[expect(unsafe_code, reason = "a host vouches for its own client")]
    fn lend(&self, driven_by: DrivenBy) -> Result<HostAeron, AdoptError> {
        // SAFETY: the client lives as long as the host, and every test drives and drops all there is on its one thread.
        unsafe { HostAeron::from_raw(self.aeron.as_raw(), driven_by) }
    }
}

fn context(host: HostAeron) -> Context {
    Context::new().with_aeron(host).with_log_handler(|_, _| {})
}

/// Drives by `drive` until it is there.
fn there<T>(mut pending: Pending<T>, mut drive: impl FnMut()) -> T {
    for _ in 0..20_000 {
        drive();
        if let Poll::Ready(added) = pending.poll() {
            return added.unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain");
}

fn refusal(result: Result<(Client, Conductor), Error>) -> AdoptError {
    match result.unwrap_err() {
        Error::Config(ConfigError::Adopt(refusal)) => refusal,
        other => panic!("{other}"),
    }
}

#[test] // req: C-006
fn a_client_of_the_host_is_used_and_left_as_it_was() {
    let mut host = Host::start();
    let lent = host.lend(DrivenBy::Host).unwrap();
    assert_eq!(lent.dir(), host.driver.dir());
    let id = host.aeron.client_id();
    let (client, mut conductor) = Client::invoker(context(lent)).unwrap();
    let wanted = client.add_publication("aeron:ipc", STREAM).unwrap();
    let mut publication = there(wanted, || {
        host.aeron.do_work().unwrap();
        conductor.do_work().unwrap();
    });
    let pending = host
        .aeron
        .add_subscription(&Channel::ipc(), STREAM)
        .unwrap();
    let mut pending = pending;
    let subscription = loop {
        host.aeron.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            break added.unwrap();
        }
    };
    while publication.offer(b"from the other half").is_err() {
        host.aeron.do_work().unwrap();
    }
    conductor.close();
    drop((publication, conductor, client));

    // The host goes on as if nothing had been.
    for _ in 0..100 {
        host.aeron.do_work().unwrap();
    }
    assert_eq!(
        (host.aeron.client_id(), subscription.stream_id()),
        (id, STREAM)
    );
    let mut pending = host.aeron.add_publication(&Channel::ipc(), STREAM).unwrap();
    let own = loop {
        host.aeron.do_work().unwrap();
        if let Poll::Ready(added) = pending.poll() {
            break added.unwrap();
        }
    };
    while !own.is_connected() {
        host.aeron.do_work().unwrap();
    }
}

#[test] // req: C-006, C-019, C-024
fn a_client_that_drives_it_needs_nobody_else() {
    let host = Host::start();
    let lent = host.lend(DrivenBy::Us).unwrap();
    let (client, mut conductor) = Client::invoker(context(lent)).unwrap();
    let publication = client.add_publication("aeron:ipc", STREAM).unwrap();
    assert_eq!(
        publication.registration_id(),
        None,
        "nothing was asked for yet"
    );
    let publication = registered(publication, &mut conductor);
    let subscription = client.add_subscription("aeron:ipc", STREAM).unwrap();
    let subscription = subscription.wait_with(&mut conductor, MINUTE).unwrap();
    publication
        .wait_connected_with(&mut conductor, MINUTE)
        .unwrap();
    subscription
        .wait_connected_with(&mut conductor, MINUTE)
        .unwrap();
    assert_eq!(subscription.channel_status(), ChannelStatus::Active);
    assert_ne!(
        publication.registration_id(),
        subscription.registration_id()
    );
}

/// Has its number told on another thread, before it is taken.
fn registered(pending: Pending<PublicationHandle>, conductor: &mut Conductor) -> PublicationHandle {
    let told = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            loop {
                if let Some(id) = pending.registration_id() {
                    return id;
                }
                thread::yield_now();
            }
        });
        while !asking.is_finished() {
            conductor.do_work().unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        asking.join().unwrap()
    });
    let publication = pending.wait_with(conductor, MINUTE).unwrap();
    assert_eq!(publication.registration_id(), Some(told));
    publication
}

#[test] // req: C-007
fn two_drivers_are_refused_and_none_as_well() {
    let host = Host::start();
    let nobody = host.lend(DrivenBy::OwnThread).unwrap_err();
    assert_eq!(nobody, AdoptError::Undriven);

    let lent = host.lend(DrivenBy::Us).unwrap();
    let first = Client::invoker(context(lent.clone())).unwrap();
    assert_eq!(
        refusal(Client::invoker(context(lent.clone()))),
        AdoptError::Taken
    );
    drop(first);
    assert!(Client::invoker(context(lent)).is_ok(), "the first is gone");

    let lent = host.lend(DrivenBy::Host).unwrap();
    let Err(Error::Config(ConfigError::Adopt(refused))) = Client::start(context(lent)) else {
        panic!("a client with a thread of its own beside the host's");
    };
    assert_eq!(refused, AdoptError::OtherThread);
}
