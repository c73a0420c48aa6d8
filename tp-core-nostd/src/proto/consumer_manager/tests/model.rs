//! The manager against a model: lists, searched from scratch, of who is there and what was done.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::super::*;
use super::rig::*;
use crate::ids::ClientId;
use crate::wire::control::Endpoint;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A consumer asks for a descriptor and a control stream; 0 is none.
    Hello(usize, u32, u32),
    Qos(usize),
    Gone(usize),
    /// Milliseconds pass, then consumers that fell silent are swept.
    Poll(u64),
    /// An order is taken, or not.
    Order(bool),
    /// A publication ordered some orders ago stands, or cannot be added.
    Result(usize, bool),
    /// An answer is taken, or not.
    Transmit(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..3_usize;
    let ids = (0_u32..3, 0_u32..3);
    prop_oneof![
        4 => (who.clone(), ids).prop_map(|(who, (d, c))| Op::Hello(who, d * 31_000, c * 100)),
        1 => who.clone().prop_map(Op::Qos),
        1 => who.prop_map(Op::Gone),
        2 => (0_u64..3_000).prop_map(Op::Poll),
        5 => any::<bool>().prop_map(Op::Order),
        4 => (0..4_usize, prop::bool::weighted(0.7)).prop_map(|(n, ok)| Op::Result(n, ok)),
        5 => any::<bool>().prop_map(Op::Transmit),
    ]
}

/// Descriptors are 31000 and 62000 for everybody, so consumers compete; controls are each one's own.
fn wanted(who: usize, descriptor: u32, control: u32) -> [u32; 2] {
    let own = |id: u32| {
        if id == 0 {
            0
        } else {
            id + 1_000 * (who as u32 + 1)
        }
    };
    [descriptor, own(control)]
}

/// A tracked consumer.
#[derive(Clone, Debug)]
struct Known {
    consumer: ClientId,
    seen: u64,
    said_hello: bool,
    /// The ids it is granted, 0 for none.
    granted: [u32; 2],
    /// The ids it was told last in this life, each with the key of its publication.
    told: Option<[Option<StreamKey>; 2]>,
}

/// A publication that was ordered and not yet ordered to be closed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Publication {
    key: StreamKey,
    id: u32,
    stands: bool,
    /// Nobody wants it any more.
    revoked: bool,
}

#[derive(Default)]
struct Model {
    known: Vec<Known>,
    publications: Vec<Publication>,
}

const PEOPLE: [ClientId; 3] = [ANN, BEN, CAT];

impl Model {
    fn of(&mut self, consumer: ClientId) -> Option<&mut Known> {
        self.known
            .iter_mut()
            .find(|known| known.consumer == consumer)
    }

    /// What the consumer was granted of this kind is granted no more.
    fn revoke(&mut self, consumer: ClientId, kind: StreamKind) {
        for publication in &mut self.publications {
            let key = publication.key;
            publication.revoked |= (key.consumer, key.kind) == (consumer, kind);
        }
    }

    fn forget(&mut self, consumer: ClientId) {
        self.known.retain(|known| known.consumer != consumer);
        self.revoke(consumer, StreamKind::Descriptor);
        self.revoke(consumer, StreamKind::Control);
    }
}

