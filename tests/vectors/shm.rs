//! The structures of shared memory: superblocks, and slots as a consumer of the described ring meets them.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::sbe::DecodeError::{
    UnsupportedVersion, WrongBlockLength, WrongSchema, WrongTemplate,
};
use tp_core_nostd::sbe::{Cursor, Writer};

use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::SlotError::{
    Embedded, HeaderLength, PayloadOffset, PayloadSlot, UnknownPool, ValuesLength,
};
use tp_core_nostd::shm::*;
use tp_core_nostd::wire::control::SCHEMA;

use crate::harness::{Entry, GOLDEN, MALFORMED, TOLERATED, bytes, entries};

/// What the vector files call the structures of memory.
pub(crate) const TARGETS: &[&str] = &["ShmRegionSuperblock", "Slot", "SlotHeader", "TensorHeader"];

/// Why a structure is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// Fewer bytes than the structure has.
    TooShort,
    /// Not the announced region.
    Region(RegionError),
    /// The region's producer never said that it lives (T-09).
    NeverActive,
    /// The commit word does not say that the frame is whole.
    InProgress,
    /// It says so of another frame than the descriptor.
    OtherFrame(u64),
    /// The slot's header makes no sense.
    Slot(SlotError),
}

impl Refused {
    fn layer(self) -> &'static str {
        match self {
            Self::TooShort
            | Self::Slot(SlotError::HeaderLength { .. } | SlotError::Embedded(_)) => "codec",
            _ => "semantic",
        }
    }
}

/// Memory that begins with these bytes at byte `offset`.
fn memory(lines: usize, offset: usize, bytes: &[u8]) -> Vec<Line> {
    let memory: Vec<_> = (0..lines).map(|_| Line::zeroed()).collect();
    memory
        .as_slice()
        .writer()
        .copy_in(offset, bytes)
        .expect("room");
    memory
}

fn number(context: &Value, key: &str) -> u64 {
    context[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} in {context}"))
}

/// A superblock as found when an announced region is mapped.
fn judge_superblock(bytes: &[u8], context: &Value) -> Result<Superblock, Refused> {
    if bytes.len() < 64 {
        return Err(Refused::TooShort);
    }
    let memory = memory(1, 0, bytes);
    let found = match context {
        Value::Null => Superblock::load(memory.as_slice().view()),
        _ => {
            let pool = |pool_id| RegionKind::PayloadPool {
                pool_id: PoolId::new(pool_id).expect("a pool id"),
                stride: Stride::new(number(context, "stride_bytes") as u32).expect("a stride"),
            };
            let announced = RegionShape {
                stream_id: StreamId::new(number(context, "stream_id") as u32).expect("a stream"),
                epoch: Epoch::new(number(context, "epoch")).expect("an epoch"),
                slots: SlotCount::new(number(context, "nslots") as u32).expect("a slot count"),
                kind: match number(context, "region_type") {
                    1 => RegionKind::HeaderRing,
                    _ => pool(number(context, "pool_id") as u16),
                },
            };
            Superblock::load_as(memory.as_slice().view(), &announced)
        }
    };
    let found = found.map_err(Refused::Region)?;
    match found.activity_ns {
        0 => Err(Refused::NeverActive),
        _ => Ok(found),
    }
}

/// A slot as a consumer meets it that was told of one frame (wire 3.3).
fn judge_slot(bytes: &[u8], context: &Value) -> Result<SlotHeader, Refused> {
    if bytes.len() < 256 {
        return Err(Refused::TooShort);
    }
    let shape = RegionShape {
        stream_id: StreamId::new(1).expect("a stream"),
        epoch: Epoch::new(1).expect("an epoch"),
        slots: SlotCount::new(number(context, "header_nslots") as u32).expect("a slot count"),
        kind: RegionKind::HeaderRing,
    };
    let seq = Seq::new(number(context, "descriptor_seq")).expect("a sequence");
    let index = shape.slots.slot_of(seq);
    assert_eq!(u64::from(index.get()), number(context, "header_index"));

    let memory = memory(1 + 4 * 8, 64 + 256 * index.get() as usize, bytes);
    let superblock = Superblock {
        shape,
        pid: 1,
        start_ns: 1,
        activity_ns: 1,
    };
    superblock.create(memory.as_slice().writer()).expect("room");
    let ring = HeaderRing::open(memory.as_slice(), &shape).expect("a ring");

    let slot = ring.slot(index);
    let seen = slot.load().filter(|word| word.is_committed());
    let seen = seen.ok_or(Refused::InProgress)?;
    let image = slot.copy();
    assert!(slot.is_still(seen));
    if seen.seq() != seq {
        return Err(Refused::OtherFrame(seen.seq().get()));
    }
    let stride_of = |pool_id: PoolId| {
        let stride = context["pools"][pool_id.to_string()].as_u64()?;
        Stride::new(stride as u32)
    };
    SlotHeader::check(&image, index, stride_of).map_err(Refused::Slot)
}

