//! Switching: every state with every input, and frames through a simulated pair of streams.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::ids::StreamId;
use crate::proto::sequence::{Arrival, Sequencer};
use crate::seq::Seq;
use crate::transport::ImageId;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::format;
use std::string::String;
use std::vec::Vec;

const PATIENCE: Duration = Duration::from_secs(1);
const A: Endpoint<'static> = endpoint("aeron:ipc", 31_000);
const B: Endpoint<'static> = endpoint("aeron:ipc", 31_001);

const fn endpoint(channel: &'static str, id: u32) -> Endpoint<'static> {
    let stream_id = StreamId::new(id).unwrap();
    Endpoint { channel, stream_id }
}

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn shared(kind: Kind) -> PrivateStream<16> {
    PrivateStream::new(kind, PATIENCE)
}

/// Assigned stream A where it is assigned anything.
fn states(kind: Kind) -> [(&'static str, PrivateStream<16>); 7] {
    let inputs = [
        Input::HelloSent { asks: true },
        Input::Config(Some(A)),
        Input::Added,
        Input::Connected,
        Input::Config(None),
        Input::Added,
    ];
    let names = [
        "shared",
        "requested",
        "adding",
        "switching",
        "private",
        "returning",
        "both back",
    ];
    let mut nth = 0;
    names.map(|name| {
        let mut stream = shared(kind);
        for input in &inputs[..nth] {
            let _ = stream.handle(at(0), *input);
        }
        nth += 1;
        (name, stream)
    })
}

fn name(state: State) -> &'static str {
    match state {
        State::Shared => "shared",
        State::Requested => "requested",
        State::Adding { .. } => "adding",
        State::Switching { .. } => "switching",
        State::Private => "private",
        State::Returning {
            both_open: false, ..
        } => "returning",
        State::Returning {
            both_open: true, ..
        } => "both back",
    }
}

fn table(kind: Kind, count: usize) -> String {
    let inputs = [
        ("asks", Some(Input::HelloSent { asks: true })),
        ("asks not", Some(Input::HelloSent { asks: false })),
        ("config A", Some(Input::Config(Some(A)))),
        ("config B", Some(Input::Config(Some(B)))),
        ("declined", Some(Input::Config(None))),
        ("added", Some(Input::Added)),
        ("failed", Some(Input::AddFailed)),
        ("connected", Some(Input::Connected)),
        ("lost", Some(Input::Lost)),
        ("reset", Some(Input::Reset)),
        ("late", None),
    ];
    let mut table = String::new();
    for (input, given) in inputs {
        for (before, mut stream) in states(kind).into_iter().take(count) {
            let order = match given {
                Some(input) => stream.handle(at(500), input),
                None => stream.poll(at(1_000)),
            };
            let after = name(stream.state());
            if (order, after) != (Order::None, before) {
                table += &format!("{input:9} {before:9} -> {after:9} {order:?}\n");
            }
        }
    }
    table
}

// req: C-110, W-192, W-193, W-198, T-16, T-41, C-152
#[test]
fn a_descriptor_stream_is_made_before_the_other_is_broken() {
    // What is not listed changes nothing.
    let reviewed = "\
asks      shared    -> requested None
asks not  requested -> shared    None
config A  shared    -> adding    AddPrivate
config A  requested -> adding    AddPrivate
config B  shared    -> adding    AddPrivate
config B  requested -> adding    AddPrivate
config B  adding    -> adding    ReplacePrivate
config B  switching -> adding    ReplacePrivate
config B  private   -> returning AddShared
declined  requested -> shared    None
declined  adding    -> shared    DropPrivate
declined  switching -> shared    DropPrivate
declined  private   -> returning AddShared
added     adding    -> switching BeginSwitch
added     returning -> both back BeginSwitch
failed    adding    -> requested DropPrivate
failed    switching -> requested DropPrivate
failed    private   -> returning AddShared
failed    returning -> returning AddShared
failed    both back -> returning AddShared
connected switching -> private   LeaveShared
connected both back -> shared    LeavePrivate
lost      adding    -> requested DropPrivate
lost      switching -> requested DropPrivate
lost      private   -> returning AddShared
reset     requested -> shared    None
reset     adding    -> shared    None
reset     switching -> shared    None
reset     private   -> shared    None
reset     returning -> shared    None
reset     both back -> shared    None
late      adding    -> requested DropPrivate
late      switching -> requested DropPrivate
late      returning -> returning AddShared
late      both back -> shared    LeavePrivate
";
    assert_eq!(table(Kind::Descriptor, 7), reviewed);
}

// req: C-111, W-201, W-202
#[test]
fn a_control_stream_never_takes_the_place_of_the_shared_one() {
    let all = table(Kind::Control, 5);
    let of_private: Vec<_> = all
        .lines()
        .filter(|line| line.contains(" private   ") || line.contains("-> private"))
        .collect();
    let reviewed = [
        "config B  private   -> adding    Move",
        "declined  private   -> shared    LeavePrivate",
        "failed    private   -> adding    Move",
        "connected switching -> private   Follow",
        "lost      private   -> adding    Move",
        "reset     private   -> shared    None",
    ];
    assert_eq!(of_private, reviewed);
    assert!(
        !all.contains("Shared\n"),
        "the shared one is neither left nor added"
    );
}

#[test] // req: C-110
fn an_assignment_that_did_not_work_is_tried_again_with_the_next_hello() {
    let mut stream = shared(Kind::Descriptor);
    assert_eq!(
        stream.handle(at(0), Input::Config(Some(A))),
        Order::AddPrivate
    );
    assert_eq!(stream.poll_timeout(), at(1_000));
    assert_eq!(stream.poll(at(999)), Order::None);
    assert_eq!(stream.poll(at(1_000)), Order::DropPrivate);
    assert_eq!(
        stream.handle(at(1_100), Input::HelloSent { asks: false }),
        Order::AddPrivate
    );
    assert_eq!(stream.assigned(), Some(A));
    // A lost publication is sought again once the shared stream is back.
    let _ = stream.handle(at(1_200), Input::Added);
    let _ = stream.handle(at(1_200), Input::Connected);
    assert_eq!(stream.handle(at(1_300), Input::Lost), Order::AddShared);
    assert_eq!(stream.handle(at(1_300), Input::Added), Order::BeginSwitch);
    assert_eq!(stream.handle(at(1_300), Input::Connected), Order::Move);
    assert_eq!(stream.assigned(), Some(A));
}

#[test] // req: C-132
fn a_channel_that_is_too_long_counts_as_none() {
    let mut stream = shared(Kind::Descriptor);
    let long = endpoint("aeron:ipc?term-length=64k", 31_000);
    assert_eq!(stream.handle(at(0), Input::Config(Some(long))), Order::None);
    assert_eq!((stream.assigned(), stream.too_long()), (None, 1));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Publish(usize),
    /// Reads some of the private or the shared stream.
    Read {
        private: bool,
        count: usize,
    },
    Hello(bool),
    /// None, A or B.
    Config(usize),
    /// What is being added is there.
    Added,
    AddFailed,
    /// What is there has found its publisher.
    Connected,
    /// Milliseconds pass.
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..4_usize).prop_map(Op::Publish),
        6 => (any::<bool>(), 0..6_usize).prop_map(|(private, count)| Op::Read { private, count }),
        2 => any::<bool>().prop_map(Op::Hello),
        3 => (0..3_usize).prop_map(Op::Config),
        4 => Just(Op::Added),
        1 => Just(Op::AddFailed),
        4 => Just(Op::Connected),
        1 => (0_u64..700).prop_map(Op::Wait),
    ]
}

