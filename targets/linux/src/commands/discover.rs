//! `tp discover`: one question to a discovery provider, and its answer as text or JSON (client 3.1).

use core::error::Error;
use core::time::Duration;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use tp_core_nostd::agent::IdleStrategy;
use tp_core_nostd::ids::ClientId;
use tp_std::aeron::{Channel, DEFAULT_CHANNEL};
use tp_std::discovery::{
    DISCOVERY_REQUEST_STREAM, DISCOVERY_RESPONSE_STREAM, Discovery, DiscoveryConfig, Filter,
    Findings, Found, RequestId, Tag, Timing,
};
use tp_std::idle::SleepingIdle;
use tp_std::{Client, Context, Endpoint, StreamId};

use super::client::stream_id;
use super::driver::table::table;
use super::driver::{aeron_stream, seconds};

const EXAMPLES: &str = "\
Examples:
  tp discover
  tp discover --stream 10000 --json
  tp discover --name 'north camera' --tag infrared
  tp discover -r 'aeron:udp?endpoint=registry:40123' -R 'aeron:udp?endpoint=me:40124'";

/// Arguments of `tp discover`; all filters given have to match.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Directory of the media driver [default: AERON_DIR, or Aeron's own default]
    #[arg(long, short = 'a', value_name = "DIR", env = "TP_AERON_DIR")]
    aeron_dir: Option<PathBuf>,
    /// Where the provider listens
    #[arg(long, short = 'r', value_name = "CHANNEL", env = "TP_DISCOVERY_CHANNEL", default_value = DEFAULT_CHANNEL)]
    request_channel: Channel,
    /// Its stream there
    #[arg(long, short = 's', value_name = "ID", env = "TP_DISCOVERY_STREAM_ID",
        default_value_t = DISCOVERY_REQUEST_STREAM, value_parser = aeron_stream)]
    request_stream: i32,
    /// Where the answer is to go
    #[arg(long, short = 'R', value_name = "CHANNEL", env = "TP_DISCOVERY_RESPONSE_CHANNEL", default_value = DEFAULT_CHANNEL)]
    response_channel: Channel,
    /// Its stream there
    #[arg(long, short = 'S', value_name = "ID", env = "TP_DISCOVERY_RESPONSE_STREAM_ID",
        default_value_t = DISCOVERY_RESPONSE_STREAM, value_parser = aeron_stream)]
    response_stream: i32,
    /// Only this stream
    #[arg(long, short = 't', value_name = "ID", value_parser = stream_id)]
    stream: Option<StreamId>,
    /// Only streams of this producer; 0 for those without one
    #[arg(long, value_name = "ID")]
    producer: Option<u32>,
    /// Only the data source with this number
    #[arg(long, value_name = "ID")]
    source_id: Option<u64>,
    /// Only the data source of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only streams that bear this tag; can be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The id to ask under; providers may log it
    #[arg(
        long,
        short = 'i',
        value_name = "ID",
        env = "TP_CLIENT_ID",
        default_value_t = 0
    )]
    client: u32,
    /// How long an answer is waited for, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
    /// Print one JSON object
    #[arg(long, short)]
    json: bool,
}

/// Asks, and prints the answer.
pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (request, answer) = ask(args)?;
    if args.json {
        writeln!(io::stdout(), "{}", object(request, &answer))?;
    }
    let found = answer?;
    if !args.json {
        io::stdout().write_all(lines(&found).as_bytes())?;
    }
    Ok(())
}

type Answer = Result<Findings, tp_std::Error>;

fn ask(args: &Args) -> Result<(RequestId, Answer), Box<dyn Error>> {
    let mut context = Context::new().with_client_name("tp discover")?;
    if let Some(dir) = &args.aeron_dir {
        context = context.with_aeron_dir(dir)?;
    }
    let (client, mut conductor) = Client::invoker(context)?;
    let endpoint = |channel: &Channel, stream| Endpoint::new(channel.clone(), stream);
    let config = DiscoveryConfig::default()
        .with_requests(endpoint(&args.request_channel, args.request_stream))
        .with_responses(endpoint(&args.response_channel, args.response_stream))
        .with_client_id(args.client)
        .with_timing(Timing {
            total: args.timeout,
            ..Timing::DEFAULT
        });
    let mut discovery = Discovery::new(&client, &config)?;
    let tags: Vec<_> = args
        .tags
        .iter()
        .map(|tag| Tag(tag.as_str().into()))
        .collect();
    let request = discovery.ask(&Filter {
        stream_id: args.stream.map(StreamId::get),
        producer_id: args.producer,
        data_source_id: args.source_id,
        data_source_name: args.name.as_deref(),
        tags: &tags,
    })?;
    let mut idle = SleepingIdle::new(Duration::from_millis(1));
    let mut answer = None;
    loop {
        let work = conductor.do_work()?;
        discovery.poll(|_, told| answer = Some(told))?;
        match answer.take() {
            Some(answer) => return Ok((request, answer)),
            None => idle.idle(work),
        }
    }
}

/// The answer with the field names of client 3.1.
fn object(request: RequestId, answer: &Answer) -> Value {
    let status = match answer {
        Ok(_) => "OK",
        Err(tp_std::Error::Timeout) => "TIMEOUT",
        Err(_) => "ERROR",
    };
    let results = answer.iter().flat_map(Findings::iter).map(result);
    json!({
        "type": "discovery",
        "request_id": request.0,
        "status": status,
        "error": answer.as_ref().err().map(ToString::to_string),
        "results": results.collect::<Vec<_>>(),
    })
}

fn result(found: &Found) -> Value {
    let pools = found.pools.iter().map(|pool| {
        json!({
            "pool_id": pool.pool_id.get(),
            "nslots": found.header_nslots,
            "stride_bytes": pool.stride_bytes,
            "region_uri": pool.region_uri,
        })
    });
    json!({
        "stream_id": found.stream.get(),
        "producer_id": found.producer.map_or(0, ClientId::get),
        "epoch": found.epoch.get(),
        "layout_version": found.layout_version,
        "header_nslots": found.header_nslots,
        "header_slot_bytes": 256,
        "max_dims": 8,
        "driver_instance_id": found.driver_instance_id(),
        "driver_control_channel": found.driver_control.channel.to_string(),
        "driver_control_stream_id": found.driver_control.stream_id,
        "header_region_uri": found.header_region_uri,
        "data_source_id": found.data_source_id,
        "data_source_name": found.data_source_name(),
        "tags": found.tags().collect::<Vec<_>>(),
        "pools": pools.collect::<Vec<_>>(),
    })
}

fn lines(found: &Findings) -> String {
    let rows: Vec<_> = found
        .iter()
        .map(|found| {
            let tags: Vec<_> = found.tags().collect();
            let Endpoint { channel, stream_id } = &found.driver_control;
            let producer = found.producer.map(|producer| producer.to_string());
            vec![
                found.stream.to_string(),
                found.epoch.to_string(),
                producer.unwrap_or_else(|| "-".into()),
                found
                    .data_source_name()
                    .map_or_else(String::new, Cow::into_owned),
                found
                    .driver_instance_id()
                    .map_or_else(String::new, Cow::into_owned),
                format!("{channel} {stream_id}"),
                tags.join(","),
            ]
        })
        .collect();
    let head = [
        "STREAM", "EPOCH", "PRODUCER", "NAME", "DRIVER", "CONTROL", "TAGS",
    ];
    table(&head, &rows)
}
