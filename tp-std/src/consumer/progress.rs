//! How much of a frame is there before it is whole: messages judged, and the front part read (C-116, E-02).

use core::ops::Range;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::progress::{Sighting, Tracker, Verdict};
use tp_core_nostd::proto::read::{Ahead, CopyError, NotAhead, Overwritten};
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;
use tp_core_nostd::transport::{ImageEvent, ImageId};
use tp_core_nostd::wire::control::{FrameProgress, FrameProgressView};

use super::board::Board;
use super::{Note, Reading, Side};
use crate::medium::Receiver;
use crate::regions::Regions;
use tp_linux_hugepages::Mapping;

/// What progress meets. A consumer that did not ask for it has no tracker, and ignores it (W-161).
#[derive(Debug)]
pub(super) struct ProgressDesk {
    stream: StreamId,
    is_wanted: bool,
    /// One sighting for each slot; nothing is allocated after mapping (C-117).
    tracker: Option<Tracker<Box<[Sighting]>>>,
    /// The control stream of our own.
    control: Option<Box<dyn Receiver>>,
}

impl ProgressDesk {
    pub(super) const fn new(stream: StreamId, is_wanted: bool) -> Self {
        Self {
            stream,
            is_wanted,
            tracker: None,
            control: None,
        }
    }

    /// Nothing is mapped, or these regions are.
    pub(super) fn read_from(&mut self, regions: Option<&Regions<Mapping>>) {
        let regions = regions.filter(|_| self.is_wanted);
        self.tracker = regions.and_then(|regions| {
            let shape = regions.ring().shape();
            let sightings = vec![Sighting::NONE; shape.slots.get() as usize];
            let sightings = sightings.into_boxed_slice();
            Tracker::new(self.stream, shape.epoch, shape.slots, sightings)
        });
    }

    /// A new writer began in the same epoch.
    pub(super) fn forget(&mut self) {
        if let Some(tracker) = &mut self.tracker {
            tracker.forget();
        }
    }

    pub(super) fn listen(&mut self, control: Option<Box<dyn Receiver>>) {
        self.control = control;
    }

    /// Whether our own control stream has a publisher.
    pub(super) fn image_events(&mut self, mut tell: impl FnMut(Note)) {
        let Some(control) = &mut self.control else {
            return;
        };
        let mut last = None;
        control.image_events(&mut |_, event| last = Some(event));
        match last {
            Some(ImageEvent::Available) => tell(Note::Found(Side::Control)),
            Some(ImageEvent::Unavailable) if control.image_count() == 0 => {
                tell(Note::Lost(Side::Control));
            }
            _ => {}
        }
    }

    /// Hands on at most `limit` messages that are valid, those of our own stream first; returns how many were looked at.
    pub(super) fn poll(
        &mut self,
        limit: u32,
        board: &Board,
        reading: &mut Option<Reading>,
        handler: &mut impl FnMut(&FrameProgress, ProgressReader<'_>),
    ) -> u32 {
        let Self {
            tracker, control, ..
        } = self;
        let mut judge = |image: ImageId, progress: &FrameProgress| {
            let (Some(tracker), Some(reading)) = (tracker.as_mut(), reading.as_mut()) else {
                return;
            };
            let shows = reading.shows(progress.seq);
            match tracker.observe(image, progress, shows) {
                Verdict::Valid => handler(
                    progress,
                    ProgressReader {
                        filled: progress.payload_bytes_filled,
                        header_first: board.status.header_first(),
                        seq: progress.seq,
                        reading,
                    },
                ),
                Verdict::Violation(_) => board.counters.progress_violations.add(1),
                Verdict::Ignore(_) => {}
            }
        };
        let mut polled = control.as_mut().map_or(0, |control| {
            let polled = control.poll(limit, &mut |bytes, image| {
                // Nothing else is said there (C-111).
                let parsed = FrameProgressView::parse(bytes).ok();
                if let Some(progress) = parsed.and_then(|view| FrameProgress::try_from(view).ok()) {
                    judge(image, &progress);
                }
            });
            polled.unwrap_or(0)
        });
        while polled < limit
            && let Some((image, progress)) = board.take_progress()
        {
            polled = polled.saturating_add(1);
            judge(image, &progress);
        }
        polled
    }
}

/// Reads the front part of a frame of which progress told, once.
#[derive(Debug)]
pub struct ProgressReader<'a> {
    reading: &'a mut Reading,
    seq: Seq,
    filled: u64,
    header_first: Option<u32>,
}

