//! What is read, what is refused, what is warned about.

use tp_linux_hugepages::{FileMode, Namespace};

use super::*;

const GOOD: &str = r#"
[driver]
instance_id = "lab"
announce_stream_id = 1001

[shm]
base_dir = "/dev/shm"

[profiles.small]
header_nslots = 64
[[profiles.small.payload_pools]]
pool_id = 1
stride_bytes = 4096
[[profiles.small.payload_pools]]
pool_id = 2
stride_bytes = 65536

[profiles.camera]
[[profiles.camera.payload_pools]]
pool_id = 1
stride_bytes = 1048576

[streams.front]
stream_id = 10000
profile = "camera"
[streams.rear]
stream_id = 10001
profile = "small"
"#;

fn parse(text: &str) -> Result<(DriverConfig, Report), LoadError> {
    DriverConfig::parse(Path::new("driver.toml"), text, &|_| None)
}

#[test] // req: D-205, D-206, D-209, D-210, D-211
fn a_plain_file_becomes_a_configuration_with_the_defaults_of_the_specification() {
    let (config, report) = parse(GOOD).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(config.control, Endpoint::new(Channel::ipc(), 1000));
    assert_eq!(config.announce, Endpoint::new(Channel::ipc(), 1001));
    assert_eq!(config.status, Some(Endpoint::new(Channel::ipc(), 1002)));
    assert_eq!(config.announce_period, Duration::from_secs(1));
    assert_eq!(config.keepalive_interval, Duration::from_secs(1));
    assert_eq!(config.expiry_grace_intervals, 3);
    assert_eq!(config.node_id_cooldown, Duration::from_secs(1));
    assert_eq!(config.shm.mode, FileMode::SHARED_GROUP);
    assert!(config.shm.residency.prefault && !config.shm.residency.lock);
    assert!(!config.shm.cleanup_on_exit && !config.shm.hugepages);
    assert_eq!(config.aeron_dir, None);
    // In file order.
    assert_eq!(config.profiles[0].name, "small");
    assert_eq!(config.profiles[0].pools.len(), 2);
    assert_eq!(config.profiles[1].header_nslots.get(), 1024);
    let [front, rear] = &config.streams[..] else {
        panic!("{:?}", config.streams);
    };
    assert_eq!((front.stream_id.get(), front.profile), (10_000, 1));
    assert_eq!((rear.name.as_str(), rear.profile), ("rear", 0));
    assert!(
        report
            .effective
            .iter()
            .any(|value| value.key == "driver.instance_id")
    );
}

