//! Configuration files of drivers: read or refused with a list of problems, never with a panic.

use std::path::Path;

use tp_std::driver::DriverConfig;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match DriverConfig::parse(Path::new("driver.toml"), &text, &|_| None) {
        Ok((config, report)) => {
            assert!(!config.stream_ids().is_empty() || config.streams.is_empty());
            assert!(config.lease_limit > 0 && !report.effective.is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The files that come with the programs, and each of their values changed into what it is not.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let files = [
        include_str!("../../../../targets/linux/config/driver.toml"),
        include_str!("../../../../targets/linux/config/dynamic.toml"),
        include_str!("../../../../targets/linux/config/hugepages.toml"),
        include_str!("../../../../targets/linux/config/camera.toml"),
        include_str!("../../../../targets/linux/config/isolated-core.toml"),
    ];
    let mut seeds: Vec<_> = files.map(|text| text.as_bytes().to_vec()).into();
    for text in files {
        for wrong in ["-1", "99999999999", "\"x\"", "[]", "true"] {
            let changed = text.lines().map(|line| match line.split_once(" = ") {
                Some((key, _)) if !line.starts_with('#') => format!("{key} = {wrong}\n"),
                _ => format!("{line}\n"),
            });
            seeds.push(changed.collect::<String>().into_bytes());
        }
    }
    seeds
}
