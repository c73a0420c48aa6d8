//! What clients ask a driver for, and how patiently.

use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeSet;

use tp_core_nostd::ids::{Epoch, LeaseId, PoolId};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::Stride;
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::driver::{Grant, Refusal, RefusalCode, Role, ShmAttachResponse};
use tp_core_nostd::wire::{PoolEntry, Pools};
use tp_std::{CONTROL_STREAM, ConsumerConfig, Error, ProducerConfig, Stage, Tracing};

use crate::rig::{CYCLE, Rig, STREAM};

/// Duty cycles within `span`.
fn cycles(span: Duration) -> u32 {
    u32::try_from(span.as_nanos() / CYCLE.as_nanos()).unwrap()
}

#[test] // req: C-014
fn timeout_and_attempts_bound_how_long_a_silent_driver_is_asked() {
    let timeout = Duration::from_millis(500);
    let mut rig = Rig::with(|context| {
        let context = context.with_message_timeout(timeout);
        context.with_message_retry_attempts(2).unwrap()
    });
    let mut ear = rig.ear();
    let mut wanted = rig.client.consumer(ConsumerConfig::new(STREAM)).unwrap();
    rig.cycles(cycles(timeout * 2));
    assert!(
        wanted.poll().is_pending(),
        "one try is over, a pause, another one"
    );
    rig.cycles(cycles(timeout));
    let Poll::Ready(Err(Error::NoDriver { .. })) = wanted.poll() else {
        panic!("{wanted:?}");
    };
    let attaches = ear.attaches();
    let numbers: BTreeSet<_> = attaches
        .iter()
        .map(|attach| attach.correlation_id)
        .collect();
    assert_eq!(numbers.len(), 2, "two tries");
    assert!(
        attaches.len() > 4,
        "each repeated while there is time: {attaches:?}"
    );
    rig.cycles(cycles(timeout * 4));
    assert!(ear.attaches().is_empty(), "given up");
}

#[test] // req: K-007, K-020
fn without_a_node_nobody_traces() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let config = ProducerConfig::new(STREAM).with_tracing(Tracing::of(Stage::Root));
    let mut wanted = rig.client.producer(config).unwrap();
    rig.cycles(3);
    let grant = ShmAttachResponse {
        correlation_id: ear.attaches()[0].correlation_id,
        outcome: Ok(Grant {
            lease_id: LeaseId::new(1).unwrap(),
            lease_expires_at: None,
            stream_id: STREAM,
            epoch: Epoch::new(1).unwrap(),
            layout_version: 1,
            header_nslots: SlotCount::new(8).unwrap(),
            node_id: None,
            payload_pools: pools(),
            header_region_uri: RegionUri::parse(b"shm:file?path=/dev/shm/header.ring").unwrap(),
        }),
    };
    voice.say(|out| grant.encode(out));
    rig.cycles(2);
    let Poll::Ready(Err(Error::NoNode)) = wanted.poll() else {
        panic!("{wanted:?}");
    };
}

fn pools() -> Pools<'static> {
    let mut pools = Pools::new();
    let pool = PoolEntry {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(64).unwrap(),
        region_uri: RegionUri::parse(b"shm:file?path=/dev/shm/1.pool").unwrap(),
    };
    pools.push(pool).unwrap();
    pools
}

#[test] // req: C-030
fn every_role_has_an_id_of_its_own() {
    let mut rig = Rig::new();
    let mut ear = rig.ear();
    let _producer = rig.client.producer(ProducerConfig::new(STREAM)).unwrap();
    let _consumer = rig.client.consumer(ConsumerConfig::new(STREAM)).unwrap();
    rig.cycles(3);
    let attaches = ear.attaches();
    let roles: Vec<_> = attaches.iter().map(|attach| attach.role).collect();
    assert_eq!(roles, [Role::Producer, Role::Consumer]);
    assert_ne!(attaches[0].client_id, attaches[1].client_id);
}

#[test] // req: C-032
fn roles_of_one_kind_ask_one_after_the_other() {
    let mut rig = Rig::new();
    let (mut ear, mut voice) = (rig.ear(), rig.voice(CONTROL_STREAM));
    let consumer = || ConsumerConfig::new(STREAM);
    let mut first = rig.client.consumer(consumer()).unwrap();
    let mut second = rig.client.consumer(consumer()).unwrap();
    rig.cycles(cycles(Duration::from_secs(1)));
    let asked = ear.attaches();
    assert!(asked.len() > 3, "{asked:?}");
    let number = asked[0].correlation_id;
    assert!(
        asked.iter().all(|attach| attach.correlation_id == number),
        "only one asks"
    );

    let refusal = ShmAttachResponse {
        correlation_id: number,
        outcome: Err(Refusal::new(RefusalCode::Rejected, "full")),
    };
    voice.say(|out| refusal.encode(out));
    rig.cycles(2);
    let Poll::Ready(Err(Error::Rejected { .. })) = first.poll() else {
        panic!("{first:?}");
    };
    let asked = ear.attaches();
    assert!(
        asked.iter().any(|attach| attach.correlation_id != number),
        "now the other one: {asked:?}"
    );
    assert!(second.poll().is_pending());
}
