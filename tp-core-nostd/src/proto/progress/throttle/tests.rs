//! The throttle by its table, by its timing, and against a model that derives everything from a log.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use crate::time::Duration;
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

const STREAM: StreamId = StreamId::new(10_000).unwrap();
const EPOCH: Epoch = Epoch::new(3).unwrap();
const SLOTS: u32 = 4;
const POLICY: ProgressPolicy = ProgressPolicy {
    interval: Duration::from_nanos(100),
    bytes_delta: Some(50),
    major_delta_units: None,
};

type Small = Throttle<[Meter; SLOTS as usize]>;

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn at(ns: u64) -> Instant {
    Instant::from_ns(ns)
}

fn throttle(policy: Option<ProgressPolicy>) -> Small {
    let slots = SlotCount::new(SLOTS).unwrap();
    let mut throttle = Throttle::new(STREAM, EPOCH, slots, [Meter::IDLE; 4]).unwrap();
    throttle.set_policy(policy);
    throttle
}

/// What is sent at `ns`, if anything.
fn sent(throttle: &mut Small, ns: u64) -> Option<FrameProgress> {
    let mut sent = None;
    let any = throttle.transmit(at(ns), |progress| {
        sent = Some(*progress);
        Ok::<_, ()>(())
    });
    assert_eq!(any, Ok(sent.is_some()));
    sent
}

fn shown(progress: Option<FrameProgress>) -> String {
    progress.map_or("-".into(), |p| {
        format!("{:?}{}", p.state, p.payload_bytes_filled)
    })
}

