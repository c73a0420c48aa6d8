//! Runs agents: duty cycle after duty cycle, an idle strategy between them, and a rule for those that fail (C-141).
//!
//! An [`AgentRunner`] is driven by its owner, or moves onto an [`AgentThread`].
//!
//! ```
//! use core::time::Duration;
//! use tp_core_nostd::agent::Agent;
//! use tp_std::agent::{AgentRunner, Placement};
//! use tp_std::idle::Idle;
//!
//! struct Clockwork(u32);
//!
//! impl Agent for Clockwork {
//!     type Error = &'static str;
//!
//!     fn do_work(&mut self) -> Result<u32, Self::Error> {
//!         self.0 = self.0.checked_sub(1).ok_or("run down")?;
//!         Ok(1)
//!     }
//!
//!     fn role_name(&self) -> &str {
//!         "clockwork"
//!     }
//! }
//!
//! let runner = AgentRunner::new(Clockwork(3), Idle::sleeping(Duration::from_millis(1)));
//! let thread = runner.start(&Placement::default())?;
//! while !thread.is_finished() {
//!     std::thread::yield_now();
//! }
//! assert!(thread.close().is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod runner;
mod thread;

pub use runner::{AgentRunner, Ended, OnFailure};
pub use thread::{AgentThread, Placement, StartError};
