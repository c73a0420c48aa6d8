//! The driver as a service: the engine of [`tp_core_nostd::proto::driver`] with Aeron, files and a clock around it.
//!
//! [`DriverConfig`] comes from a TOML file and the environment, [`DriverTables`] is the memory that the engine works in,
//! [`DriverAgent`] is the duty cycle: it feeds the engine with whatever arrives and hands on what the engine says.
//! Files are made on a thread of their own (`files.rs`), so that no large pool holds up a keepalive (D-216).
//! Other processes can ask a running driver how it is (`status`).
//! [`AeronDriver`] joins an agent with a connection to a media driver; `tp_driver` is little more than that.

mod aeron;
mod agent;
mod config;
mod error;
mod files;
mod provisioner;
mod rivals;
mod status;
mod strays;
mod tables;

pub use aeron::AeronDriver;
pub use agent::DriverAgent;
pub use config::{DriverConfig, DynamicConfig, ProfileConfig, ShmConfig, StreamConfig};
pub use error::DriverError;
pub use status::{StatusError, StatusReader, UnknownWhat, What, ask_driver};
pub use tables::DriverTables;
