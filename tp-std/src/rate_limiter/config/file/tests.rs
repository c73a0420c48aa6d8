//! Files that can be used, and what is said of those that cannot.

use std::path::Path;

use super::super::*;

const SMALLEST: &str = r#"
[rate_limiter]
instance_id = "thin"
descriptor_channel = "aeron:ipc?term-length=4m"
descriptor_stream_id = 1110
control_stream_id = 1000
"#;

const MAPPING: &str = "
[[mappings]]
source_stream_id = 10000
dest_stream_id = 20000
";

fn parse(text: &str) -> Result<(RateLimiterConfig, Report), String> {
    let parsed = RateLimiterConfig::parse(Path::new("limiter.toml"), text, &|_| None);
    parsed.map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_is_the_default() {
    let (config, report) = parse(&format!("{SMALLEST}{MAPPING}")).unwrap();
    assert_eq!(config.driver_control.stream_id, 1000);
    assert_eq!(config.descriptor.stream_id, 1110);
    assert_eq!(config.allowed_dirs, [PathBuf::from("/dev/shm")]);
    assert_eq!(config.attach_timeout, Duration::from_secs(5));
    assert_eq!(config.lanes.len(), 1);
    assert_eq!(config.lanes[0].metadata_stream.get(), 20_000);
    assert_eq!(config.lanes[0].max_rate_hz, Some(0));
    assert!(config.progress().is_none() && config.qos().is_none());
    let warnings: Vec<_> = report.warnings.iter().map(|warning| &warning.key).collect();
    assert_eq!(warnings, ["rate_limiter.forward_metadata"], "from nowhere");
}

#[test] // req: L-005, L-021, L-029
fn each_mapping_has_a_policy_and_all_share_their_endpoints() {
    let text = format!(
        "{SMALLEST}
forward_progress = true
forward_qos = true
source_control_stream_id = 1000
dest_control_stream_id = 1010
source_qos_stream_id = 1200
dest_qos_stream_id = 1210
metadata_stream_id = 1300
max_rate_hz = 5
{MAPPING}
[[mappings]]
source_stream_id = 10001
dest_stream_id = 20001
max_rate_hz = 7
metadata_stream_id = 1310
"
    );
    let (config, report) = parse(&text).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let rates: Vec<_> = config.lanes.iter().map(|lane| lane.max_rate_hz).collect();
    assert_eq!(rates, [Some(5), Some(7)]);
    let (from, to) = config.progress().unwrap();
    assert_eq!((from.stream_id, to.stream_id), (1000, 1010));
    let (from, to) = config.qos().unwrap();
    assert_eq!((from.stream_id, to.stream_id), (1200, 1210));
    let (from, to) = config.metadata().unwrap();
    let to: Vec<_> = to.iter().map(|endpoint| endpoint.stream_id).collect();
    assert_eq!((from.stream_id, to), (1300, vec![20_000, 1310]));
    assert_eq!(config.hellos().stream_id, 1010);
}

#[test] // req: L-032, L-033, L-034, L-035
fn what_cannot_work_is_refused_with_its_reason() {
    let refused = |text: &str, why: &str| {
        let said = parse(text).map(|_| ()).unwrap_err();
        assert!(said.contains(why), "{said}");
    };
    let with = |line: &str| format!("{SMALLEST}{line}\n{MAPPING}");
    refused("", "rate_limiter.instance_id: missing");
    refused(SMALLEST, "no mapping");
    refused(
        &with("forward_progress = true"),
        "control streams of both ends",
    );
    refused(
        &with("forward_qos = true\nsource_qos_stream_id = 1200"),
        "QoS streams of both ends",
    );
    refused(&with("driver_control_stream_id = 0"), "must not be 0");
    refused(&with("control_channel = \"serial\""), "no Aeron channel");
    let same = MAPPING.replace("20000", "10000");
    refused(&format!("{SMALLEST}{same}"), "made from itself");
    refused(
        &format!("{SMALLEST}{MAPPING}{MAPPING}"),
        "two mappings make",
    );
    let none = MAPPING.replace("20000", "0");
    refused(&format!("{SMALLEST}{none}"), "must be 1 to");
}
