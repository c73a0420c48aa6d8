//! The state of the medium: logs that publications write, and what time and faults do to them.

use std::collections::{BTreeMap, BTreeSet};

use tp_core_nostd::time::{Clock, Instant};
use tp_core_nostd::transport::{ImageEvent, ImageId, PollError, SendError};

use super::dice::Dice;
use super::faults::Faults;
use super::reader::{Reader, Tether};
use super::{FakeClock, MAX_MESSAGE_BYTES, Owner, UNTETHERED_LIMIT, WINDOW_BYTES};

pub(super) struct Net {
    clock: FakeClock,
    dice: Dice,
    pub(super) faults: Faults,
    /// From whom to whom nothing gets through.
    cuts: BTreeSet<(Owner, Owner)>,
    /// Whose offers are refused, and until when.
    jams: BTreeMap<Owner, Instant>,
    /// Whether some window has been full, so that a reader may lose its image.
    was_full: bool,
    publications: BTreeMap<u64, Publication>,
    logs: BTreeMap<ImageId, Log>,
    readers: BTreeMap<u64, Reader>,
    last_id: u64,
}

struct Publication {
    owner: Owner,
    log: ImageId,
}

struct Log {
    stream_id: i32,
    shared: bool,
    writers: u32,
    /// When the log counts as ended: set once its last writer is gone.
    ends: Option<Instant>,
}

