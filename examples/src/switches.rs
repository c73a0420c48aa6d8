//! How examples are switched: variables `TP_EXAMPLE_*` of the environment, each of them optional (C-175).
//!
//! | variable | default | what |
//! |---|---|---|
//! | `STREAM_ID` | 10000 | the stream |
//! | `FRAMES` | 100 | how many frames |
//! | `PATTERN` | `interop` | what frames hold: `none`, `seq`, `interop` |
//! | `MAX_WAIT_MS` | 20000 | how long an example waits in all |
//! | `ATTACH_TIMEOUT_MS` | 5000 | how long an attach may take |
//! | `SILENT_ATTACH` | `false` | no log lines but errors |
//! | `ALLOW_DIR` | `/dev/shm` | whose memory is trusted |
//! | `ANNOUNCE_STREAM_ID` | 1001 | Aeron stream of announces |
//! | `KEEPALIVE_MS` | 1000 | between keepalives; 0 never sends any |
//! | `CLIENT_ID` | drawn | id of the producer or consumer |
//! | `NODE_ID` | none | node id that a producer asks for |
//! | `HUGEPAGES` | any | `1` insists on huge pages, `0` on standard ones |
//! | `CONTROL_CHANNEL`, `CONTROL_STREAM_ID` | shared | a progress stream for one consumer alone |
//! | `CONSUMERS` | 1 | how many consumers a producer waits for |
//! | `WAIT_CONNECTED` | `true` | whether it waits for a subscriber of its descriptors, too |
//! | `POLL_PROGRESS`, `REQUIRE_PROGRESS` | `true` | `progress`: whether it asks for progress, and fails without |
//! | `EXPECT_LEASE_EXPIRY` | `true` | `reattach`: whether a lease has to be lost; `false` with `KEEPALIVE_MS` above 0 |
//! | `DEST_STREAM_ID` | 10001 | `rate_limited`: the stream with fewer frames |
//! | `FIRST_STREAM_ID`, `SECOND_STREAM_ID` | 31000, 31001 | `private_streams`: what the consumers ask for |
//! | `DESCRIPTOR_CHANNEL` | `aeron:ipc` | `private_streams`: on which channel |

use core::error::Error;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use tp_core_nostd::ids::NodeId;
use tp_core_nostd::wire::driver::HugepagesPolicy;
use tp_std::aeron::Channel;
use tp_std::log::Level;
use tp_std::{ClientId, ConsumerConfig, Context, Endpoint, ProducerConfig, StreamId};

use crate::Pattern;

/// A switch that makes no sense.
#[derive(Clone, PartialEq, Eq)]
pub struct Bad {
    name: String,
    value: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value } = self;
        write!(
            f,
            "{name}={value} makes no sense: examples/src/switches.rs lists what it takes"
        )
    }
}

/// The sentence, since that is what the end of `main` prints.
impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Error for Bad {}

/// What `TP_EXAMPLE_<name>` says, if it is set.
///
/// # Errors
/// Its value is none.
pub fn switch<T: FromStr>(name: &str) -> Result<Option<T>, Bad> {
    let name = format!("TP_EXAMPLE_{name}");
    let Some(value) = std::env::var_os(&name) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(Bad { name, value }),
    }
}

/// As [`switch`], for ids that are made of a number.
fn id<T>(name: &str, make: impl FnOnce(u32) -> Option<T>) -> Result<Option<T>, Bad> {
    let Some(number) = switch::<u32>(name)? else {
        return Ok(None);
    };
    match make(number) {
        Some(id) => Ok(Some(id)),
        None => Err(Bad {
            name: format!("TP_EXAMPLE_{name}"),
            value: number.to_string(),
        }),
    }
}

/// The stream that is written and read.
///
/// # Errors
/// The switch makes no sense.
pub fn stream() -> Result<StreamId, Bad> {
    stream_or(10_000)
}

/// As [`stream`], for examples with another default.
///
/// # Errors
/// The switch makes no sense.
pub fn stream_or(usual: u32) -> Result<StreamId, Bad> {
    let usual = || StreamId::new(usual);
    let none = || Bad {
        name: "TP_EXAMPLE_STREAM_ID".into(),
        value: "0".into(),
    };
    id("STREAM_ID", StreamId::new)?
        .or_else(usual)
        .ok_or_else(none)
}

/// How many frames are sent and expected.
///
/// # Errors
/// The switch makes no sense.
pub fn frames() -> Result<u64, Bad> {
    Ok(switch("FRAMES")?.unwrap_or(100))
}

/// What they hold.
///
/// # Errors
/// The switch makes no sense.
pub fn pattern() -> Result<Pattern, Bad> {
    Ok(switch("PATTERN")?.unwrap_or(Pattern::Interop))
}

/// How long the driver may take for its answer.
///
/// # Errors
/// The switch makes no sense.
pub fn attach_timeout() -> Result<Duration, Bad> {
    Ok(Duration::from_millis(
        switch("ATTACH_TIMEOUT_MS")?.unwrap_or(5000),
    ))
}

/// Settings of a client; the media driver is where `AERON_DIR` says.
///
/// # Errors
/// A switch makes no sense.
pub fn context(name: &str) -> Result<Context, Box<dyn Error>> {
    let dir = switch::<String>("ALLOW_DIR")?.unwrap_or_else(|| "/dev/shm".into());
    let mut context = Context::new().with_client_name(name)?.allow_dir(dir);
    if let Some(stream) = switch("ANNOUNCE_STREAM_ID")? {
        context = context.with_announce(Endpoint::new(Channel::ipc(), stream));
    }
    if let Some(interval) = switch("KEEPALIVE_MS")? {
        context = context.with_keepalive_interval(Duration::from_millis(interval));
    }
    if switch("SILENT_ATTACH")?.unwrap_or(false) {
        context = context.with_log_level(Level::Error);
    }
    Ok(context)
}

/// What a producer asks for.
///
/// # Errors
/// A switch makes no sense.
pub fn producer_config(stream: StreamId) -> Result<ProducerConfig, Bad> {
    let mut config = ProducerConfig::new(stream);
    if let Some(client) = id("CLIENT_ID", ClientId::new)? {
        config = config.with_client(client);
    }
    if let Some(node) = id("NODE_ID", NodeId::new)? {
        config = config.with_node(node);
    }
    config = match switch("HUGEPAGES")? {
        None => config,
        Some(1_u8) => config.with_hugepages(HugepagesPolicy::Hugepages),
        Some(_) => config.with_hugepages(HugepagesPolicy::Standard),
    };
    Ok(config)
}

/// What a consumer asks for.
///
/// # Errors
/// A switch makes no sense.
pub fn consumer_config(stream: StreamId) -> Result<ConsumerConfig, Box<dyn Error>> {
    let mut config = ConsumerConfig::new(stream);
    if let Some(client) = id("CLIENT_ID", ClientId::new)? {
        config = config.with_client(client);
    }
    if let Some(stream) = switch("CONTROL_STREAM_ID")? {
        let channel = switch("CONTROL_CHANNEL")?.unwrap_or_else(Channel::ipc);
        config = config.with_own_control(&Endpoint::new(channel, stream))?;
    }
    Ok(config)
}