/// What the consumer knows; the files leave it out where parsing alone refuses.
fn described(entry: &Entry) -> Value {
    match &entry.context {
        Value::Null => serde_json::json!({
            "header_nslots": 8, "header_index": 5, "descriptor_seq": 5, "pools": {"1": 1024}
        }),
        context => context.clone(),
    }
}

fn judge(entry: &Entry) -> Result<(), Refused> {
    match entry.target() {
        "Slot" => judge_slot(&bytes(entry), &described(entry)).map(drop),
        _ => judge_superblock(&bytes(entry), &entry.context).map(drop),
    }
}

fn of_memory(files: &'static [&'static str]) -> impl Iterator<Item = Entry> {
    entries(files).filter(|entry| TARGETS.contains(&entry.target()))
}

#[test]
fn malformed_memory_is_refused() {
    let mut table: BTreeMap<_, _> = REFUSED.iter().copied().collect();
    assert_eq!(table.len(), REFUSED.len(), "a name stands twice");
    for entry in of_memory(MALFORMED) {
        let name = entry.name.as_str();
        let refused = judge(&entry).expect_err(name);
        assert_eq!(Some(refused), table.remove(name), "{name}: {}", entry.why);
        assert_eq!(refused.layer(), entry.layer, "{name}");
    }
    assert!(table.is_empty(), "in no file: {table:?}");
}

#[test] // req: W-068, W-078, T-06, I-09
fn odd_memory_is_tolerated() {
    for entry in of_memory(TOLERATED) {
        assert_eq!(judge(&entry), Ok(()), "{}", entry.name);
    }
}

#[test]
fn odd_slots_mean_what_the_file_says() {
    let header = |name: &str| {
        let entry = of_memory(TOLERATED).find(|entry| entry.name == name);
        let entry = entry.expect(name);
        judge_slot(&bytes(&entry), &entry.context).expect(name)
    };
    for empty in ["slot/dim_zero_no_bytes", "slot/dim_zero_with_bytes"] {
        assert_eq!(header(empty).tensor.extent(), Some(0)); // req: T-28, T-29
        assert!(header(empty).holds_all_elements());
    }
    assert_eq!(header("slot/dim_zero_no_bytes").values_len_bytes, 0); // req: W-085
    assert_eq!(header("slot/timestamp_all_ones").timestamp_ns, None); // req: T-44, I-09
}

/// Bytes to value to bytes.
fn rewritten(target: &str, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    match target {
        "ShmRegionSuperblock" => {
            let superblock = judge_superblock(bytes, &Value::Null)?;
            let lines = superblock.shape.region_len().div_ceil(64) as usize;
            let memory = memory(lines, 0, &[]);
            superblock.create(memory.as_slice().writer()).expect("room");
            let mut written = vec![0; 64];
            memory
                .as_slice()
                .view()
                .copy_out(0, &mut written)
                .expect("a superblock");
            Ok(written)
        }
        "TensorHeader" => {
            let (_, block) = Cursor::message(bytes, SCHEMA, TENSOR_HEADER_TEMPLATE)
                .map_err(|error| Refused::Slot(SlotError::Embedded(error)))?;
            let tensor = TensorHeader::try_from(block)
                .map_err(SlotError::Tensor)
                .map_err(Refused::Slot)?;
            let mut written = vec![0; 192];
            let len = Writer::new(&mut written)
                .message(SCHEMA, TENSOR_HEADER_TEMPLATE, &tensor.block())
                .finish();
            assert_eq!(len, Ok(192));
            Ok(written)
        }
        _ => {
            let image = SlotImage::read(bytes).map_err(|_| Refused::TooShort)?;
            let (block, _) = image.parts().map_err(Refused::Slot)?;
            // In the ring and the pools that the slot was written for.
            let slots = SlotCount::new(1 << 30).expect("a slot count");
            let slot = slots.index(block.payload_slot.get()).expect("an index");
            let stride_of = |_| Stride::new(1 << 30);
            let header = SlotHeader::check(&image, slot, stride_of).map_err(Refused::Slot)?;
            let mut written = SlotImage::new(&header.tensor);
            written.set_frame(&SlotFrame {
                slot,
                pool_id: header.pool_id,
                values_len_bytes: header.values_len_bytes,
                timestamp_ns: header.timestamp_ns.expect("a time stamp"),
                meta_version: header.meta_version.expect("a version"),
            });
            let mut words = *written.words();
            words[0] = block.seq_commit.get(); // not the image's to know
            Ok(words.into_iter().flat_map(u64::to_le_bytes).collect())
        }
    }
}

