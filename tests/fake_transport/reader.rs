//! A subscription of the medium, with one image of each log of its stream.

use std::collections::{BTreeMap, VecDeque};

use tp_core_nostd::time::Instant;
use tp_core_nostd::transport::{ImageEvent, ImageId};

use super::Owner;

/// Whether publishers wait for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tether {
    Tight,
    Loose,
}

pub(super) struct Reader {
    pub(super) stream_id: i32,
    pub(super) owner: Owner,
    pub(super) tether: Tether,
    /// Its process or the medium is gone; what happened until then can still be asked for.
    pub(super) closed: bool,
    pub(super) images: BTreeMap<ImageId, Image>,
    pub(super) events: VecDeque<(ImageId, ImageEvent)>,
}

#[derive(Default)]
pub(super) struct Image {
    /// Messages under way or unread, by time of arrival; equal times in order of sending.
    pub(super) messages: BTreeMap<(Instant, u64), Vec<u8>>,
    pub(super) bytes: usize,
    /// When the message sent last arrives: none overtakes it.
    pub(super) newest: Option<Instant>,
    /// Whether a message of it was lost.
    pub(super) has_gap: bool,
    /// Since when offers have been refused because of this reader.
    pub(super) full_since: Option<Instant>,
}

impl Reader {
    pub(super) fn new(stream_id: i32, owner: Owner, tether: Tether) -> Self {
        Self {
            stream_id,
            owner,
            tether,
            closed: false,
            images: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn join(&mut self, log: ImageId) {
        self.images.insert(log, Image::default());
        self.events.push_back((log, ImageEvent::Available));
    }

    pub(super) fn has_arrived(&self, now: Instant) -> bool {
        let mut firsts = self
            .images
            .values()
            .filter_map(|image| image.messages.first_key_value());
        firsts.any(|((arrival, _), _)| *arrival <= now)
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.lose(|_, _| true);
    }

    pub(super) fn lose(&mut self, mut which: impl FnMut(&ImageId, &Image) -> bool) {
        let events = &mut self.events;
        self.images.retain(|id, image| {
            let lost = which(id, image);
            if lost {
                events.push_back((*id, ImageEvent::Unavailable));
            }
            !lost
        });
    }
}

impl Image {
    pub(super) fn carry(&mut self, arrival: Instant, order: u64, message: &[u8]) {
        self.bytes += message.len();
        self.messages.insert((arrival, order), message.to_vec());
    }

    pub(super) fn take(&mut self, key: (Instant, u64)) -> Option<Vec<u8>> {
        let message = self.messages.remove(&key)?;
        self.bytes -= message.len();
        self.full_since = None;
        Some(message)
    }
}
