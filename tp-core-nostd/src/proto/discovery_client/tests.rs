//! Every input in every state of a question, arbitrary histories against a slow list, and what results are good for.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::{ClientId, Epoch, LeaseId, PoolId, StreamId};
use crate::seq::SlotCount;
use crate::uri::RegionUri;
use crate::wire::control::ShmPoolAnnounce;
use crate::wire::discovery::{DiscoveryRequestView, DiscoveryResult, Results};
use crate::wire::driver::Grant;
use crate::wire::enums::ClockDomain;
use crate::wire::{PoolEntry, Pools, Stride};
use proptest::prelude::*;
use std::vec::Vec;

type Client = DiscoveryClient<[Query<128>; 3], 128>;

const SEED: u64 = 40;

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn endpoint(channel: &'static str, stream: u32) -> Endpoint<'static> {
    Endpoint {
        channel,
        stream_id: StreamId::new(stream).unwrap(),
    }
}

fn setup() -> Setup<'static> {
    Setup {
        responses: endpoint("aeron:ipc?term-length=4m", 7004),
        driver_control: Some(endpoint("aeron:ipc?term-length=4m", 1000)),
        client_id: 7,
        timing: Timing::DEFAULT,
    }
}

fn client() -> Client {
    DiscoveryClient::new(setup(), [Query::FREE; 3], SEED).unwrap()
}

fn response(id: u64) -> DiscoveryResponse<'static> {
    DiscoveryResponse {
        request_id: RequestId(id),
        outcome: DiscoveryOutcome::Found(Results::listed(&[])),
    }
}

/// The ids of all requests that are due.
fn sent(client: &mut Client, now: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while client
        .transmit(at(now), |bytes| {
            let view = DiscoveryRequestView::parse(bytes).unwrap();
            ids.push(view.block.request_id.get());
            Ok::<_, ()>(())
        })
        .unwrap()
    {}
    ids
}

#[test] // req: C-126, R-015, R-021, R-081, C-191
fn every_request_names_where_answers_go() {
    let tags = [Tag("left".into())];
    let filter = Filter {
        stream_id: Some(10_000),
        producer_id: Some(0),
        data_source_id: Some(3),
        data_source_name: Some("camera"),
        tags: &tags,
    };
    let mut client = client();
    client.ask(at(0), &filter).unwrap();
    let mut checked = false;
    let _ = client.transmit(at(0), |bytes| {
        let view = DiscoveryRequestView::parse(bytes).unwrap();
        let request = DiscoveryRequest::try_from(view).unwrap();
        let expected = DiscoveryRequest {
            request_id: RequestId(SEED + 1),
            client_id: 7,
            response_stream_id: StreamId::new(7004).unwrap(),
            response_channel: "aeron:ipc?term-length=4m",
            stream_id: Some(10_000),
            producer_id: Some(0),
            data_source_id: Some(3),
            data_source_name: Some("camera".into()),
            tags: Tags::listed(&tags),
        };
        assert_eq!(request, expected);
        checked = true;
        Ok::<_, ()>(())
    });
    assert!(checked);

    let refused = |responses, control| {
        let setup = Setup {
            responses,
            driver_control: Some(control),
            ..setup()
        };
        Client::new(setup, [Query::FREE; 3], SEED).err()
    };
    let control = endpoint("aeron:ipc?term-length=4m", 1000);
    let at_driver = Some(AskError::ResponsesAtDriver);
    let udp = |host| endpoint(host, 1000);
    let (a, b) = (
        "aeron:udp?endpoint=a:1|mtu=8k",
        "aeron:udp?mtu=4k|endpoint=b:1",
    );
    let rows = [
        (
            endpoint("", 7004),
            control,
            Some(AskError::NoResponseChannel),
        ),
        (control, control, at_driver),
        (endpoint("aeron:ipc", 1000), control, at_driver), // another parameter, the same stream
        (endpoint("aeron:ipc", 1001), control, None),
        (udp(a), control, None),
        (udp(a), udp(b), None),
        (udp(a), udp("aeron:udp?endpoint=a:1"), at_driver),
    ];
    for (responses, control, expected) in rows {
        assert_eq!(
            refused(responses, control),
            expected,
            "{responses:?} {control:?}"
        );
    }
}

