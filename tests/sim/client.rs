//! The real lease session and mapping machine of one role on the fake medium.

use core::time::Duration;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::classify;
use tp_core_nostd::proto::lease_client::{LeaseConfig, LeaseLost};
use tp_core_nostd::proto::mapping::{Input, MappingMachine, Order, Source};
use tp_core_nostd::proto::random::Ids;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound, Session};
use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId, Subscription};
use tp_core_nostd::wire::driver::Role;
use tp_tests::fake_transport::{FakeNet, FakePublication, FakeSubscription, Owner};

use crate::{ANNOUNCE, CONTROL};

const WINDOW: Duration = Duration::from_secs(3);

/// One role of one process.
pub(crate) struct ClientActor {
    pub(crate) owner: Owner,
    pub(crate) stream: StreamId,
    pub(crate) role: Role,
    net: FakeNet,
    ids: Ids,
    session: Session,
    mapping: MappingMachine,
    inboxes: [Inbox; 2],
    control: FakePublication,
    driver: Option<ImageId>,
    /// The epoch a producer writes.
    writes: Option<Epoch>,
    /// The highest epoch ever mapped.
    pub(crate) highest: Option<Epoch>,
}

struct Inbox {
    subscription: FakeSubscription,
    joined: Vec<(ImageId, Instant)>,
}

impl ClientActor {
    pub(crate) fn start(
        net: &FakeNet,
        owner: Owner,
        stream: StreamId,
        role: Role,
        seed: u64,
    ) -> Self {
        let mut ids = Ids::seeded(seed);
        let session = Session::new(LeaseConfig::new(stream, role), WINDOW, &mut ids);
        let inboxes = [CONTROL, ANNOUNCE].map(|id| Inbox {
            subscription: net.subscription(id, owner),
            joined: Vec::new(),
        });
        Self {
            owner,
            stream,
            role,
            net: net.clone(),
            ids,
            session,
            mapping: MappingMachine::new(WINDOW),
            inboxes,
            control: net.shared_publication(CONTROL, owner),
            driver: None,
            writes: None,
            highest: None,
        }
    }

    /// The epoch it works on.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        match self.role {
            Role::Producer => self.writes,
            Role::Consumer => self.mapping.mapped(),
        }
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.session.lease().lease().is_some()
    }

    pub(crate) fn step(&mut self, now: Instant) {
        let mut received = Vec::new();
        let mut driver_gone = false;
        for (inbox, index) in self.inboxes.iter_mut().zip(0..) {
            let (joined, driver) = (&mut inbox.joined, self.driver);
            inbox
                .subscription
                .image_events(&mut |image, event| match event {
                    ImageEvent::Available => joined.push((image, now)),
                    ImageEvent::Unavailable => {
                        joined.retain(|(known, _)| *known != image);
                        driver_gone |= index == 0 && driver == Some(image);
                    }
                });
            let since = |image| {
                joined
                    .iter()
                    .find(|(known, _)| *known == image)
                    .map_or(now, |(_, at)| *at)
            };
            let mut receive =
                |message: &[u8], image| received.push((message.to_vec(), image, since(image)));
            inbox.subscription.poll(100, &mut receive).unwrap();
        }
        let Self { ids, session, .. } = self;
        let mut cycle = Cycle {
            now,
            real_ns: None,
            ids,
        };
        let mut happened = Vec::new();
        for (bytes, image, joined) in &received {
            let Ok(message) = classify(bytes) else {
                continue;
            };
            let inbound = Inbound {
                message,
                image: *image,
                joined: *joined,
            };
            let Some(one) = session.handle(&mut cycle, &inbound) else {
                continue;
            };
            if matches!(one, Happened::Granted(_)) {
                self.driver = Some(*image);
            }
            happened.push(one);
        }
        if driver_gone {
            happened.extend(session.lost(&mut cycle, LeaseLost::DriverGone));
            self.driver = None;
            // As the conductor does: an untethered subscription that lost an image does not get it back.
            self.inboxes = [CONTROL, ANNOUNCE].map(|id| Inbox {
                subscription: self.net.subscription(id, self.owner),
                joined: Vec::new(),
            });
        }
        happened.extend(session.poll(&mut cycle));
        session.transmit(&mut cycle, &mut self.control);
        for one in happened {
            act(&mut self.mapping, &mut self.writes, self.role, now, one);
        }
        assert!(
            self.epoch().is_none() || self.epoch() >= self.highest,
            "an epoch fell"
        );
        self.highest = self.highest.max(self.epoch());
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.session.poll_timeout()
    }
}

fn act(
    mapping: &mut MappingMachine,
    writes: &mut Option<Epoch>,
    role: Role,
    now: Instant,
    happened: Happened<'_>,
) {
    let input = match happened {
        Happened::Granted(grant) if role == Role::Producer => {
            *writes = Some(grant.epoch);
            return;
        }
        Happened::Granted(grant) => Input::Offered {
            epoch: grant.epoch,
            source: Source::Attach,
            same_layout: true,
        },
        Happened::Announced(announce) if role == Role::Consumer => {
            let source = Source::Announce {
                timestamp_ns: announce.announce_timestamp_ns,
            };
            Input::Offered {
                epoch: announce.epoch,
                source,
                same_layout: true,
            }
        }
        Happened::ProducerRevoked { timestamp_ns } => Input::ProducerRevoked { timestamp_ns },
        Happened::Lost(_) => {
            *writes = None;
            Input::LeaseLost
        }
        _ => return,
    };
    if let Order::Map | Order::Remap(_) = mapping.handle(now, input) {
        let activity_ns = now.as_ns();
        let mapped = Input::Mapped { activity_ns };
        assert_eq!(mapping.handle(now, mapped), Order::None);
    }
}
