//! The core of the SHM Tensor Pool: everything that is protocol and nothing that is an operating system.
//!
//! No allocator, no thread, no socket, no file, no logger. The layers, each using only those above it in this list:
//!
//! - [`ids`], [`seq`], [`time`]: the words of the protocol as types, one meaning each;
//! - [`transport`], [`memory`], [`agent`]: what the core needs from its surroundings, as small traits;
//! - [`sbe`]: message headers, blocks, groups and var data, bounds-checked;
//! - [`uri`]: region URIs;
//! - [`wire`]: every message of the five schemas, as block, view and value;
//! - [`shm`]: the shared-memory layout with its seqlock;
//! - [`proto`]: the protocol decisions, pure machines `(now, input) -> outputs`;
//! - [`role`]: the seam between a role on the hot thread and its conductor.
//!
//! Start reading at [`shm`] for the data path, at [`proto`] for the control plane.
#![no_std]
// Little-endian memory is the wire format; swapping is outside layout version 1 (W-003).
#[cfg(target_endian = "big")]
compile_error!("the SHM Tensor Pool runs on little-endian machines only (wire 5.1, W-003)");

#[cfg(test)]
extern crate std;

pub mod agent;
pub mod ids;
pub mod memory;
pub mod proto;
pub mod role;
pub mod sbe;
pub mod seq;
pub mod shm;
pub mod sync;
pub mod time;
pub mod transport;
pub mod uri;
pub mod wire;
