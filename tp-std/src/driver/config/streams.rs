//! The tables `profiles` and `streams`.

use tp_core_nostd::ids::{PoolId, StreamId};
use tp_core_nostd::proto::driver::Profile;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::shm::{HEADER_SLOT_LEN, PoolClass, Stride};
use tp_core_nostd::wire::POOLS_MAX;

use crate::config::{Origin, Settings};

/// The shape of a stream's regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileConfig {
    /// Its name.
    pub name: String,
    /// Slots of the header ring and of every pool.
    pub header_nslots: SlotCount,
    /// Its pools.
    pub pools: Vec<PoolClass>,
}

impl ProfileConfig {
    /// As the engine takes it.
    pub fn as_profile(&self) -> Profile<'_> {
        Profile {
            header_nslots: self.header_nslots,
            pools: &self.pools,
        }
    }
}

/// A stream that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Its name, for people.
    pub name: String,
    /// Its id.
    pub stream_id: StreamId,
    /// The place of its profile.
    pub profile: usize,
}

/// Reads `profiles`.
pub(super) fn profiles(s: &mut Settings<'_>) -> Vec<ProfileConfig> {
    let names = s.names("profiles");
    if names.is_empty() {
        let text =
            "at least one profile is needed: [profiles.NAME] with [[profiles.NAME.payload_pools]]";
        s.problem(&Origin::Default, "profiles", text);
    }
    names
        .into_iter()
        .filter_map(|name| profile(s, name))
        .collect()
}

fn profile(s: &mut Settings<'_>, name: String) -> Option<ProfileConfig> {
    let at = format!("profiles.{name}");
    let key = format!("{at}.header_nslots");
    let found = s.of_table(&key, 1024_u64);
    let slots = u32::try_from(found.value).ok().and_then(SlotCount::new);
    if slots.is_none() {
        let text = format!("{} must be a power of two below 2^31", found.value);
        s.problem(&found.origin, &key, text);
    }
    let key = format!("{at}.header_slot_bytes");
    let found = s.of_table(&key, u64::from(HEADER_SLOT_LEN));
    if found.value != u64::from(HEADER_SLOT_LEN) {
        let text = format!("{} must be {HEADER_SLOT_LEN}", found.value);
        s.problem(&found.origin, &key, text);
    }
    let key = format!("{at}.payload_pools");
    let origin = s.origin(&at);
    let rows = s.rows(&key);
    let mut pools: Vec<PoolClass> = Vec::new();
    for row in 0..rows {
        let Some(pool) = pool(s, &format!("{key}.{row}")) else {
            continue;
        };
        if pools.iter().any(|other| other.pool_id == pool.pool_id) {
            let text = format!("pool_id {} is there twice", pool.pool_id);
            s.problem(&origin, &key, text);
        }
        pools.push(pool);
    }
    if rows == 0 {
        s.problem(&origin, &key, "at least one pool is needed");
    } else if rows > POOLS_MAX {
        let text = format!("{rows} pools are too many, {POOLS_MAX} are possible");
        s.problem(&origin, &key, text);
    }
    Some(ProfileConfig {
        name,
        header_nslots: slots?,
        pools,
    })
}

fn pool(s: &mut Settings<'_>, at: &str) -> Option<PoolClass> {
    let key = format!("{at}.pool_id");
    let id = s.required::<u64>(&key);
    let pool_id = id.and_then(|found| {
        let id = u16::try_from(found.value).ok().filter(|id| *id > 0);
        if id.is_none() {
            let text = format!("{} must be 1 to 65535", found.value);
            s.problem(&found.origin, &key, text);
        }
        id.and_then(PoolId::new)
    });
    let key = format!("{at}.stride_bytes");
    let bytes = s.required::<u64>(&key);
    let stride = bytes.and_then(|found| {
        let stride = u32::try_from(found.value).ok().and_then(Stride::new);
        match stride {
            None => {
                let text = format!("{} must be a multiple of 64, and not 0", found.value);
                s.problem(&found.origin, &key, text);
            }
            Some(stride) if !stride.get().is_power_of_two() => {
                let text = format!("{stride:?} is no power of two; some clients cannot map it");
                s.warning(&found.origin, &key, text);
            }
            Some(_) => {}
        }
        stride
    });
    Some(PoolClass {
        stride: stride?,
        pool_id: pool_id?,
    })
}

/// Reads `streams`. Where clients may bring streams into being, there need not be any.
pub(super) fn streams(
    s: &mut Settings<'_>,
    profiles: &[ProfileConfig],
    dynamic: bool,
) -> Vec<StreamConfig> {
    let names = s.names("streams");
    if names.is_empty() && !dynamic {
        let text = "at least one stream is needed, [streams.NAME] with stream_id and profile, or \
                    policies.allow_dynamic_streams";
        s.problem(&Origin::Default, "streams", text);
    }
    let mut streams: Vec<StreamConfig> = Vec::new();
    for name in names {
        let Some(stream) = stream(s, name, profiles) else {
            continue;
        };
        if let Some(other) = streams
            .iter()
            .find(|other| other.stream_id == stream.stream_id)
        {
            let key = format!("streams.{}.stream_id", stream.name);
            let text = format!(
                "{} is the id of streams.{} already",
                stream.stream_id, other.name
            );
            let origin = s.origin(&key);
            s.problem(&origin, &key, text);
        }
        streams.push(stream);
    }
    streams
}

fn stream(s: &mut Settings<'_>, name: String, profiles: &[ProfileConfig]) -> Option<StreamConfig> {
    let key = format!("streams.{name}.stream_id");
    let id = s.required::<u64>(&key);
    let stream_id = id.and_then(|found| {
        let id = u32::try_from(found.value).ok().and_then(StreamId::new);
        if id.is_none() {
            let text = format!("{} must be 1 to 2147483647", found.value);
            s.problem(&found.origin, &key, text);
        }
        id
    });
    let key = format!("streams.{name}.profile");
    let profile = s.required::<String>(&key).and_then(|found| {
        let place = profiles
            .iter()
            .position(|profile| profile.name == found.value);
        if place.is_none() {
            let text = format!("there is no usable profile {:?}", found.value);
            s.problem(&found.origin, &key, text);
        }
        place
    });
    Some(StreamConfig {
        name,
        stream_id: stream_id?,
        profile: profile?,
    })
}