#[test] // req: W-002, W-010, W-064, W-070, T-02, T-03
fn golden_memory_both_ways() {
    let mut without_value: BTreeMap<_, _> = WITHOUT_VALUE.iter().copied().collect();
    let mut differently: BTreeSet<_> = REWRITTEN.iter().copied().collect();
    for entry in of_memory(GOLDEN) {
        let name = entry.name.as_str();
        let written = rewritten(entry.target(), &bytes(&entry));
        match without_value.remove(name) {
            Some(refused) => assert_eq!(written, Err(refused), "{name}"),
            None if differently.remove(name) => {
                assert!(
                    written.is_ok_and(|written| written != bytes(&entry)),
                    "{name}"
                );
            }
            None => assert_eq!(written, Ok(bytes(&entry)), "{name}"),
        }
    }
    assert!(without_value.is_empty() && differently.is_empty());
}

/// Golden bytes without a sensible meaning.
const WITHOUT_VALUE: &[(&str, Refused)] = &[
    (
        "ShmRegionSuperblock/distinct_bytes",
        Refused::Region(RegionError::LayoutVersion { got: 0x0B0A_0908 }),
    ),
    (
        "SlotHeader/distinct_bytes_and_padding",
        slot(PayloadOffset { got: 0x1514_1312 }),
    ),
];

/// Golden bytes that we read but would write otherwise.
const REWRITTEN: &[&str] = &[
    "ShmRegionSuperblock/payload_pool_slot_bytes_all_ones", // req: T-06
    "TensorHeader/nonzero_padding",                         // req: W-067, W-068
];