#[test] // req: D-207, D-208, D-214
fn the_environment_has_the_last_word() {
    let set = |name: &str| {
        let value = match name {
            "SHM_NAMESPACE" => "sim",
            "POLICIES_MLOCK_SHM" => "true",
            "POLICIES_LEASE_KEEPALIVE_INTERVAL_MS" => "200",
            "AERON_DIR" => "/dev/shm/aeron-a",
            "SHM_ALLOWED_BASE_DIRS" => "/tmp,/dev",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let path = Path::new("driver.toml");
    let (config, _) = DriverConfig::parse(path, GOOD, &set).unwrap();
    assert_eq!(config.shm.namespace, Namespace::new("sim").unwrap());
    assert!(config.shm.residency.lock);
    assert_eq!(config.keepalive_interval, Duration::from_millis(200));
    assert_eq!(config.aeron_dir, Some("/dev/shm/aeron-a".into()));

    let stronger = |name: &str| match name {
        "DRIVER_AERON_DIR" => Some("/dev/shm/aeron-b".to_owned()),
        _ => set(name),
    };
    let (config, _) = DriverConfig::parse(path, GOOD, &stronger).unwrap();
    assert_eq!(config.aeron_dir, Some("/dev/shm/aeron-b".into()));
}

#[test] // req: D-213, C-172
fn every_wrong_value_is_named_with_its_place_and_what_would_be_right() {
    let rows: &[(&str, &str, &str)] = &[
        // req: D-212
        (
            "header_nslots = 64",
            "header_nslots = 63",
            "63 must be a power of two below 2^31",
        ),
        (
            "header_nslots = 64",
            "header_slot_bytes = 128",
            "128 must be 256",
        ),
        ("pool_id = 2", "pool_id = 0", "0 must be 1 to 65535"),
        ("pool_id = 2", "pool_id = 65536", "65536 must be 1 to 65535"),
        ("pool_id = 2", "pool_id = 1", "pool_id 1 is there twice"),
        (
            "stride_bytes = 65536",
            "stride_bytes = 100",
            "100 must be a multiple of 64",
        ),
        (
            "stride_bytes = 65536",
            "stride_bytes = 0",
            "0 must be a multiple of 64",
        ),
        (
            "stride_bytes = 65536",
            "",
            "missing; it must be a whole number",
        ),
        (
            "stream_id = 10001",
            "stream_id = 10000",
            "is the id of streams.front already",
        ),
        // req: D-170
        (
            "stream_id = 10001",
            "stream_id = 2147483648",
            "must be 1 to 2147483647",
        ),
        (
            "stream_id = 10001",
            "stream_id = 0",
            "0 must be 1 to 2147483647",
        ),
        (
            "profile = \"small\"",
            "profile = \"big\"",
            "there is no usable profile \"big\"",
        ),
        // req: D-213
        ("instance_id = \"lab\"", "instance_id = 5", "5 must be text"),
        (
            "instance_id = \"lab\"",
            "control_channel = \"ipc\"",
            "is no Aeron channel",
        ),
        (
            "announce_stream_id = 1001",
            "announce_stream_id = 0",
            "0 must be 1 to 2147483647",
        ),
        // req: D-214
        (
            "base_dir = \"/dev/shm\"",
            "base_dir = \"dev/shm\"",
            "must be an absolute path",
        ),
        (
            "base_dir = \"/dev/shm\"",
            "namespace = \"a b\"",
            "letters, digits, - and _",
        ),
        (
            "base_dir = \"/dev/shm\"",
            "namespace = \"\"",
            "letters, digits, - and _",
        ),
        (
            "base_dir = \"/dev/shm\"",
            "allowed_base_dirs = [\"/dev/shmoo\"]",
            "none of them contains shm.base_dir, \"/dev/shm\"",
        ),
        // req: D-186
        (
            "base_dir = \"/dev/shm\"",
            "permissions_mode = \"666\"",
            "nothing for others",
        ),
        (
            "base_dir = \"/dev/shm\"",
            "permissions_mode = 660",
            "660 must be text",
        ),
        // req: D-211
        (
            "[shm]",
            "[policies]\nallow_dynamic_streams = true\n[shm]",
            "define each stream under [streams.NAME]",
        ),
        (
            "[shm]",
            "[policies]\nlease_expiry_grace_intervals = 0\n[shm]",
            "0 must be 1 to 4294967295",
        ),
    ];
    for (good, bad, complaint) in rows {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good}");
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.contains(complaint), "{bad}: {said}");
        assert!(said.starts_with("driver.toml:"), "{said}");
    }
}

#[test] // req: D-209, D-210, D-211
fn profiles_pools_and_streams_are_needed() {
    let error = parse("").unwrap_err().to_string();
    assert!(error.contains("at least one profile is needed"), "{error}");
    assert!(error.contains("at least one stream is needed"), "{error}");
    let error = parse("[profiles.a]\n").unwrap_err().to_string();
    assert!(error.contains("at least one pool is needed"), "{error}");
}

#[test] // req: D-212, D-213, T-05
fn what_is_questionable_is_only_warned_about() {
    let text = GOOD
        .replacen("stride_bytes = 65536", "stride_bytes = 192", 1)
        .replacen(
            "[shm]",
            "[policies]\nepoch_gc_keep = 3\nanounce_period_ms = 5\n[shm]",
            1,
        );
    let (_, report) = parse(&text).unwrap();
    let texts: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("no power of two"), "{texts:?}");
    assert!(
        texts[1].contains("old epochs are not collected yet"),
        "{texts:?}"
    );
    assert!(
        texts[2].contains("policies.anounce_period_ms: unknown key"),
        "{texts:?}"
    );
}

#[test]
fn the_example_is_a_configuration_without_warnings() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../targets/linux/config/driver.toml"
    );
    let (config, report) = DriverConfig::load(Path::new(path), &|_| None).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(config.streams.len(), 3);
}

#[test] // req: C-168
fn the_status_stream_is_for_nothing_else() {
    let with = |driver: &str| parse(&GOOD.replace("[driver]", &format!("[driver]\n{driver}")));
    let status = |driver| {
        with(driver)
            .unwrap()
            .0
            .status
            .map(|status| status.stream_id)
    };
    assert_eq!(status("status_stream_id = 55"), Some(55));
    assert_eq!(status("status_stream_id = 0"), None);
    // Somebody who never heard of it is not kept from starting.
    let (config, report) = with("control_stream_id = 1002").unwrap();
    assert_eq!(config.status, None);
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    for wrong in [
        "status_stream_id = 1001",
        "status_stream_id = 1000",
        "status_stream_id = 2147483648",
    ] {
        let error = with(wrong).unwrap_err().to_string();
        assert!(
            error.contains("driver.toml:3: driver.status_stream_id"),
            "{error}"
        );
    }
}
