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
        // req: D-158
        (
            "[shm]",
            "[policies]\nallow_dynamic_streams = true\n[shm]",
            "driver.stream_id_range, such as \"20000-29999\"",
        ),
        // req: D-162, D-163
        (
            "announce_stream_id = 1001",
            "stream_id_range = [20000, 10000]",
            "[20000, 10000] must be a range of stream ids from 1 to 2147483647",
        ),
        (
            "announce_stream_id = 1001",
            "stream_id_range = \"500-1000\"",
            "500-1000 overlaps driver.control_stream_id: both have 1000",
        ),
        (
            "announce_stream_id = 1001",
            "announce_stream_id = 1001\ndescriptor_stream_id_range = \"1001\"",
            "1001-1001 overlaps driver.announce_stream_id: both have 1001",
        ),
        (
            "announce_stream_id = 1001",
            "qos_stream_id = 1234\ncontrol_stream_id_range = [\"2000-3000\", \"1200-1300\"]",
            "1200-1300 overlaps driver.qos_stream_id: both have 1234",
        ),
        (
            "announce_stream_id = 1001",
            "stream_id_range = [10001, 20000]",
            "10001-20000 overlaps streams.rear.stream_id: both have 10001",
        ),
        (
            "announce_stream_id = 1001",
            "stream_id_range = [\"20000-29999\", \"29000-31000\"]",
            "29000-31000 overlaps driver.stream_id_range: both have 29000",
        ),
        (
            "announce_stream_id = 1001",
            "descriptor_stream_id_range = \"31000-31999\"\ncontrol_stream_id_range = \"31999\"",
            "31999-31999 overlaps driver.descriptor_stream_id_range: both have 31999",
        ),
        (
            "[shm]",
            "[policies]\ndefault_profile = \"big\"\n[shm]",
            "there is no usable profile \"big\", only small, camera",
        ),
        (
            "[shm]",
            "[policies]\nepoch_gc_keep = 0\n[shm]",
            "0 must be 1 to 4294967295",
        ),
        (
            "[shm]",
            "[policies]\nreuse_existing_shm = \"no\"\n[shm]",
            "\"no\" must be true or false",
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
            "[policies]\nreuse_existing_shm = true\nanounce_period_ms = 5\n[shm]",
            1,
        );
    let (_, report) = parse(&text).unwrap();
    let texts: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("no power of two"), "{texts:?}");
    assert!(texts[1].contains("every epoch gets new files"), "{texts:?}");
    assert!(
        texts[2].contains("policies.anounce_period_ms: unknown key"),
        "{texts:?}"
    );
}

#[test] // req: D-156, D-157, D-159, D-165, D-205
fn ids_are_given_away_only_where_that_is_allowed() {
    let (config, _) = parse(GOOD).unwrap();
    assert_eq!(config.dynamic, None);
    assert!(config.private_descriptors.is_empty() && config.private_controls.is_empty());

    let ranges = "announce_stream_id = 1001\nstream_id_range = \"20000-29999\"\n\
                  descriptor_stream_id_range = [31000, 31999]\ncontrol_stream_id_range = [\"32000\", \"32002\"]";
    let text = GOOD.replacen("announce_stream_id = 1001", ranges, 1);
    let (config, report) = parse(&text).unwrap();
    assert_eq!(config.dynamic, None);
    let complaint = report.warnings[0].to_string();
    assert!(complaint.contains("no effect while policies.allow_dynamic_streams is false"));
    let written = |ranges: &[IdRange]| crate::config::IdRanges(ranges.to_vec()).to_string();
    assert_eq!(written(&config.private_descriptors), "31000-31999");
    assert_eq!(written(&config.private_controls), "32000-32000,32002-32002");
    assert_eq!(written(&config.stream_ids()), "10000-10000,10001-10001");

    let allowed = "[policies]\nallow_dynamic_streams = true\n[shm]";
    let text = text.replacen("[shm]", allowed, 1);
    let (config, report) = parse(&text).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    // The first profile of the file, not of the alphabet.
    assert_eq!(config.dynamic.as_ref().unwrap().profile, 0);
    assert_eq!(
        written(&config.stream_ids()),
        "10000-10000,10001-10001,20000-29999"
    );
    let text = text.replacen("[policies]", "[policies]\ndefault_profile = \"camera\"", 1);
    let (config, _) = parse(&text).unwrap();
    assert_eq!(config.dynamic.unwrap().profile, 1);

    // No configured stream is needed then.
    let (profiles, _) = text.split_once("[streams.front]").unwrap();
    assert!(parse(profiles).unwrap().0.streams.is_empty());
}

