//! Progress: a tracker that is told anything by several publishers, and a throttle that tells a tracker.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::progress::{
    Meter, ProgressPolicy, Sighting, SlotShows, Throttle, Tracker, Verdict,
};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::FrameProgress;
use tp_core_nostd::wire::enums::FrameProgressState;

use crate::Input;

const SLOTS: SlotCount = SlotCount::new(4).unwrap();
const STATES: [FrameProgressState; 3] = [
    FrameProgressState::Started,
    FrameProgressState::Progress,
    FrameProgressState::Complete,
];

fn tracker() -> Tracker<[Sighting; 4]> {
    let (stream, epoch) = (StreamId::new(1).unwrap(), Epoch::new(1).unwrap());
    Tracker::new(stream, epoch, SLOTS, [Sighting::NONE; 4]).unwrap()
}

pub(super) fn run(bytes: &[u8]) {
    anything(Input::new(bytes));
    honest(Input::new(bytes));
}

/// What is valid never falls within one image, and never exceeds a committed frame.
fn anything(mut input: Input<'_>) {
    let mut tracker = tracker();
    while !input.is_empty() {
        let Some(seq) = Seq::new(input.number()) else {
            continue;
        };
        let state = input.pick(&STATES).unwrap();
        let progress = FrameProgress {
            stream_id: StreamId::new(1 + u32::from(input.u8() == 0xFF)).unwrap(),
            epoch: Epoch::new(1 + u64::from(input.u8() == 0xFF)).unwrap(),
            seq,
            payload_bytes_filled: input.number(),
            state,
        };
        let slot = match input.u8() {
            0..0x10 => SlotShows::Later,
            0x10..0x40 => SlotShows::Committed {
                length: input.u8().into(),
            },
            _ => SlotShows::NotYet,
        };
        let image = ImageId(input.u8().into());
        let (before, violations) = (tracker.filled(seq), tracker.violations());
        match tracker.observe(image, &progress, slot) {
            Verdict::Valid => {
                assert_eq!(tracker.filled(seq), Some(progress.payload_bytes_filled));
                if let SlotShows::Committed { length } = slot {
                    assert!(progress.payload_bytes_filled <= length.into());
                }
            }
            Verdict::Violation(_) => assert_eq!(tracker.violations(), violations + 1),
            Verdict::Ignore(_) => assert_eq!(tracker.filled(seq), before),
        }
    }
}

/// A producer that reports by the rules, or is refused, is never blamed by whoever hears it.
fn honest(mut input: Input<'_>) {
    let (stream, epoch) = (StreamId::new(1).unwrap(), Epoch::new(1).unwrap());
    let mut throttle = Throttle::new(stream, epoch, SLOTS, [Meter::IDLE; 4]).unwrap();
    throttle.set_policy(Some(ProgressPolicy {
        interval: Duration::from_millis(input.u8().into()),
        bytes_delta: Some(input.number() as u32),
        major_delta_units: None,
    }));
    let mut tracker = tracker();
    let mut now = Instant::from_ns(0);
    while !input.is_empty() {
        now = now.after(Duration::from_millis(input.u8().into()));
        let Some(seq) = Seq::new(input.u8().into()) else {
            continue;
        };
        let bytes = input.number();
        let _ = match input.u8() % 4 {
            0 => throttle.start(seq, bytes, None),
            1 | 2 => throttle.fill(seq, bytes),
            _ => throttle.complete(seq, bytes),
        };
        for _ in 0..SLOTS.get() {
            let told = throttle.transmit(now, |progress| {
                let verdict = tracker.observe(ImageId(1), progress, SlotShows::NotYet);
                assert!(
                    !matches!(verdict, Verdict::Violation(_)),
                    "{progress:?} {verdict:?}"
                );
                Ok::<_, ()>(())
            });
            if told != Ok(true) {
                break;
            }
        }
    }
}
