//! What the examples have in common: how they are switched, frames whose every byte can be checked, and patience that ends.
//!
//! The examples stand beside this folder, one file each. All of them need a media driver and `tp_driver`, which
//! `make examples` starts for each; the README of this folder says how to start them by hand.

mod cameras;
mod patience;
mod pattern;
mod reading;
mod switches;

pub use cameras::{Cameras, streams};
pub use patience::Patience;
pub use pattern::Pattern;
pub use reading::{check, meet};
pub use switches::{
    Bad, attach_timeout, consumer_config, context, frames, pattern, producer_config, stream,
    stream_or, switch,
};

/// What an example returns: an error ends it with a sentence and exit code 1.
pub type Outcome = Result<(), Box<dyn core::error::Error>>;

/// Fails with `sentence` unless `holds`.
///
/// # Errors
/// The sentence.
pub fn require(holds: bool, sentence: impl FnOnce() -> String) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(sentence().into()),
    }
}