#[test] // req: D-207, T-16
fn ranges_come_from_the_environment_too() {
    for (value, read) in [
        ("20000-29999", "20000-29999"),
        ("20000,29999", "20000-29999"),
    ] {
        let set = |name: &str| match name {
            "DRIVER_STREAM_ID_RANGE" => Some(value.to_owned()),
            "POLICIES_ALLOW_DYNAMIC_STREAMS" => Some("true".to_owned()),
            _ => None,
        };
        let (config, _) = DriverConfig::parse(Path::new("driver.toml"), GOOD, &set).unwrap();
        let ids = crate::config::IdRanges(config.dynamic.unwrap().ids);
        assert_eq!(ids.to_string(), read);
    }
}

#[test] // req: D-147, D-148, D-197, D-198, D-200, D-205
fn old_epochs_and_shutdown_follow_the_defaults_of_the_specification() {
    let with = |policies: &str| {
        let text = GOOD.replacen("[shm]", &format!("[policies]\n{policies}\n[shm]"), 1);
        parse(&text).unwrap()
    };
    let (config, _) = with("announce_period_ms = 200");
    let retention = config.retention.unwrap();
    assert_eq!((retention.keep, retention.on_startup), (2, false));
    assert_eq!(retention.min_age, Duration::from_millis(600));
    assert!(config.shutdown_token.is_none());
    assert_eq!(config.shutdown_timeout, Duration::from_secs(2));

    let (config, report) = with(
        "epoch_gc_keep = 5\nepoch_gc_min_age_ns = 7\nepoch_gc_on_startup = true\n\
         shutdown_token = \"sesame\"\nshutdown_timeout_ms = 0",
    );
    let retention = config.retention.unwrap();
    assert_eq!((retention.keep, retention.on_startup), (5, true));
    assert_eq!(retention.min_age, Duration::from_nanos(7));
    assert_eq!(config.shutdown_token.as_ref().unwrap().reveal(), "sesame");
    assert_eq!(config.shutdown_timeout, Duration::ZERO);
    // Shown nowhere.
    let shown = format!("{config:?} {report:?}");
    assert!(!shown.contains("sesame"), "{shown}");

    assert_eq!(with("epoch_gc_enabled = false").0.retention, None);
    let text = GOOD.replacen("[shm]", "[policies]\nshutdown_token = 1234\n[shm]", 1);
    let said = parse(&text).unwrap_err().to_string();
    assert!(said.ends_with("the value must be text"), "{said}");
}

#[test] // req: P-007, P-059
fn a_supervisor_answers_hellos_instead() {
    let (config, _) = parse(GOOD).unwrap();
    assert!(config.answers_hellos && config.consumer_limit.is_none());
    let table = "[supervisor]\nexternal = true\nmax_consumers_per_stream = 3\nforce_mode = 2\n";
    let (config, report) = parse(&format!("{GOOD}{table}")).unwrap();
    assert!(!config.answers_hellos);
    assert_eq!(config.consumer_limit, Some(3));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let (config, report) = parse(&format!("{GOOD}[supervisor]\n")).unwrap();
    assert!(!config.answers_hellos && config.consumer_limit.is_none());
    assert!(report.warnings[0].to_string().contains("external = true"));
}

#[test]
fn rings_far_beyond_the_cache_are_named() {
    let (config, _) = parse(GOOD).unwrap();
    // 64 x 64 KiB and 1024 x 1 MiB.
    let said = config.beyond_cache(1 << 20);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("profiles.camera: 1024 slots of 1048576 bytes in pool 1 are 1024 MiB")
    );
    assert_eq!(config.beyond_cache(1 << 19).len(), 2);
    assert!(config.beyond_cache(1 << 28).is_empty());
    // A profile that no stream has costs nothing.
    let text = GOOD.replacen("profile = \"camera\"", "profile = \"small\"", 1);
    assert!(parse(&text).unwrap().0.beyond_cache(1 << 20).is_empty());
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
