//! A header slot outside shared memory: its image, built by producers and checked by consumers (wire 2.4, 3.3).

use core::mem::offset_of;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::error::{OutOfBounds, SlotError};
use super::layout::{EMBEDDED_LEN, SlotHeaderBlock, TENSOR_HEADER_TEMPLATE, TensorHeaderBlock};
use super::region::HEADER_WORDS;
use super::tensor::TensorHeader;
use crate::ids::PoolId;
use crate::sbe::{Cursor, MessageHeader};
use crate::seq::SlotIndex;
use crate::wire::Stride;
use crate::wire::control::SCHEMA;

/// The 256 bytes of a header slot, as 32 words of our own. The commit word in it is zero or meaningless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C, align(8))]
pub struct SlotImage {
    header: SlotHeaderBlock,
    header_bytes_len: U32,
    header_bytes: HeaderBytes,
}

/// The tensor header as a message of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct HeaderBytes {
    message: MessageHeader,
    tensor: TensorHeaderBlock,
}

const _: () = assert!(size_of::<SlotImage>() == HEADER_WORDS * 8);

/// What differs from frame to frame while the tensor stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotFrame {
    /// Index of the header slot, and of the payload slot (W-087).
    pub slot: SlotIndex,
    /// The pool that holds the payload (W-125).
    pub pool_id: PoolId,
    /// Bytes of payload, 0 allowed.
    pub values_len_bytes: u32,
    /// Capture time of the payload, in nanoseconds (W-141). All ones would read as absent (T-44).
    pub timestamp_ns: u64,
    /// The metadata that applies; 0 where there is none (T-44).
    pub meta_version: u32,
}

/// The message header in front of the tensor header.
const TENSOR_MESSAGE: MessageHeader = MessageHeader {
    block_length: U16::new(size_of::<TensorHeaderBlock>() as u16),
    template_id: U16::new(TENSOR_HEADER_TEMPLATE),
    schema_id: U16::new(SCHEMA),
    version: U16::new(1),
};

impl SlotImage {
    /// Where the tensor header begins, in bytes.
    const TENSOR_AT: usize = offset_of!(Self, header_bytes) + offset_of!(HeaderBytes, tensor);
    /// Where the last field ends and the padding begins, in bytes.
    pub(super) const FIELDS_END: usize = Self::TENSOR_AT + offset_of!(TensorHeaderBlock, pad);
    /// Words from the one to the other.
    pub(crate) const TENSOR_WORDS: usize = Self::FIELDS_END.div_ceil(8) - Self::TENSOR_AT / 8;

    /// The image of frames of this tensor; [`SlotImage::set_frame`] does the rest, frame by frame.
    pub fn new(tensor: &TensorHeader) -> Self {
        Self {
            header: SlotHeaderBlock::new_zeroed(),
            header_bytes_len: EMBEDDED_LEN.into(),
            header_bytes: HeaderBytes {
                message: TENSOR_MESSAGE,
                tensor: tensor.block(),
            },
        }
    }

    /// Makes it the image of one frame.
    #[inline]
    pub fn set_frame(&mut self, frame: &SlotFrame) {
        self.header.values_len_bytes = frame.values_len_bytes.into();
        self.header.payload_slot = frame.slot.get().into();
        self.header.pool_id = frame.pool_id.get().into();
        self.header.timestamp_ns = frame.timestamp_ns.into();
        self.header.meta_version = frame.meta_version.into();
    }

    /// Whether both say the same but for the length of the payload.
    pub(crate) fn differs_in_length_alone(&self, other: &Self) -> bool {
        let mut same = *self;
        same.header.values_len_bytes = other.header.values_len_bytes;
        same == *other
    }

    /// The image in 256 bytes, for tools.
    ///
    /// # Errors
    /// Fewer bytes than a slot has.
    pub fn read(bytes: &[u8]) -> Result<Self, OutOfBounds> {
        match Self::read_from_prefix(bytes) {
            Ok((image, _)) => Ok(image),
            Err(_) => Err(OutOfBounds {
                needed: size_of::<Self>() as u64,
                got: bytes.len() as u64,
            }),
        }
    }

    /// The image in these words.
    pub const fn from_words(words: [u64; HEADER_WORDS]) -> Self {
        zerocopy::transmute!(words)
    }

