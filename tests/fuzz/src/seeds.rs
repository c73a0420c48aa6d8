//! What targets begin with: the vectors, and rows of random operations.

use std::sync::LazyLock;

use serde_json::Value;

use crate::mutator::Mutator;

macro_rules! files {
    ($($file:literal),* $(,)?) => { &[$(include_str!(concat!("../../vectors/", $file))),*] };
}

const VECTORS: &[&str] = files![
    "wire.json",
    "wire_malformed.json",
    "wire_tolerated.json",
    "driver.json",
    "discovery.json",
    "merge.json",
    "tracelink.json",
    "services_malformed.json",
    "services_tolerated.json",
];

/// The bytes of all vectors with the message or structure they are meant for.
static ENTRIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let files = VECTORS
        .iter()
        .map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap());
    let entry = |entry: Value| {
        let target = entry.get("message").or_else(|| entry.get("target"));
        let target = target.and_then(Value::as_str).unwrap();
        (
            target.to_owned(),
            bytes_of_hex(entry["hex"].as_str().unwrap()),
        )
    };
    files.flatten().map(entry).collect()
});

/// The bytes of all vectors of messages, or of structures, whose name `is_wanted`.
pub(crate) fn vectors(is_wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let wanted = ENTRIES.iter().filter(|(name, _)| is_wanted(name));
    wanted.map(|(_, bytes)| bytes.clone()).collect()
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}

/// Rows of random bytes, as operations of machines.
pub(crate) fn random() -> Vec<Vec<u8>> {
    let mut mutator = Mutator::new(1);
    [16, 64, 128, 256, 512, 512, 1024, 1024]
        .map(|len| mutator.bytes(len))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_message_are_there() {
        let layouts = tp_core_nostd::wire::MESSAGES.iter().copied().flatten();
        for layout in layouts {
            assert!(
                !vectors(|name| name == layout.name).is_empty(),
                "{}",
                layout.name
            );
        }
    }
}
