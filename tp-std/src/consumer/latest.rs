//! Frames that no descriptor names: the newest one, for whoever comes late or looks only now and then, and any by its number.

use tp_core_nostd::proto::direct::newest;
use tp_core_nostd::proto::read::DropReason;
use tp_core_nostd::seq::Seq;

use super::Consumer;
use super::view::FrameView;

/// How often the newest frame may be overwritten while it is looked for, before there is none.
const TRIES: u32 = 4;

impl Consumer {
    /// The newest frame in memory, as on a blackboard: nothing is waited for, [`poll`](Self::poll) and
    /// [`wait`](Self::wait) hand it out all the same, and what is missed counts nowhere. `None` while nothing is mapped or
    /// published, or while the producer overwrites the whole ring faster than one frame can be looked at.
    pub fn latest(&mut self) -> Option<FrameView<'_>> {
        self.catch_up();
        let reading = self.hot.reading.as_mut()?;
        let frame = (0..TRIES).find_map(|_| {
            let seq = newest(reading.regions().ring())?;
            reading.read(seq).ok()
        })?;
        Some(FrameView::new(reading, frame, &self.hot.counters))
    }

    /// Frame `seq` of the mapped epoch as its slot is now. A drop counts nowhere, since nobody announced the frame here.
    ///
    /// # Errors
    /// Why there is no such frame; [`DropReason::Unmapped`] while nothing is mapped.
    pub fn read(&mut self, seq: Seq) -> Result<FrameView<'_>, DropReason> {
        self.catch_up();
        let reading = self.hot.reading.as_mut().ok_or(DropReason::Unmapped)?;
        let frame = reading.read(seq)?;
        Ok(FrameView::new(reading, frame, &self.hot.counters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SharedClock;
    use crate::consumer::bench::{STREAM, Stage, note, seq};
    use crate::consumer::{Board, ConsumerConfig, ConsumerLink, Wait};
    use std::sync::Arc;

    fn consumer(stage: &Stage) -> (Consumer, Arc<ConsumerLink>) {
        let link = Arc::<ConsumerLink>::default();
        link.mapping.put(stage.map());
        link.cell.activate();
        let consumer = Consumer::new(
            link.clone(),
            Board::new(false),
            &ConsumerConfig::new(STREAM),
            SharedClock::default(),
        );
        (consumer, link)
    }

    #[test] // req: E-01
    fn the_newest_frame_is_there_for_whoever_comes_late_and_is_handed_out_as_ever() {
        let stage = Stage::new(5, 8);
        let (mut consumer, _link) = consumer(&stage);
        assert!(consumer.latest().is_none());
        stage.write(0..21);
        // The one being written is not it.
        stage.begin(21);
        for _ in 0..2 {
            assert_eq!(consumer.latest().unwrap().seq(), seq(20));
        }
        assert_eq!(consumer.last_seq(), None);
        let mut got = Vec::new();
        assert_eq!(consumer.wait(Wait::Spin, note(&mut got)), Ok(1));
        assert_eq!(got, [(20, Some(true))]);
        assert_eq!(consumer.latest().unwrap().seq(), seq(20));
    }

    #[test] // req: E-01, C-104
    fn a_frame_is_read_by_its_number_or_there_is_a_reason() {
        let stage = Stage::new(5, 8);
        let (mut consumer, link) = consumer(&stage);
        stage.write(0..10);
        assert_eq!(consumer.read(seq(9)).unwrap().seq(), seq(9));
        let mut buffer = [0; 8];
        let copied = consumer.read(seq(5)).unwrap().copy_to(&mut buffer);
        assert_eq!((copied, buffer), (Ok(8), [5; 8]));
        assert_eq!(consumer.read(seq(1)).unwrap_err(), DropReason::Lapped);
        assert_eq!(consumer.read(seq(10)).unwrap_err(), DropReason::NotThere);
        assert_eq!(consumer.counters().late_drops(), 0);
        link.cell.fence();
        assert_eq!(consumer.read(seq(9)).unwrap_err(), DropReason::Unmapped);
        assert!(consumer.latest().is_none());
    }
}