fn drive(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut rig = Rig::answering();
    let (mut model, mut now) = (Model::default(), 0);
    for op in ops {
        match op {
            Op::Hello(who, descriptor, control) => {
                let [descriptor, control] = wanted(who, descriptor, control);
                let consumer = PEOPLE[who];
                let heard = rig
                    .manager
                    .handle_hello(at(now), &asking(consumer, descriptor, control));
                let is_known = model.of(consumer).is_some();
                let said_hello = model.of(consumer).is_some_and(|known| known.said_hello);
                prop_assert_eq!(said_hello, heard == Heard::Known);
                if heard == Heard::Refused {
                    // Two are there, or their streams are still to be closed.
                    prop_assert!(model.known.len() == 2 || !model.publications.is_empty());
                    continue;
                }
                if !is_known {
                    model.known.push(Known {
                        consumer,
                        seen: now,
                        said_hello: true,
                        granted: [0; 2],
                        told: None,
                    });
                }
                let taken = model
                    .known
                    .iter()
                    .any(|known| known.consumer != consumer && known.granted[0] == descriptor);
                let known = model.of(consumer).unwrap();
                known.seen = now;
                known.said_hello = true;
                let before = known.granted;
                let granted = [if taken { 0 } else { descriptor }, control];
                known.granted = granted;
                for (kind, place) in [(StreamKind::Descriptor, 0), (StreamKind::Control, 1)] {
                    if before[place] != granted[place] {
                        model.revoke(consumer, kind);
                    }
                }
            }
            Op::Qos(who) => {
                rig.manager.handle_qos(at(now), &qos(PEOPLE[who]));
                let is_there = rig.manager.consumers().any(|c| c.consumer == PEOPLE[who]);
                match model.of(PEOPLE[who]) {
                    Some(known) => known.seen = now,
                    None if is_there => model.known.push(Known {
                        consumer: PEOPLE[who],
                        seen: now,
                        said_hello: false,
                        granted: [0; 2],
                        told: None,
                    }),
                    None => {}
                }
            }
            Op::Gone(who) => {
                rig.manager.handle_gone(PEOPLE[who]);
                model.forget(PEOPLE[who]);
            }
            Op::Poll(ms) => {
                now += ms;
                rig.manager.poll(at(now));
                // A sweep may be a quarter of the timeout late, never early.
                let there: Vec<_> = rig.manager.consumers().map(|c| c.consumer).collect();
                for known in &model.known {
                    let silent = now - known.seen;
                    prop_assert!(silent <= 6_250 || !there.contains(&known.consumer));
                    prop_assert!(silent > 5_000 || there.contains(&known.consumer));
                }
                for consumer in PEOPLE {
                    if !there.contains(&consumer) {
                        model.forget(consumer);
                    }
                }
            }
            Op::Order(taken) => {
                let mut offered = None;
                let result = rig.manager.order(|order| {
                    offered = Some(match order {
                        StreamOrder::Open { key, endpoint } => {
                            (key, Some(endpoint.stream_id.get()))
                        }
                        StreamOrder::Close { key } => (key, None),
                    });
                    if taken { Ok(()) } else { Err(()) }
                });
                prop_assert_eq!(result.is_err(), offered.is_some() && !taken);
                let dead = model.publications.iter().filter(|p| p.revoked).count();
                prop_assert!(
                    offered.is_some() || dead == 0,
                    "what is not granted gets closed"
                );
                match offered {
                    Some((key, Some(id))) => {
                        let publication = Publication {
                            key,
                            id,
                            stands: false,
                            revoked: false,
                        };
                        let place = usize::from(key.kind == StreamKind::Control);
                        let granted = model.of(key.consumer).map(|known| known.granted[place]);
                        prop_assert_eq!(granted, Some(id), "nobody wants it");
                        if taken {
                            model.publications.push(publication);
                        }
                    }
                    Some((key, None)) => {
                        let at = model.publications.iter().position(|p| p.key == key);
                        prop_assert!(at.is_some(), "never opened");
                        if taken {
                            model.publications.remove(at.unwrap());
                        }
                    }
                    None => {}
                }
            }
            Op::Result(nth, ok) => {
                let Some(publication) = model.publications.get(nth).copied() else {
                    continue;
                };
                if ok {
                    rig.manager.opened(publication.key);
                    model.publications[nth].stands = true;
                } else if !publication.revoked {
                    rig.manager.failed(publication.key);
                    let place = usize::from(publication.key.kind == StreamKind::Control);
                    model.of(publication.key.consumer).unwrap().granted[place] = 0;
                    model.publications.remove(nth);
                }
            }
            Op::Transmit(taken) => {
                let mut offered = None;
                let result = rig.manager.transmit(|config| {
                    let id =
                        |endpoint: Option<Endpoint<'_>>| endpoint.map_or(0, |e| e.stream_id.get());
                    offered = Some((
                        config.consumer_id,
                        [id(config.descriptor), id(config.control)],
                    ));
                    if taken { Ok(()) } else { Err(()) }
                });
                prop_assert_eq!(result.is_err(), offered.is_some() && !taken);
                let Some((consumer, ids)) = offered else {
                    continue;
                };
                let publications = model.publications.clone();
                let Some(known) = model.of(consumer) else {
                    prop_assert_eq!(ids, [0, 0], "told to one who is not tracked");
                    continue;
                };
                if !known.said_hello {
                    prop_assert_eq!(ids, [0, 0], "an earlier refusal");
                    continue;
                }
                // Its streams are those granted, and all of them stand.
                let standing = |id: u32| {
                    publications.iter().rfind(|p| {
                        p.id == id && p.key.consumer == consumer && p.stands && !p.revoked
                    })
                };
                let keys = ids.map(|id| standing(id).map(|p| p.key));
                let is_refusal = ids == [0, 0] && known.granted != [0, 0];
                if !is_refusal {
                    prop_assert_eq!(ids, known.granted);
                    prop_assert!(
                        ids.iter()
                            .zip(&keys)
                            .all(|(id, key)| *id == 0 || key.is_some())
                    );
                    if taken {
                        known.told = Some(keys);
                    }
                }
            }
        }
        prop_assert!(rig.manager.consumers().count() <= 2);
    }
    // Once everything is taken, and what was ordered stands, everybody knows what he is granted.
    rig.keys
        .extend(model.publications.iter().map(|publication| publication.key));
    loop {
        let orders = rig.settle();
        let told = rig.told();
        if (orders.as_str(), told.as_str()) == ("-", "-") {
            break;
        }
    }
    for known in &model.known {
        let there = rig
            .manager
            .consumers()
            .find(|c| c.consumer == known.consumer);
        let id = |endpoint: Option<Endpoint<'_>>| endpoint.map_or(0, |e| e.stream_id.get());
        let assigned = there.map(|c| [id(c.descriptor), id(c.control)]);
        prop_assert_eq!(assigned, Some(known.granted));
    }
    Ok(())
}

proptest! {
    #[test] // req: C-082, C-083, C-084, C-086, P-033, P-042, W-204, W-205, W-206
    fn it_does_what_lists_say(ops in prop::collection::vec(op(), 0..100)) {
        drive(ops)?;
    }
}