    /// Of no tensor.
    pub(crate) fn zeroed() -> Self {
        Self::new_zeroed()
    }

    /// The words as they go into memory.
    pub const fn words(&self) -> &[u64; HEADER_WORDS] {
        zerocopy::transmute_ref!(self)
    }

    #[inline]
    pub(super) fn words_mut(&mut self) -> &mut [u64; HEADER_WORDS] {
        zerocopy::transmute_mut!(self)
    }

    /// The parts, if the embedded message is a tensor header of our version (wire 3.3, step 5).
    ///
    /// # Errors
    /// [`SlotError::HeaderLength`], [`SlotError::Embedded`].
    #[inline]
    pub fn parts(&self) -> Result<(&SlotHeaderBlock, &TensorHeaderBlock), SlotError> {
        let got = self.header_bytes_len.get();
        if got != EMBEDDED_LEN {
            return Err(SlotError::HeaderLength { got });
        }
        if self.header_bytes.message != TENSOR_MESSAGE {
            return Err(self.embedded_error());
        }
        Ok((&self.header, &self.header_bytes.tensor))
    }

    /// What differs from frame to frame, if it fits the header slot `slot` and the mapped pools (wire 3.3, steps 5 and 6).
    #[inline]
    pub(crate) fn frame(
        &self,
        slot: SlotIndex,
        stride_of: impl FnOnce(PoolId) -> Option<Stride>,
    ) -> Result<SlotFrame, SlotError> {
        let (header, _) = self.parts()?;
        let (expected, got) = (slot.get(), header.payload_slot.get());
        if got != expected {
            return Err(SlotError::PayloadSlot { expected, got });
        }
        match header.payload_offset.get() {
            0 => {}
            got => return Err(SlotError::PayloadOffset { got }),
        }
        let got = header.pool_id.get();
        let pool_id = PoolId::new(got).ok_or(SlotError::UnknownPool { got })?;
        let stride = stride_of(pool_id).ok_or(SlotError::UnknownPool { got })?;
        let (stride, got) = (stride.get(), header.values_len_bytes.get());
        if got > stride {
            return Err(SlotError::ValuesLength { stride, got });
        }
        Ok(SlotFrame {
            slot,
            pool_id,
            values_len_bytes: got,
            timestamp_ns: header.timestamp_ns.get(),
            meta_version: header.meta_version.get(),
        })
    }

    /// The tensor, if it makes sense.
    pub(crate) fn tensor(&self) -> Result<TensorHeader, SlotError> {
        TensorHeader::try_from(&self.header_bytes.tensor).map_err(SlotError::Tensor)
    }

    /// The words that hold the tensor header, and nothing else: where they are equal, so are the tensors.
    #[inline]
    pub(crate) const fn tensor_words(&self) -> &[u64; Self::TENSOR_WORDS] {
        let (_, from) = self.words().split_at(Self::TENSOR_AT / 8);
        match from.first_chunk() {
            Some(words) => words,
            None => unreachable!(),
        }
    }

    #[cold]
    fn embedded_error(&self) -> SlotError {
        let message = self.header_bytes.as_bytes();
        match Cursor::message::<TensorHeaderBlock>(message, SCHEMA, TENSOR_HEADER_TEMPLATE) {
            Err(error) => SlotError::Embedded(error),
            Ok(_) => SlotError::HeaderLength { got: EMBEDDED_LEN },
        }
    }
}

/// What the header of a frame says once it passed every check. Whether the frame is whole is for the commit word to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotHeader {
    /// The pool that holds the payload, in the slot with the header's index.
    pub pool_id: PoolId,
    /// Bytes of payload; they fit its slot. With 0 no byte is read (W-086).
    pub values_len_bytes: u32,
    /// Capture time of the payload, in nanoseconds.
    pub timestamp_ns: Option<u64>,
    /// The metadata that applies.
    pub meta_version: Option<u32>,
    /// Type and shape.
    pub tensor: TensorHeader,
}

