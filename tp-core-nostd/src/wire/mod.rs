//! Every message of the five schemas, one file per message or small family, each in three words (wire 4):
//!
//! - `XxxBlock` is the fixed block as the specification prints it; the compiler checks its offsets;
//! - `XxxView` is a message found to fit its bytes. It checks lengths only: what the numbers mean is left open, because
//!   some machines must answer what they do not understand;
//! - `Xxx` is the meaning, with nothing in it that makes no sense. It is made from a view (`TryFrom`, [`ValueError`])
//!   and is what gets encoded. Its `TEMPLATE` names the message in headers, its `LAYOUT` describes the message to tools.
//!
//! Bytes after the end of a message are ignored (T-37).

pub mod control;
pub mod discovery;
pub mod driver;
mod entries;
pub mod enums;
pub(crate) mod error_message;
pub mod merge_map;
mod pool;
pub mod tracelink;
mod value;

pub use entries::Entries;
pub use error_message::ERROR_MESSAGE_MAX;
pub use pool::{POOLS_MAX, PoolEntry, PoolEntryBlock, PoolEntryView, Pools, Stride};
pub use value::{Text, ValueError};

use crate::sbe::MessageLayout;

/// Every message that travels, one list per schema.
pub const MESSAGES: &[&[MessageLayout]] = &[
    control::MESSAGES,
    driver::MESSAGES,
    merge_map::MESSAGES,
    tracelink::MESSAGES,
    discovery::MESSAGES,
];
