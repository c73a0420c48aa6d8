//! The front part of a frame that is still being written, or is whole (W-163 to W-170, T-21, E-02).
//!
//! ```text
//! read_ahead(seq, filled) ──▶ Ahead { frame, prefix } ──▶ copy_ahead     copies the prefix, then checks again
//!    │                                                └─▶ payload, still_ahead   in place
//!    └──────────────────────▶ NotAhead                    a hint only: come back with the next progress
//! ```

use super::{CopyError, DropReason, Frame, Overwritten, Reader};
use crate::proto::progress::{Prefix, PrefixError, SlotShows, may_read};
use crate::seq::Seq;
use crate::shm::{PayloadPool, Region, SlotHeader};

/// A frame as far as it is there: its header is checked, its payload counts up to the end of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ahead {
    /// The frame.
    pub frame: Frame,
    /// What of it may be read.
    pub prefix: Prefix,
    /// Whether its header came first, so that it counts before the commit.
    header_first: bool,
}

/// Why nothing of a frame may be read yet, or at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotAhead {
    /// It is not committed, and its producer did not say that headers come first: its progress is a hint (T-21).
    HintOnly,
    /// Its slot is another frame's.
    Gone,
    /// Its header fails a check.
    Void(DropReason),
    /// Its layout and its progress do not go together.
    Prefix(PrefixError),
}

impl core::fmt::Display for NotAhead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::HintOnly => f.write_str("the frame is not committed yet"),
            Self::Gone => f.write_str("the slot holds another frame"),
            Self::Void(reason) => write!(f, "the header fails a check: {reason}"),
            Self::Prefix(PrefixError::TooLong { length, got }) => {
                write!(f, "{got} bytes of a frame of {length}")
            }
            Self::Prefix(PrefixError::NotInOrder) => {
                f.write_str("no prefix of the payload holds whole elements in order")
            }
        }
    }
}

impl core::error::Error for NotAhead {}

