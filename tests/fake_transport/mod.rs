//! A transport without wall clock, thread or memory of its own: everything that happens on it follows from a seed.
//!
//! It behaves as Aeron IPC does (the conformance suite runs on both): whole messages in order per image, images that
//! come and go, windows that fill, readers that lose their image because they were too slow. On request it also does
//! what Aeron never does: lose, delay and duplicate messages, and cut owners off from each other.
//!
//! ```
//! use core::time::Duration;
//! use tp_core_nostd::transport::{Publication, Subscription};
//! use tp_tests::fake_transport::{FakeNet, Faults, Owner};
//!
//! let net = FakeNet::new(7);
//! let (client, driver) = (Owner(1), Owner(2));
//! let mut requests = net.publication(1000, client);
//! let mut inbox = net.tethered_subscription(1000, driver);
//! net.set_faults(Faults { loss_pct: 20, delay_ms: 0..=50, duplicate_pct: 5 });
//!
//! requests.offer(b"attach").unwrap();
//! net.advance(Duration::from_millis(50));
//! inbox.poll(10, &mut |message, _from| println!("{message:?}")).unwrap();
//! ```

mod dice;
mod faults;
mod net;
mod reader;

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard};

use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{
    ImageEvent, ImageId, PollError, Publication, SendError, Subscription,
};

pub use dice::Dice;
pub use faults::Faults;
use net::Net;
use reader::Tether;

/// Longest message, in bytes: an eighth of a term of 4 MiB, as with Aeron.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// What may lie unread between a publication and one subscription before offers are refused, in bytes.
pub const WINDOW_BYTES: usize = 2 * 1024 * 1024;

/// How long an untethered reader may leave its window full before it loses its image.
pub const UNTETHERED_LIMIT: Duration = Duration::from_millis(120);

/// Whoever holds endpoints: a process, as far as faults are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner(pub u32);

/// Time that moves when it is told to.
#[derive(Clone, Debug, Default)]
pub struct FakeClock {
    now_ns: Arc<AtomicU64>,
}

impl FakeClock {
    /// Puts the clock to `now`.
    ///
    /// # Panics
    /// If that were backwards.
    pub fn set(&self, now: Instant) {
        let before = self.now_ns.swap(now.as_ns(), Ordering::Relaxed);
        assert!(now.as_ns() >= before, "time runs forward");
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        Instant::from_ns(self.now_ns.load(Ordering::Relaxed))
    }

    fn real_ns(&self) -> Option<u64> {
        Some(self.now_ns.load(Ordering::Relaxed))
    }
}

/// The medium as its endpoints hold it, on whatever thread they are.
#[derive(Clone)]
struct SharedNet(Arc<Mutex<Net>>);

impl fmt::Debug for SharedNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedNet")
    }
}

impl SharedNet {
    fn new(net: Net) -> Self {
        Self(Arc::new(Mutex::new(net)))
    }

    fn lock(&self) -> MutexGuard<'_, Net> {
        self.0.lock().unwrap()
    }
}

/// The medium and its time. Clones are the same medium.
#[derive(Clone, Debug)]
pub struct FakeNet {
    net: SharedNet,
    clock: FakeClock,
}

impl FakeNet {
    /// A medium without faults. Every decision it takes later follows from `seed` and the calls made.
    pub fn new(seed: u64) -> Self {
        let clock = FakeClock::default();
        // Zero is what an unset timestamp looks like.
        clock.set(Instant::from_ns(1_000_000_000));
        let net = SharedNet::new(Net::new(seed, clock.clone()));
        Self { net, clock }
    }

    /// The clock that everything on this medium runs by.
    pub fn clock(&self) -> FakeClock {
        self.clock.clone()
    }

    /// Lets `step` pass.
    pub fn advance(&self, step: Duration) {
        self.clock.set(self.clock.now().after(step));
    }

