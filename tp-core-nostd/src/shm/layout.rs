//! The tables of shared memory as structs, the constants around them, and the sizes of regions (wire 2).

use zerocopy::little_endian::{I16, I32, U16, U32, U64};

use crate::ids::{Epoch, PoolId, StreamId};
use crate::sbe::{DataKind, MessageLayout, Tail, block};
use crate::seq::SlotCount;
use crate::wire::Stride;
use crate::wire::control::SCHEMA;

/// The first eight bytes of every region, as a number; its little-endian bytes read "1MHSLPOT" (T-01).
pub const MAGIC: u64 = 0x544F_504C_5348_4D31;
/// The only layout of memory we speak (W-014).
pub const LAYOUT_VERSION: u32 = 1;
/// Bytes of the superblock, in every formula (W-018).
pub const SUPERBLOCK_LEN: u64 = 64;
/// Bytes of a header slot.
pub const HEADER_SLOT_LEN: u32 = 256;
/// Most dimensions a tensor has; takes no bytes on the wire (W-010).
pub const MAX_DIMS: usize = 8;
/// What one existing writer puts into the `slot_bytes` of its pools: accepted, never written (T-06).
pub const POOL_SLOT_BYTES_UNSET: u32 = u32::MAX;
/// Bytes of the tensor header message inside a slot: its message header and its block.
pub const EMBEDDED_LEN: u32 = 192;

/// Template of the superblock; it never travels.
pub const SUPERBLOCK_TEMPLATE: u16 = 50;
/// Template of the slot header; it never travels.
pub const SLOT_HEADER_TEMPLATE: u16 = 51;
/// Template of the tensor header, which stands inside a slot with its message header.
pub const TENSOR_HEADER_TEMPLATE: u16 = 52;

block! {
    /// The start of every region (wire 2.2). Packed: `epoch` is not aligned (T-02); the last three fields are.
    pub struct SuperblockBlock [64] {
        0 magic: U64 = "magic",
        8 layout_version: U32 = "layoutVersion",
        12 epoch: U64 = "epoch",
        20 stream_id: U32 = "streamId",
        24 region_type: I16 = "regionType",
        26 pool_id: U16 = "poolId",
        28 nslots: U32 = "nslots",
        32 slot_bytes: U32 = "slotBytes",
        36 stride_bytes: U32 = "strideBytes",
        40 pid: U64 = "pid",
        48 start_timestamp_ns: U64 = "startTimestampNs",
        56 activity_timestamp_ns: U64 = "activityTimestampNs",
    }
}

block! {
    /// The fixed part of a header slot (wire 2.4). `seq_commit` is only ever accessed as one word of memory; in a copy it
    /// says nothing.
    pub struct SlotHeaderBlock [60] {
        0 seq_commit: U64 = "seqCommit",
        8 values_len_bytes: U32 = "valuesLenBytes",
        12 payload_slot: U32 = "payloadSlot",
        16 pool_id: U16 = "poolId",
        18 payload_offset: U32 = "payloadOffset",
        22 timestamp_ns: U64 = "timestampNs",
        30 meta_version: U32 = "metaVersion",
        34 pad: [u8; 26] = "pad",
    }
}

block! {
    /// The tensor header (wire 2.4), embedded in a slot behind its message header.
    pub struct TensorHeaderBlock [184] {
        0 dtype: I16 = "dtype",
        2 major_order: I16 = "majorOrder",
        4 ndims: u8 = "ndims",
        5 pad_align: u8 = "padAlign",
        6 progress_unit: u8 = "progressUnit",
        7 progress_stride_bytes: U32 = "progressStrideBytes",
        11 dims: [I32; 8] = "dims",
        43 strides: [I32; 8] = "strides",
        75 pad: [u8; 109] = "pad",
    }
}

/// The structures of memory, described for tools. Only the tensor header has a message header in front of it.
pub const MEMORY_MESSAGES: &[MessageLayout] = &[
    MessageLayout::of::<SuperblockBlock>("ShmRegionSuperblock", SCHEMA, SUPERBLOCK_TEMPLATE, &[]),
    MessageLayout::of::<SlotHeaderBlock>(
        "SlotHeader",
        SCHEMA,
        SLOT_HEADER_TEMPLATE,
        &[Tail::Data("headerBytes", DataKind::Message)],
    ),
    MessageLayout::of::<TensorHeaderBlock>("TensorHeader", SCHEMA, TENSOR_HEADER_TEMPLATE, &[]),
];

/// What a region holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegionKind {
    /// Header slots.
    HeaderRing,
    /// Payload slots.
    PayloadPool {
        /// The pool's number.
        pool_id: PoolId,
        /// Bytes from slot to slot.
        stride: Stride,
    },
}

/// A region as it is announced or created: what its superblock must say and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegionShape {
    /// The data source.
    pub stream_id: StreamId,
    /// The incarnation of its regions.
    pub epoch: Epoch,
    /// Slots of the ring, and of each of its pools (W-123).
    pub slots: SlotCount,
    /// Ring or pool.
    pub kind: RegionKind,
}

impl RegionShape {
    /// Bytes from slot to slot.
    pub const fn slot_len(&self) -> u32 {
        match self.kind {
            RegionKind::HeaderRing => HEADER_SLOT_LEN,
            RegionKind::PayloadPool { stride, .. } => stride.get(),
        }
    }

    /// Bytes of the whole region: superblock and slots. The file behind it may be longer, never shorter (wire 2.2).
    pub const fn region_len(&self) -> u64 {
        // A slot count below 2^31 times a stride below 2^32 stays below 2^63, so neither operation can saturate.
        (self.slots.get() as u64)
            .saturating_mul(self.slot_len() as u64)
            .saturating_add(SUPERBLOCK_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(slots: u32, kind: RegionKind) -> RegionShape {
        RegionShape {
            stream_id: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(1).unwrap(),
            slots: SlotCount::new(slots).unwrap(),
            kind,
        }
    }

    #[test] // req: W-018, W-063, W-118
    fn region_lengths_follow_the_formulas_up_to_the_largest() {
        assert_eq!(shape(8, RegionKind::HeaderRing).region_len(), 64 + 8 * 256);
        let pool = |stride| RegionKind::PayloadPool {
            pool_id: PoolId::new(1).unwrap(),
            stride: Stride::new(stride).unwrap(),
        };
        assert_eq!(shape(8, pool(640)).region_len(), 64 + 8 * 640);
        assert_eq!(
            u128::from(shape(1 << 30, pool(0xFFFF_FFC0)).region_len()),
            64 + (1_u128 << 30) * 0xFFFF_FFC0
        );
    }

    #[test] // req: T-01
    fn the_magic_is_a_number_and_not_readable_text() {
        assert_eq!(MAGIC.to_le_bytes(), *b"1MHSLPOT");
        assert_eq!(MAGIC, 6_075_162_711_091_072_305);
    }
}
