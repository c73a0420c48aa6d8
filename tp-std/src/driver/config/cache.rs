//! Rings against the cache: a frame's memory is used again after a whole turn, so a ring far beyond the last-level cache
//! is cold each time (design 4.10).

use super::DriverConfig;
use super::streams::ProfileConfig;

/// Up to this many times the cache nothing is said: not every frame fills its slot.
const FAR_ABOVE: u64 = 4;

impl DriverConfig {
    /// A sentence for each pool in use whose slots together are far above a last-level cache of this size.
    pub fn beyond_cache(&self, cache_bytes: u64) -> Vec<String> {
        let is_used = |place: usize| {
            let dynamic = self.dynamic.as_ref();
            self.streams.iter().any(|stream| stream.profile == place)
                || dynamic.is_some_and(|dynamic| dynamic.profile == place)
        };
        self.profiles
            .iter()
            .enumerate()
            .filter(|(place, _)| is_used(*place))
            .flat_map(|(_, profile)| warnings(profile, cache_bytes))
            .collect()
    }
}

fn warnings(profile: &ProfileConfig, cache_bytes: u64) -> impl Iterator<Item = String> {
    let slots = profile.header_nslots.get();
    profile.pools.iter().filter_map(move |pool| {
        let stride = pool.stride.get();
        let bytes = u64::from(slots).saturating_mul(stride.into());
        (bytes > cache_bytes.saturating_mul(FAR_ABOVE)).then(|| {
            format!(
                "profiles.{}: {slots} slots of {stride} bytes in pool {} are {} MiB, far above the last-level cache of \
                 {} MiB: frames will come from memory, not from cache; a shallower ring is faster",
                profile.name,
                pool.pool_id,
                bytes >> 20,
                cache_bytes >> 20,
            )
        })
    })
}
