//! Streams heard from the application's thread.

use core::time::Duration;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::wire::control::{FrameDescriptor, QosProducer};
use tp_std::handlers::{DescriptorHandler, Descriptors, Qos, QosHandler};
use tp_std::{DESCRIPTOR_STREAM, Error, Poller, QOS_STREAM};

use tp_tests::fake_transport::Owner;

use crate::handlers::{Diary, Scribe, descriptor, senseless};
use crate::medium::REFUSED;
use crate::rig::{Rig, STREAM, report};

pub(crate) const CHANNEL: &str = "aeron:ipc";

/// Writes down the numbers of reports.
#[derive(Default)]
struct Numbers(Vec<u64>);

impl QosHandler for Numbers {
    fn on_producer(&mut self, report: &QosProducer) {
        self.0.push(report.current_seq.get());
    }
}

/// Writes down frames, by stream and number.
#[derive(Default)]
struct Frames(Vec<(StreamId, u64)>);

impl DescriptorHandler for Frames {
    fn on_descriptor(&mut self, descriptor: &FrameDescriptor) {
        self.0.push((descriptor.stream_id, descriptor.seq.get()));
    }
}

/// A poller whose subscription stands.
fn qos_poller(rig: &mut Rig) -> Poller<Qos> {
    let mut poller = Poller::<Qos>::new(&rig.client, CHANNEL, QOS_STREAM).unwrap();
    assert_eq!(
        poller.poll(&mut Numbers::default()),
        Ok(0),
        "nobody drove the client yet"
    );
    rig.cycles(3);
    poller.poll(&mut Numbers::default()).unwrap();
    poller
}

#[test] // req: C-118, C-122, C-189
fn pollers_and_handlers_each_hear_every_message_in_portions() {
    let mut rig = Rig::new();
    let diary = Diary::default();
    let _handler = rig.client.on_qos(Scribe("-", diary.clone())).unwrap();
    let mut one = qos_poller(&mut rig);
    let mut two = qos_poller(&mut rig).with_fragment_limit(100);
    let mut voice = rig.voice(QOS_STREAM);
    for number in 0..25 {
        voice.report(number);
    }
    let (mut first, mut second) = (Numbers::default(), Numbers::default());
    let taken = [
        one.poll(&mut first),
        one.poll(&mut first),
        one.poll(&mut second),
        one.poll(&mut second),
    ];
    assert_eq!(taken, [Ok(10), Ok(10), Ok(5), Ok(0)]);
    assert_eq!(first.0, (0..20).collect::<Vec<_>>());
    assert_eq!(
        second.0,
        (20..25).collect::<Vec<_>>(),
        "another handler hears the rest"
    );
    let mut all = Numbers::default();
    assert_eq!(two.poll(&mut all), Ok(25));
    assert_eq!(all.0.len(), 25);
    rig.cycles(3);
    assert_eq!(diary.take().len(), 25);
}

#[test] // req: C-119, C-151, C-189
fn what_a_poller_does_not_know_is_passed_over_and_what_does_not_fit_is_counted() {
    let mut rig = Rig::new();
    let mut poller = qos_poller(&mut rig);
    let mut whole = [0; 64];
    let length = report(1).encode(&mut whole).unwrap();
    let mut voice = rig.voice(QOS_STREAM);
    let changed = |at: usize, to: u8| {
        let mut bytes = whole[..length].to_vec();
        bytes[at] = to;
        bytes
    };
    // Another schema and another template are somebody else's; a version, a length and an end that do not fit are misfits.
    let (block_length, template, schema, version) = (0, 2, 4, 6);
    for foreign in [changed(schema, 0), changed(template, 99)] {
        voice.bytes(&foreign);
    }
    let misfits = [
        changed(version, 9),
        changed(block_length, 1),
        whole[..length - 1].to_vec(),
        senseless(),
    ];
    for misfit in &misfits {
        voice.bytes(misfit);
    }
    // Another family's.
    voice.say(|out| descriptor(STREAM, 1).encode(out));
    voice.report(7);
    let mut numbers = Numbers::default();
    assert_eq!(poller.poll(&mut numbers), Ok(8));
    assert_eq!(numbers.0, [7]);
    assert_eq!(poller.malformed_messages(), 4);
}