#[rustfmt::skip] // one row, one line
const REFUSED: &[(&str, Refused)] = &[
    ("superblock/truncated", Refused::TooShort),
    ("superblock/magic_as_text", magic(u64::from_le_bytes(*b"TPOLSHM1"))), // req: W-020, T-01
    ("superblock/magic_zero", magic(0)), // req: W-020, T-04
    ("superblock/layout_version_2", Refused::Region(RegionError::LayoutVersion { got: 2 })), // req: W-028, W-283
    ("superblock/region_type_0", invalid("regionType", 0)), // req: W-281
    ("superblock/region_type_3", invalid("regionType", 3)), // req: W-281
    ("superblock/header_ring_pool_id_1", invalid("poolId", 1)), // req: W-021
    ("superblock/header_slot_512", invalid("slotBytes", 512)), // req: W-023
    ("superblock/nslots_0", invalid("nslots", 0)), // req: W-023
    ("superblock/nslots_12", invalid("nslots", 12)), // req: W-023
    ("superblock/ring_epoch_differs", differs("epoch", 1, 2)), // req: W-027
    ("superblock/ring_stream_differs", differs("streamId", 10000, 10001)), // req: W-024
    ("superblock/ring_nslots_differs", differs("nslots", 8, 16)), // req: W-025
    ("superblock/ring_is_a_pool", invalid("slotBytes", 256)), // req: W-025
    ("superblock/pool_stride_0", invalid("strideBytes", 0)), // req: W-131, W-133
    ("superblock/pool_stride_differs", differs("strideBytes", 1024, 2048)), // req: W-025
    ("superblock/pool_slot_bytes_256", invalid("slotBytes", 256)), // req: T-06, I-09
    ("superblock/pool_id_differs", differs("poolId", 1, 2)), // req: W-022, W-025
    ("superblock/pool_is_a_ring", invalid("poolId", 1)), // req: W-025
    ("superblock/activity_zero", Refused::NeverActive), // req: W-032, T-09
    ("slot/truncated", Refused::TooShort),
    ("slot/header_bytes_len_0", slot(HeaderLength { got: 0 })),
    ("slot/header_bytes_len_191", slot(HeaderLength { got: 191 })), // req: W-071
    ("slot/header_bytes_len_193", slot(HeaderLength { got: 193 })), // req: W-071
    ("slot/header_bytes_len_184", slot(HeaderLength { got: 184 })),
    ("slot/header_bytes_len_all_ones", slot(HeaderLength { got: u32::MAX })),
    ("slot/embedded_template_51", slot(Embedded(WrongTemplate { got: 51 }))), // req: W-071
    ("slot/embedded_template_0", slot(Embedded(WrongTemplate { got: 0 }))),
    ("slot/embedded_schema_901", slot(Embedded(WrongSchema { got: 901 }))), // req: W-072
    ("slot/embedded_version_0", slot(Embedded(UnsupportedVersion { got: 0 }))), // req: W-072
    ("slot/embedded_version_2", slot(Embedded(UnsupportedVersion { got: 2 }))), // req: W-072
    ("slot/embedded_block_183", slot(Embedded(WrongBlockLength { expected: 184, got: 183 }))), // req: W-071
    ("slot/embedded_block_75", slot(Embedded(WrongBlockLength { expected: 184, got: 75 }))), // req: W-071
    ("slot/embedded_zero", slot(Embedded(WrongSchema { got: 0 }))),
    ("slot/all_zero", Refused::InProgress), // req: W-097, W-099
    ("slot/dtype_0", tensor(TensorError::Dtype { got: 0 })), // req: W-281
    ("slot/dtype_12", tensor(TensorError::Dtype { got: 12 })), // req: T-27
    ("slot/dtype_15", tensor(TensorError::Dtype { got: 15 })), // req: W-281
    ("slot/dtype_null", tensor(TensorError::Dtype { got: i16::MIN })), // req: W-281
    ("slot/order_0", tensor(TensorError::MajorOrder { got: 0 })), // req: W-281
    ("slot/order_3", tensor(TensorError::MajorOrder { got: 3 })), // req: W-281
    ("slot/ndims_0", tensor(TensorError::Ndims { got: 0 })), // req: W-074
    ("slot/ndims_9", tensor(TensorError::Ndims { got: 9 })), // req: W-074
    ("slot/ndims_255", tensor(TensorError::Ndims { got: 255 })), // req: W-074
    ("slot/dim_negative", tensor(TensorError::NegativeDim { dim: 0, got: -16 })), // req: T-28
    ("slot/stride_negative", tensor(TensorError::NegativeStride { dim: 1, got: -1 })), // req: W-080
    ("slot/stride_overlap_row", tensor(TensorError::StrideTooSmall { dim: 0, needed: 4, got: 3 })), // req: W-082
    ("slot/stride_below_element", tensor(TensorError::StrideTooSmall { dim: 0, needed: 4, got: 2 })), // req: W-082, T-28
    ("slot/stride_contradicts_order", tensor(TensorError::StrideTooSmall { dim: 0, needed: 32, got: 1 })), // req: W-082
    ("slot/stride_product_overflow", tensor(TensorError::Overflow { dim: 0 })), // req: T-29
    ("slot/progress_unit_3", tensor(TensorError::ProgressUnit { got: 3 })), // req: W-164, W-281
    ("slot/progress_stride_0", tensor(TensorError::ProgressStride { needed: 4, got: 0 })), // req: W-166
    ("slot/progress_stride_wrong", tensor(TensorError::ProgressStride { needed: 4, got: 8 })), // req: W-166
    ("slot/progress_columns_1d", tensor(TensorError::ProgressUnit { got: 2 })), // req: W-166
    ("slot/payload_offset_64", slot(PayloadOffset { got: 64 })), // req: W-076
    ("slot/payload_slot_differs", slot(PayloadSlot { expected: 5, got: 6 })), // req: W-087, W-124
    ("slot/payload_slot_out_of_range", slot(PayloadSlot { expected: 5, got: 8 })), // req: W-126
    ("slot/unknown_pool", slot(UnknownPool { got: 9 })), // req: W-125
    ("slot/values_len_over_stride", slot(ValuesLength { stride: 1024, got: 1025 })), // req: W-127
    ("slot/seq_mismatch", Refused::OtherFrame(13)), // req: W-100, W-101, T-15
];

const fn magic(got: u64) -> Refused {
    Refused::Region(RegionError::Magic { got })
}

const fn invalid(field: &'static str, got: u64) -> Refused {
    Refused::Region(RegionError::Invalid { field, got })
}

const fn differs(field: &'static str, announced: u64, got: u64) -> Refused {
    Refused::Region(RegionError::NotAsAnnounced {
        field,
        announced,
        got,
    })
}

const fn slot(error: SlotError) -> Refused {
    Refused::Slot(error)
}

const fn tensor(error: TensorError) -> Refused {
    Refused::Slot(SlotError::Tensor(error))
}
