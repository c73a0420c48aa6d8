//! The engine from outside: what it is sent, what it sends, what it orders.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

mod attach;
mod disk;
mod dynamic;
mod epochs;
mod forgetting;
mod grants;
mod hello;
mod ignored;
mod lease_table;
mod leases;
mod life;
mod model;
mod policy;
mod requests;
mod retention;
mod rig;
mod set_up;
mod shutdown;
mod stream_rows;
mod stream_table;