/// Frame 5 of 200 bytes in every state, at 40 bytes where it is under way.
fn states() -> [(&'static str, Small); 7] {
    let [
        idle,
        mut begun,
        mut running,
        mut ending,
        mut over,
        mut later,
        mut unheard,
    ] = [(); 7].map(|()| throttle(Some(POLICY)));
    for throttle in [&mut begun, &mut running, &mut ending, &mut over] {
        throttle.start(seq(5), 200, None).unwrap();
        throttle.fill(seq(5), 40).unwrap();
    }
    for throttle in [&mut running, &mut ending, &mut over] {
        sent(throttle, 1_000).unwrap();
    }
    for throttle in [&mut ending, &mut over] {
        throttle.complete(seq(5), 40).unwrap();
    }
    sent(&mut over, 1_000).unwrap();
    later.start(seq(9), 200, None).unwrap();
    sent(&mut later, 1_000).unwrap();
    unheard.start_unheard(seq(5), 200).unwrap();
    unheard.fill(seq(5), 40).unwrap();
    [
        ("idle", idle),
        ("begun", begun),
        ("running", running),
        ("ending", ending),
        ("over", over),
        ("later", later),
        ("unheard", unheard),
    ]
}

// req: W-153, W-155, W-157, W-158, W-160, C-072, C-190
#[test]
fn every_report_in_every_state() {
    type Report = fn(&mut Small) -> Result<(), ProgressError>;
    let inputs: [(&str, Report); 10] = [
        ("none", |_| Ok(())),
        ("start", |t| t.start(seq(5), 200, None)),
        ("start 9", |t| t.start(seq(9), 200, None)),
        ("unheard", |t| t.start_unheard(seq(5), 200)),
        ("unheard 9", |t| t.start_unheard(seq(9), 200)),
        ("fill 39", |t| t.fill(seq(5), 39)),
        ("fill 100", |t| t.fill(seq(5), 100)),
        ("fill 201", |t| t.fill(seq(5), 201)),
        ("complete 100", |t| t.complete(seq(5), 100)),
        ("forget", |t| {
            t.forget(seq(5));
            Ok(())
        }),
    ];
    let mut table = String::new();
    for (input, report) in inputs {
        table += &format!("{input:12}");
        for (_, mut state) in states() {
            let cell = match report(&mut state) {
                Ok(()) => shown(sent(&mut state, 2_000)),
                Err(ProgressError::Regressed { .. }) => "Regressed".into(),
                Err(ProgressError::TooLarge { .. }) => "TooLarge".into(),
                Err(error) => format!("{error:?}"),
            };
            table += &format!(" {cell:11}");
        }
        table = String::from(table.trim_end()) + "\n";
    }
    // Columns: idle, begun, running, ending, over, later, unheard.
    let reviewed = "\
none         -           Started40   -           Complete40  -           -           -
start        Started0    Repeated    Repeated    Repeated    Repeated    Repeated    Repeated
start 9      Started0    Started0    Started0    Started0    Started0    Repeated    Started0
unheard      -           Repeated    Repeated    Repeated    Repeated    Repeated    Repeated
unheard 9    -           -           -           -           -           Repeated    -
fill 39      NotStarted  Regressed   Regressed   Over        Over        NotStarted  Regressed
fill 100     NotStarted  Started100  Progress100 Over        Over        NotStarted  -
fill 201     NotStarted  TooLarge    TooLarge    Over        Over        NotStarted  TooLarge
complete 100 NotStarted  -           Complete100 Over        Over        NotStarted  -
forget       -           -           -           -           -           -           -
";
    assert_eq!(table, reviewed);
}

#[test] // req: W-156
fn messages_name_stream_epoch_and_frame() {
    let mut throttle = throttle(Some(POLICY));
    throttle.start(seq(6), 10, None).unwrap();
    let expected = FrameProgress {
        stream_id: STREAM,
        epoch: EPOCH,
        seq: seq(6),
        payload_bytes_filled: 0,
        state: FrameProgressState::Started,
    };
    assert_eq!(sent(&mut throttle, 0), Some(expected));
}

#[test] // req: W-154, W-171, W-172, W-173
fn the_latest_is_sent_when_the_interval_ends() {
    let mut throttle = throttle(Some(POLICY));
    throttle.start(seq(0), 1_000, None).unwrap();
    assert_eq!(shown(sent(&mut throttle, 0)), "Started0");
    throttle.fill(seq(0), 49).unwrap();
    assert_eq!(
        throttle.poll_timeout(),
        Instant::NEVER,
        "below the threshold"
    );
    throttle.fill(seq(0), 50).unwrap();
    assert_eq!(shown(sent(&mut throttle, 10)), "Progress50");
    throttle.fill(seq(0), 120).unwrap();
    throttle.fill(seq(0), 180).unwrap();
    assert_eq!(sent(&mut throttle, 109), None);
    assert_eq!(throttle.poll_timeout(), at(110));
    assert_eq!(shown(sent(&mut throttle, 110)), "Progress180");
    throttle.complete(seq(0), 190).unwrap();
    assert_eq!(
        shown(sent(&mut throttle, 111)),
        "Complete190",
        "ends wait for nothing"
    );
}

#[test] // req: C-074
fn rows_are_counted_by_their_stride() {
    let by_rows = ProgressPolicy {
        interval: Duration::ZERO,
        bytes_delta: Some(1_000),
        major_delta_units: Some(2),
    };
    let mut throttle = throttle(Some(by_rows));
    throttle.start(seq(0), 10_000, Some(100)).unwrap();
    sent(&mut throttle, 0).unwrap();
    for (bytes, expected) in [
        (150, "-"),
        (199, "-"),
        (200, "Progress200"),
        (399, "-"),
        (410, "Progress410"),
        (600, "Progress600"), // two more rows are whole, though 190 bytes came
    ] {
        throttle.fill(seq(0), bytes).unwrap();
        assert_eq!(shown(sent(&mut throttle, 1)), expected, "{bytes}");
    }
    // Without rows in it the count of rows means nothing.
    throttle.start(seq(1), 10_000, None).unwrap();
    sent(&mut throttle, 2).unwrap();
    throttle.fill(seq(1), 999).unwrap();
    assert_eq!(sent(&mut throttle, 3), None);
    throttle.fill(seq(1), 1_000).unwrap();
    assert_eq!(shown(sent(&mut throttle, 3)), "Progress1000");
}

#[test] // req: W-152, W-174, C-073
fn nothing_is_sent_while_nobody_supports_it_and_nobody_hears_an_end_without_a_start() {
    let mut throttle = throttle(None);
    throttle.start(seq(0), 1_000, None).unwrap();
    throttle.fill(seq(0), 500).unwrap();
    assert_eq!(sent(&mut throttle, 0), None);
    throttle.set_policy(Some(POLICY));
    assert_eq!(shown(sent(&mut throttle, 1)), "Started500");

    throttle.set_policy(None);
    throttle.start(seq(1), 1_000, None).unwrap();
    throttle.complete(seq(1), 1_000).unwrap();
    throttle.set_policy(Some(POLICY));
    assert_eq!(sent(&mut throttle, 2), None);
}

#[test]
fn a_frame_given_up_can_be_started_anew() {
    let mut throttle = throttle(Some(POLICY));
    throttle.start(seq(0), 10, None).unwrap();
    throttle.forget(seq(4));
    throttle.forget(seq(0));
    assert_eq!(sent(&mut throttle, 0), None);
    assert_eq!(throttle.start(seq(0), 10, None), Ok(()));
    assert!(Throttle::new(STREAM, EPOCH, SlotCount::new(8).unwrap(), [Meter::IDLE; 4]).is_none());
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Start(u64),
    Fill(u64, u64),
    Complete(u64, u64),
    Forget(u64),
    /// Time passes, then the transport takes the message, or not.
    Transmit(u64, bool),
    Policy(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let (frame, bytes) = (0_u64..10, 0_u64..220);
    prop_oneof![
        3 => frame.clone().prop_map(Op::Start),
        6 => (frame.clone(), bytes.clone()).prop_map(|(f, b)| Op::Fill(f, b)),
        2 => (frame.clone(), bytes).prop_map(|(f, b)| Op::Complete(f, b)),
        1 => frame.prop_map(Op::Forget),
        9 => (0_u64..60, prop::bool::weighted(0.8)).prop_map(|(ns, taken)| Op::Transmit(ns, taken)),
        1 => any::<bool>().prop_map(Op::Policy),
    ]
}

/// Everything that was reported and accepted, and everything that was sent, in order.
#[derive(Default)]
struct Log {
    reports: Vec<Op>,
    sent: Vec<(u64, FrameProgress)>,
    /// How many messages were sent when a frame was started last, by frame.
    sent_before: Vec<(u64, usize)>,
}

impl Log {
    /// The frame in the slot of `frame`, unless it was given up: its reports since its start.
    fn owner(&self, frame: u64) -> Option<(u64, Vec<Op>)> {
        let slot = |f: u64| f % u64::from(SLOTS);
        let start = self.reports.iter().rposition(
            |op| matches!(op, Op::Start(f) | Op::Forget(f) if slot(*f) == slot(frame)),
        )?;
        let Op::Start(owner) = self.reports[start] else {
            return None;
        };
        let of_owner = |op: &&Op| matches!(op, Op::Fill(f, _) | Op::Complete(f, _) if *f == owner);
        let since = self.reports[start..].iter().filter(of_owner).copied();
        Some((owner, since.collect()))
    }

    fn filled(reports: &[Op]) -> u64 {
        let last = reports.last();
        last.map_or(0, |op| match op {
            Op::Fill(_, bytes) | Op::Complete(_, bytes) => *bytes,
            _ => 0,
        })
    }

    fn is_complete(reports: &[Op]) -> bool {
        matches!(reports.last(), Some(Op::Complete(..)))
    }

    /// What the throttle must say to a report.
    fn verdict(&self, op: Op) -> Result<(), ProgressError> {
        match op {
            Op::Start(frame) => match self.owner(frame) {
                Some((owner, _)) if owner >= frame => Err(ProgressError::Repeated),
                _ => Ok(()),
            },
            Op::Fill(frame, got) | Op::Complete(frame, got) => match self.owner(frame) {
                Some((owner, reports)) if owner == frame => {
                    let (had, length) = (Self::filled(&reports), 200);
                    match () {
                        () if Self::is_complete(&reports) => Err(ProgressError::Over),
                        () if got < had => Err(ProgressError::Regressed { had, got }),
                        () if got > length => Err(ProgressError::TooLarge { length, got }),
                        () => Ok(()),
                    }
                }
                _ => Err(ProgressError::NotStarted),
            },
            _ => Ok(()),
        }
    }

    /// What is due at `now` of the frame reported last.
    fn due(&self, now: u64) -> Option<(FrameProgressState, u64)> {
        let last = self.reports.iter().rev().find_map(|op| match op {
            Op::Start(f) | Op::Fill(f, _) | Op::Complete(f, _) => Some(*f),
            _ => None,
        })?;
        let (owner, reports) = self.owner(last)?;
        assert_eq!(owner, last, "a report of a frame that has its slot");
        let since = self.sent_before.iter().rfind(|(f, _)| *f == last)?.1;
        let of_last = self.sent[since..]
            .iter()
            .filter(|(_, p)| p.seq == seq(last));
        let told: Vec<_> = of_last
            .map(|(_, p)| (p.state, p.payload_bytes_filled))
            .collect();
        let filled = Self::filled(&reports);
        // When the frame was completed, had its start been told by then?
        let complete = Self::is_complete(&reports);
        match told.last() {
            None => (!complete).then_some((FrameProgressState::Started, filled)),
            Some((FrameProgressState::Complete, _)) => None,
            Some(_) if complete => Some((FrameProgressState::Complete, filled)),
            Some((_, had)) => {
                let is_progress =
                    |(_, p): &&(u64, FrameProgress)| p.state == FrameProgressState::Progress;
                let quiet = self
                    .sent
                    .iter()
                    .rfind(is_progress)
                    .is_none_or(|(ns, _)| now - ns >= 100);
                (quiet && filled - had >= 50).then_some((FrameProgressState::Progress, filled))
            }
        }
    }
}

proptest! {
    #[test] // req: W-153, W-154, W-155, W-158, W-160, W-171, W-172, W-173, C-072, C-073
    fn it_does_what_a_log_says(ops in prop::collection::vec(op(), 0..120)) {
        let mut throttle = throttle(Some(POLICY));
        let (mut log, mut now, mut wanted) = (Log::default(), 0, true);
        for op in ops {
            let verdict = match op {
                Op::Start(frame) => throttle.start(seq(frame), 200, None),
                Op::Fill(frame, bytes) => throttle.fill(seq(frame), bytes),
                Op::Complete(frame, bytes) => throttle.complete(seq(frame), bytes),
                Op::Forget(frame) => {
                    throttle.forget(seq(frame));
                    if log.owner(frame).is_none_or(|(owner, _)| owner != frame) {
                        continue; // not the slot's
                    }
                    Ok(())
                }
                Op::Policy(is) => {
                    wanted = is;
                    throttle.set_policy(is.then_some(POLICY));
                    continue;
                }
                Op::Transmit(ns, taken) => {
                    now += ns;
                    let due = if wanted { log.due(now) } else { None };
                    prop_assert!(due.is_none() || throttle.poll_timeout() <= at(now));
                    let mut offered = None;
                    let result = throttle.transmit(at(now), |progress| {
                        offered = Some(*progress);
                        if taken { Ok(()) } else { Err(()) }
                    });
                    prop_assert_eq!(offered.map(|p| (p.state, p.payload_bytes_filled)), due);
                    prop_assert_eq!(result, if taken || due.is_none() { Ok(due.is_some()) } else { Err(()) });
                    log.sent.extend(offered.filter(|_| taken).map(|p| (now, p)));
                    continue;
                }
            };
            prop_assert_eq!(verdict, log.verdict(op));
            if verdict.is_ok() {
                if let Op::Start(frame) = op {
                    log.sent_before.push((frame, log.sent.len()));
                }
                log.reports.push(op);
            }
        }
    }
}