impl SlotHeader {
    /// Checks the image of header slot `slot` against the mapped pools: `stride_of` gives the stride of a pool, if it is
    /// mapped. All pools have as many slots as the ring (W-123), so that an index of the ring is in each of them.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn check(
        image: &SlotImage,
        slot: SlotIndex,
        stride_of: impl FnOnce(PoolId) -> Option<Stride>,
    ) -> Result<Self, SlotError> {
        let frame = image.frame(slot, stride_of)?;
        Ok(Self::new(&frame, image.tensor()?))
    }

    /// What a frame and its tensor say together; absent is all ones (T-44).
    #[inline]
    pub(crate) fn new(frame: &SlotFrame, tensor: TensorHeader) -> Self {
        Self {
            pool_id: frame.pool_id,
            values_len_bytes: frame.values_len_bytes,
            timestamp_ns: Some(frame.timestamp_ns).filter(|ns| *ns != u64::MAX),
            meta_version: Some(frame.meta_version).filter(|version| *version != u32::MAX),
            tensor,
        }
    }

    /// Whether the payload holds every element, so that a typed view of it can be given (T-29).
    pub fn holds_all_elements(&self) -> bool {
        self.tensor
            .extent()
            .is_some_and(|extent| extent <= self.values_len_bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sbe::DecodeError;
    use crate::seq::{Seq, SlotCount};
    use crate::shm::{Dtype, MajorOrder, ProgressUnit, TensorError};
    use proptest::prelude::*;

    fn slot(raw: u32) -> SlotIndex {
        SlotCount::new(8).unwrap().index(raw).unwrap()
    }

    /// The only mapped pool is number 1, with strides of 1024.
    fn stride_of(pool_id: PoolId) -> Option<Stride> {
        (pool_id.get() == 1).then(|| Stride::new(1024)).flatten()
    }

    fn frame() -> SlotFrame {
        SlotFrame {
            slot: slot(5),
            pool_id: PoolId::new(1).unwrap(),
            values_len_bytes: 60,
            timestamp_ns: 77,
            meta_version: 3,
        }
    }

    fn image() -> SlotImage {
        let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[6, 5]).unwrap();
        let mut image = SlotImage::new(&tensor);
        image.set_frame(&frame());
        image
    }

    #[test] // req: W-063, W-064, W-070, W-075, W-125, W-141, T-02
    fn the_image_has_the_bytes_of_the_specification() {
        let image = image();
        let bytes = image.as_bytes();
        assert_eq!(bytes.len(), 256);
        let prefix = [0xC0, 0, 0, 0, 0xB8, 0, 0x34, 0, 0x84, 0x03, 1, 0];
        assert_eq!(bytes[60..72], prefix);
        assert_eq!(bytes[8..22], [60, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[22..34], [77, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(bytes[83..91], [6, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(image.words()[1], 5 << 32 | 60);
        assert_eq!(SlotImage::read(bytes), Ok(image));
        let error = OutOfBounds {
            needed: 256,
            got: 255,
        };
        assert_eq!(SlotImage::read(&bytes[..255]), Err(error));
    }

    #[test]
    #[rustfmt::skip] // one row, one line
    fn each_field_is_checked() {
        use SlotError::*;
        type Change = fn(&mut SlotImage);
        let rows: &[(Change, SlotError)] = &[
            (|i| i.header_bytes_len = 191.into(), HeaderLength { got: 191 }), // req: W-071
            (|i| i.message().block_length = 183.into(), Embedded(DecodeError::WrongBlockLength { expected: 184, got: 183 })), // req: W-071
            (|i| i.message().template_id = 51.into(), Embedded(DecodeError::WrongTemplate { got: 51 })), // req: W-071
            (|i| i.message().schema_id = 901.into(), Embedded(DecodeError::WrongSchema { got: 901 })), // req: W-072
            (|i| i.message().version = 2.into(), Embedded(DecodeError::UnsupportedVersion { got: 2 })), // req: W-072
            (|i| i.header.payload_slot = 4.into(), PayloadSlot { expected: 5, got: 4 }), // req: W-087, W-124
            (|i| i.header.payload_slot = 8.into(), PayloadSlot { expected: 5, got: 8 }), // req: W-126
            (|i| i.header.payload_offset = 64.into(), PayloadOffset { got: 64 }), // req: W-076, W-128
            (|i| i.header.pool_id = 9.into(), UnknownPool { got: 9 }), // req: W-125
            (|i| i.header.values_len_bytes = 1025.into(), ValuesLength { stride: 1024, got: 1025 }), // req: W-127
            (|i| i.header_bytes.tensor.ndims = 0, Tensor(TensorError::Ndims { got: 0 })), // req: W-074
        ];
        for (change, error) in rows {
            let mut image = image();
            change(&mut image);
            assert_eq!(SlotHeader::check(&image, slot(5), stride_of), Err(*error));
        }
    }

    impl SlotImage {
        fn message(&mut self) -> &mut MessageHeader {
            &mut self.header_bytes.message
        }
    }

    #[test]
    fn odd_slots_are_accepted() {
        type Change = fn(&mut SlotImage);
        let rows: &[Change] = &[
            |i| i.header.pad = [0x5A; 26],               // req: W-068
            |i| i.header_bytes.tensor.pad = [0x5A; 109], // req: W-068
            |i| i.header.seq_commit = u64::MAX.into(),   // the commit word is read elsewhere
            |i| i.header.values_len_bytes = 1024.into(), // req: W-127
            |i| i.header.values_len_bytes = 0.into(),    // req: W-085, W-086
        ];
        for change in rows {
            let mut image = image();
            change(&mut image);
            let header = SlotHeader::check(&image, slot(5), stride_of).unwrap();
            assert_eq!(header.values_len_bytes, image.header.values_len_bytes.get());
        }
    }

    #[test] // req: T-44
    fn all_ones_are_absent_in_stamp_and_version() {
        let mut image = image();
        image.set_frame(&SlotFrame {
            timestamp_ns: u64::MAX,
            meta_version: u32::MAX,
            ..frame()
        });
        let header = SlotHeader::check(&image, slot(5), stride_of).unwrap();
        assert_eq!((header.timestamp_ns, header.meta_version), (None, None));
    }

    #[test]
    fn typed_views_need_all_their_bytes() {
        let header = |dims: &[i32], values_len_bytes| {
            let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, dims).unwrap();
            let mut image = SlotImage::new(&tensor);
            image.set_frame(&SlotFrame {
                values_len_bytes,
                ..frame()
            });
            SlotHeader::check(&image, slot(5), stride_of).unwrap()
        };
        assert!(header(&[6, 5], 60).holds_all_elements()); // req: T-29
        assert!(!header(&[6, 5], 59).holds_all_elements()); // req: T-29
        assert!(header(&[6, 0], 0).holds_all_elements()); // req: T-29
        assert!(!header(&[i32::MAX, i32::MAX], 1024).holds_all_elements()); // req: T-29
    }

    proptest! {
        #[test] // req: W-064, W-088, T-02
        fn images_come_back_from_words_as_they_went_in(
            dims in proptest::collection::vec(0..1000_i32, 1..=8), raw in 0..8_u64, values_len_bytes in 0..=1024_u32,
            timestamp_ns in 0..u64::MAX, meta_version in 0..u32::MAX, rows: bool,
        ) {
            let unit = if rows { ProgressUnit::Rows } else { ProgressUnit::None };
            let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &dims);
            let Ok(tensor) = tensor.and_then(|tensor| tensor.with_progress(unit)) else {
                return Ok(()); // rows of more than 32 bits
            };
            let slot = SlotCount::new(8).unwrap().slot_of(Seq::new(raw).unwrap());
            let mut image = SlotImage::new(&tensor);
            image.set_frame(&SlotFrame { slot, values_len_bytes, timestamp_ns, meta_version, ..frame() });
            let back = SlotImage::from_words(*image.words());
            prop_assert_eq!(back, image);
            let expected = SlotHeader {
                pool_id: frame().pool_id,
                values_len_bytes,
                timestamp_ns: Some(timestamp_ns),
                meta_version: Some(meta_version),
                tensor,
            };
            prop_assert_eq!(SlotHeader::check(&back, slot, stride_of), Ok(expected));
        }

        #[test]
        fn arbitrary_slots_do_no_harm(bytes in proptest::array::uniform32(any::<u64>()), valid: bool) {
            let mut image = SlotImage::from_words(bytes);
            if valid {
                // Past the checks of the embedded message, into those of the tensor.
                image.header_bytes_len = 192.into();
                image.header_bytes.message = self::image().header_bytes.message;
                image.header = self::image().header;
            }
            let _verdict = SlotHeader::check(&image, slot(5), stride_of);
        }
    }
}
