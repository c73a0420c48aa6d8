//! What a client says to people: one hook per client, for all its modules (client 1.9, C-138).
//!
//! Every module of this crate reports through `tracing`. While a client works, what it reports goes to the hook of its
//! [`Context`](crate::Context); a client without one uses the subscriber of the process, or stderr where there is none.
//! Roles never report: their hot calls count.

mod hook;
mod level;
mod seldom;

pub(crate) use hook::{Handler, Hook};
pub use level::{Level, LevelError};
pub(crate) use seldom::Seldom;
