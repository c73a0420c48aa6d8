//! Progress: a tracker that is told anything by several publishers, and a throttle that tells a tracker.

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::progress::{
    Ignored, Meter, ProgressPolicy, Sighting, SlotShows, Throttle, Tracker, Verdict, Violation,
};
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::FrameProgress;
use tp_core_nostd::wire::enums::FrameProgressState;

use crate::Input;
use crate::reach::Reached;

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
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut reached = Reached::new();
    anything(Input::new(bytes), &mut reached);
    honest(Input::new(bytes), &mut reached);
    reached
}

/// What is valid never falls within one image, and never exceeds a committed frame.
fn anything(mut input: Input<'_>, reached: &mut Reached) {
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
        let verdict = tracker.observe(image, &progress, slot);
        reached.insert(name_of(verdict));
        match verdict {
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
fn honest(mut input: Input<'_>, reached: &mut Reached) {
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
                reached.insert(match progress.state {
                    FrameProgressState::Complete => "told to the end",
                    FrameProgressState::Progress => "told on the way",
                    _ => "told at its start",
                });
                Ok::<_, ()>(())
            });
            if told != Ok(true) {
                break;
            }
        }
    }
}

const fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Ignore(Ignored::Foreign) => "of another stream",
        Verdict::Ignore(Ignored::WrongEpoch) => "of another epoch",
        Verdict::Ignore(Ignored::Overtaken) => "overtaken",
        Verdict::Ignore(Ignored::Repeated) => "repeated",
        Verdict::Violation(Violation::Fell { .. }) => "fell",
        Verdict::Violation(Violation::StepBack) => "a step back",
        Verdict::Violation(Violation::TooLong { .. }) => "longer than the frame",
    }
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn every_verdict_is_given_and_every_state_told() {
        let seen = [
            "a step back",
            "fell",
            "longer than the frame",
            "of another epoch",
            "of another stream",
            "overtaken",
            "repeated",
            "told at its start",
            "told on the way",
            "told to the end",
            "valid",
        ];
        crate::reach::assert_reached("progress", super::play, &seen);
    }
}