/// A question in each of its states, at a time it was asked at 0.
fn states() -> [(&'static str, Client, u64); 5] {
    let free = client();
    let mut asked = client();
    asked.ask(at(0), &Filter::default()).unwrap();
    let mut waiting = asked.clone();
    assert_eq!(sent(&mut waiting, 0), [SEED + 1]);
    let due = waiting.clone();
    let over = waiting.clone();
    [
        ("free", free, 0),
        ("asked", asked, 0),
        ("sent", waiting, 500),
        ("due again", due, 1_000),
        ("over", over, 5_000),
    ]
}

#[test] // req: C-127, R-035, R-079, C-191
fn every_input_in_every_state() {
    let ours = RequestId(SEED + 1);
    // What each input says: requests sent, the answer to ours and to another, what expires; and whether a question is
    // left after each of them.
    type Row = (bool, bool, bool, [bool; 5]);
    let reviewed: [Row; 5] = [
        (false, false, false, [false; 5]),
        (true, true, false, [true, false, true, true, false]),
        (false, true, false, [true, false, true, true, false]),
        (true, true, false, [true, false, true, true, false]),
        (false, true, true, [true, false, true, false, false]),
    ];
    for ((name, client, now), expected) in states().into_iter().zip(reviewed) {
        let mut clients = [const { None::<Client> }; 5].map(|_| client.clone());
        let [sending, answered, strange, expiring, cancelled] = &mut clients;
        let is_sent = !sent(sending, now).is_empty();
        let answer = answered.handle(&response(ours.0));
        assert!(answer.is_none_or(|answer| answer.request == ours));
        assert_eq!(strange.handle(&response(9)), None, "{name}");
        let expired = expiring.expire(at(now));
        assert!(expired.is_none_or(|request| request == ours));
        cancelled.cancel(ours);
        let left = clients
            .each_ref()
            .map(|client| client.poll_timeout() != Instant::NEVER);
        let row = (is_sent, answer.is_some(), expired.is_some(), left);
        assert_eq!(row, expected, "{name}");
    }
}

#[test] // req: R-079
fn a_question_is_asked_each_second_for_five() {
    let mut client = client();
    client.ask(at(0), &Filter::default()).unwrap();
    assert_eq!(client.transmit(at(0), |_| Err(3)), Err(3), "stays due");
    let asked: Vec<_> = (0..9_000)
        .filter(|ms| !sent(&mut client, *ms).is_empty())
        .collect();
    assert_eq!(asked, [0, 1_000, 2_000, 3_000, 4_000]);
    assert_eq!(client.poll_timeout(), at(5_000));
    assert_eq!(client.expire(at(4_999)), None);
    assert_eq!(client.expire(at(5_000)), Some(RequestId(SEED + 1)));
    assert_eq!(client.handle(&response(SEED + 1)), None, "too late");
}

#[test] // req: R-080
fn questions_have_ids_and_room_of_their_own() {
    let mut client = client();
    let ids: Vec<_> = (0..3)
        .map(|_| client.ask(at(0), &Filter::default()).unwrap().0)
        .collect();
    assert_eq!(ids, [41, 42, 43]);
    let full = client.ask(at(0), &Filter::default());
    assert_eq!(full, Err(AskError::TooManyQueries));
    client.cancel(RequestId(42));
    let name = "n".repeat(128);
    let long = Filter {
        data_source_name: Some(&name),
        ..Filter::default()
    };
    assert!(matches!(
        client.ask(at(0), &long),
        Err(AskError::TooLong(_))
    ));
    assert_eq!(client.ask(at(0), &Filter::default()), Ok(RequestId(44)));
}

proptest! {
    #[test] // req, C-127
    fn questions_are_answered_once_or_expire(steps in prop::collection::vec((0..5_u32, 0..8_u64, 0..1_500_u64), 0..60)) {
        let mut client = client();
        // Open questions by id: when they were asked, and when they were sent last.
        let mut open: Vec<(u64, u64, Option<u64>)> = Vec::new();
        let (mut now, mut next) = (0, SEED + 1);
        for (what, which, ms) in steps {
            now += ms;
            let id = SEED + which;
            let position = open.iter().position(|(open, ..)| *open == id);
            match what {
                0 | 1 => {
                    let asked = client.ask(at(now), &Filter::default());
                    prop_assert_eq!(asked.is_ok(), open.len() < 3);
                    if asked.is_ok() {
                        open.push((next, now, None));
                        next += 1;
                    }
                }
                2 => {
                    let answer = client.handle(&response(id)).map(|answer| answer.request.0);
                    prop_assert_eq!(answer, position.map(|at| open.remove(at).0));
                }
                3 => {
                    let over: Vec<_> = open.iter().filter(|(_, asked, _)| now - asked >= 5_000).map(|(id, ..)| *id).collect();
                    open.retain(|(id, ..)| !over.contains(id));
                    let mut expired: Vec<_> = core::iter::from_fn(|| client.expire(at(now))).map(|id| id.0).collect();
                    expired.sort_unstable();
                    prop_assert_eq!(expired, over);
                }
                _ => {
                    let mut due = sent(&mut client, now);
                    due.sort_unstable();
                    let mut expected = Vec::new();
                    for (id, asked, last) in &mut open {
                        if now - *asked < 5_000 && last.is_none_or(|last| now - last >= 1_000) {
                            *last = Some(now);
                            expected.push(*id);
                        }
                    }
                    prop_assert_eq!(due, expected);
                }
            }
        }
    }
}

fn pools() -> Pools<'static> {
    let pool = PoolEntry {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(64).unwrap(),
        region_uri: RegionUri::new("/dev/shm/1.pool", false).unwrap(),
    };
    core::iter::once(pool).collect()
}

