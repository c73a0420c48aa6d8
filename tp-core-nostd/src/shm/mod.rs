//! Shared memory: the layout of its regions and the seqlock that keeps readers from torn frames (wire 2, 3).
//!
//! What a peer says about memory is a claim until it is checked, and every check leaves a type behind:
//! announced ([`RegionShape`]) → parsed ([`RegionUri`](crate::uri::RegionUri)) → opened and mapped
//! ([`Region`](crate::memory)) → superblock validated ([`HeaderRing`], [`PayloadPool`]).

mod error;
mod layout;
mod pool;
mod region;
mod ring;
mod seqlock;
mod slot;
mod superblock;
mod tensor;
#[cfg(any(loom, test))]
mod word_copy;

pub use crate::wire::Stride;
pub use crate::wire::enums::{Dtype, MajorOrder, ProgressUnit, RegionType};
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
pub use slot::{SlotFrame, SlotHeader, SlotImage};
#[cfg(target_has_atomic = "64")]
pub use superblock::store_activity;
pub use superblock::{Superblock, load_activity};
pub use tensor::TensorHeader;
