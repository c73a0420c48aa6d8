//! Payload copies word by word, for loom, which does not see `memcpy`, and for the thread sanitizer, which sees it race.

use super::region::{RegionView, RegionWriter, WORD_LEN};

/// Copies bytes out of words; the caller checked the bounds.
pub(super) fn copy_out(from: &RegionView<'_>, offset: usize, into: &mut [u8]) {
    for part in parts(offset, into.len()) {
        let bytes = from.load(part.word).unwrap_or_default().to_le_bytes();
        let room = into.iter_mut().skip(part.done).take(part.len);
        for (to, byte) in room.zip(bytes.iter().skip(part.first)) {
            *to = *byte;
        }
    }
}

/// Copies bytes into words; the caller checked the bounds and is the only writer.
pub(super) fn copy_in(into: &RegionWriter<'_>, offset: usize, from: &[u8]) {
    for part in parts(offset, from.len()) {
        let mut bytes = into
            .view()
            .load(part.word)
            .unwrap_or_default()
            .to_le_bytes();
        let given = from.iter().skip(part.done).take(part.len);
        for (to, byte) in bytes.iter_mut().skip(part.first).zip(given) {
            *to = *byte;
        }
        let _in_bounds = into.store(part.word, u64::from_le_bytes(bytes));
    }
}

/// What a copy touches of one word.
struct Part {
    word: usize,
    first: usize,
    len: usize,
    done: usize,
}

fn parts(offset: usize, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = offset.checked_add(done)?;
        let first = at % WORD_LEN;
        let part = Part {
            word: at / WORD_LEN,
            first,
            len: len.saturating_sub(done).min(WORD_LEN.saturating_sub(first)),
            done,
        };
        done = done.saturating_add(part.len);
        (part.len > 0).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::Line;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #[test]
        fn models_copy_the_same_bytes_as_the_real_thing(
            bytes in proptest::collection::vec(any::<u8>(), 0..100), offset in 0_usize..28,
        ) {
            let (by_words, by_bytes) = ([Line::zeroed(), Line::zeroed()], [Line::zeroed(), Line::zeroed()]);
            let (by_words, by_bytes) = (RegionWriter::of_lines(&by_words), RegionWriter::of_lines(&by_bytes));
            copy_in(&by_words, offset, &bytes);
            by_bytes.copy_in(offset, &bytes).unwrap();
            for index in 0..16 {
                prop_assert_eq!(by_words.view().load(index), by_bytes.view().load(index));
            }
            let mut back = vec![0; bytes.len()];
            copy_out(&by_bytes.view(), offset, &mut back);
            prop_assert_eq!(back, bytes);
        }
    }
}
