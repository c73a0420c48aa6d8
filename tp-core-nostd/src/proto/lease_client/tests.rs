//! The lease client against a script: every state with every input, and the timings.
#![allow(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use super::*;
use crate::ids::{Epoch, NodeId};
use crate::seq::SlotCount;
use crate::uri::RegionUri;
use crate::wire::Pools;
use crate::wire::driver::{Grant, PublishMode};
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const CLIENT: ClientId = ClientId::new(7).unwrap();
const LEASE: LeaseId = LeaseId::new(77).unwrap();
const OTHER: LeaseId = LeaseId::new(78).unwrap();

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

/// A lease client with its ids and what it sent.
struct Bench {
    client: LeaseClient,
    ids: Ids,
}

impl Bench {
    fn new(config: LeaseConfig) -> Self {
        let mut ids = Ids::seeded(1);
        Self {
            client: LeaseClient::new(config, &mut ids),
            ids,
        }
    }

    fn consumer() -> Self {
        Self::new(LeaseConfig {
            client: Some(CLIENT),
            ..LeaseConfig::new(STREAM, Role::Consumer)
        })
    }

    /// Holds a lease since 0 whose keepalives are switched off.
    fn kept_by_hand() -> Self {
        let mut bench = Self::new(LeaseConfig {
            keepalive_interval: Duration::ZERO,
            ..LeaseConfig::new(STREAM, Role::Consumer)
        });
        let request = bench.attach_sent(0);
        let _ = bench.grant(0, request.correlation_id, LEASE);
        bench
    }

    fn poll(&mut self, ms: u64) -> Option<Event> {
        self.client.poll(at(ms), &mut self.ids)
    }

    /// Everything that is due, as the transport took it.
    fn sent(&mut self, ms: u64) -> Vec<Transmit> {
        let mut sent = Vec::new();
        let take = |due: &Transmit, sent: &mut Vec<Transmit>| sent.push(*due);
        while self
            .client
            .transmit::<()>(at(ms), &mut self.ids, |due| {
                take(due, &mut sent);
                Ok(())
            })
            .unwrap()
        {}
        sent
    }

    fn attach_sent(&mut self, ms: u64) -> ShmAttachRequest {
        assert_eq!(self.poll(ms), None);
        match self.sent(ms)[..] {
            [Transmit::Attach(request)] => request,
            ref other => panic!("{other:?} instead of one attach"),
        }
    }

    fn grant(&mut self, ms: u64, correlation: CorrelationId, lease: LeaseId) -> Option<Event> {
        let expiry = Some(at(ms + 3_000));
        self.client.handle_attach_response(
            at(ms),
            &mut self.ids,
            &granted(correlation, lease, expiry),
        )
    }

    fn refuse(&mut self, ms: u64, correlation: CorrelationId, text: &str) -> Option<Event> {
        let refusal = Refusal::new(RefusalCode::Rejected, text);
        let response = ShmAttachResponse {
            correlation_id: correlation,
            outcome: Err(refusal),
        };
        self.client
            .handle_attach_response(at(ms), &mut self.ids, &response)
    }

    fn revoke(&mut self, ms: u64, lease: LeaseId) -> Option<Event> {
        let reason = LeaseRevokeReason::Expired;
        self.client
            .handle_revoked(at(ms), &mut self.ids, lease, STREAM, Role::Consumer, reason)
    }

    /// Attached at 0 ms with a deadline at 3 s, the first keepalive sent.
    fn attached() -> Self {
        let mut bench = Self::consumer();
        let request = bench.attach_sent(0);
        assert_eq!(
            bench.grant(0, request.correlation_id, LEASE),
            Some(Event::Attached(LEASE))
        );
        assert_eq!(bench.sent(0).len(), 1);
        bench
    }

    fn detaching() -> (Self, CorrelationId) {
        let mut bench = Self::attached();
        bench.client.detach(at(10), &mut bench.ids);
        match bench.sent(10)[..] {
            [Transmit::Detach(request)] => (bench, request.correlation_id),
            ref other => panic!("{other:?} instead of one detach"),
        }
    }
}