impl<'a> ProgressReader<'a> {
    /// The front part of the frame as it is now. Before the commit there is one only where the producer says that headers
    /// come first (E-02); all else is a hint (T-21).
    ///
    /// # Errors
    /// Why nothing may be read. It counts nowhere, for the descriptor is still to come (W-168).
    pub fn read(self) -> Result<PrefixView<'a>, NotAhead> {
        let ahead = self
            .reading
            .read_ahead(self.seq, self.filled, self.header_first)?;
        Ok(PrefixView {
            reading: self.reading,
            ahead,
        })
    }
}

/// The front part of a frame, still in shared memory. What is made of it counts if [`Self::revalidate`] agrees after the
/// last use.
#[derive(Debug)]
pub struct PrefixView<'a> {
    reading: &'a Reading,
    ahead: Ahead,
}

impl PrefixView<'_> {
    /// The number of the frame.
    pub const fn seq(&self) -> Seq {
        self.ahead.frame.seq
    }

    /// Type, shape and order of its elements.
    pub const fn tensor(&self) -> &TensorHeader {
        &self.ahead.frame.header.tensor
    }

    /// Bytes of the whole payload.
    pub const fn payload_len(&self) -> usize {
        self.ahead.frame.header.values_len_bytes as usize
    }

    /// Bytes that may be read, from the start of the payload.
    pub const fn ready_bytes(&self) -> usize {
        self.ahead.prefix.bytes as usize
    }

    /// Whole rows or columns that may be read, where the frame counts them (T-48).
    pub const fn ready_lines(&self) -> Option<u32> {
        self.ahead.prefix.lines
    }

    /// Where in the payload the lines that are ready lie, from line `from` on: with `from` the number of lines that were
    /// taken before, each comes once. The last line of a frame may lack the gap behind it.
    pub fn lines(&self, from: u32) -> impl Iterator<Item = Range<usize>> + use<> {
        let line_len = self.tensor().prefix_line_len().unwrap_or(0) as usize;
        let (ready, end) = (self.ready_lines().unwrap_or(0), self.ready_bytes());
        (from..ready).map(move |line| {
            let start = (line as usize).saturating_mul(line_len).min(end);
            start..start.saturating_add(line_len).min(end)
        })
    }

    /// Copies what is ready from byte `from` on to the start of `buffer`, as much as it has room for, and checks that it was
    /// the frame's to the end. Returns how many bytes that were.
    ///
    /// # Errors
    /// [`CopyError::Overwritten`]
    pub fn copy_to(&self, from: usize, buffer: &mut [u8]) -> Result<usize, CopyError> {
        let from = u32::try_from(from).unwrap_or(u32::MAX);
        self.reading.copy_ahead(&self.ahead, from, buffer)
    }

    /// Where the payload is, for use in place of its first [`Self::ready_bytes`]: `None` for an empty one.
    pub fn payload_ptr(&self) -> Option<*const u8> {
        self.reading
            .payload(&self.ahead.frame)
            .map(|payload| payload.as_ptr())
    }

    /// Confirms that what was read so far was the frame's.
    ///
    /// # Errors
    /// [`Overwritten`]
    pub fn revalidate(&self) -> Result<(), Overwritten> {
        self.reading.still_ahead(&self.ahead)
    }
}
