//! Who may have which stream id: configured streams, dynamic ones, and those of single consumers (driver 3.10).

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::driver::IdRange;

use super::streams::{ProfileConfig, StreamConfig};
use crate::Endpoint;
use crate::config::{Found, IdRanges, Settings};

/// Streams that clients may bring into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicConfig {
    /// The ids they get; at least one range.
    pub ids: Vec<IdRange>,
    /// The place of their profile.
    pub profile: usize,
}

/// The ranges of ids, checked against everything else that has an id.
pub(super) struct Ids {
    pub(super) dynamic: Option<DynamicConfig>,
    pub(super) private_descriptors: Vec<IdRange>,
    pub(super) private_controls: Vec<IdRange>,
}

/// Whether dynamic streams are allowed.
pub(super) fn are_dynamic(s: &mut Settings<'_>) -> Found<bool> {
    s.scalar("policies.allow_dynamic_streams", false)
}

/// Reads the three ranges; `shared` are the driver's own streams by their keys.
pub(super) fn read(
    s: &mut Settings<'_>,
    allowed: &Found<bool>,
    shared: &[(&str, &Endpoint)],
    streams: &[StreamConfig],
    profiles: &[ProfileConfig],
) -> Ids {
    let mut taken: Vec<(String, IdRange)> = Vec::new();
    for (name, endpoint) in shared {
        let id = u32::try_from(endpoint.stream_id).ok();
        taken.extend(single(format!("driver.{name}_stream_id"), id));
    }
    for stream in streams {
        let key = format!("streams.{}.stream_id", stream.name);
        taken.extend(single(key, Some(stream.stream_id.get())));
    }
    let dynamic = ranges(s, "driver.stream_id_range", &mut taken);
    let descriptors = ranges(s, "driver.descriptor_stream_id_range", &mut taken);
    let controls = ranges(s, "driver.control_stream_id_range", &mut taken);
    let profile = default_profile(s, profiles);

    if allowed.value && dynamic.value.0.is_empty() {
        let key = "policies.allow_dynamic_streams";
        let text = "needs ids to give away: driver.stream_id_range, such as \"20000-29999\"";
        s.problem(&allowed.origin, key, text);
    }
    if !allowed.value && !dynamic.value.0.is_empty() {
        let key = "driver.stream_id_range";
        let text = "has no effect while policies.allow_dynamic_streams is false";
        s.warning(&dynamic.origin, key, text);
    }
    Ids {
        dynamic: allowed.value.then_some(DynamicConfig {
            ids: dynamic.value.0,
            profile,
        }),
        private_descriptors: descriptors.value.0,
        private_controls: controls.value.0,
    }
}

fn single(key: String, id: Option<u32>) -> Option<(String, IdRange)> {
    let id = id.and_then(StreamId::new)?;
    Some((key, IdRange::new(id, id)?))
}

/// Reads one key and sees to it that nobody else has any of its ids (D-162, D-163).
fn ranges(s: &mut Settings<'_>, key: &str, taken: &mut Vec<(String, IdRange)>) -> Found<IdRanges> {
    let found = s.scalar(key, IdRanges::default());
    for range in &found.value.0 {
        for (other, of_other) in taken.iter() {
            if let Some(id) = shared_id(*range, *of_other) {
                let (first, last) = (range.first(), range.last());
                let text = format!("{first}-{last} overlaps {other}: both have {id}");
                s.problem(&found.origin, key, text);
            }
        }
        taken.push((key.to_owned(), *range));
    }
    found
}

/// The lowest id that both ranges have.
fn shared_id(one: IdRange, other: IdRange) -> Option<StreamId> {
    let lowest = one.first().max(other.first());
    (one.contains(lowest) && other.contains(lowest)).then_some(lowest)
}

/// The place of the profile of dynamic streams: the first one unless another is named.
fn default_profile(s: &mut Settings<'_>, profiles: &[ProfileConfig]) -> usize {
    let first = profiles.first().map_or("", |profile| profile.name.as_str());
    let key = "policies.default_profile";
    let found = s.scalar(key, first.to_owned());
    let place = profiles
        .iter()
        .position(|profile| profile.name == found.value);
    if place.is_none() && !profiles.is_empty() {
        let names: Vec<&str> = profiles
            .iter()
            .map(|profile| profile.name.as_str())
            .collect();
        let text = format!(
            "there is no usable profile {:?}, only {}",
            found.value,
            names.join(", ")
        );
        s.problem(&found.origin, key, text);
    }
    place.unwrap_or(0)
}