fn granted(
    correlation: CorrelationId,
    lease: LeaseId,
    expires_at: Option<Instant>,
) -> ShmAttachResponse<'static> {
    ShmAttachResponse {
        correlation_id: correlation,
        outcome: Ok(Grant {
            lease_id: lease,
            lease_expires_at: expires_at,
            stream_id: STREAM,
            epoch: Epoch::new(1).unwrap(),
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            node_id: None,
            payload_pools: Pools::new(),
            header_region_uri: RegionUri::parse(b"shm:file?path=/dev/shm/header.ring").unwrap(),
        }),
    }
}

#[test] // req: C-026, D-064, C-031
fn an_attach_says_everything_explicitly() {
    let request = Bench::consumer().attach_sent(0);
    assert_eq!(request.stream_id, Some(STREAM));
    assert_eq!(request.client_id, CLIENT);
    assert_eq!(request.role, Role::Consumer);
    assert_eq!(request.expected_layout_version, 1);
    assert_eq!(request.publish_mode, PublishMode::RequireExisting);
    let producer = Bench::new(LeaseConfig::new(STREAM, Role::Producer)).attach_sent(0);
    assert_eq!(producer.publish_mode, PublishMode::ExistingOrCreate);
}

#[test] // req: K-008
fn a_node_is_asked_for_from_the_next_attach_on() {
    let mut bench = Bench::consumer();
    assert_eq!(bench.attach_sent(0).desired_node_id, None);
    bench.client.desire_node(NodeId::new(7));
    assert_eq!(bench.poll(5_000), Some(Event::TimedOut));
    assert_eq!(bench.attach_sent(5_121).desired_node_id, Some(7));
    bench.client.desire_node(None);
    assert_eq!(bench.poll(10_121), Some(Event::TimedOut));
    assert_eq!(bench.attach_sent(10_400).desired_node_id, None);
}

#[test] // req: C-033, D-066
fn an_unanswered_attach_is_repeated_under_its_number_then_given_up() {
    let mut bench = Bench::consumer();
    let first = bench.attach_sent(0);
    assert_eq!(bench.sent(199), []);
    assert_eq!(bench.sent(200), [Transmit::Attach(first)]);
    assert_eq!(bench.poll(5_000), Some(Event::TimedOut));
    assert_eq!(bench.sent(5_000), []);
    let second = bench.attach_sent(5_121);
    assert_ne!(second.correlation_id, first.correlation_id);
}

#[test] // req: C-040, I-11
fn a_message_the_transport_did_not_take_stays_due() {
    let mut bench = Bench::consumer();
    assert_eq!(bench.poll(0), None);
    assert_eq!(
        bench
            .client
            .transmit(at(0), &mut bench.ids, |_| Err("full")),
        Err("full")
    );
    assert_eq!(bench.sent(0).len(), 1);
    let mut bench = Bench::attached();
    assert_eq!(
        bench
            .client
            .transmit(at(1_000), &mut bench.ids, |_| Err("full")),
        Err("full")
    );
    assert_eq!(bench.sent(1_001).len(), 1, "keepalive");
    bench.client.detach(at(1_001), &mut bench.ids);
    assert_eq!(
        bench
            .client
            .transmit(at(1_001), &mut bench.ids, |_| Err("full")),
        Err("full")
    );
    assert_eq!(bench.sent(1_001).len(), 1, "detach");
}

#[test] // req: C-039, D-094, C-038
fn keepalives_move_the_deadline() {
    let mut bench = Bench::attached();
    assert_eq!(bench.sent(999), []);
    let keepalive = |ms: u64| {
        Transmit::Keepalive(ShmLeaseKeepalive {
            lease_id: LEASE,
            stream_id: STREAM,
            client_id: CLIENT,
            role: Role::Consumer,
            client_timestamp_ns: at(ms).as_ns(),
        })
    };
    assert_eq!(bench.sent(1_000), [keepalive(1_000)]);
    assert_eq!(bench.poll(4_000), None);
    assert_eq!(bench.poll(4_001), Some(Event::Lost(LeaseLost::Expired)));
    assert_eq!(bench.client.lease(), None);
}

