//! Metadata on streams that refuse.

use tp_core_nostd::ids::Epoch;
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::metadata::SourceDescription;

use super::super::line::Line;
use super::*;

const NOTHING: [u32; 0] = [];
const PERIOD: Duration = Duration::from_secs(1);

/// The announces that were said, by version, and the metadata, by version and a hundred.
fn told(message: Message<'_>) -> u32 {
    match message {
        Message::DataSourceAnnounce(view) => view.block.meta_version.get(),
        Message::DataSourceMeta(view) => view.block.meta_version.get().wrapping_add(100),
        other => panic!("{other:?}"),
    }
}

struct Stage {
    source: Source,
    voice: Voice,
    line: Line,
    description: SourceDescription<Box<[u8]>>,
    now: Instant,
}

impl Stage {
    fn new() -> Self {
        let stream = StreamId::new(10_000).unwrap();
        Self {
            source: Source::new(stream, ClientId::new(1).unwrap(), PERIOD, 256),
            voice: Voice::new(true),
            line: Line::open(),
            description: SourceDescription::new(vec![0; 256].into_boxed_slice()).unwrap(),
            now: Instant::from_ns(1),
        }
    }

    /// The application sets an attribute.
    fn change(&mut self, value: u8) {
        let changed = self.description.set(self.now, "gain", "", &[value]);
        assert_eq!(changed, Ok(true));
        self.voice.describe(self.description.clone());
    }

    /// What a duty cycle says.
    fn tend(&mut self) -> Vec<u32> {
        let teller = Teller {
            client: ClientId::new(1).unwrap(),
            epoch: Epoch::new(5).unwrap(),
        };
        self.source
            .tend(self.now, teller, &self.voice, &mut self.line);
        self.line.said(told)
    }
}

#[test] // req: C-080, W-225, W-227
fn each_version_is_told_in_turn_a_bounded_number_per_cycle() {
    let mut stage = Stage::new();
    for value in 1..=6 {
        stage.change(value);
    }
    assert_eq!(stage.tend(), [0, 1, 101, 2, 102, 3, 103]);
    assert_eq!(stage.tend(), [4, 104, 5, 105, 6, 106]);
    assert_eq!(stage.tend(), NOTHING);
}

#[test] // req: C-080, W-225
fn whoever_begins_to_listen_hears_what_applies_and_nothing_older() {
    let mut stage = Stage::new();
    stage.line.connected = false;
    for value in 1..=3 {
        stage.change(value);
        assert_eq!(stage.tend(), NOTHING);
    }
    stage.line.connected = true;
    assert_eq!(stage.tend(), [3, 103]);
}

#[test]
fn a_full_stream_delays_and_loses_nothing() {
    let mut stage = Stage::new();
    stage.change(1);
    stage.change(2);
    stage.line.refuses = Some(SendError::BackPressured);
    assert_eq!(stage.tend(), NOTHING);
    stage.line.refuses = None;
    assert_eq!(stage.tend(), [0, 1, 101, 2, 102]);
}

#[test] // req: T-49
fn metadata_that_its_stream_cannot_carry_is_let_be_until_it_changes() {
    let mut stage = Stage::new();
    stage.line.max = 10;
    stage.change(1);
    assert_eq!(stage.tend(), NOTHING);
    stage.line.max = usize::MAX;
    assert_eq!(stage.tend(), NOTHING, "not again before its time");
    stage.now = stage.now.after(PERIOD);
    assert_eq!(stage.tend(), [1, 101]);
}
