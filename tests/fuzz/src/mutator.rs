//! Inputs made of other inputs, the same ones from the same seed.

/// Numbers that are at the edge of something.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    i64::MAX as u64,
    u64::MAX,
];
/// Longest input.
const LONGEST: usize = 16 << 10;

/// Makes mutants.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// The mutator of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number (SplitMix64).
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..count`; 0 if there is none.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next()).map_or(0, |any| any.checked_rem(count).unwrap_or(0))
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// One of `seeds`, changed in a few places.
    pub fn mutant(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut mutant = seeds
            .get(self.below(seeds.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.change(&mut mutant, seeds);
        }
        mutant.truncate(LONGEST);
        mutant
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        let len = self.below(32);
        let end = (at + len).min(bytes.len());
        match self.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.extend(self.bytes(len)),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = seeds
                    .get(self.below(seeds.len()))
                    .map_or(&[][..], Vec::as_slice);
                let from = self.below(other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
            5 | 6 => self.write_edge(bytes, at),
            _ if bytes.is_empty() => bytes.push(self.next() as u8),
            7 => bytes[at] ^= 1 << self.below(8),
            _ => bytes[at] = self.next() as u8,
        }
    }

    /// A number at the edge of something, of some width.
    fn write_edge(&mut self, bytes: &mut [u8], at: usize) {
        let edge = EDGES[self.below(EDGES.len())].wrapping_add(self.below(2) as u64);
        let width = 1 << self.below(4);
        let end = (at + width).min(bytes.len());
        let place = &mut bytes[at..end];
        place.copy_from_slice(&edge.to_le_bytes()[..place.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn mutants_are_the_same_for_a_seed_and_differ_from_each_other() {
        let seeds = [b"shm:file?path=/dev/shm/a".to_vec(), vec![0; 48]];
        let of = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..100).map(|_| mutator.mutant(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert!(of(7).into_iter().collect::<BTreeSet<_>>().len() > 90);
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn nothing_at_all_can_be_mutated() {
        let mut mutator = Mutator::new(1);
        for seeds in [&[][..], &[Vec::new()]] {
            for _ in 0..1000 {
                mutator.mutant(seeds);
            }
        }
    }
}