#[test] // req: C-039
fn a_short_lease_is_kept_alive_three_times_as_often() {
    let mut bench = Bench::consumer();
    let request = bench.attach_sent(0);
    let response = granted(request.correlation_id, LEASE, Some(at(600)));
    let _ = bench
        .client
        .handle_attach_response(at(0), &mut bench.ids, &response);
    assert_eq!(bench.sent(0).len(), 1);
    assert_eq!(bench.sent(199).len(), 0);
    assert_eq!(bench.sent(200).len(), 1);
    assert_eq!(bench.poll(801), Some(Event::Lost(LeaseLost::Expired)));
}

#[test] // req: D-095
fn a_lease_without_expiry_has_no_deadline_of_its_own() {
    let mut bench = Bench::consumer();
    let request = bench.attach_sent(0);
    let response = granted(request.correlation_id, LEASE, None);
    let _ = bench
        .client
        .handle_attach_response(at(0), &mut bench.ids, &response);
    assert_eq!(bench.poll(1_000_000), None);
    assert_eq!(bench.sent(1_000_000).len(), 1);
    assert_eq!(bench.poll(2_000_000), None);
}

#[test] // req: C-039
fn interval_zero_never_keeps_alive() {
    let mut bench = Bench::kept_by_hand();
    assert_eq!(bench.sent(2_999), []);
    assert_eq!(bench.poll(3_001), Some(Event::Lost(LeaseLost::Expired)));
}

#[test] // req: C-038, C-039
fn a_keepalive_by_hand_goes_once_while_they_are_switched_off() {
    let mut bench = Bench::kept_by_hand();
    assert!(bench.client.keep_alive(at(1)));
    let (client, ids) = (&mut bench.client, &mut bench.ids);
    assert_eq!(client.transmit(at(1), ids, |_| Ok::<_, ()>(())), Ok(true));
    assert_eq!(client.transmit(at(2), ids, |_| Err(())), Ok(false));
}

#[test] // req: C-039
fn of_a_lease_that_ends_at_once_not_two_keepalives_go_at_one_time() {
    let mut bench = Bench::consumer();
    let request = bench.attach_sent(0);
    let response = granted(request.correlation_id, LEASE, Some(at(1)));
    let _ = bench
        .client
        .handle_attach_response(at(1), &mut bench.ids, &response);
    let (client, ids) = (&mut bench.client, &mut bench.ids);
    assert_eq!(client.transmit(at(1), ids, |_| Ok::<_, ()>(())), Ok(true));
    assert_eq!(client.transmit(at(1), ids, |_| Err(())), Ok(false));
    assert_eq!(
        client.poll(at(2), ids),
        Some(Event::Lost(LeaseLost::Expired))
    );
}

#[test] // req: C-046, D-066
fn refusals_double_the_pause_up_to_its_limit() {
    let mut bench = Bench::consumer();
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let request = bench.attach_sent(now);
        assert_eq!(
            bench.refuse(now, request.correlation_id, "no"),
            Some(Event::Refused(RefusalCode::Rejected))
        );
        let until = bench.client.poll_timeout().as_ns().div_ceil(1_000_000);
        pauses.push(until - now);
        now = until;
    }
    for (pause, nominal) in pauses
        .iter()
        .zip([100, 200, 400, 800, 1_600, 3_200, 3_200, 3_200])
    {
        assert!(
            (nominal * 4 / 5..=nominal * 6 / 5).contains(pause),
            "{pauses:?}"
        );
    }
}

#[test] // req: C-028, C-029, D-074
fn an_automatic_id_that_is_taken_is_replaced() {
    let mut bench = Bench::new(LeaseConfig::new(STREAM, Role::Consumer));
    let first = bench.attach_sent(0);
    let _ = bench.refuse(0, first.correlation_id, " Client_ID already attached ");
    let second = bench.attach_sent(200);
    assert_ne!(second.client_id, first.client_id);
    let _ = bench.refuse(200, second.correlation_id, "consumer limit reached");
    assert_eq!(bench.attach_sent(600).client_id, second.client_id);

    let mut given = Bench::consumer();
    let request = given.attach_sent(0);
    let _ = given.refuse(0, request.correlation_id, "client_id already attached");
    assert_eq!(
        given.attach_sent(200).client_id,
        CLIENT,
        "an id the application chose is kept"
    );
}