impl<R, P, W> Reader<R, P, W>
where
    R: Region,
    P: AsRef<[PayloadPool<R>]>,
    W: AsRef<[u64]> + AsMut<[u64]>,
{
    /// What may be read of frame `seq`, of which valid progress told that `filled` bytes are there. `header_first` is the
    /// metadata version for which its producer said that headers come first; without it only a committed frame is read.
    ///
    /// # Errors
    /// [`NotAhead`]; no counter moves, for nothing was announced yet (W-168).
    pub fn read_ahead(
        &mut self,
        seq: Seq,
        filled: u64,
        header_first: Option<u32>,
    ) -> Result<Ahead, NotAhead> {
        let ring = self.regions.ring();
        let slot = ring.slots().slot_of(seq);
        let memory = ring.slot(slot);
        let word = memory.load();
        if !may_read(word, seq, header_first.is_some()) {
            return Err(match word {
                Some(word) if word.seq() > seq => NotAhead::Gone,
                _ => NotAhead::HintOnly,
            });
        }
        memory.copy_to(&mut self.image);
        let after = memory.load_after();
        if !may_read(after, seq, header_first.is_some()) {
            return Err(NotAhead::Gone);
        }
        let stride_of = |id| self.regions.pool(id).map(PayloadPool::stride);
        let void = |error: crate::shm::SlotError| NotAhead::Void(error.into());
        let frame = self.image.frame(slot, stride_of).map_err(void)?;
        self.known.check(&self.image).map_err(void)?;
        let header = SlotHeader::new(&frame, self.known.tensor);
        // The attribute holds for frames of its metadata version (E-02).
        let header_first = header_first.is_some() && header.meta_version == header_first;
        if !may_read(word, seq, header_first) {
            return Err(NotAhead::HintOnly);
        }
        let prefixes = self.known.prefixes();
        let prefix = prefixes.of_frame(header.values_len_bytes, filled);
        Ok(Ahead {
            frame: Frame { seq, slot, header },
            prefix: prefix.map_err(NotAhead::Prefix)?,
            header_first,
        })
    }

    /// What the slot of frame `seq` shows at the moment, for judging its progress.
    pub fn shows(&self, seq: Seq) -> SlotShows {
        let ring = self.regions.ring();
        let slot = ring.slots().slot_of(seq);
        let memory = ring.slot(slot);
        let word = memory.load();
        SlotShows::of(word, seq, || {
            let image = memory.copy();
            let stride_of = |id| self.regions.pool(id).map(PayloadPool::stride);
            let header = SlotHeader::check(&image, slot, stride_of).ok()?;
            let is_still = word.is_some_and(|word| memory.is_still(word));
            is_still.then_some(header.values_len_bytes)
        })
    }

    /// Copies bytes `from..` of the prefix to the start of `buffer`, as many as it has room for, then checks that they
    /// were the frame's. Returns how many.
    ///
    /// # Errors
    /// [`CopyError::Overwritten`]: the frame is gone.
    pub fn copy_ahead(
        &self,
        ahead: &Ahead,
        from: u32,
        buffer: &mut [u8],
    ) -> Result<usize, CopyError> {
        let there = ahead.prefix.bytes.saturating_sub(from) as usize;
        let len = there.min(buffer.len());
        let wanted = buffer.get_mut(..len).unwrap_or_default();
        if !wanted.is_empty() {
            let copied = self
                .payload(&ahead.frame)
                .map(|slot| slot.copy_out(from as usize, wanted));
            // A frame of another mapping, if anything.
            copied.and_then(Result::ok).ok_or(CopyError::Overwritten)?;
        }
        self.still_ahead(ahead)
            .map_err(|_| CopyError::Overwritten)?;
        Ok(len)
    }

    /// Confirms that everything read of the prefix so far was the frame's.
    ///
    /// # Errors
    /// [`Overwritten`]
    pub fn still_ahead(&self, ahead: &Ahead) -> Result<(), Overwritten> {
        let word = self.regions.ring().slot(ahead.frame.slot).load_after();
        match may_read(word, ahead.frame.seq, ahead.header_first) {
            true => Ok(()),
            false => Err(Overwritten),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, bench, image, seq, slot, store};
    use super::*;
    use crate::proto::regions::fixture::{SLOTS, pool_id};
    use crate::shm::SlotImage;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// The metadata version of `image`.
    const META: u32 = 3;

    /// Slot 1 as frame 9 of twelve bytes, header first, `filled` of them there.
    fn begun(filled: &[u8]) -> Bench {
        let bench = bench();
        let memory = slot(&bench, seq(9));
        memory.begin(seq(9));
        memory.write(&image(1));
        let payload = bench.regions().pool(pool_id(1)).unwrap();
        let payload = payload.slot_writer(SLOTS.index(1).unwrap());
        payload.copy_in(0, filled).unwrap();
        bench
    }

    // req: E-02, C-116, W-167, W-168, T-21
    #[test]
    fn every_state_of_the_slot_with_and_without_the_attribute() {
        use NotAhead::{Gone, HintOnly};
        let rows = [
            // frame, committed   hint only            of another version   header first
            (5, false, [Some(HintOnly); 3]),
            (5, true, [Some(HintOnly); 3]),
            (9, false, [Some(HintOnly), Some(HintOnly), None]),
            (9, true, [None; 3]),
            (13, false, [Some(Gone); 3]),
            (13, true, [Some(Gone); 3]),
        ];
        for (raw, committed, expected) in rows {
            let outcomes = [None, Some(META + 1), Some(META)].map(|header_first| {
                let mut bench = bench();
                match committed {
                    true => store(&bench, raw, &image(1)),
                    false => {
                        slot(&bench, seq(raw)).begin(seq(raw));
                        slot(&bench, seq(raw)).write(&image(1));
                    }
                }
                bench.read_ahead(seq(9), 6, header_first).err()
            });
            assert_eq!(outcomes, expected, "{raw}, committed: {committed}");
        }
    }

    #[test] // req: E-02, C-116, W-163, W-164
    fn a_prefix_is_copied_from_where_the_last_one_ended() {
        let mut bench = begun(b"twelve");
        let ahead = bench.read_ahead(seq(9), 6, Some(META)).unwrap();
        assert_eq!((ahead.prefix.bytes, ahead.prefix.lines), (6, Some(1)));
        let mut buffer = [0; 12];
        assert_eq!(bench.copy_ahead(&ahead, 0, &mut buffer), Ok(6));
        assert_eq!(&buffer, b"twelve\0\0\0\0\0\0");
        let payload = bench.regions().pool(pool_id(1)).unwrap();
        let payload = payload.slot_writer(SLOTS.index(1).unwrap());
        payload.copy_in(6, b" bytes").unwrap();
        slot(&bench, seq(9)).commit(seq(9));
        assert_eq!(bench.still_ahead(&ahead), Ok(()), "committed meanwhile");
        let whole = bench.read_ahead(seq(9), 12, Some(META)).unwrap();
        assert_eq!(bench.copy_ahead(&whole, 6, &mut buffer[6..]), Ok(6));
        assert_eq!(&buffer, b"twelve bytes");
        assert_eq!(bench.copy_ahead(&whole, 12, &mut buffer), Ok(0));
        assert_eq!(bench.read(seq(9)).map(|frame| frame.seq), Ok(seq(9)));
    }

    #[test] // req: E-02, W-163, T-20
    fn a_prefix_of_an_overwritten_frame_is_void() {
        let mut bench = begun(b"twelve");
        let ahead = bench.read_ahead(seq(9), 6, Some(META)).unwrap();
        slot(&bench, seq(13)).begin(seq(13));
        assert_eq!(bench.still_ahead(&ahead), Err(Overwritten));
        let copied = bench.copy_ahead(&ahead, 0, &mut [0; 12]);
        assert_eq!(copied, Err(CopyError::Overwritten));
    }

    #[test] // req: C-116, W-162
    fn what_a_slot_shows_is_what_its_word_and_header_say() {
        use SlotShows::{Committed, Later, NotYet};
        let rows = [
            (5, true, 1, NotYet),
            (9, false, 1, NotYet),
            (9, true, 1, Committed { length: 12 }),
            (9, true, 2, Later), // a header that is void
            (13, false, 1, Later),
        ];
        for (raw, committed, payload_slot, expected) in rows {
            let bench = bench();
            match committed {
                true => store(&bench, raw, &image(payload_slot)),
                false => slot(&bench, seq(raw)).begin(seq(raw)),
            }
            assert_eq!(bench.shows(seq(9)), expected, "{raw} {committed}");
        }
    }

    #[test] // req: C-116, W-157, W-164
    fn a_void_header_and_too_much_progress_are_told() {
        let mut bench = begun(b"");
        let too_long = PrefixError::TooLong {
            length: 12,
            got: 13,
        };
        let told = bench.read_ahead(seq(9), 13, Some(META));
        assert_eq!(told, Err(NotAhead::Prefix(too_long)));
        slot(&bench, seq(9)).write(&image(2));
        let told = bench.read_ahead(seq(9), 6, Some(META));
        assert_eq!(told, Err(NotAhead::Void(DropReason::PayloadSlot)));
    }

    /// The image of frame 9 with one byte changed, or with none.
    fn damaged(damage: Option<(usize, u8)>) -> SlotImage {
        let words = image(1).words().map(u64::to_le_bytes);
        let mut bytes: Vec<u8> = words.into_iter().flatten().collect();
        if let Some((at, byte)) = damage {
            bytes[at] = byte;
        }
        SlotImage::read(&bytes).unwrap()
    }

    proptest! {
        // Fields of the header, so that many a change leaves it valid: lines, order, type, dims, strides.
        #[test] // req: E-02, C-116, W-163, W-166
        fn what_was_read_before_changes_nothing(
            steps in prop::collection::vec(
                (prop::option::of((64..130_usize, 0..8_u8)), 0..14_u64, any::<bool>()),
                1..12,
            ),
        ) {
            let mut bench = begun(b"twelve");
            for (damage, filled, committed) in steps {
                let memory = slot(&bench, seq(9));
                memory.begin(seq(9));
                memory.write(&damaged(damage));
                if committed {
                    memory.commit(seq(9));
                }
                let mut fresh = Reader::new(*bench.regions(), [0; 4]).unwrap();
                let expected = fresh.read_ahead(seq(9), filled, Some(META));
                if let Ok(ahead) = &expected {
                    prop_assert_eq!(Prefix::of(&ahead.frame.header, filled), Ok(ahead.prefix));
                    let header = damaged(damage).parts().map(|(_, tensor)| tensor.try_into());
                    prop_assert_eq!(header, Ok(Ok(ahead.frame.header.tensor)));
                }
                prop_assert_eq!(bench.read_ahead(seq(9), filled, Some(META)), expected);
            }
        }
    }

    #[test] // req: E-02, T-20
    fn a_header_that_changes_under_the_same_frame_is_checked_anew() {
        let mut bench = begun(b"twelve");
        let lines = |bench: &mut Bench| {
            let ahead = bench.read_ahead(seq(9), 6, Some(META));
            ahead.map(|ahead| ahead.prefix.lines)
        };
        assert_eq!(lines(&mut bench), Ok(Some(1)));
        slot(&bench, seq(9)).write(&damaged(Some((72, 0)))); // no type
        let void = Err(NotAhead::Void(DropReason::Dtype));
        assert_eq!(lines(&mut bench), void);
        assert_eq!(lines(&mut bench), void, "what failed is not held");
        slot(&bench, seq(9)).write(&damaged(Some((78, 0)))); // no lines
        assert_eq!(lines(&mut bench), Ok(None));
        slot(&bench, seq(9)).write(&damaged(None));
        assert_eq!(lines(&mut bench), Ok(Some(1)));
    }
}
