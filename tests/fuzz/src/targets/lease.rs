//! The client's half of a lease in conversations: whatever it asks is answered, late, wrongly, twice or never, and time
//! passes. What it says is true of the lease it speaks of.

mod driver;
mod seeds;

use tp_core_nostd::ids::{ClientId, CorrelationId, LeaseId, StreamId};
use tp_core_nostd::proto::lease_client::{Event, LeaseClient, LeaseConfig, LeaseLost};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::driver::{
    LeaseRevokeReason, Refusal, RefusalCode, Role, ShmAttachResponse, ShmAttachResponseView,
};

use crate::Input;
use crate::reach::Reached;
use crate::seeds::vectors;

pub(super) use seeds::seeds;

use driver::Driver;

const STREAM: StreamId = StreamId::new(10_000).unwrap();

/// What can happen. A step is four bytes: how long nothing happened, what does, and two that say how.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Turn {
    Grant,
    Refuse,
    Break,
    AnswerDetach,
    Revoke,
    Lose,
    IdTaken,
    Detach,
    KeepAlive,
    Schedule,
    Clear,
    /// The medium takes nothing, for the rest of this step.
    Refused,
    Nothing,
}

impl Turn {
    const ALL: [Self; 13] = [
        Self::Grant,
        Self::Refuse,
        Self::Break,
        Self::AnswerDetach,
        Self::Revoke,
        Self::Lose,
        Self::IdTaken,
        Self::Detach,
        Self::KeepAlive,
        Self::Schedule,
        Self::Clear,
        Self::Refused,
        Self::Nothing,
    ];
}

const LOST: [LeaseLost; 4] = [
    LeaseLost::DriverGone,
    LeaseLost::DriverShutdown,
    LeaseLost::Superseded,
    LeaseLost::Unusable,
];

struct Conversation {
    config: LeaseConfig,
    ids: Ids,
    client: LeaseClient,
    driver: Driver,
    now: Instant,
    /// Whether the owner still wants a lease, and had one.
    is_wanted: bool,
    had: bool,
    reached: Reached,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut input = Input::new(bytes);
    let flags = input.u8();
    let role = match flags & 1 {
        0 => Role::Consumer,
        _ => Role::Producer,
    };
    let mut config = LeaseConfig::new(STREAM, role);
    config.reattach_by_hand = flags & 2 != 0;
    config.client = (flags & 4 != 0).then_some(ClientId::new(7)).flatten();
    if flags & 8 != 0 {
        config.keepalive_interval = Duration::ZERO;
    }
    let mut ids = Ids::seeded(input.u8().into());
    let mut conversation = Conversation {
        client: LeaseClient::new(config, &mut ids),
        config,
        ids,
        driver: Driver::default(),
        now: Instant::from_ns(1_000_000_000),
        is_wanted: true,
        had: false,
        reached: Reached::new(),
    };
    conversation.talk(true);
    while !input.is_empty() {
        conversation.step(&mut input);
    }
    conversation.reached
}

impl Conversation {
    fn step(&mut self, input: &mut Input<'_>) {
        self.now = self.now.after(pause(input.u8()));
        self.look(None);
        let turn = Turn::ALL[usize::from(input.u8()) % Turn::ALL.len()];
        let (how, which) = (input.u8(), input.u8());
        let event = self.turn(turn, how, which);
        self.look(event);
        self.talk(!matches!(turn, Turn::Refused));
        if self.client.is_done() {
            // Its owner has another one.
            self.client = LeaseClient::new(self.config, &mut self.ids);
            (self.is_wanted, self.had) = (true, false);
        }
    }

    fn turn(&mut self, turn: Turn, how: u8, which: u8) -> Option<Event> {
        let Self {
            client, ids, now, ..
        } = self;
        let now = *now;
        match turn {
            Turn::Grant => return self.grant(how, which),
            Turn::Refuse => return self.refuse(how, which),
            Turn::Break => {
                let correlation = self.driver.request(which).0;
                return client.handle_broken_response(now, ids, correlation);
            }
            Turn::AnswerDetach => {
                let detach = self.driver.detach.filter(|_| which < 0xF0);
                let correlation = detach.unwrap_or(CorrelationId(which.into()));
                return client.handle_detach_response(correlation);
            }
            Turn::Revoke => {
                let newest = self.driver.granted.keys().rev();
                let lease = *newest.copied().collect::<Vec<_>>().get(usize::from(how))?;
                let role = match which {
                    0xFF => Role::Consumer,
                    _ => self.config.role,
                };
                let reason = LeaseRevokeReason::Revoked;
                return client.handle_revoked(now, ids, lease, STREAM, role, reason);
            }
            Turn::Lose => {
                let why = LOST[usize::from(how) % LOST.len()];
                return client.handle_lost(now, ids, why);
            }
            Turn::IdTaken => return client.take_another_id(now, ids),
            Turn::Detach => {
                client.detach(now, ids);
                self.is_wanted = false;
            }
            Turn::KeepAlive => drop(client.keep_alive(now)),
            Turn::Schedule => {
                let by_owner = client.reattach_at() == Some(Instant::NEVER);
                if client.schedule_reattach(now, pause(how)) && by_owner {
                    self.reached.insert("asked for again by its owner");
                }
            }
            Turn::Clear => drop(client.clear_reattach()),
            Turn::Refused | Turn::Nothing => {}
        }
        None
    }

