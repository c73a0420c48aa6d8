use core::time::Duration;

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_tests::fake_transport::{FakeNet, FakePublication, Owner};

use super::*;
use crate::DESCRIPTOR_STREAM;
use crate::aeron::Channel;
use crate::conductor::fake_medium::TestMedium;
use crate::consumer::bench::{Stage, encoded};

const PRODUCER: Owner = Owner(1);
const CLIENT: Owner = Owner(2);

struct World {
    inbox: Inbox,
    medium: TestMedium,
    producer: FakePublication,
    stage: Stage,
}

/// A message that was heard: its number, and when its image was joined.
type Heard = (u64, Instant);

impl World {
    fn new() -> Self {
        let net = FakeNet::new(1);
        let endpoint = Endpoint::new(Channel::ipc(), DESCRIPTOR_STREAM);
        let mut world = Self {
            inbox: Inbox::wanted(Some(endpoint)),
            producer: net.publication(DESCRIPTOR_STREAM, PRODUCER),
            medium: TestMedium { net, owner: CLIENT },
            stage: Stage::new(5, 64),
        };
        world.subscribe();
        world
    }

    /// Endpoints take one look before they are there.
    fn subscribe(&mut self) {
        for _ in 0..2 {
            self.inbox.add(&mut self.medium).unwrap();
        }
    }

    fn renew(&mut self) {
        self.inbox.renew();
        self.subscribe();
    }

    fn send(&mut self, seq: u64) {
        let bytes = encoded(&self.stage.descriptor(seq));
        self.producer.offer(&bytes).unwrap();
    }

    fn poll(&mut self, now: Instant) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut note = |inbound: Result<Inbound<'_>, Ignored>| {
            let inbound = inbound.unwrap();
            let Message::FrameDescriptor(view) = inbound.message else {
                panic!("{:?}", inbound.message);
            };
            let descriptor = FrameDescriptor::try_from(view).unwrap();
            heard.push((descriptor.seq.get(), inbound.joined));
        };
        while self.inbox.poll(now, 10, &mut |_| {}, &mut note) > 0 {}
        heard
    }
}

fn at(ms: u64) -> Instant {
    Instant::from_ns(0).after(Duration::from_millis(ms))
}

#[test] // req: W-042
fn what_the_subscription_before_still_brings_was_joined_when_that_was() {
    let mut world = World::new();
    assert_eq!(world.poll(at(1)), []);
    world.send(0);
    world.renew();
    world.send(1);
    // The second comes through both.
    let heard = world.poll(at(5));
    assert_eq!(heard, [(0, at(1)), (1, at(1)), (1, at(5))]);
}

#[test]
fn nothing_unread_is_lost_however_often_a_subscription_is_renewed() {
    let mut world = World::new();
    world.poll(at(1));
    world.send(0);
    world.renew();
    world.renew();
    let heard: Vec<_> = world.poll(at(2)).iter().map(|(seq, _)| *seq).collect();
    assert_eq!(heard, [0]);
    world.subscribe();
    world.send(1);
    assert_eq!(world.poll(at(3)).last(), Some(&(1, at(3))));
}
