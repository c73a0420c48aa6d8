//! The consumers of one stream as its producer sees them: who is there, what each was told, and which streams of its own
//! each has (wire 5.13 to 5.15, supervisor 2.2 to 2.5).
//!
//! ```text
//!  hello ──▶ tracked ── 5 periods without hello and QoS, or told to be gone ──▶ streams closed, forgotten
//!              │
//!              ├─ order      ▶ open or close a private stream; answered by `opened` or `failed`
//!              ├─ transmit   ▶ ConsumerConfig, once the streams asked for exist or are refused
//!              └─ progress   ▶ the policy for FrameProgress that serves everybody
//! ```
//!
//! Exactly one party answers hellos (P-007). Where that is the producer, it grants what was asked for, as far as its
//! [`ManagerPolicy`] admits; where it is somebody else, the manager answers nothing and follows the ConsumerConfig of
//! whoever does. Nothing here waits: streams are added by the owner, and the answer follows when they exist (C-083).
//!
//! One stream of one consumer:
//!
//! ```text
//!          asked, admissible            order taken             opened
//!  Shared ───────────────────► Wanted ──────────────► Opening ─────────► Open
//!    ▲                           │                       │                │
//!    └──── given up, stale ──────┴──── failed, given up, stale, lost ─────┘   (what was ordered is closed by an order)
//! ```

mod entry;
mod gate;
mod grants;
mod manager;
mod outlets;
mod policy;

pub use entry::{Consumer, ConsumerEntry, StreamKey, StreamKind};
pub use gate::RateGate;
pub use manager::{ConsumerManager, Heard, ManagerConfig};
pub use outlets::StreamOrder;
pub use policy::{DeclineReason, ManagerCounters, ManagerPolicy, StreamPolicy};

#[cfg(test)]
mod tests;