#[test] // req: D-219
fn a_late_grant_is_taken_if_nothing_is_held() {
    let mut bench = Bench::consumer();
    let first = bench.attach_sent(0);
    assert_eq!(bench.poll(5_000), Some(Event::TimedOut));
    assert_eq!(
        bench.grant(5_001, first.correlation_id, LEASE),
        Some(Event::Attached(LEASE))
    );

    let mut bench = Bench::consumer();
    let first = bench.attach_sent(0);
    let _ = bench.poll(5_000);
    let second = bench.attach_sent(5_200);
    assert_eq!(
        bench.grant(5_201, first.correlation_id, LEASE),
        Some(Event::Attached(LEASE))
    );
    assert_eq!(bench.sent(5_201).len(), 1);
    assert_eq!(bench.grant(5_202, second.correlation_id, OTHER), None);
    match bench.sent(5_202)[..] {
        [Transmit::Detach(request)] => assert_eq!(request.lease_id, OTHER),
        ref other => panic!("{other:?} instead of one detach"),
    }
    assert_eq!(bench.client.lease(), Some(LEASE));
}

#[test] // req: D-219, C-031, D-074
fn a_late_grant_is_held_under_the_id_that_asked_for_it() {
    let mut bench = Bench::new(LeaseConfig::new(STREAM, Role::Consumer));
    let first = bench.attach_sent(0);
    assert_eq!(bench.poll(5_000), Some(Event::TimedOut));
    let second = bench.attach_sent(6_000);
    bench.refuse(6_001, second.correlation_id, "client_id already attached");
    assert_ne!(bench.client.client(), first.client_id);

    let event = bench.grant(6_002, first.correlation_id, LEASE);
    assert_eq!(event, Some(Event::Attached(LEASE)));
    assert_eq!(bench.client.client(), first.client_id);
    let sent = bench.sent(6_002);
    assert!(
        matches!(&sent[..], [Transmit::Keepalive(sent)] if sent.client_id == first.client_id),
        "{sent:?}"
    );
}

#[test] // req: D-219, D-105
fn a_grant_for_a_lease_given_up_goes_back() {
    let mut bench = Bench::consumer();
    let request = bench.attach_sent(0);
    bench.client.detach(at(1), &mut bench.ids);
    assert_eq!(bench.grant(2, request.correlation_id, LEASE), None);
    assert!(!bench.client.is_done());
    assert!(matches!(bench.sent(2)[..], [Transmit::Detach(request)] if request.lease_id == LEASE));
    assert!(bench.client.is_done());
}

