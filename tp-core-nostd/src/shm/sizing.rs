//! How deep and how wide a ring should be for the frames that go through it (W-129).

use super::layout::{HEADER_SLOT_LEN, SUPERBLOCK_LEN};
use crate::seq::SlotCount;
use crate::time::Duration;
use crate::wire::Stride;

/// The fewest slots that make sense: one is written, one is read, and each side may run one ahead.
const LEAST_SLOTS: u64 = 4;

/// What is known of a stream before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Bytes of the largest payload.
    pub payload_len: u32,
    /// Time from one frame to the next.
    pub period: Duration,
    /// How late the slowest consumer may come without losing a frame.
    pub latency: Duration,
    /// What the product is multiplied by, 2 to 4: latencies are guesses.
    pub safety: u32,
}

/// The ring for a [`Demand`]: one pool, every slot of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Frames that arrive while the slowest consumer is late, with safety; the ring has at least as many slots.
    pub frames_needed: u64,
    /// Slots, a power of two.
    pub slots: SlotCount,
    /// Bytes from payload to payload, a power of two, which every client can map.
    pub stride: Stride,
}

impl Sizing {
    /// The smallest ring that serves the demand; `None` if it would have 2^31 slots or more, a payload is longer than 2 GiB,
    /// or frames follow each other without any time between them.
    pub fn of(demand: Demand) -> Option<Self> {
        let latency = demand
            .latency
            .as_nanos()
            .checked_mul(demand.safety.into())?;
        let period = demand.period.as_nanos();
        let needed = latency
            .checked_add(period.checked_sub(1)?)?
            .checked_div(period)?;
        let frames_needed = u64::try_from(needed).ok()?;
        let slots = u32::try_from(frames_needed.max(LEAST_SLOTS)).ok()?;
        let stride = demand
            .payload_len
            .max(Stride::UNIT)
            .checked_next_power_of_two()?;
        Some(Self {
            frames_needed,
            slots: SlotCount::new(slots.checked_next_power_of_two()?)?,
            stride: Stride::new(stride)?,
        })
    }

    /// Bytes of the header ring's file.
    pub const fn header_len(&self) -> u64 {
        region_len(self.slots, HEADER_SLOT_LEN)
    }

    /// Bytes of the pool's file.
    pub const fn pool_len(&self) -> u64 {
        region_len(self.slots, self.stride.get())
    }

    /// Bytes of one epoch.
    pub const fn epoch_len(&self) -> u64 {
        self.header_len().saturating_add(self.pool_len())
    }
}

const fn region_len(slots: SlotCount, slot_len: u32) -> u64 {
    // Below 2^31 slots of less than 2^32 bytes: neither operation can saturate.
    (slots.get() as u64)
        .saturating_mul(slot_len as u64)
        .saturating_add(SUPERBLOCK_LEN)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(payload_len: u32, hz: u64, latency_ms: u64, safety: u32) -> Demand {
        Demand {
            payload_len,
            period: Duration::from_nanos(1_000_000_000 / hz),
            latency: Duration::from_millis(latency_ms),
            safety,
        }
    }

    #[test] // req: W-129
    fn a_camera_and_a_wavefront_sensor() {
        let camera = Sizing::of(demand(1280 * 720 * 3, 30, 100, 2)).unwrap();
        assert_eq!((camera.slots.get(), camera.stride.get()), (8, 4 << 20));
        assert_eq!(camera.epoch_len(), 64 + 8 * 256 + 64 + 8 * (4 << 20));
        let sensor = Sizing::of(demand(240 * 240 * 2, 2000, 5, 3)).unwrap();
        assert_eq!(sensor.frames_needed, 30);
        assert_eq!((sensor.slots.get(), sensor.stride.get()), (32, 128 << 10));
    }

    #[test] // req: W-129
    fn what_no_ring_can_serve_is_refused() {
        assert_eq!(Sizing::of(demand(u32::MAX, 1, 1, 2)), None);
        let endless = Demand {
            period: Duration::ZERO,
            ..demand(1, 1, 1, 2)
        };
        assert_eq!(Sizing::of(endless), None);
        assert_eq!(
            Sizing::of(demand(1, 1_000_000_000, u64::MAX >> 24, 4)),
            None
        );
        let least = Sizing::of(demand(0, 1, 0, 1)).unwrap();
        assert_eq!((least.slots.get(), least.stride.get()), (4, 64));
    }

    proptest! {
        #[test] // req: W-129
        fn the_ring_is_deep_and_wide_enough_and_hardly_more(
            len in 0_u32..1 << 31, hz in 1_u64..100_000, ms in 0_u64..10_000, safety in 1_u32..5
        ) {
            let sizing = Sizing::of(demand(len, hz, ms, safety)).unwrap();
            let (slots, stride) = (u64::from(sizing.slots.get()), sizing.stride.get());
            // What arrives in that time, counted one by one.
            let period = 1_000_000_000 / hz;
            let span = ms * 1_000_000 * u64::from(safety);
            prop_assert!(slots * period >= span);
            prop_assert!(slots == 4 || (slots / 2) * period < span);
            prop_assert!(stride >= len && (stride == 64 || stride / 2 < len));
        }
    }
}