    /// A grant to one of the requests, or to none, that ends soon, late or never.
    fn grant(&mut self, how: u8, which: u8) -> Option<Event> {
        let (correlation_id, holder) = self.driver.request(which);
        let grants = vectors(|name| name == "ShmAttachResponse");
        let view = ShmAttachResponseView::parse(&grants[0]).unwrap();
        let mut grant = ShmAttachResponse::try_from(view).unwrap().outcome.unwrap();
        let number = self.driver.granted.len() as u64 + 1;
        grant.lease_id = LeaseId::new(number).unwrap();
        grant.lease_expires_at = match how {
            0 => None,
            1..8 => Some(self.now.after(Duration::from_nanos(u64::from(how) - 1))),
            _ => Some(self.now.after(pause(how))),
        };
        let was_late = !self.client.is_attaching();
        if let Some(holder) = holder {
            self.driver.granted.insert(grant.lease_id, holder);
        }
        let response = ShmAttachResponse {
            correlation_id,
            outcome: Ok(grant),
        };
        let event = self
            .client
            .handle_attach_response(self.now, &mut self.ids, &response);
        if event.is_some() && was_late {
            self.reached.insert("attached by a late answer");
        }
        event
    }

    fn refuse(&mut self, how: u8, which: u8) -> Option<Event> {
        let text = match how & 1 {
            0 => "client_id already attached",
            _ => "no",
        };
        let before = self.client.client();
        let response = ShmAttachResponse {
            correlation_id: self.driver.request(which).0,
            outcome: Err(Refusal::new(RefusalCode::Rejected, text)),
        };
        let event = self
            .client
            .handle_attach_response(self.now, &mut self.ids, &response);
        if before != self.client.client() {
            assert_eq!(self.config.client, None);
            self.reached.insert("another id because its own is taken");
        }
        event
    }

    /// Whoever was told that it has a lease has it, and whoever lost it has not.
    fn look(&mut self, event: Option<Event>) {
        let seen = match event {
            Some(Event::Attached(lease)) => {
                assert_eq!(self.client.lease(), Some(lease));
                assert!(self.is_wanted, "a lease nobody wants");
                assert!(self.driver.granted.contains_key(&lease));
                match core::mem::replace(&mut self.had, true) {
                    true => "attached again",
                    false => "attached",
                }
            }
            Some(event) => {
                assert_eq!(self.client.lease(), None, "{event:?}");
                name_of(event)
            }
            None if self.client.reattach_at() == Some(Instant::NEVER) => "waits for its owner",
            None => return,
        };
        self.reached.insert(seen);
    }

    /// Everything that is due: it ends, and nothing is due at the same time again but what was asked for by hand.
    fn talk(&mut self, takes: bool) {
        for _ in 0..16 {
            let event = self.client.poll(self.now, &mut self.ids);
            self.look(event);
            let (held, is_wanted) = (self.client.lease(), self.is_wanted);
            let (driver, reached) = (&mut self.driver, &mut self.reached);
            let sent = self.client.transmit(self.now, &mut self.ids, |message| {
                if !takes {
                    reached.insert("nothing taken");
                    return Err(());
                }
                reached.insert(driver.hear(message, held, is_wanted));
                Ok(())
            });
            let due_at = self.client.poll_timeout();
            if sent.is_err() {
                assert!(due_at <= self.now, "what was not sent stays due");
                return;
            }
            // A lease holds to the end of its last nanosecond.
            if event.is_none() && sent == Ok(false) && due_at >= self.now {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.client);
    }
}

/// Up to four seconds, or some times five.
fn pause(byte: u8) -> Duration {
    match byte {
        0..=250 => Duration::from_millis(u64::from(byte) * 16),
        _ => Duration::from_secs((u64::from(byte) - 250) * 5),
    }
}

const fn name_of(event: Event) -> &'static str {
    match event {
        Event::Attached(_) => "attached",
        Event::Refused(_) => "refused",
        Event::Broken => "answered by nonsense",
        Event::TimedOut => "timed out",
        Event::Detached => "detached",
        Event::Lost(LeaseLost::Revoked(_)) => "revoked",
        Event::Lost(LeaseLost::Expired) => "expired",
        Event::Lost(LeaseLost::DriverShutdown) => "driver shut down",
        Event::Lost(LeaseLost::DriverGone) => "driver gone",
        Event::Lost(LeaseLost::Superseded) => "superseded",
        Event::Lost(LeaseLost::Unusable) => "unusable",
        Event::Lost(LeaseLost::IdTaken) => "id taken",
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn every_turn_of_a_lease_is_taken() {
        let turns = [
            "asked",
            "asked once more",
            "attached",
            "attached again",
            "attached by a late answer",
            "kept alive",
            "refused",
            "another id because its own is taken",
            "answered by nonsense",
            "timed out",
            "revoked",
            "expired",
            "driver shut down",
            "driver gone",
            "superseded",
            "unusable",
            "id taken",
            "given back for another",
            "waits for its owner",
            "asked for again by its owner",
            "nothing taken",
            "given back",
            "detached",
        ];
        crate::reach::assert_reached("lease_client", super::play, &turns);
    }
}
