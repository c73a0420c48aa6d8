//! Descriptors of finished frames: producers send them, consumers learn from them which epoch is written.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::Publication;
use tp_core_nostd::wire::control::FrameDescriptor;
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{FakeNet, Owner};

use super::inbox::Inbox;
use crate::DESCRIPTORS;
use crate::fact::Write;
use crate::wire::{Fuse, Wire};

/// The end of the descriptor stream that a role has.
pub(super) enum Descriptors {
    Out(Wire),
    In(FakeNet, Owner, Inbox),
}

impl Descriptors {
    pub(super) fn open(net: &FakeNet, owner: Owner, role: Role, fuse: &Fuse) -> Self {
        match role {
            Role::Producer => {
                Self::Out(Wire::new(net.publication(DESCRIPTORS, owner), fuse, false))
            }
            Role::Consumer => {
                let inbox = Inbox::open(net, DESCRIPTORS, owner);
                Self::In(net.clone(), owner, inbox)
            }
        }
    }

    /// A frame is finished. A descriptor that is refused is not sent again; the frame stays where it is.
    pub(super) fn tell(&mut self, now: Instant, write: &Write) {
        let Self::Out(wire) = self else { return };
        let descriptor = FrameDescriptor {
            stream_id: write.holding.stream,
            epoch: write.holding.epoch,
            seq: Seq::new(now.as_ns() >> 20).unwrap(),
            timestamp_ns: Some(now.as_ns()),
            meta_version: None,
            trace_id: None,
        };
        let mut buffer = [0; 64];
        let length = descriptor.encode(&mut buffer).unwrap();
        let _ = wire.offer(&buffer[..length]);
    }

    /// The epochs that descriptors of a stream name.
    pub(super) fn epochs(&mut self, now: Instant, stream: StreamId) -> Vec<Epoch> {
        let Self::In(net, owner, inbox) = self else {
            return Vec::new();
        };
        let mut received = Vec::new();
        if !inbox.poll(now, &mut received).is_empty() {
            *inbox = Inbox::open(net, DESCRIPTORS, *owner);
        }
        let epoch = |bytes: &[u8]| match classify(bytes) {
            Ok(Message::FrameDescriptor(view)) => FrameDescriptor::try_from(view).ok(),
            _ => None,
        };
        let named = received.iter().filter_map(|letter| epoch(&letter.bytes));
        let ours = named.filter(|descriptor| descriptor.stream_id == stream);
        ours.map(|descriptor| descriptor.epoch).collect()
    }
}