    /// When the next message that is under way arrives, for jumping there; `None` while nothing is under way.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.net.lock().next_arrival()
    }

    /// A publication with an image of its own.
    pub fn publication(&self, stream_id: i32, owner: Owner) -> FakePublication {
        self.open(stream_id, owner, false)
    }

    /// A publication that is one image together with all other shared ones of the stream.
    pub fn shared_publication(&self, stream_id: i32, owner: Owner) -> FakePublication {
        self.open(stream_id, owner, true)
    }

    fn open(&self, stream_id: i32, owner: Owner, shared: bool) -> FakePublication {
        let id = self.net.lock().publish(stream_id, owner, shared);
        let net = self.net.clone();
        FakePublication { net, id }
    }

    /// A subscription that loses its images rather than hold anybody up, as all clients have.
    pub fn subscription(&self, stream_id: i32, owner: Owner) -> FakeSubscription {
        self.subscribe(stream_id, owner, Tether::Loose)
    }

    /// A subscription that publishers wait for, as the driver has on control.
    pub fn tethered_subscription(&self, stream_id: i32, owner: Owner) -> FakeSubscription {
        self.subscribe(stream_id, owner, Tether::Tight)
    }

    fn subscribe(&self, stream_id: i32, owner: Owner, tether: Tether) -> FakeSubscription {
        let id = self.net.lock().subscribe(stream_id, owner, tether);
        let net = self.net.clone();
        FakeSubscription { net, id }
    }

    /// Replaces the faults that messages meet from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.net.lock().faults = faults;
    }

    /// Loses every message between the two from now on, in both directions.
    pub fn cut(&self, a: Owner, b: Owner) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    /// Loses every message of one to the other from now on.
    pub fn cut_one_way(&self, from: Owner, to: Owner) {
        self.net.lock().cut(from, to);
    }

    /// Refuses every offer of an owner for a while, as if somebody had stopped reading.
    pub fn jam(&self, owner: Owner, span: Duration) {
        let until = self.clock.now().after(span);
        self.net.lock().jam(owner, until);
    }

    /// Whether a duty cycle of the owner would hear of anything.
    pub fn has_mail(&self, owner: Owner) -> bool {
        self.net.lock().has_mail(owner)
    }

    /// Ends all faults, cuts and jams. What was lost stays lost.
    pub fn heal(&self) {
        self.net.lock().heal();
    }

    /// Takes all images of an owner's subscriptions away, as happens to one that was stopped for too long.
    pub fn evict(&self, owner: Owner) {
        self.net.lock().evict(owner);
    }

    /// Takes every image that lost a message from readers nobody waits for. The real medium has no other gaps than this
    /// one: whoever misses something sees the image go.
    pub fn end_gaps(&self) {
        self.net.lock().end_gaps();
    }

    /// A process dies: its endpoints are closed. Its images stay until `linger` has passed (Aeron: 10 s).
    pub fn kill(&self, owner: Owner, linger: Duration) {
        let until = self.clock.now().after(linger);
        self.net.lock().kill(owner, until);
    }

    /// The medium itself goes away; every endpoint is closed.
    pub fn fail(&self) {
        self.net.lock().fail();
    }
}

/// The sending end on a [`FakeNet`]; closes when dropped.
#[derive(Debug)]
pub struct FakePublication {
    net: SharedNet,
    id: u64,
}

impl FakePublication {
    /// Whether a message of `len` bytes would be taken at the moment.
    ///
    /// # Errors
    /// What `offer` would say.
    pub fn can_accept(&self, len: usize) -> Result<(), SendError> {
        self.net.lock().accepts(self.id, len).map(|_| ())
    }
}

impl Publication for FakePublication {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.net.lock().offer(self.id, message)
    }

    fn is_connected(&self) -> bool {
        self.net.lock().is_connected(self.id)
    }
}

impl Drop for FakePublication {
    fn drop(&mut self) {
        self.net.lock().close_publication(self.id);
    }
}

/// The receiving end on a [`FakeNet`]; closes when dropped.
#[derive(Debug)]
pub struct FakeSubscription {
    net: SharedNet,
    id: u64,
}

impl Subscription for FakeSubscription {
    fn poll(
        &mut self,
        limit: u32,
        handler: &mut dyn FnMut(&[u8], ImageId),
    ) -> Result<u32, PollError> {
        let mut messages = 0;
        while messages < limit {
            // The handler may use the medium itself, so nothing of it is borrowed meanwhile.
            let Some((image, message)) = self.net.lock().receive(self.id)? else {
                break;
            };
            handler(&message, image);
            messages += 1;
        }
        Ok(messages)
    }

    fn image_events(&mut self, handler: &mut dyn FnMut(ImageId, ImageEvent)) {
        loop {
            let Some((image, event)) = self.net.lock().next_event(self.id) else {
                return;
            };
            handler(image, event);
        }
    }

    fn image_count(&self) -> usize {
        self.net.lock().image_count(self.id)
    }
}

impl Drop for FakeSubscription {
    fn drop(&mut self) {
        self.net.lock().close_subscription(self.id);
    }
}
