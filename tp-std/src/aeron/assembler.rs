//! Puts messages longer than one frame together again, per image (C-022, D-033).
//!
//! Ours rather than Aeron's, because Aeron's is keyed by session and keeps a buffer for every session it ever saw.

use tp_core_nostd::transport::ImageId;

use super::frame::{BEGIN, END, Fragment};

/// Longest message Aeron carries; a log that claims more is broken.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Images with a message under construction; beyond that the oldest is forgotten.
const MAX_IMAGES: usize = 64;

#[derive(Default)]
pub(super) struct Assembler {
    partial: Vec<Partial>,
    /// Messages given up because frames of theirs were missing.
    torn: u64,
}

/// A message under construction. Its buffer stays, so that the next one allocates nothing.
struct Partial {
    image: ImageId,
    /// Where the next frame must begin; `None` between two messages.
    expected: Option<i64>,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes one frame; the whole message it completes, if it completes one.
    pub(super) fn assemble(&mut self, fragment: Fragment<'_>) -> Option<&[u8]> {
        let Self { partial, torn } = self;
        let begins = fragment.flags & BEGIN != 0;
        let known = partial.iter().position(|p| p.image == fragment.image);
        let index = match known {
            Some(index) => index,
            None if begins => Self::insert(partial, fragment.image),
            None => {
                *torn = torn.saturating_add(1);
                return None;
            }
        };
        let message = partial.get_mut(index)?;
        if begins {
            message.bytes.clear();
        }
        let follows = begins || message.expected == Some(fragment.position);
        let fits = MAX_MESSAGE_BYTES.saturating_sub(message.bytes.len()) >= fragment.bytes.len();
        if !follows || !fits {
            *torn = torn.saturating_add(u64::from(message.expected.is_some()));
            message.expected = None;
            return None;
        }
        message.bytes.extend_from_slice(fragment.bytes);
        if fragment.flags & END == 0 {
            message.expected = Some(fragment.next_position);
            return None;
        }
        message.expected = None;
        Some(&message.bytes)
    }

    /// Frees what is kept for an image that is gone.
    pub(super) fn forget(&mut self, image: ImageId) {
        self.partial.retain(|message| message.image != image);
    }

    fn insert(partial: &mut Vec<Partial>, image: ImageId) -> usize {
        if partial.len() >= MAX_IMAGES {
            partial.remove(0);
        }
        partial.push(Partial {
            image,
            expected: None,
            bytes: Vec::new(),
        });
        partial.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
    use super::*;

    const MIDDLE: u8 = 0;

    /// A frame of ten bytes in frames of 64.
    fn frame(image: i64, flags: u8, number: i64, bytes: &[u8]) -> Fragment<'_> {
        Fragment {
            image: ImageId(image),
            flags,
            position: number << 6,
            next_position: (number + 1) << 6,
            bytes,
        }
    }

    #[test] // req: C-022, D-033
    fn frames_of_interleaved_images_are_kept_apart() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.assemble(frame(1, BEGIN, 0, b"ab")), None);
        assert_eq!(assembler.assemble(frame(2, BEGIN, 0, b"AB")), None);
        assert_eq!(assembler.assemble(frame(1, MIDDLE, 1, b"cd")), None);
        assert_eq!(
            assembler.assemble(frame(2, END, 1, b"CD")),
            Some(&b"ABCD"[..])
        );
        assert_eq!(
            assembler.assemble(frame(1, END, 2, b"ef")),
            Some(&b"abcdef"[..])
        );
        // The next message of an image starts afresh.
        assert_eq!(assembler.assemble(frame(1, BEGIN, 3, b"x")), None);
        assert_eq!(assembler.assemble(frame(1, END, 4, b"y")), Some(&b"xy"[..]));
    }

    #[test]
    fn a_message_with_a_missing_frame_is_never_delivered() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.assemble(frame(1, END, 5, b"z")), None);
        assert_eq!(assembler.assemble(frame(1, BEGIN, 6, b"a")), None);
        assert_eq!(
            assembler.assemble(frame(1, END, 8, b"c")),
            None,
            "frame 7 is missing"
        );
        assert_eq!(assembler.assemble(frame(1, END, 7, b"b")), None, "too late");
        assert_eq!(assembler.torn, 2);
        // A message that never ended does not leak into the next one.
        assert_eq!(assembler.assemble(frame(1, BEGIN, 9, b"a")), None);
        assert_eq!(assembler.assemble(frame(1, BEGIN, 10, b"b")), None);
        assert_eq!(
            assembler.assemble(frame(1, END, 11, b"c")),
            Some(&b"bc"[..])
        );
    }

    #[test]
    fn memory_is_bounded_in_images_and_in_message_length() {
        let mut assembler = Assembler::default();
        for image in 0..100 {
            assembler.assemble(frame(image, BEGIN, 0, b"a"));
        }
        assert_eq!(assembler.partial.len(), MAX_IMAGES);
        assembler.forget(ImageId(99));
        assert_eq!(assembler.partial.len(), MAX_IMAGES - 1);

        let mebibyte = vec![0; 1024 * 1024];
        assert_eq!(assembler.assemble(frame(7, BEGIN, 0, &mebibyte)), None);
        for number in 1..16 {
            assert_eq!(
                assembler.assemble(frame(7, MIDDLE, number, &mebibyte)),
                None
            );
        }
        assert_eq!(
            assembler.assemble(frame(7, END, 16, b"!")),
            None,
            "one byte too long"
        );
    }

    #[test]
    fn buffers_are_kept_between_messages() {
        let mut assembler = Assembler::default();
        let mut buffer = core::ptr::null();
        for round in 0..3 {
            assembler.assemble(frame(1, BEGIN, 2 * round, &[0; 4096]));
            let whole = assembler
                .assemble(frame(1, END, 2 * round + 1, &[0; 4096]))
                .unwrap();
            assert!(round == 0 || whole.as_ptr() == buffer);
            buffer = whole.as_ptr();
        }
    }
}