/// A subscription: under way, there, connected.
#[derive(Debug)]
struct Subscription {
    is_added: bool,
    image: Option<ImageId>,
    queue: VecDeque<u64>,
}

impl Subscription {
    fn new() -> Self {
        Self {
            is_added: false,
            image: None,
            queue: VecDeque::new(),
        }
    }
}

/// A consumer that does what it is told, on streams that lose nothing.
struct World {
    machine: PrivateStream<16>,
    sequencer: Sequencer,
    private: Option<Subscription>,
    shared: Option<Subscription>,
    published: u64,
    seen: Vec<u64>,
    images: i64,
}

impl World {
    fn new() -> Self {
        let shared = Subscription {
            is_added: true,
            image: Some(ImageId(0)),
            queue: VecDeque::new(),
        };
        Self {
            machine: shared_machine(),
            sequencer: Sequencer::new(),
            private: None,
            shared: Some(shared),
            published: 0,
            seen: Vec::new(),
            images: 0,
        }
    }

    fn read(&mut self, private: bool, count: usize) -> Result<(), TestCaseError> {
        let (reads_private, reads_shared) = self.machine.reads();
        let (source, reads) = match private {
            true => (&mut self.private, reads_private),
            false => (&mut self.shared, reads_shared),
        };
        let Some(source) = source.as_mut().filter(|_| reads) else {
            return Ok(());
        };
        for _ in 0..count {
            let Some(frame) = source.queue.pop_front() else {
                break;
            };
            let image = source.image.unwrap();
            match self.sequencer.observe(image, Seq::new(frame).unwrap()) {
                Arrival::First | Arrival::Next => self.seen.push(frame),
                Arrival::Duplicate => prop_assert!(self.seen.contains(&frame), "never seen"),
                other => prop_assert!(false, "{frame}: {other:?} after {:?}", self.seen),
            }
        }
        Ok(())
    }

