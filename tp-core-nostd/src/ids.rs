//! Identifiers: one type per meaning, so that a lease id never lands where a client id belongs.

/// Defines a newtype over an unsigned integer together with the values it refuses.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($raw:ty), legal $range:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name($raw);

        impl $name {
            /// The id with this number, or `None` where the number is reserved or out of range.
            pub const fn new(raw: $raw) -> Option<Self> {
                let legal = $range;
                if raw >= legal.0 && raw <= legal.1 { Some(Self(raw)) } else { None }
            }

            /// The number as it stands on the wire.
            pub const fn get(self) -> $raw {
                self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A data source. 1 to 2^31 - 1, because Aeron's stream ids are signed (wire T-53, D-170).
    StreamId(u32), legal (1, i32::MAX as u32)
}
id! {
    /// One lease holder; equals the producer or consumer id of its lease (C-030). Neither 0 nor all ones (D-062).
    ClientId(u32), legal (1, u32::MAX - 1)
}
id! {
    /// The right to use one stream in one role. Opaque; neither 0 nor all ones (D-089).
    LeaseId(u64), legal (1, u64::MAX - 1)
}
id! {
    /// One incarnation of a stream's regions. Rises, never repeats; neither 0 nor all ones (wire T-54, D-133).
    Epoch(u64), legal (1, u64::MAX - 1)
}
id! {
    /// A payload pool of a stream. Foreign pools may be numbered 0, ours start at 1 (wire T-07).
    PoolId(u16), legal (0, u16::MAX)
}
id! {
    /// The node part of trace ids. Driver-assigned ones are 1 to 1023 (D-175); all ones means none.
    NodeId(u32), legal (1, u32::MAX - 1)
}
id! {
    /// One frame, or one line of frames derived from it (tracelink 2). Neither 0 nor all ones, which both mean
    /// untraced (K-019, K-042).
    TraceId(u64), legal (1, u64::MAX - 1)
}

/// Ties an answer to its request. Ours are positive and seeded at random per process (C-027).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CorrelationId(pub i64);

impl core::fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-133, D-062, D-170
    fn reserved_numbers_are_no_ids() {
        assert_eq!(Epoch::new(0), None);
        assert_eq!(Epoch::new(u64::MAX), None);
        assert_eq!(ClientId::new(0), None);
        assert_eq!(ClientId::new(u32::MAX), None);
        assert_eq!(StreamId::new(0), None);
        assert_eq!(StreamId::new(1 << 31), None);
        assert_eq!(StreamId::new(10_000).map(StreamId::get), Some(10_000));
    }
}
