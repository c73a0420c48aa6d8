//! `tp driver attach`: takes a lease.

use core::error::Error;
use std::io::{self, Write};

use serde_json::{Value, json};
use tp_core_nostd::ids::{ClientId, NodeId, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::{
    Grant, HugepagesPolicy, PublishMode, Refusal, RefusalCode, Role, ShmAttachRequest,
    ShmAttachResponse,
};

use super::control::{Control, Options, correlation};
use crate::commands::output::pairs;

/// Arguments of `tp driver attach`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
    /// Client id of the lease; each lease has one of its own
    #[arg(long, value_name = "ID", env = "TP_CLIENT_ID", value_parser = client_id)]
    client: ClientId,
    /// What the lease is for
    #[arg(long, value_enum, env = "TP_ROLE")]
    role: RoleName,
    /// The stream, 0 for one that the driver assigns
    #[arg(long, value_name = "ID", env = "TP_STREAM_ID", value_parser = clap::value_parser!(u32).range(..0x8000_0000))]
    stream: u32,
    /// Whether the driver may make the stream for this
    #[arg(long, value_enum, default_value = "require-existing")]
    publish_mode: ModeName,
    /// Layout version to insist on, 0 for any
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    layout: u32,
    /// Pages to insist on
    #[arg(long, value_enum, default_value = "unspecified")]
    hugepages: PagesName,
    /// Node id to ask for
    #[arg(long, value_name = "ID")]
    node: Option<u32>,
}

/// Names of [`Role`], with the numbers that stand on the wire.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum RoleName {
    #[value(alias = "1")]
    Producer,
    #[value(alias = "2")]
    Consumer,
}

impl RoleName {
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Producer => Role::Producer,
            Self::Consumer => Role::Consumer,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ModeName {
    #[value(aliases = ["1", "existing"])]
    RequireExisting,
    #[value(aliases = ["2", "create"])]
    ExistingOrCreate,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PagesName {
    #[value(alias = "0")]
    Unspecified,
    #[value(alias = "1")]
    Standard,
    #[value(alias = "2")]
    Hugepages,
}

pub(super) fn client_id(text: &str) -> Result<ClientId, &'static str> {
    let id = text.parse().ok().and_then(ClientId::new);
    id.ok_or("a client id is a number from 1 to 4294967294")
}

/// Attaches and prints the answer.
pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let request = ShmAttachRequest {
        correlation_id: correlation(),
        stream_id: StreamId::new(args.stream),
        client_id: args.client,
        role: args.role.role(),
        expected_layout_version: args.layout,
        publish_mode: match args.publish_mode {
            ModeName::RequireExisting => PublishMode::RequireExisting,
            ModeName::ExistingOrCreate => PublishMode::ExistingOrCreate,
        },
        require_hugepages: match args.hugepages {
            PagesName::Unspecified => HugepagesPolicy::Unspecified,
            PagesName::Standard => HugepagesPolicy::Standard,
            PagesName::Hugepages => HugepagesPolicy::Hugepages,
        },
        desired_node_id: args.node,
    };
    let mut control = Control::connect(&args.options, true)?;
    let answer = control.ask(
        |out| request.encode(out),
        |message| match message {
            Message::ShmAttachResponse(view)
                if view.block.correlation_id.get() == request.correlation_id.0 =>
            {
                Some(match ShmAttachResponse::try_from(view) {
                    Ok(response) => Ok(show(&response)),
                    Err(error) => Err(format!("the driver's answer breaks the protocol: {error}")),
                })
            }
            _ => None,
        },
    )?;
    print(&answer?, args.options.reach.json)
}

/// The answer with the field names of client 3.1.
fn show(response: &ShmAttachResponse<'_>) -> Value {
    let mut object = json!({
        "type": "attach",
        "correlation_id": response.correlation_id.0,
        "code": code(response.outcome.as_ref().err()),
        "error_message": error_message(response.outcome.as_ref().err()),
    });
    if let (Ok(grant), Some(fields)) = (&response.outcome, object.as_object_mut()) {
        fields.extend(granted(grant).as_object().cloned().unwrap_or_default());
    }
    object
}

fn granted(grant: &Grant<'_>) -> Value {
    let pools = grant.payload_pools.iter().map(|pool| {
        json!({
            "pool_id": pool.pool_id.get(),
            "nslots": grant.header_nslots.get(),
            "stride": pool.stride.get(),
            "uri": pool.region_uri.to_string(),
        })
    });
    json!({
        "lease_id": grant.lease_id.get(),
        "lease_expiry_ns": grant.lease_expires_at.map(Instant::as_ns),
        "stream_id": grant.stream_id.get(),
        "epoch": grant.epoch.get(),
        "layout_version": grant.layout_version,
        "header_nslots": grant.header_nslots.get(),
        "header_slot_bytes": 256,
        "node_id": grant.node_id.map(NodeId::get),
        "header_region_uri": grant.header_region_uri.to_string(),
        "pools": pools.collect::<Vec<_>>(),
    })
}

/// A response code by name.
pub(super) fn code(refusal: Option<&Refusal<'_>>) -> &'static str {
    match refusal.map(|refusal| refusal.code) {
        None => "OK",
        Some(RefusalCode::Unsupported) => "UNSUPPORTED",
        Some(RefusalCode::InvalidParams) => "INVALID_PARAMS",
        Some(RefusalCode::Rejected) => "REJECTED",
        Some(RefusalCode::InternalError) => "INTERNAL_ERROR",
    }
}

pub(super) fn error_message(refusal: Option<&Refusal<'_>>) -> Option<String> {
    Some(refusal?.error_message?.to_string())
}

/// Prints the answer; one that is no OK is a failure, too.
pub(super) fn print(answer: &Value, as_json: bool) -> Result<(), Box<dyn Error>> {
    let text = match as_json {
        true => format!("{answer}\n"),
        false => pairs(answer),
    };
    io::stdout().write_all(text.as_bytes())?;
    match answer.get("code").and_then(Value::as_str) {
        None | Some("OK") => Ok(()),
        Some(code) => {
            let why = answer.get("error_message").and_then(Value::as_str);
            Err(format!("refused with {code}: {}", why.unwrap_or("no reason given")).into())
        }
    }
}
