//! Both ends of a private stream: the manager at the producer, the switch at the consumer, and between them messages that
//! get lost.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::super::*;
use super::rig::*;
use crate::proto::private_stream::{Input, Kind, Order, PrivateStream, State};
use crate::time::Duration;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// The consumer says hello and asks for stream 31000, or for nothing; it arrives, or not.
    Hello { asks: bool, arrives: bool },
    /// The producer takes an order; what it opens stands, or fails.
    Order { stands: bool },
    /// The producer sends an answer; it arrives, or not.
    Answer { arrives: bool },
    /// The consumer adds what it was told to add; that works, or not.
    Add { works: bool },
    /// The consumer looks whether its streams have publishers.
    Look,
    /// Milliseconds pass.
    Wait(u64),
    /// The transport closes a publication of the producer.
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    let mostly = || prop::bool::weighted(0.7);
    prop_oneof![
        3 => (mostly(), mostly()).prop_map(|(asks, arrives)| Op::Hello { asks, arrives }),
        3 => mostly().prop_map(|stands| Op::Order { stands }),
        3 => mostly().prop_map(|arrives| Op::Answer { arrives }),
        3 => mostly().prop_map(|works| Op::Add { works }),
        3 => Just(Op::Look),
        2 => (0_u64..2_000).prop_map(Op::Wait),
        1 => Just(Op::Close),
    ]
}

/// A subscription of the consumer.
#[derive(Clone, Copy, Debug, Default)]
struct Subscription {
    is_added: bool,
    is_connected: bool,
}

struct World {
    manager: Manager,
    switch: PrivateStream<32>,
    now: u64,
    /// Publications that stand.
    publications: Vec<StreamKey>,
    private: Option<Subscription>,
    shared: Option<Subscription>,
}

impl World {
    fn new() -> Self {
        let connected = Subscription {
            is_added: true,
            is_connected: true,
        };
        Self {
            manager: manager(true, ManagerPolicy::default()),
            switch: PrivateStream::new(Kind::Descriptor, Duration::from_millis(1_500)),
            now: 0,
            publications: Vec::new(),
            private: None,
            shared: Some(connected),
        }
    }

    fn step(&mut self, op: Op) {
        let now = at(self.now);
        let order = match op {
            Op::Hello { asks, arrives } => {
                if arrives {
                    let hello = asking(ANN, if asks { 31_000 } else { 0 }, 0);
                    self.manager.handle_hello(now, &hello);
                }
                self.switch.handle(now, Input::HelloSent { asks })
            }
            Op::Order { stands } => {
                let publications = &mut self.publications;
                let mut opened = None;
                let _ = self.manager.order(|order| {
                    match order {
                        StreamOrder::Open { key, .. } => opened = Some(key),
                        StreamOrder::Close { key } => publications.retain(|open| *open != key),
                    }
                    Ok::<_, ()>(())
                });
                match opened {
                    Some(key) if stands => {
                        self.publications.push(key);
                        self.manager.opened(key);
                    }
                    Some(key) => self.manager.failed(key),
                    None => {}
                }
                Order::None
            }
            Op::Answer { arrives } => {
                let switch = &mut self.switch;
                let mut order = Order::None;
                let _ = self.manager.transmit(|config| {
                    if arrives {
                        order = switch.handle(now, Input::Config(config.descriptor));
                    }
                    Ok::<_, ()>(())
                });
                order
            }
            Op::Add { works } => {
                let mut both = [&mut self.private, &mut self.shared];
                let pending = both
                    .iter_mut()
                    .filter_map(|one| one.as_mut())
                    .find(|one| !one.is_added);
                match pending {
                    Some(subscription) if works => {
                        subscription.is_added = true;
                        self.switch.handle(now, Input::Added)
                    }
                    Some(_) => self.switch.handle(now, Input::AddFailed),
                    None => Order::None,
                }
            }
            Op::Look => self.look(),
            Op::Wait(ms) => {
                self.now += ms;
                self.manager.poll(at(self.now));
                self.switch.poll(at(self.now))
            }
            Op::Close => {
                if let Some(key) = self.publications.pop() {
                    self.manager.failed(key);
                }
                Order::None
            }
        };
        self.obey(order);
    }

    /// Tells the switch of the first change in who publishes.
    fn look(&mut self) -> Order {
        let now = at(self.now);
        let publishes = !self.publications.is_empty();
        let added = self.private.as_mut().filter(|private| private.is_added);
        if let Some(private) = added.filter(|private| private.is_connected != publishes) {
            private.is_connected = publishes;
            let input = match publishes {
                true => Input::Connected,
                false => Input::Lost,
            };
            return self.switch.handle(now, input);
        }
        match self
            .shared
            .as_mut()
            .filter(|shared| shared.is_added && !shared.is_connected)
        {
            Some(shared) => {
                shared.is_connected = true;
                self.switch.handle(now, Input::Connected)
            }
            None => Order::None,
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::None | Order::BeginSwitch | Order::Follow => {}
            Order::AddPrivate | Order::ReplacePrivate | Order::Move => {
                self.private = Some(Subscription::default());
            }
            Order::DropPrivate | Order::LeavePrivate => self.private = None,
            Order::AddShared => self.shared = Some(Subscription::default()),
            Order::LeaveShared => self.shared = None,
        }
    }

    /// A quiet second in which everything works.
    fn quiet_second(&mut self) {
        self.step(Op::Wait(1_000));
        self.step(Op::Hello {
            asks: true,
            arrives: true,
        });
        for _ in 0..6 {
            self.step(Op::Order { stands: true });
            self.step(Op::Answer { arrives: true });
            self.step(Op::Add { works: true });
            self.step(Op::Look);
            self.step(Op::Look);
        }
        if self.private.is_none() {
            for key in self.publications.clone() {
                self.manager.handle_unconnected(key);
            }
        }
    }
}

fn drive(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for op in ops {
        world.step(op);
        prop_assert!(world.publications.len() <= 1, "one consumer, one stream");
        prop_assert!(world.private.is_some() || world.shared.is_some());
    }
    for _ in 0..8 {
        world.quiet_second();
    }
    prop_assert_eq!(world.switch.state(), State::Private);
    prop_assert_eq!(world.publications.len(), 1);
    prop_assert!(world.private.is_some_and(|private| private.is_connected));
    prop_assert!(world.shared.is_none());
    Ok(())
}

proptest! {
    #[test] // req: C-083, C-110, W-197, W-198, P-033, P-036
    fn whatever_got_lost_the_consumer_gets_its_stream_in_the_end(ops in prop::collection::vec(op(), 0..80)) {
        drive(ops)?;
    }
}
