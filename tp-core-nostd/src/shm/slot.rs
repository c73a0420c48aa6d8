//! A header slot outside shared memory: its image, built by producers and checked by consumers (wire 2.4, 3.3).

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::layout::{EMBEDDED_LEN, SlotHeaderBlock, TENSOR_HEADER_TEMPLATE, TensorHeaderBlock};
use super::region::{HEADER_WORDS, OutOfBounds};
use super::tensor::{TensorError, TensorHeader};
use crate::ids::PoolId;
use crate::sbe::{Cursor, DecodeError, MessageHeader};
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

impl SlotImage {
    /// The image of frames of this tensor; [`SlotImage::set_frame`] does the rest, frame by frame.
    pub fn new(tensor: &TensorHeader) -> Self {
        Self {
            header: SlotHeaderBlock::new_zeroed(),
            header_bytes_len: EMBEDDED_LEN.into(),
            header_bytes: HeaderBytes {
                message: MessageHeader {
                    block_length: (size_of::<TensorHeaderBlock>() as u16).into(),
                    template_id: TENSOR_HEADER_TEMPLATE.into(),
                    schema_id: SCHEMA.into(),
                    version: 1.into(),
                },
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

    /// The words as they go into memory.
    pub const fn words(&self) -> &[u64; HEADER_WORDS] {
        zerocopy::transmute_ref!(self)
    }

    /// The parts, if the embedded message is a tensor header of our version (wire 3.3, step 5).
    ///
    /// # Errors
    /// [`SlotError::HeaderLength`], [`SlotError::Embedded`].
    pub fn parts(&self) -> Result<(&SlotHeaderBlock, &TensorHeaderBlock), SlotError> {
        let got = self.header_bytes_len.get();
        if got != EMBEDDED_LEN {
            return Err(SlotError::HeaderLength { got });
        }
        let message = self.header_bytes.as_bytes();
        let (_, tensor) = Cursor::message(message, SCHEMA, TENSOR_HEADER_TEMPLATE)
            .map_err(SlotError::Embedded)?;
        Ok((&self.header, tensor))
    }
}

/// Why a slot holds no frame that can be used; it is dropped. The order is that of the checks (wire 3.3, steps 5 and 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotError {
    /// The length in front of the embedded message is not 192 (W-071).
    HeaderLength {
        /// What it is.
        got: u32,
    },
    /// The embedded message is not the tensor header of our version (W-071, W-072).
    Embedded(DecodeError),
    /// The payload is said to be in another slot than the header (W-124, W-126).
    PayloadSlot {
        /// Index of the header slot.
        expected: u32,
        /// What the header says.
        got: u32,
    },
    /// The payload does not begin where its slot does (W-076).
    PayloadOffset {
        /// What the header says.
        got: u32,
    },
    /// No such pool is mapped (W-125).
    UnknownPool {
        /// What the header says.
        got: u16,
    },
    /// The payload is longer than its slot (W-127).
    ValuesLength {
        /// Bytes of a slot.
        stride: u32,
        /// What the header says.
        got: u32,
    },
    /// The tensor makes no sense.
    Tensor(TensorError),
}

impl core::fmt::Display for SlotError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::HeaderLength { got } => {
                write!(f, "{got} header bytes, a slot has {EMBEDDED_LEN}")
            }
            Self::Embedded(error) => write!(f, "embedded header: {error}"),
            Self::PayloadSlot { expected, got } => {
                write!(f, "payload slot {got} in header slot {expected}")
            }
            Self::PayloadOffset { got } => write!(f, "payload offset {got} instead of 0"),
            Self::UnknownPool { got } => write!(f, "pool {got} is not mapped"),
            Self::ValuesLength { stride, got } => {
                write!(f, "{got} bytes of payload in a slot of {stride}")
            }
            Self::Tensor(error) => write!(f, "tensor: {error}"),
        }
    }
}

impl core::error::Error for SlotError {}

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
        let (header, tensor) = image.parts()?;
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
        Ok(Self {
            pool_id,
            values_len_bytes: got,
            // All ones is absent (T-44).
            timestamp_ns: Some(header.timestamp_ns.get()).filter(|ns| *ns != u64::MAX),
            meta_version: Some(header.meta_version.get()).filter(|version| *version != u32::MAX),
            tensor: TensorHeader::try_from(tensor).map_err(SlotError::Tensor)?,
        })
    }

    /// Whether the payload holds every element, so that a typed view of it can be given (T-29).
    pub fn holds_all_elements(&self) -> bool {
        self.tensor
            .extent()
            .is_some_and(|extent| extent <= self.values_len_bytes.into())
    }
}