    fn obey(&mut self, order: Order) -> Result<(), TestCaseError> {
        match order {
            Order::None => {}
            Order::AddPrivate | Order::ReplacePrivate => {
                self.private = Some(Subscription::new());
            }
            Order::DropPrivate => self.private = None,
            Order::BeginSwitch => self.sequencer.begin_switch(),
            Order::AddShared => self.shared = Some(Subscription::new()),
            Order::LeaveShared => {
                self.drain(false)?;
                self.shared = None;
            }
            Order::LeavePrivate | Order::Move => {
                self.drain(true)?;
                self.private = (order == Order::Move).then(Subscription::new);
            }
            Order::Follow => prop_assert!(false, "of control streams"),
        }
        let over = [
            Order::DropPrivate,
            Order::ReplacePrivate,
            Order::LeaveShared,
            Order::LeavePrivate,
            Order::Move,
        ];
        if over.contains(&order) {
            self.sequencer.end_switch();
        }
        Ok(())
    }

    /// Reads a stream empty that is left, as the machine no longer reads it.
    fn drain(&mut self, private: bool) -> Result<(), TestCaseError> {
        let source = if private {
            &mut self.private
        } else {
            &mut self.shared
        };
        let Some(source) = source else {
            return Ok(());
        };
        for frame in source.queue.drain(..) {
            match self
                .sequencer
                .observe(source.image.unwrap(), Seq::new(frame).unwrap())
            {
                Arrival::First | Arrival::Next => self.seen.push(frame),
                arrival => prop_assert_eq!(arrival, Arrival::Duplicate),
            }
        }
        Ok(())
    }
}

fn shared_machine() -> PrivateStream<16> {
    shared(Kind::Descriptor)
}

fn drive(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let (mut world, mut now) = (World::new(), 0);
    for op in ops {
        let order = match op {
            Op::Publish(count) => {
                for _ in 0..count {
                    for stream in [&mut world.private, &mut world.shared] {
                        if let Some(stream) = stream.as_mut().filter(|s| s.image.is_some()) {
                            stream.queue.push_back(world.published);
                        }
                    }
                    world.published += 1;
                }
                Order::None
            }
            Op::Read { private, count } => {
                world.read(private, count)?;
                Order::None
            }
            Op::Hello(asks) => world.machine.handle(at(now), Input::HelloSent { asks }),
            Op::Config(which) => world
                .machine
                .handle(at(now), Input::Config([None, Some(A), Some(B)][which])),
            Op::Added | Op::AddFailed => {
                let mut pending = [&mut world.private, &mut world.shared];
                let pending = pending.iter_mut().filter_map(|stream| stream.as_mut());
                let Some(stream) = pending.into_iter().find(|stream| !stream.is_added) else {
                    continue;
                };
                if matches!(op, Op::Added) {
                    stream.is_added = true;
                    world.machine.handle(at(now), Input::Added)
                } else {
                    world.machine.handle(at(now), Input::AddFailed)
                }
            }
            Op::Connected => {
                let mut lonely = [&mut world.private, &mut world.shared];
                let lonely = lonely.iter_mut().filter_map(|stream| stream.as_mut());
                let Some(stream) = lonely.into_iter().find(|s| s.is_added && s.image.is_none())
                else {
                    continue;
                };
                world.images += 1;
                stream.image = Some(ImageId(world.images));
                world.machine.handle(at(now), Input::Connected)
            }
            Op::Wait(ms) => {
                now += ms;
                // The shared stream is there in time; only private ones can fail us.
                if matches!(world.machine.state(), State::Returning { .. }) {
                    Order::None
                } else {
                    world.machine.poll(at(now))
                }
            }
        };
        world.obey(order)?;
        // Whatever is read at the moment includes a stream that has its publisher.
        let (private, shared) = world.machine.reads();
        let is_connected =
            |stream: &Option<Subscription>| stream.as_ref().is_some_and(|s| s.image.is_some());
        prop_assert!(
            private && is_connected(&world.private) || shared && is_connected(&world.shared)
        );
    }
    // Everything that was published has been seen, once and in order.
    for private in [true, false] {
        world.read(private, usize::MAX)?;
    }
    let all: Vec<_> = (0..world.published).collect();
    prop_assert_eq!(world.seen, all);
    Ok(())
}

proptest! {
    #[test] // req: C-110, T-41, W-198
    fn no_frame_is_lost_or_seen_twice(ops in prop::collection::vec(op(), 0..150)) {
        drive(ops)?;
    }
}
