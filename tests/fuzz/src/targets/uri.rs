//! Region URIs, alone and with the stride of their pool.

use tp_core_nostd::ids::PoolId;
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::uri::{RegionUri, URI_MAX};
use tp_core_nostd::wire::Stride;

use crate::Input;
use crate::seeds::random;

/// What is accepted is absolute and short, and is written as it was read.
pub(super) fn uri(bytes: &[u8]) {
    let Ok(uri) = RegionUri::parse(bytes) else {
        return;
    };
    assert!(uri.path().starts_with('/') && uri.len() <= URI_MAX);
    let again = uri.to_string();
    assert_eq!(again.len(), uri.len());
    assert_eq!(RegionUri::parse(again.as_bytes()), Ok(uri));
    assert_eq!(RegionUri::new(uri.path(), uri.require_hugepages()), Ok(uri));
}

/// A stride, a slot count and a URI, as a pool entry has them: the region that follows from them can be measured.
pub(super) fn uri_stride(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (stride, slots, pool) = (input.u32(), input.u32(), input.u16());
    uri(input.rest());
    let accepted = (
        Stride::new(stride),
        SlotCount::new(slots),
        PoolId::new(pool),
    );
    let (Some(stride), Some(slots), Some(pool_id)) = accepted else {
        return;
    };
    assert!(stride.get().is_multiple_of(Stride::UNIT) && slots.get().is_power_of_two());
    let shape = tp_core_nostd::shm::RegionShape {
        stream_id: tp_core_nostd::ids::StreamId::new(1).unwrap(),
        epoch: tp_core_nostd::ids::Epoch::new(1).unwrap(),
        slots,
        kind: tp_core_nostd::shm::RegionKind::PayloadPool { pool_id, stride },
    };
    let payload = u64::from(stride.get()) * u64::from(slots.get());
    assert_eq!(shape.region_len(), 64 + payload);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let long = format!("shm:file?path=/{}", "a".repeat(URI_MAX - 15));
    let texts = [
        "shm:file?path=/dev/shm/tensorpool-ops/default/10000/7/header.ring",
        "shm:file?path=/dev/hugepages/1.pool|require_hugepages=true",
        "shm:file?path=/a|require_hugepages=false",
        "shm:file?path=/../..//.|require_hugepages=true|x=y",
        "aeron:ipc",
        &long,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

pub(super) fn stride_seeds() -> Vec<Vec<u8>> {
    let with = |stride: u32, slots: u32| {
        seeds().into_iter().map(move |uri| {
            let mut seed = stride.to_le_bytes().to_vec();
            seed.extend(slots.to_le_bytes());
            seed.extend([1, 0]);
            seed.extend(uri);
            seed
        })
    };
    let edges = [(64, 8), (1024, 1 << 31), (u32::MAX - 63, 1 << 31), (0, 3)];
    let all = edges
        .into_iter()
        .flat_map(|(stride, slots)| with(stride, slots));
    all.chain(random()).collect()
}
