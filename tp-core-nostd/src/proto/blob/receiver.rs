//! The consumer's side: blobs put together, any number of them at a time that there is room for.

use super::assembling::{Assembling, Discarded};
use crate::ids::StreamId;
use crate::time::{Duration, Instant};
use crate::wire::control::{MetaBlobAnnounce, MetaBlobChunk, MetaBlobComplete};

/// Why an announced blob is not put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refused {
    /// It is longer than any place for it.
    TooLong {
        /// Bytes of the longest place.
        max: usize,
        /// Bytes of the blob.
        got: u64,
    },
    /// All places it would fit in are taken.
    NoRoom,
}

/// A blob that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob<'e> {
    /// The stream.
    pub stream: StreamId,
    /// The metadata version it belongs to.
    pub meta_version: u32,
    /// What it is.
    pub blob_type: u32,
    /// What it says.
    pub bytes: &'e [u8],
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BlobCounters {
    /// Blobs that were whole.
    pub completed: u64,
    /// Announced blobs for which there was no room.
    pub refused: u64,
    /// Blobs thrown away because of a message.
    pub discarded: u64,
    /// Blobs thrown away because no message came any more.
    pub abandoned: u64,
}

/// A place to put a blob together. `B` lends as many bytes as it may have.
#[derive(Clone, Debug)]
pub struct BlobEntry<B> {
    buffer: B,
    assembling: Option<Assembling>,
}

impl<B> BlobEntry<B> {
    /// A free place.
    pub const fn new(buffer: B) -> Self {
        Self {
            buffer,
            assembling: None,
        }
    }

    fn is_of(&self, stream: StreamId, meta_version: u32) -> bool {
        let key = |blob: &Assembling| (blob.stream, blob.meta_version) == (stream, meta_version);
        self.assembling.as_ref().is_some_and(key)
    }
}

/// Puts blobs together. `E` lends the places.
#[derive(Clone, Debug)]
pub struct BlobReceiver<E> {
    patience: Duration,
    verifies: bool,
    entries: E,
    counters: BlobCounters,
}

impl<E> BlobReceiver<E> {
    /// Knows of no blob. One that is not heard of for `patience` is thrown away; `verifies` computes checksums, where there
    /// are any (T-36).
    pub const fn new(patience: Duration, verifies: bool, entries: E) -> Self {
        Self {
            patience,
            verifies,
            entries,
            counters: BlobCounters {
                completed: 0,
                refused: 0,
                discarded: 0,
                abandoned: 0,
            },
        }
    }

    /// What happened so far.
    pub const fn counters(&self) -> &BlobCounters {
        &self.counters
    }

    /// A blob begins. One that was under way with the same stream and version is thrown away: its sender began anew.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn handle_announce<B>(
        &mut self,
        now: Instant,
        announce: &MetaBlobAnnounce,
    ) -> Result<(), Refused>
    where
        E: AsMut<[BlobEntry<B>]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let (stream, meta_version) = (announce.stream_id, announce.meta_version);
        let entries = self.entries.as_mut();
        if let Some(entry) = entries
            .iter_mut()
            .find(|entry| entry.is_of(stream, meta_version))
        {
            entry.assembling = None;
            count(&mut self.counters.discarded);
        }
        let room = |entry: &BlobEntry<B>| entry.buffer.as_ref().len();
        let max = entries.iter().map(room).max().unwrap_or(0);
        let total = usize::try_from(announce.total_len)
            .ok()
            .filter(|total| *total <= max);
        let Some(total) = total else {
            count(&mut self.counters.refused);
            let got = announce.total_len;
            return Err(Refused::TooLong { max, got });
        };
        let fitting =
            |entry: &&mut BlobEntry<B>| entry.assembling.is_none() && room(entry) >= total;
        let smallest = entries
            .iter_mut()
            .filter(fitting)
            .min_by_key(|entry| room(entry));
        let Some(entry) = smallest else {
            count(&mut self.counters.refused);
            return Err(Refused::NoRoom);
        };
        entry.assembling = Some(Assembling {
            stream,
            meta_version,
            blob_type: announce.blob_type,
            total,
            have: 0,
            checksum: announce.checksum,
            crc: 0,
            heard_at: now,
        });
        Ok(())
    }

    /// A part of a blob arrived.
    ///
    /// # Errors
    /// Why the blob was thrown away.
    pub fn handle_chunk<B>(
        &mut self,
        now: Instant,
        chunk: &MetaBlobChunk<'_>,
    ) -> Result<(), Discarded>
    where
        E: AsMut<[BlobEntry<B>]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let mut entries = self.entries.as_mut().iter_mut();
        let entry = entries.find(|entry| entry.is_of(chunk.stream_id, chunk.meta_version));
        let Some((entry, blob)) = entry.and_then(|BlobEntry { buffer, assembling }| {
            let blob = assembling.as_mut()?;
            let end = blob.append(now, chunk, buffer.as_mut(), self.verifies);
            Some((assembling, end))
        }) else {
            return Err(Discarded::NotAnnounced);
        };
        blob.inspect_err(|_| {
            *entry = None;
            count(&mut self.counters.discarded);
        })
    }

    /// A blob was sent whole. It is handed out once; its place is free for the next one.
    ///
    /// # Errors
    /// Why the blob was thrown away.
    pub fn handle_complete<'e, B>(
        &'e mut self,
        complete: &MetaBlobComplete,
    ) -> Result<Blob<'e>, Discarded>
    where
        E: AsMut<[BlobEntry<B>]>,
        B: AsRef<[u8]> + AsMut<[u8]> + 'e,
    {
        let mut entries = self.entries.as_mut().iter_mut();
        let entry = entries.find(|entry| entry.is_of(complete.stream_id, complete.meta_version));
        let Some((entry, blob)) = entry.and_then(|entry| {
            let blob = entry.assembling.take()?;
            Some((entry, blob))
        }) else {
            return Err(Discarded::NotAnnounced);
        };
        if let Err(why) = blob.check(complete.checksum, self.verifies) {
            count(&mut self.counters.discarded);
            return Err(why);
        }
        count(&mut self.counters.completed);
        Ok(Blob {
            stream: blob.stream,
            meta_version: blob.meta_version,
            blob_type: blob.blob_type,
            bytes: entry.buffer.as_ref().get(..blob.total).unwrap_or_default(),
        })
    }

    /// Throws away what is not heard of any more. Call it now and then.
    pub fn poll<B>(&mut self, now: Instant)
    where
        E: AsMut<[BlobEntry<B>]>,
    {
        let patience = self.patience;
        for entry in self.entries.as_mut() {
            let silent = |blob: &mut Assembling| now.since(blob.heard_at) > patience;
            if entry.assembling.take_if(silent).is_some() {
                count(&mut self.counters.abandoned);
            }
        }
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
