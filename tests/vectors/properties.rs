//! What holds for any bytes: no decoder panics, and what was understood survives being written and read again.

use proptest::prelude::*;
use std::sync::LazyLock;

use crate::codecs;
use crate::harness::{GOLDEN, bytes, entries};
use tp_linux::wire_json;

static GOLDEN_BYTES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| entries(GOLDEN).map(|entry| bytes(&entry)).collect());

/// Bytes into every codec there is, typed and by table.
fn into_every_codec(bytes: &[u8]) {
    for codec in codecs() {
        if let Ok(once) = (codec.round_trip)(bytes) {
            let twice = (codec.round_trip)(&once);
            assert_eq!(twice.as_ref(), Ok(&once), "{}", codec.layout.name);
        }
    }
    let bodies = wire_json::BODIES.iter().map(Some);
    for body in [None].into_iter().chain(bodies) {
        if let Ok(object) = wire_json::decode(bytes, body) {
            assert_eq!(
                wire_json::encode(&object, None).expect("what was decoded"),
                bytes
            );
        }
    }
}

proptest! {
    #[test] // req: T-37, T-38
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        into_every_codec(&bytes);
    }

    #[test] // req: T-37, T-38
    fn arbitrary_bytes_behind_a_true_header_never_panic(
        which in any::<proptest::sample::Index>(),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let codecs: Vec<_> = codecs().collect();
        let layout = which.get(&codecs).layout;
        let mut bytes: Vec<u8> = [layout.block_len as u16, layout.template, layout.schema, 1]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        bytes.extend(rest);
        into_every_codec(&bytes);
    }

    #[test] // req: T-37, T-38
    fn damaged_golden_bytes_never_panic(
        which in any::<proptest::sample::Index>(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = which.get(&GOLDEN_BYTES).clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        into_every_codec(&bytes);
    }
}
