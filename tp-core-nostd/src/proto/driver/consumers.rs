//! Consumers that asked for streams of their own (driver 11).

/// Storage for one consumer with streams of its own.
#[derive(Clone, Debug, Default)]
pub struct ConsumerEntry {}

impl ConsumerEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self {}
    }
}
