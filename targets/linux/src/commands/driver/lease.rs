//! `tp driver detach` and `tp driver keepalive`: what a client says about a lease it has.

use core::error::Error;

use serde_json::json;
use tp_core_nostd::ids::{ClientId, LeaseId, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::time::Clock;
use tp_core_nostd::wire::driver::{ShmDetachRequest, ShmDetachResponse, ShmLeaseKeepalive};
use tp_std::clock::MonotonicClock;

use super::attach::{RoleName, client_id, code, error_message, print};
use super::control::{Control, Options, correlation};
use crate::commands::client::stream_id;

/// Arguments of both: the lease, exactly as the driver knows it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
    /// Client id of the lease
    #[arg(long, value_name = "ID", env = "TP_CLIENT_ID", value_parser = client_id)]
    client: ClientId,
    /// What the lease is for
    #[arg(long, value_enum, env = "TP_ROLE")]
    role: RoleName,
    /// Its stream
    #[arg(long, value_name = "ID", env = "TP_STREAM_ID", value_parser = stream_id)]
    stream: StreamId,
    /// The lease
    #[arg(long, value_name = "ID", env = "TP_LEASE_ID", value_parser = lease_id)]
    lease: LeaseId,
}

fn lease_id(text: &str) -> Result<LeaseId, &'static str> {
    let id = text.parse().ok().and_then(LeaseId::new);
    id.ok_or("a lease id is the number that attach or `tp driver leases` shows")
}

/// Gives the lease back and prints the answer.
pub(super) fn detach(args: &Args) -> Result<(), Box<dyn Error>> {
    let request = ShmDetachRequest {
        correlation_id: correlation(),
        lease_id: args.lease,
        stream_id: args.stream,
        client_id: args.client,
        role: args.role.role(),
    };
    let mut control = Control::connect(&args.options, true)?;
    let answer = control.ask(
        |out| request.encode(out),
        |message| match message {
            Message::ShmDetachResponse(view)
                if view.block.correlation_id.get() == request.correlation_id.0 =>
            {
                let response = ShmDetachResponse::try_from(view).ok()?;
                let refusal = response.outcome.as_ref().err();
                Some(json!({
                    "type": "detach",
                    "correlation_id": request.correlation_id.0,
                    "lease_id": args.lease.get(),
                    "code": code(refusal),
                    "error_message": error_message(refusal),
                }))
            }
            _ => None,
        },
    )?;
    print(&answer, args.options.reach.json)
}

/// Sends one keepalive. Nobody says whether it counted; `tp driver leases` shows it.
pub(super) fn keepalive(args: &Args) -> Result<(), Box<dyn Error>> {
    let message = ShmLeaseKeepalive {
        lease_id: args.lease,
        stream_id: args.stream,
        client_id: args.client,
        role: args.role.role(),
        client_timestamp_ns: MonotonicClock.now().as_ns(),
    };
    Control::connect(&args.options, false)?.tell(|out| message.encode(out))?;
    let sent = json!({
        "type": "keepalive",
        "lease_id": args.lease.get(),
        "client_timestamp_ns": message.client_timestamp_ns,
    });
    print(&sent, args.options.reach.json)
}
