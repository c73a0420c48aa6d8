//! Shared memory: the layout of its regions and the seqlock that keeps readers from torn frames (wire 2, 3).
//!
//! What a peer says about memory is a claim until it is checked, and every check leaves a type behind:
//! announced ([`RegionShape`]) → parsed ([`RegionUri`](crate::uri::RegionUri)) → opened and mapped
//! ([`Region`](crate::memory)) → superblock validated ([`HeaderRing`], [`PayloadPool`]).
//!
//! ```
//! use tp_core_nostd::{ids::*, seq::*, shm::*};
//!
//! let memory: [Line; 9] = std::array::from_fn(|_| Line::zeroed()); // 64 + 2 * 256 bytes, or a mapped file
//! let shape = RegionShape {
//!     stream_id: StreamId::new(10_000).ok_or("stream")?,
//!     epoch: Epoch::new(1).ok_or("epoch")?,
//!     slots: SlotCount::new(2).ok_or("slots")?,
//!     kind: RegionKind::HeaderRing,
//! };
//! let superblock = Superblock { shape, pid: 1, start_ns: 1, activity_ns: 1 };
//! superblock.create(memory.as_slice().writer())?;
//!
//! let ring = HeaderRing::open(memory.as_slice(), &shape)?;
//! let (seq, tensor) = (Seq::FIRST, TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[480, 640])?);
//! let slot = ring.slot_writer(shape.slots.slot_of(seq));
//! slot.begin(seq);
//! slot.write(&SlotImage::new(&tensor));
//! slot.commit(seq);
//!
//! let slot = ring.slot(shape.slots.slot_of(seq));
//! let seen = slot.load().ok_or("changing")?;
//! let image = slot.copy();
//! assert!(seen == CommitWord::committed(seq) && slot.is_still(seen)); // one whole frame
//! assert_eq!(TensorHeader::try_from(image.parts()?.1), Ok(tensor));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bell;
mod element;
mod error;
mod layout;
mod pool;
mod region;
mod ring;
mod seqlock;
mod sizing;
mod slot;
mod superblock;
mod tensor;
#[cfg(any(loom, thread_sanitizer, test))]
mod word_copy;

pub use crate::wire::Stride;
pub use crate::wire::enums::{Dtype, MajorOrder, ProgressUnit, RegionType};
pub use bell::{BELL_LEN, Bell, BellBlock, Ticket};
pub use element::{Element, Elements, ElementsError};
pub use error::{OutOfBounds, RegionError, SlotError, TensorError};
pub use layout::{
    EMBEDDED_LEN, HEADER_SLOT_LEN, LAYOUT_VERSION, MAGIC, MAX_DIMS, MEMORY_MESSAGES,
    POOL_SLOT_BYTES_UNSET, RegionKind, RegionShape, SLOT_HEADER_TEMPLATE, SUPERBLOCK_LEN,
    SUPERBLOCK_TEMPLATE, SlotHeaderBlock, SuperblockBlock, TENSOR_HEADER_TEMPLATE,
    TensorHeaderBlock,
};
pub use pool::{PayloadPool, PoolClass};
pub use region::{Line, Region, RegionView, RegionWriter, WritableRegion};
pub use ring::{HeaderRing, SlotReader, SlotWriter};
pub use seqlock::{CommitReader, CommitWord, CommitWriter};
pub use sizing::{Demand, Sizing};
pub use slot::{SlotFrame, SlotHeader, SlotImage};
#[cfg(target_has_atomic = "64")]
pub use superblock::store_activity;
pub use superblock::{Superblock, load_activity};
pub use tensor::TensorHeader;
