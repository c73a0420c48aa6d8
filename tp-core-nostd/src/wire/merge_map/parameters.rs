//! Parameters of merge rules, without the numbers that mean null (join-barrier 1, trap 12).

/// Defines a newtype over a number together with the values it refuses.
macro_rules! parameter {
    ($(#[$doc:meta])* $name:ident($raw:ty), null $null:path $(, nor $refused:literal)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name($raw);

        impl $name {
            /// What an absent parameter looks like.
            pub(super) const NULL: $raw = $null;

            /// The parameter with this value, or `None` where the value is reserved.
            pub const fn new(raw: $raw) -> Option<Self> {
                match raw {
                    $null $(| $refused)? => None,
                    _ => Some(Self(raw)),
                }
            }

            /// The value as it stands on the wire.
            pub const fn get(self) -> $raw {
                self.0
            }
        }
    };
}

parameter! {
    /// Added to the output's sequence number (J-016).
    Offset(i32), null i32::MIN
}
parameter! {
    /// Frames of a window that ends at the output's sequence number (J-017).
    WindowSize(u32), null u32::MAX, nor 0
}
parameter! {
    /// Added to the output's time, in nanoseconds (J-016).
    OffsetNs(i64), null i64::MIN
}
parameter! {
    /// Length of a window that ends at the output's time, in nanoseconds (J-017).
    WindowNs(u64), null u64::MAX, nor 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: J-016, J-017
    fn parameters_refuse_nulls_and_empty_windows() {
        assert_eq!(Offset::new(i32::MIN), None);
        assert_eq!(Offset::new(-i32::MAX).map(Offset::get), Some(-i32::MAX));
        assert_eq!(OffsetNs::new(i64::MIN), None);
        assert_eq!(WindowSize::new(0), None);
        assert_eq!(WindowSize::new(u32::MAX), None);
        assert_eq!(WindowNs::new(0), None);
        assert_eq!(WindowNs::new(1).map(WindowNs::get), Some(1));
    }
}
