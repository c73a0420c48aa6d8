//! What the Linux programs share: the commands of the multi-call tool `tp`, tensors in files, messages as JSON, log lines
//! and the word with systemd.
//!
//! Start reading at [`commands`].

pub mod commands;
pub mod log;
pub mod systemd;
pub mod tensor;
pub mod wire_json;