fn result(driver: Option<&'static str>, stream: u32, epoch: u64) -> DiscoveryResult<'static> {
    DiscoveryResult {
        stream_id: StreamId::new(stream).unwrap(),
        producer_id: None,
        epoch: Epoch::new(epoch).unwrap(),
        layout_version: 1,
        header_nslots: SlotCount::new(8).unwrap(),
        data_source_id: None,
        driver_control_stream_id: StreamId::new(1000).unwrap(),
        driver_control_channel: "aeron:ipc",
        driver_instance_id: driver.map(Text::from),
        data_source_name: None,
        tags: Tags::listed(&[]),
        payload_pools: pools(),
        header_region_uri: RegionUri::new("/dev/shm/header.ring", false).unwrap(),
    }
}

#[test] // req: R-077
fn results_are_one_per_driver_and_stream_of_the_newest_epoch() {
    let elsewhere = DiscoveryResult {
        driver_control_channel: "aeron:udp?endpoint=b:1",
        ..result(None, 1, 9)
    };
    let results = [
        result(Some("a"), 1, 5),
        result(Some("b"), 1, 4), // another driver
        result(Some("a"), 2, 3), // another stream
        result(Some("a"), 1, 5), // twice
        result(Some("a"), 1, 4), // over
        result(Some("b"), 1, 6), // newer
        result(None, 1, 7),
        result(None, 1, 8), // the same nameless driver
        elsewhere,          // another one
    ];
    let kept = |room: usize| {
        let mut out = std::vec![None; room];
        let collected = collect(Results::listed(&results), &mut out);
        let kept: Vec<_> = out.iter().flatten().cloned().collect();
        assert_eq!(kept.len(), collected.kept);
        let epochs: Vec<_> = kept
            .iter()
            .map(|kept| (kept.stream_id.get(), kept.epoch.get()))
            .collect();
        (epochs, collected.left_out)
    };
    assert_eq!(
        kept(9),
        (std::vec![(1, 5), (1, 6), (2, 3), (1, 8), (1, 9)], 0)
    );
    assert_eq!(kept(3), (std::vec![(1, 5), (1, 6), (2, 3)], 3));
    assert_eq!(kept(0), (std::vec![], 9));
}

#[test] // req, C-127, C-191
fn one_result_that_makes_no_sense_leaves_the_others() {
    let results = [result(Some("a"), 1, 5), result(Some("a"), 2, 5)];
    let outcome = DiscoveryOutcome::Found(Results::listed(&results));
    let request_id = RequestId(1);
    let mut message = [0; 1024];
    let response = DiscoveryResponse {
        request_id,
        outcome,
    };
    let len = response.encode(&mut message).unwrap();
    let streams = |message: &[u8]| {
        let view = crate::wire::discovery::DiscoveryResponseView::parse(message).unwrap();
        let DiscoveryOutcome::Found(results) = DiscoveryResponse::from(view).outcome else {
            panic!("an answer");
        };
        let mut out = [const { None }; 4];
        let _ = collect(results, &mut out);
        let streams: Vec<_> = out
            .iter()
            .flatten()
            .map(|kept| kept.stream_id.get())
            .collect();
        streams
    };
    assert_eq!(streams(&message[..len]), [1, 2]);
    // In the first entry, behind header, block and dimension: slots of the ring (20), the driver's stream (35).
    let entry = 8 + 9 + 4;
    for (field, bytes) in [(20, 16_u32), (35, 0)] {
        let mut damaged = message;
        damaged[entry + field..entry + field + 4].copy_from_slice(&bytes.to_le_bytes());
        assert_eq!(streams(&damaged[..len]), [2]);
    }
}

#[test] // req: R-040, C-127, C-191
fn errors_and_not_found_have_no_results() {
    let mut message = [0; 1024];
    let results = [result(Some("a"), 1, 5)];
    let outcome = DiscoveryOutcome::Found(Results::listed(&results));
    let request_id = RequestId(SEED + 1);
    let response = DiscoveryResponse {
        request_id,
        outcome,
    };
    let len = response.encode(&mut message).unwrap();
    // Not found, an error, and a status there is not: the results that came with them do not count.
    for status in [2, 3, 9] {
        message[8 + 8] = status;
        let view = crate::wire::discovery::DiscoveryResponseView::parse(&message[..len]).unwrap();
        let mut client = client();
        client.ask(at(0), &Filter::default()).unwrap();
        let answer = client.handle(&DiscoveryResponse::from(view)).unwrap();
        let expected = match status {
            2 => DiscoveryOutcome::NotFound,
            _ => DiscoveryOutcome::Error(None),
        };
        assert_eq!(answer.outcome, expected);
    }
}

#[test]
fn what_the_driver_grants_or_announces_wins() {
    let result = result(Some("a"), 1, 5);
    let grant = Grant {
        lease_id: LeaseId::new(1).unwrap(),
        lease_expires_at: None,
        stream_id: result.stream_id,
        epoch: result.epoch,
        layout_version: 1,
        header_nslots: result.header_nslots,
        node_id: None,
        payload_pools: pools(),
        header_region_uri: result.header_region_uri,
    };
    let announce = ShmPoolAnnounce {
        stream_id: result.stream_id,
        producer_id: ClientId::new(1),
        epoch: result.epoch,
        announce_timestamp_ns: 1,
        announce_clock_domain: ClockDomain::Monotonic,
        layout_version: 1,
        header_nslots: result.header_nslots,
        payload_pools: pools(),
        header_region_uri: result.header_region_uri,
    };
    let (epoch, header_nslots) = (Epoch::new(6).unwrap(), SlotCount::new(16).unwrap());
    let stream_id = StreamId::new(2).unwrap();
    let agrees = |grant: Grant<'_>| agreement(&result, &grant);
    assert_eq!(agrees(grant.clone()), Some(Agreement::Same));
    assert_eq!(
        agrees(Grant {
            epoch,
            ..grant.clone()
        }),
        Some(Agreement::OtherEpoch)
    );
    let other_layout = Some(Agreement::OtherLayout);
    assert_eq!(
        agrees(Grant {
            header_nslots,
            epoch,
            ..grant.clone()
        }),
        other_layout
    );
    assert_eq!(
        agrees(Grant {
            layout_version: 2,
            ..grant.clone()
        }),
        other_layout
    );
    assert_eq!(agrees(Grant { stream_id, ..grant }), None);

    let contradicts = |announce: ShmPoolAnnounce<'_>| is_contradicted(&result, &announce);
    assert!(!contradicts(announce.clone()));
    assert!(contradicts(ShmPoolAnnounce {
        epoch,
        ..announce.clone()
    }));
    assert!(contradicts(ShmPoolAnnounce {
        header_nslots,
        ..announce.clone()
    }));
    assert!(!contradicts(ShmPoolAnnounce {
        stream_id,
        epoch,
        ..announce
    }));
}