/// What each state answers to each input that concerns it, or does not.
#[test] // req: C-152
fn every_state_answers_every_input() {
    use Event::{Attached, Broken, Detached, Lost, Refused};
    type State = fn() -> (Bench, CorrelationId);
    let states: [(&str, State); 5] = [
        ("unattached", || {
            let mut bench = Bench::consumer();
            bench.client.detach(at(0), &mut bench.ids);
            (bench, CorrelationId(1))
        }),
        ("attaching", || {
            let mut bench = Bench::consumer();
            let request = bench.attach_sent(0);
            (bench, request.correlation_id)
        }),
        ("attached", || (Bench::attached(), CorrelationId(1))),
        ("detaching", Bench::detaching),
        ("backoff", || {
            let mut bench = Bench::consumer();
            let request = bench.attach_sent(0);
            let _ = bench.refuse(0, request.correlation_id, "no");
            (bench, request.correlation_id)
        }),
    ];
    type Input = fn(&mut Bench, CorrelationId) -> Option<Event>;
    let lost = |why| Some(Lost(why));
    #[rustfmt::skip]
    let inputs: [(&str, Input, [Option<Event>; 5]); 9] = [
        // input                                                  unattached attaching          attached            detaching       backoff
        ("granted", |b, c| b.grant(20, c, LEASE),
            [None, Some(Attached(LEASE)), None, None, None]), // req: D-071, C-036
        ("granted to somebody else", |b, _| b.grant(20, CorrelationId(-1), LEASE),
            [None, None, None, None, None]),
        ("refused", |b, c| b.refuse(20, c, "no"),
            [None, Some(Refused(RefusalCode::Rejected)), None, None, None]), // req: D-072, C-037
        ("broken answer", |b, c| b.client.handle_broken_response(at(20), &mut b.ids, c),
            [None, Some(Broken), None, None, None]), // req: D-081, D-076
        ("detach answered", |b, c| b.client.handle_detach_response(c),
            [None, None, None, Some(Detached), None]), // req: C-047, D-105
        ("our lease revoked", |b, _| b.revoke(20, LEASE),
            [None, None, lost(LeaseLost::Revoked(LeaseRevokeReason::Expired)), Some(Detached), None]), // req: D-099, D-114
        ("another lease revoked", |b, _| b.revoke(20, OTHER),
            [None, None, None, None, None]), // req: D-116, D-123, D-100, C-042
        ("driver ended", |b, _| b.client.handle_lost(at(20), &mut b.ids, LeaseLost::DriverShutdown),
            [None, None, lost(LeaseLost::DriverShutdown), Some(Detached), None]), // req: D-151, C-044
        ("time passes", |b, _| b.poll(9_000),
            [None, Some(Event::TimedOut), lost(LeaseLost::Expired), Some(Detached), None]),
    ];
    for (input, apply, expected) in inputs {
        for ((state, make), expected) in states.into_iter().zip(expected) {
            let (mut bench, correlation) = make();
            assert_eq!(
                apply(&mut bench, correlation),
                expected,
                "{input} while {state}"
            );
        }
    }
}

#[test] // req: D-120, C-042
fn a_repeated_revocation_is_harmless() {
    let mut bench = Bench::attached();
    assert!(bench.revoke(20, LEASE).is_some());
    assert_eq!(bench.revoke(21, LEASE), None);
    assert_eq!(bench.poll(141), None);
    assert_eq!(bench.sent(141).len(), 1, "attaches again");
}

#[test] // req: D-117
fn a_revocation_names_stream_and_role() {
    let mut bench = Bench::attached();
    let reason = LeaseRevokeReason::Revoked;
    let other_stream = StreamId::new(10_001).unwrap();
    assert_eq!(
        bench.client.handle_revoked(
            at(1),
            &mut bench.ids,
            LEASE,
            other_stream,
            Role::Consumer,
            reason
        ),
        None
    );
    assert_eq!(
        bench
            .client
            .handle_revoked(at(1), &mut bench.ids, LEASE, STREAM, Role::Producer, reason),
        None
    );
    assert_eq!(bench.client.lease(), Some(LEASE));
}

#[test]
fn the_next_deadline_is_told() {
    let mut bench = Bench::consumer();
    assert_eq!(bench.client.poll_timeout(), at(0));
    let request = bench.attach_sent(0);
    assert_eq!(bench.client.poll_timeout(), at(200));
    let _ = bench.grant(1, request.correlation_id, LEASE);
    assert_eq!(bench.sent(1).len(), 1);
    assert_eq!(bench.client.poll_timeout(), at(1_001));
    bench.client.detach(at(2), &mut bench.ids);
    assert_eq!(bench.client.poll_timeout(), at(2));
    let _ = bench.poll(5_002);
    assert_eq!(bench.client.poll_timeout(), Instant::NEVER);
}