#[test] // req: C-124, C-189
fn a_poller_of_one_type_goes_over_to_another_stream() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Descriptors>::new(&rig.client, CHANNEL, DESCRIPTOR_STREAM).unwrap();
    let mut frames = Frames::default();
    rig.cycles(3);
    assert_eq!(poller.poll(&mut frames), Ok(0));
    // Somebody else hears both, so that there is always somebody.
    let _others = [DESCRIPTOR_STREAM, 1101].map(|stream| rig.net.subscription(stream, Owner(3)));
    let (mut here, mut there) = (rig.voice(DESCRIPTOR_STREAM), rig.voice(1101));
    here.say(|out| descriptor(STREAM, 1).encode(out));
    poller.rebind(CHANNEL, 1101).unwrap();
    assert_eq!(
        (poller.channel().as_str(), poller.stream_id()),
        (CHANNEL, 1101)
    );
    assert_eq!(
        poller.poll(&mut frames),
        Ok(1),
        "until the new one is there"
    );
    rig.cycles(3);
    poller.poll(&mut frames).unwrap();
    here.say(|out| descriptor(STREAM, 2).encode(out));
    there.say(|out| descriptor(STREAM, 3).encode(out));
    assert_eq!(poller.poll(&mut frames), Ok(1));
    assert_eq!(frames.0, [(STREAM, 1), (STREAM, 3)]);
    assert!(poller.is_connected());
}

#[test] // req: C-122, C-189
fn a_poller_that_was_too_slow_hears_again_what_follows() {
    let mut rig = Rig::new();
    let mut poller = qos_poller(&mut rig);
    let mut voice = rig.voice(QOS_STREAM);
    let large = vec![0; 500 * 1024];
    while voice.is_taken(&large) {}
    rig.cycles(1000);
    assert!(!voice.is_taken(&large), "whoever stopped reading is gone");
    let mut numbers = Numbers::default();
    while poller.poll(&mut numbers).unwrap() > 0 {}
    rig.cycles(3);
    poller.poll(&mut numbers).unwrap();
    assert_eq!(poller.interruptions(), 1);
    voice.report(9);
    assert_eq!(poller.poll(&mut numbers), Ok(1));
    assert_eq!(numbers.0, [9]);
}

#[test] // req: C-122, C-189
fn a_poller_works_in_the_duty_cycle_too() {
    let mut rig = Rig::new();
    let mut poller = qos_poller(&mut rig);
    let (diary, limit) = (Diary::default(), 1);
    let mut scribe = Scribe("cycle", diary.clone());
    let _work = rig.client.register_work(limit, move |_| {
        poller.poll(&mut scribe).map_err(|error| error.to_string())
    });
    rig.cycle();
    rig.voice(QOS_STREAM).report(4);
    rig.cycle();
    assert_eq!(diary.take(), ["cycle 4"]);
}

#[test] // req: C-012
fn a_poller_outlives_its_client_and_says_so() {
    let mut rig = Rig::new();
    let mut poller = qos_poller(&mut rig);
    let mut late = Poller::<Qos>::new(&rig.client, CHANNEL, QOS_STREAM).unwrap();
    rig.conductor.close();
    let mut numbers = Numbers::default();
    assert_eq!(late.poll(&mut numbers), Err(Error::Closed));
    assert_eq!(late.poll(&mut numbers), Err(Error::Closed));
    assert_eq!(poller.rebind(CHANNEL, 1), Err(Error::Closed));
    assert!(matches!(
        Poller::<Qos>::new(&rig.client, CHANNEL, QOS_STREAM),
        Err(Error::Closed)
    ));
    assert_eq!(rig.client.close(), Ok(()), "as often as anybody likes");
}

#[test] // req: C-122, C-189
fn a_stream_that_cannot_be_had_is_named_once() {
    let mut rig = Rig::new();
    let mut poller = Poller::<Qos>::new(&rig.client, CHANNEL, REFUSED).unwrap();
    rig.cycles(3);
    let mut numbers = Numbers::default();
    assert!(matches!(
        poller.poll(&mut numbers),
        Err(Error::Transport(_))
    ));
    assert_eq!(poller.poll(&mut numbers), Err(Error::Closed));
    poller.rebind(CHANNEL, QOS_STREAM).unwrap();
    rig.cycles(3);
    assert_eq!(poller.poll(&mut numbers), Ok(0));
    rig.net.advance(Duration::from_millis(1));
    rig.voice(QOS_STREAM).report(1);
    assert_eq!(poller.poll(&mut numbers), Ok(1));
}
