//! A driver with many streams and many leases, in lent memory; its disk is imagined and its publications take everything.

use tp_core_nostd::ids::{ClientId, CorrelationId, LeaseId, PoolId, StreamId};
use tp_core_nostd::proto::driver::{
    AnswerEntry, Config, Driver, Event, FileOrder, FileResult, LeaseEntry, NodeEntry, Profile,
    Storage, StreamEntry, TEXT_MAX,
};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::PoolClass;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::Stride;
use tp_core_nostd::wire::driver::{
    HugepagesPolicy, PublishMode, Role, ShmAttachRequest, ShmDetachRequest, ShmLeaseKeepalive,
};

/// Outputs of each kind that one duty cycle takes at most, as `tp_driver` does.
const OUTPUTS_PER_CYCLE: u32 = 256;
const FIRST_STREAM: u32 = 10_000;

const PROFILES: &[Profile<'static>] = &[Profile {
    header_nslots: SlotCount::new(1024).unwrap(),
    pools: &[PoolClass {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(4096).unwrap(),
    }],
}];

/// The driver, and the consumers that have a lease.
#[derive(Debug)]
pub struct House {
    /// The driver.
    pub engine: Driver<'static>,
    /// Its time.
    pub now: Instant,
    streams: u32,
    leases: Vec<Held>,
    buffer: Vec<u8>,
}

/// One lease, as its holder knows it.
#[derive(Clone, Copy, Debug)]
struct Held {
    lease: LeaseId,
    stream: StreamId,
    client: ClientId,
}

fn leak<T: Clone>(entry: T, len: usize) -> &'static mut [T] {
    Box::leak(vec![entry; len].into_boxed_slice())
}

impl House {
    /// `streams` streams and `leases` consumers spread over them, with room for `spare` leases more.
    pub fn new(streams: u32, leases: u32, spare: u32) -> Self {
        let places = (leases + spare) as usize;
        let config = Config::new(
            "/dev/shm/tensorpool-cost/default",
            PROFILES,
            0x9E37_79B9_7F4A_7C15,
        );
        let storage = Storage {
            leases: leak(LeaseEntry::new(), places),
            streams: leak(StreamEntry::new(), streams as usize),
            consumers: &mut [],
            nodes: leak(NodeEntry::new(), places + 1023),
            answers: leak(AnswerEntry::new(), places + 64),
            strangers: leak(None, 1024),
            text: leak(0, TEXT_MAX),
        };
        let mut house = Self {
            engine: Driver::new(config, storage).unwrap(),
            now: Instant::from_ns(1_000_000_000),
            streams,
            leases: Vec::with_capacity(leases as usize),
            buffer: vec![0; 128 << 10],
        };
        for stream in (FIRST_STREAM..).take(streams as usize) {
            let stream = StreamId::new(stream).unwrap();
            house.engine.add_stream(stream, 0).unwrap();
        }
        // Every stream has had a consumer, so its files are there.
        for client in (leases + 1..).take(streams as usize) {
            let held = house.attach(client);
            house.give_back((held.lease, held.stream, held.client));
        }
        for client in 1..=leases {
            let held = house.attach(client);
            house.leases.push(held);
            // As if they came one after the other.
            house.pass(Duration::from_nanos(1_000_000_000 / u64::from(leases)));
        }
        house
    }

    /// Lets time go by.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// The keepalive of the `n`th lease, counted round and round.
    pub fn keepalive(&self, n: u32) -> [u8; 33] {
        let held = &self.leases[n as usize % self.leases.len()];
        let message = ShmLeaseKeepalive {
            lease_id: held.lease,
            stream_id: held.stream,
            client_id: held.client,
            role: Role::Consumer,
            client_timestamp_ns: 0,
        };
        let mut bytes = [0; 33];
        message.encode(&mut bytes).unwrap();
        bytes
    }

    /// The attach of a consumer.
    pub fn attach_request(&self, client: u32) -> [u8; 35] {
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(client.into()),
            stream_id: StreamId::new(FIRST_STREAM + client % self.streams),
            client_id: ClientId::new(client).unwrap(),
            role: Role::Consumer,
            expected_layout_version: 1,
            publish_mode: PublishMode::ExistingOrCreate,
            require_hugepages: HugepagesPolicy::Unspecified,
            desired_node_id: None,
        };
        let mut bytes = [0; 35];
        request.encode(&mut bytes).unwrap();
        bytes
    }

    /// Hands a message to the driver.
    pub fn hear(&mut self, message: &[u8]) {
        self.engine.handle(self.now, message);
    }

    /// Everything due on the control stream, taken; the last lease that was granted among it.
    pub fn talk(&mut self) -> Option<(LeaseId, StreamId, ClientId)> {
        let mut granted = None;
        for _ in 0..OUTPUTS_PER_CYCLE {
            let said = self.engine.transmit(self.now, &mut self.buffer, |output| {
                if let Event::Attached {
                    lease,
                    stream,
                    client,
                    ..
                } = output.event
                {
                    granted = Some((lease, stream, client));
                }
                Ok::<_, ()>(())
            });
            if said != Ok(true) {
                break;
            }
        }
        granted
    }

    /// Everything a driver does in one duty cycle after it heard what there was to hear.
    pub fn cycle(&mut self) {
        self.engine.tick(self.now);
        self.talk();
        for _ in 0..OUTPUTS_PER_CYCLE {
            let said = self
                .engine
                .announce(self.now, &mut self.buffer, |_| Ok::<_, ()>(()));
            if said != Ok(true) {
                break;
            }
        }
        self.files();
    }

    /// Detaches a lease that [`Self::talk`] reported.
    pub fn give_back(&mut self, (lease, stream, client): (LeaseId, StreamId, ClientId)) {
        let request = ShmDetachRequest {
            correlation_id: CorrelationId(0),
            lease_id: lease,
            stream_id: stream,
            client_id: client,
            role: Role::Consumer,
        };
        let mut bytes = [0; 33];
        request.encode(&mut bytes).unwrap();
        self.hear(&bytes);
        self.talk();
    }

    fn attach(&mut self, client: u32) -> Held {
        let request = self.attach_request(client);
        self.hear(&request);
        // The disks of all streams are looked at first.
        let granted = (0..self.streams).find_map(|_| {
            self.files();
            self.talk()
        });
        let (lease, stream, client) = granted.unwrap();
        Held {
            lease,
            stream,
            client,
        }
    }

    fn files(&mut self) {
        for _ in 0..OUTPUTS_PER_CYCLE {
            let mut result = None;
            let ordered = self.engine.order(self.now, |order| {
                result = match order {
                    FileOrder::Scan { stream } => Some(FileResult::Scanned {
                        stream,
                        last_epoch: 0,
                    }),
                    FileOrder::Provision { stream, epoch, .. } => {
                        Some(FileResult::Provisioned { stream, epoch })
                    }
                    FileOrder::Collect { stream, .. } => {
                        Some(FileResult::Collected { stream, removed: 0 })
                    }
                    FileOrder::RefreshActivity { .. } => None,
                };
                Ok::<_, ()>(())
            });
            if ordered != Ok(true) {
                return;
            }
            if let Some(result) = result {
                self.engine.handle_files(self.now, result);
            }
        }
    }
}