#[test] // req: C-112, C-031, W-180
fn a_lease_whose_id_is_taken_goes_back_and_another_is_asked_for() {
    let mut bench = Bench::new(LeaseConfig::new(STREAM, Role::Consumer));
    let first = bench.attach_sent(0);
    bench.grant(1, first.correlation_id, LEASE);
    bench.sent(1);
    let event = bench.client.take_another_id(at(2), &mut bench.ids);
    assert_eq!(event, Some(Event::Lost(LeaseLost::IdTaken)));
    assert_ne!(bench.client.client(), first.client_id);
    match bench.sent(3)[..] {
        [Transmit::Detach(request)] => {
            assert_eq!(request.lease_id, LEASE);
            assert_eq!(request.client_id, first.client_id, "as it was granted");
        }
        ref other => panic!("{other:?} instead of a detach"),
    }
    let second = bench.attach_sent(1_000);
    assert_eq!(second.client_id, bench.client.client());
    assert_ne!(second.correlation_id, first.correlation_id);
    assert!(bench.grant(1_001, second.correlation_id, OTHER).is_some());
}

#[test] // req: C-112
fn an_id_that_the_application_set_stays() {
    let mut bench = Bench::consumer();
    let request = bench.attach_sent(0);
    bench.grant(1, request.correlation_id, LEASE);
    assert_eq!(bench.client.take_another_id(at(2), &mut bench.ids), None);
    assert_eq!(
        (bench.client.client(), bench.client.lease()),
        (CLIENT, Some(LEASE))
    );
}

/// A lease that is asked for again only when told.
fn lost_by_hand() -> Bench {
    let mut bench = Bench::new(LeaseConfig {
        client: Some(CLIENT),
        reattach_by_hand: true,
        ..LeaseConfig::new(STREAM, Role::Consumer)
    });
    let correlation = bench.attach_sent(0).correlation_id;
    bench.grant(0, correlation, LEASE).unwrap();
    bench
        .client
        .handle_lost(at(10), &mut bench.ids, LeaseLost::DriverGone)
        .unwrap();
    bench
}

#[test] // req: C-046
fn by_hand_a_lost_lease_comes_back_when_its_owner_says_so() {
    let mut bench = lost_by_hand();
    assert_eq!(bench.client.poll_timeout(), Instant::NEVER);
    assert_eq!(bench.poll(1_000_000), None);
    assert!(!bench.client.is_attaching());

    let soon = Duration::from_millis(50);
    assert!(bench.client.schedule_reattach(at(2_000_000), soon));
    assert_eq!(bench.client.reattach_at(), Some(at(2_000_050)));
    assert!(bench.client.clear_reattach());
    assert_eq!(bench.poll(2_000_050), None);
    assert!(!bench.client.is_attaching(), "taken back");

    assert!(
        bench
            .client
            .schedule_reattach(at(3_000_000), Duration::ZERO)
    );
    let correlation = bench.attach_sent(3_000_000).correlation_id;
    assert!(!bench.client.schedule_reattach(at(3_000_000), soon));
    // Refused, it waits for its owner's word again.
    bench.refuse(3_000_001, correlation, "not now").unwrap();
    assert_eq!(bench.client.reattach_at(), Some(Instant::NEVER));
}

#[test] // req: C-046
fn by_hand_a_lease_that_was_never_held_is_still_asked_for_again_by_itself() {
    let mut bench = Bench::new(LeaseConfig {
        reattach_by_hand: true,
        ..LeaseConfig::new(STREAM, Role::Consumer)
    });
    let correlation = bench.attach_sent(0).correlation_id;
    bench.refuse(1, correlation, "not now").unwrap();
    assert!(bench.client.reattach_at().unwrap() < at(200));
}

#[test] // req: C-038
fn a_keepalive_by_hand_goes_at_once_and_moves_the_next_one() {
    let mut bench = Bench::consumer();
    assert!(!bench.client.keep_alive(at(0)), "nothing to keep");
    let correlation = bench.attach_sent(0).correlation_id;
    bench.grant(0, correlation, LEASE).unwrap();
    assert!(matches!(bench.sent(0)[..], [Transmit::Keepalive(_)]));
    assert!(bench.sent(500).is_empty());
    assert!(bench.client.keep_alive(at(500)));
    assert!(matches!(bench.sent(500)[..], [Transmit::Keepalive(_)]));
    assert!(bench.sent(1_400).is_empty(), "counted from the last one");
    assert!(matches!(bench.sent(1_500)[..], [Transmit::Keepalive(_)]));
}
