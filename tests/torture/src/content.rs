//! Payloads whose last word is a hash of the others and of the frame's number.

/// Bytes of the longest payload, hash included. Short enough that writer and readers meet all the time.
pub(crate) const LONGEST: usize = 512;
const WORD: usize = 8;

/// Length of the payload of frame `seq`: a few words to all of them.
pub(crate) fn len(seq: u64) -> usize {
    let words = LONGEST / WORD;
    (2 + (scramble(seq) as usize) % (words - 1)) * WORD
}

/// Writes the payload of frame `seq`.
pub(crate) fn fill(seq: u64, payload: &mut [u8]) {
    let (content, hash) = payload.split_at_mut(payload.len() - WORD);
    for (i, word) in (0..).zip(content.chunks_exact_mut(WORD)) {
        word.copy_from_slice(&scramble(seq.wrapping_mul(0x1_0001).wrapping_add(i)).to_le_bytes());
    }
    hash.copy_from_slice(&hash_of(seq, content).to_le_bytes());
}

/// Whether this is the payload of frame `seq` and of no other.
pub(crate) fn is_whole(seq: u64, payload: &[u8]) -> bool {
    if payload.len() != len(seq) {
        return false;
    }
    let (content, hash) = payload.split_at(payload.len() - WORD);
    hash_of(seq, content).to_le_bytes() == hash
}

/// Each word counts, and so does its place.
fn hash_of(seq: u64, content: &[u8]) -> u64 {
    let words = content.chunks_exact(WORD);
    words.fold(scramble(seq), |hash, word| {
        let word = u64::from_le_bytes(word.try_into().unwrap());
        (hash ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
    })
}

fn scramble(x: u64) -> u64 {
    let x = (x ^ (x >> 31)).wrapping_mul(0x7FB5_D329_728E_A185);
    let x = (x ^ (x >> 27)).wrapping_mul(0x81DA_DEF4_BC2D_D44D);
    x ^ (x >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: T-19
    fn one_foreign_word_anywhere_is_noticed() {
        for seq in 0..200 {
            let mut payload = vec![0; len(seq)];
            fill(seq, &mut payload);
            assert!(is_whole(seq, &payload));
            assert!(!is_whole(seq + 1, &payload));
            let mut next = vec![0; LONGEST];
            fill(seq + 4, &mut next);
            for word in 0..payload.len() / WORD {
                let mut torn = payload.clone();
                let at = word * WORD..(word + 1) * WORD;
                torn[at.clone()].copy_from_slice(&next[at]);
                assert!(!is_whole(seq, &torn), "frame {seq}, word {word}");
            }
        }
    }
}
