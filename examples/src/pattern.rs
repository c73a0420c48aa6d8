//! What frames are filled with, so that whoever reads them knows whether every byte is right.

use core::str::FromStr;

use crate::Outcome;

/// Contents that follow from the number of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Nothing is written, and anything is right.
    None,
    /// The number, 8 bytes little-endian; the rest is left alone.
    Seq,
    /// The number, 8 bytes little-endian, its complement, then `(number + i) mod 256`; `i` counts from the frame's first byte.
    Interop,
}

impl Pattern {
    /// Fills the payload of frame `number`.
    pub fn fill(self, number: u64, payload: &mut [u8]) {
        for (i, byte) in payload.iter_mut().enumerate() {
            if let Some(right) = self.byte(number, i) {
                *byte = right;
            }
        }
    }

    /// Looks at the payload of frame `number`.
    ///
    /// # Errors
    /// Which byte is wrong.
    pub fn check(self, number: u64, payload: &[u8]) -> Outcome {
        let wrong = payload
            .iter()
            .enumerate()
            .find(|(i, byte)| self.byte(number, *i).is_some_and(|right| right != **byte));
        match wrong {
            None => Ok(()),
            Some((i, byte)) => Err(format!("byte {i} of frame {number} is {byte}").into()),
        }
    }

    fn byte(self, number: u64, i: usize) -> Option<u8> {
        let [low, ..] = number.wrapping_add(i as u64).to_le_bytes();
        let word = |number: u64, at: usize| number.to_le_bytes().get(at).copied();
        match self {
            Self::None => None,
            Self::Seq => word(number, i),
            Self::Interop => word(number, i)
                .or_else(|| word(!number, i.wrapping_sub(8)))
                .or(Some(low)),
        }
    }
}

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "seq" => Ok(Self::Seq),
            "interop" => Ok(Self::Interop),
            _ => Err("a pattern is none, seq or interop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: C-175
    fn frames_are_what_their_pattern_says_and_nothing_else() {
        let mut payload = [0; 18];
        Pattern::Interop.fill(0x0102, &mut payload);
        let right = [
            2, 1, 0, 0, 0, 0, 0, 0, 0xFD, 0xFE, 255, 255, 255, 255, 255, 255, 18, 19,
        ];
        assert_eq!(payload, right);
        for i in 0..payload.len() {
            let mut torn = payload;
            torn[i] ^= 1;
            assert!(Pattern::Interop.check(0x0102, &torn).is_err());
            assert_eq!(Pattern::Seq.check(0x0102, &torn).is_err(), i < 8);
            assert!(Pattern::None.check(0x0102, &torn).is_ok());
        }
    }
}
