//! The client's half of a lease, answered by anybody with anything.

use tp_core_nostd::ids::{CorrelationId, LeaseId, StreamId};
use tp_core_nostd::proto::lease_client::{Event, LeaseClient, LeaseConfig, LeaseLost, Transmit};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::driver::{
    LeaseRevokeReason, Refusal, RefusalCode, Role, ShmAttachResponse, ShmAttachResponseView,
};

use crate::Input;
use crate::seeds::vectors;

/// Whoever listens to the client, and remembers what it asked.
#[derive(Default)]
struct Driver {
    attach: Option<CorrelationId>,
    detach: Option<CorrelationId>,
}

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let stream = StreamId::new(10_000).unwrap();
    let mut config = LeaseConfig::new(stream, Role::Consumer);
    config.reattach_by_hand = input.bool();
    let mut ids = Ids::seeded(input.u64());
    let mut client = LeaseClient::new(config, &mut ids);
    let grants = vectors(|name| name == "ShmAttachResponse");
    let mut driver = Driver::default();
    let mut now = Instant::from_ns(1_000_000_000);
    while !input.is_empty() {
        now = now.after(Duration::from_millis(u64::from(input.u8()) * 8));
        let held = client.lease();
        let event = match input.u8() % 9 {
            0..3 => answer(&mut client, &mut ids, now, &mut input, &driver, &grants),
            3 => {
                let correlation = driver.detach.unwrap_or(CorrelationId(input.u8().into()));
                client.handle_detach_response(correlation)
            }
            4 => {
                let lease = held.or(LeaseId::new(input.number()));
                lease.and_then(|lease| {
                    let reason = LeaseRevokeReason::Revoked;
                    client.handle_revoked(now, &mut ids, lease, stream, Role::Consumer, reason)
                })
            }
            5 => client.handle_lost(now, &mut ids, LeaseLost::DriverGone),
            6 => client.take_another_id(now, &mut ids),
            7 if input.u8() < 8 => {
                client.detach(now, &mut ids);
                None
            }
            _ => {
                match input.u8() % 3 {
                    0 => client.keep_alive(now),
                    1 => client.schedule_reattach(now, Duration::from_millis(1)),
                    _ => client.clear_reattach(),
                };
                None
            }
        };
        check(&client, event);
        talk(&mut client, &mut ids, now, &mut driver);
    }
}

/// Whoever was told that it has a lease has it, and whoever lost it has not.
fn check(client: &LeaseClient, event: Option<Event>) {
    match event {
        Some(Event::Attached(lease)) => assert_eq!(client.lease(), Some(lease)),
        Some(_) => assert_eq!(client.lease(), None, "{event:?}"),
        None => {}
    }
}

/// An answer of one of the vectors, or a refusal, to what was asked or to nothing.
fn answer(
    client: &mut LeaseClient,
    ids: &mut Ids,
    now: Instant,
    input: &mut Input<'_>,
    driver: &Driver,
    grants: &[Vec<u8>],
) -> Option<Event> {
    let asked = driver.attach.filter(|_| input.u8() > 16);
    let correlation_id = asked.unwrap_or(CorrelationId(input.u8().into()));
    if input.u8() < 16 {
        return client.handle_broken_response(now, ids, correlation_id);
    }
    let mut response = match input.bool() {
        true => {
            let bytes = &grants[input.below(grants.len())];
            let view = ShmAttachResponseView::parse(bytes).ok()?;
            ShmAttachResponse::try_from(view).ok()?
        }
        false => ShmAttachResponse {
            correlation_id,
            outcome: Err(Refusal::new(
                RefusalCode::Rejected,
                "client_id already attached",
            )),
        },
    };
    response.correlation_id = correlation_id;
    client.handle_attach_response(now, ids, &response)
}

/// Everything that is due: it ends, and nothing is due at the same time again but what was asked for by hand.
fn talk(client: &mut LeaseClient, ids: &mut Ids, now: Instant, driver: &mut Driver) {
    for _ in 0..16 {
        let event = client.poll(now, ids);
        check(client, event);
        let sent = client.transmit(now, ids, |message| {
            match message {
                Transmit::Attach(request) => driver.attach = Some(request.correlation_id),
                Transmit::Detach(request) => driver.detach = Some(request.correlation_id),
                Transmit::Keepalive(_) => {}
            }
            Ok::<_, ()>(())
        });
        if event.is_none() && sent == Ok(false) && client.poll_timeout() > now {
            return;
        }
    }
    panic!("it never comes to rest: {client:?}");
}
