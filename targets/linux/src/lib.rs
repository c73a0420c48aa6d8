//! What the Linux programs share: the commands of the multi-call tool `tp`, tensors in files, and messages as JSON.
//!
//! Start reading at [`commands`].

pub mod commands;
pub mod log;
pub mod tensor;
pub mod wire_json;
