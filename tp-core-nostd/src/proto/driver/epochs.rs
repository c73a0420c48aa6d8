//! Which number the next epoch of a stream gets (driver 7).

use crate::ids::Epoch;
use crate::time::Instant;

/// The epoch after `last`, which is the highest number known for the stream from memory and disk, 0 if there is none.
///
/// The clock is in it so that drivers of different origin can follow one another on a host (T-55); `last` so that numbers
/// rise although the clock starts anew with each boot. `None` where no number is left: the stream can have no more epochs.
pub const fn next_epoch(last: u64, now: Instant) -> Option<Epoch> {
    let Some(above) = last.checked_add(1) else {
        return None;
    };
    let clock = now.as_ns();
    Epoch::new(if clock > above { clock } else { above })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-131, D-133, T-54, T-55
    fn epochs_rise_above_memory_disk_and_clock() {
        for (last, now, expected) in [
            (0, 0, Some(1)),
            (0, 77, Some(77)),
            (77, 77, Some(78)),
            (500, 3, Some(501)),
            (u64::MAX - 2, 0, Some(u64::MAX - 1)),
            (u64::MAX - 1, 0, None),
            (u64::MAX, 5, None),
            (0, u64::MAX, None),
        ] {
            assert_eq!(
                next_epoch(last, Instant::from_ns(now)).map(Epoch::get),
                expected,
                "{last} {now}"
            );
        }
    }
}