impl Net {
    pub(super) fn new(seed: u64, clock: FakeClock) -> Self {
        Self {
            clock,
            dice: Dice::seeded(seed),
            faults: Faults::NONE,
            cuts: BTreeSet::new(),
            jams: BTreeMap::new(),
            was_full: false,
            publications: BTreeMap::new(),
            logs: BTreeMap::new(),
            readers: BTreeMap::new(),
            last_id: 0,
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn publish(&mut self, stream_id: i32, owner: Owner, shared: bool) -> u64 {
        let id = self.fresh_id();
        let mut existing = self
            .logs
            .iter_mut()
            .filter(|(_, log)| shared && log.shared && log.stream_id == stream_id);
        let log = match existing.find(|(_, log)| log.ends.is_none()) {
            Some((log_id, log)) => {
                log.writers += 1;
                *log_id
            }
            None => self.new_log(stream_id, shared),
        };
        self.publications.insert(id, Publication { owner, log });
        id
    }

    fn new_log(&mut self, stream_id: i32, shared: bool) -> ImageId {
        let id = ImageId(i64::try_from(self.fresh_id()).unwrap());
        let log = Log {
            stream_id,
            shared,
            writers: 1,
            ends: None,
        };
        self.logs.insert(id, log);
        for reader in self.readers.values_mut() {
            if reader.stream_id == stream_id && !reader.closed {
                reader.join(id);
            }
        }
        id
    }

    pub(super) fn subscribe(&mut self, stream_id: i32, owner: Owner, tether: Tether) -> u64 {
        let id = self.fresh_id();
        let mut reader = Reader::new(stream_id, owner, tether);
        for (log_id, log) in &self.logs {
            if log.stream_id == stream_id && log.ends.is_none() {
                reader.join(*log_id);
            }
        }
        self.readers.insert(id, reader);
        id
    }

    /// Whether a message of so many bytes would be taken; who writes into which log, if so.
    pub(super) fn accepts(&mut self, id: u64, len: usize) -> Result<(ImageId, Owner), SendError> {
        if len > MAX_MESSAGE_BYTES {
            let max = MAX_MESSAGE_BYTES;
            return Err(SendError::TooLong { len, max });
        }
        self.settle();
        let publication = self.publications.get(&id).ok_or(SendError::Closed)?;
        let (log, sender, now) = (publication.log, publication.owner, self.clock.now());
        if self.jams.get(&sender).is_some_and(|until| now < *until) {
            return Err(SendError::BackPressured);
        }

        let mut connected = false;
        let mut full = false;
        for reader in self.readers.values_mut() {
            if let Some(image) = reader.images.get_mut(&log) {
                connected = true;
                if image.bytes + len > WINDOW_BYTES {
                    image.full_since.get_or_insert(now);
                    full = true;
                }
            }
        }
        if full {
            self.was_full = true;
            return Err(SendError::BackPressured);
        }
        match connected {
            true => Ok((log, sender)),
            false => Err(SendError::NotConnected),
        }
    }

    pub(super) fn offer(&mut self, id: u64, message: &[u8]) -> Result<(), SendError> {
        let (log, sender) = self.accepts(id, message.len())?;
        let now = self.clock.now();
        for reader in self.readers.values_mut() {
            let Some(image) = reader.images.get_mut(&log) else {
                continue;
            };
            let lost = self.dice.happens(self.faults.loss_pct);
            let delay = self.dice.delay(self.faults.delay_ms.clone());
            let twice = self.dice.happens(self.faults.duplicate_pct);
            let later = self.dice.delay(self.faults.delay_ms.clone());
            if lost || self.cuts.contains(&(sender, reader.owner)) {
                image.has_gap = true;
                continue;
            }
            let arrival = image.newest.unwrap_or(now).max(now.after(delay));
            image.newest = Some(arrival);
            self.last_id += 1;
            image.carry(arrival, self.last_id, message);
            if twice {
                self.last_id += 1;
                image.carry(arrival.after(later), self.last_id, message);
            }
        }
        Ok(())
    }

    pub(super) fn is_connected(&self, id: u64) -> bool {
        self.publications.get(&id).is_some_and(|publication| {
            let mut readers = self.readers.values();
            readers.any(|reader| reader.images.contains_key(&publication.log))
        })
    }

    /// The next message that has arrived at a reader.
    pub(super) fn receive(&mut self, id: u64) -> Result<Option<(ImageId, Vec<u8>)>, PollError> {
        self.settle();
        let now = self.clock.now();
        let reader = self.readers.get_mut(&id).filter(|reader| !reader.closed);
        let reader = reader.ok_or(PollError::Closed)?;
        let mut arrived: Option<((Instant, u64), ImageId)> = None;
        for (image_id, image) in &reader.images {
            if let Some((key, _)) = image.messages.first_key_value() {
                let first = arrived.is_none_or(|(earliest, _)| *key < earliest);
                if key.0 <= now && first {
                    arrived = Some((*key, *image_id));
                }
            }
        }
        let Some((key, image_id)) = arrived else {
            return Ok(None);
        };
        let image = reader.images.get_mut(&image_id);
        let taken = image.and_then(|image| image.take(key));
        Ok(taken.map(|message| (image_id, message)))
    }

    pub(super) fn next_event(&mut self, id: u64) -> Option<(ImageId, ImageEvent)> {
        self.settle();
        self.readers.get_mut(&id)?.events.pop_front()
    }

    pub(super) fn image_count(&mut self, id: u64) -> usize {
        self.settle();
        self.readers
            .get(&id)
            .map_or(0, |reader| reader.images.len())
    }

    pub(super) fn next_arrival(&self) -> Option<Instant> {
        let images = self
            .readers
            .values()
            .flat_map(|reader| reader.images.values());
        let arrivals = images.flat_map(|image| image.messages.keys());
        arrivals
            .map(|(at, _)| *at)
            .filter(|at| *at > self.clock.now())
            .min()
    }

    /// Whether one of the owner's subscriptions has something to be polled or heard of.
    pub(super) fn has_mail(&mut self, owner: Owner) -> bool {
        self.settle();
        let now = self.clock.now();
        let mut readers = self.readers.values().filter(|reader| reader.owner == owner);
        readers.any(|reader| !reader.events.is_empty() || reader.has_arrived(now))
    }

    pub(super) fn close_publication(&mut self, id: u64) {
        let now = self.clock.now();
        self.end_publication(id, now);
    }

    fn end_publication(&mut self, id: u64, at: Instant) {
        let publication = self.publications.remove(&id);
        let log = publication.and_then(|publication| self.logs.get_mut(&publication.log));
        if let Some(log) = log {
            log.writers -= 1;
            if log.writers == 0 {
                log.ends = Some(at);
            }
        }
    }

    pub(super) fn close_subscription(&mut self, id: u64) {
        self.readers.remove(&id);
    }

    pub(super) fn cut(&mut self, from: Owner, to: Owner) {
        self.cuts.insert((from, to));
    }

    pub(super) fn jam(&mut self, owner: Owner, until: Instant) {
        self.jams.insert(owner, until);
    }

    pub(super) fn heal(&mut self) {
        self.faults = Faults::NONE;
        self.cuts.clear();
        self.jams.clear();
    }

    pub(super) fn evict(&mut self, owner: Owner) {
        for reader in self.readers.values_mut().filter(|r| r.owner == owner) {
            reader.lose(|_, _| true);
        }
    }

    pub(super) fn end_gaps(&mut self) {
        let loose = |reader: &&mut Reader| reader.tether == Tether::Loose;
        for reader in self.readers.values_mut().filter(loose) {
            reader.lose(|_, image| image.has_gap);
        }
    }

    pub(super) fn kill(&mut self, owner: Owner, until: Instant) {
        let killed = |(id, p): (&u64, &Publication)| (p.owner == owner).then_some(*id);
        let publications: Vec<u64> = self.publications.iter().filter_map(killed).collect();
        for id in publications {
            self.end_publication(id, until);
        }
        for reader in self.readers.values_mut().filter(|r| r.owner == owner) {
            reader.close();
        }
    }

    pub(super) fn fail(&mut self) {
        self.publications.clear();
        self.logs.clear();
        self.readers.values_mut().for_each(Reader::close);
    }

    /// Does what time alone brings: images of ended logs go once they are read, slow loose readers lose theirs.
    fn settle(&mut self) {
        let now = self.clock.now();
        let is_over = |log: &Log| log.ends.is_some_and(|at| at <= now);
        if !self.was_full && !self.logs.values().any(is_over) {
            return;
        }
        for reader in self.readers.values_mut() {
            let loose = reader.tether == Tether::Loose;
            let logs = &self.logs;
            reader.lose(|id, image| {
                let ended = logs
                    .get(id)
                    .is_none_or(|log| log.ends.is_some_and(|at| at <= now));
                let too_slow = image
                    .full_since
                    .is_some_and(|since| now.since(since) >= UNTETHERED_LIMIT);
                (ended && image.messages.is_empty()) || (loose && too_slow)
            });
        }
        let readers = &self.readers;
        self.logs.retain(|id, log| {
            let read = readers
                .values()
                .any(|reader| reader.images.contains_key(id));
            log.ends.is_none_or(|at| at > now) || read
        });
    }
}
