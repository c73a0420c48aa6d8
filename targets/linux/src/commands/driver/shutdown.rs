//! `tp driver shutdown`: an operator asks the driver to leave.

use core::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::driver::{
    ShmDriverShutdown, ShmDriverShutdownRequest, ShutdownReason, Token,
};

use super::attach::print;
use super::control::{Control, Options, correlation};
use crate::commands::Misuse;

/// Arguments of `tp driver shutdown`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
    /// The driver's policies.shutdown_token. Other users see arguments of processes: a variable or a file is safer
    #[arg(long, env = "TP_SHUTDOWN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File with the token; the line end behind it does not count
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What the driver tells its clients
    #[arg(long, value_enum, default_value = "admin")]
    reason: ReasonName,
    /// A sentence for the people behind the clients
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Do not wait for the driver's notice
    #[arg(long)]
    no_wait: bool,
}

/// Without the token.
impl core::fmt::Debug for Args {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Args")
            .field("options", &self.options)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ReasonName {
    Normal,
    Admin,
    Error,
}

/// Sends the request, and waits until the driver says that it leaves. A wrong token is never answered (D-146).
pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let token = token(args)?;
    let request = ShmDriverShutdownRequest {
        correlation_id: correlation(),
        reason: match args.reason {
            ReasonName::Normal => ShutdownReason::Normal,
            ReasonName::Admin => ShutdownReason::Admin,
            ReasonName::Error => ShutdownReason::Error,
        },
        token: Token(&token),
        error_message: args.message.as_deref().map(Into::into),
    };
    if args.no_wait {
        Control::connect(&args.options, false)?.tell(|out| request.encode(out))?;
        return print(
            &json!({"type": "shutdown", "sent": true}),
            args.options.reach.json,
        );
    }
    let mut control = Control::connect(&args.options, true)?;
    let notice = control.ask(
        |out| request.encode(out),
        |message| match message {
            Message::ShmDriverShutdown(view) => {
                let notice = ShmDriverShutdown::try_from(view).ok()?;
                let reason = match notice.reason {
                    ShutdownReason::Normal => "normal",
                    ShutdownReason::Admin => "admin",
                    ShutdownReason::Error => "error",
                };
                Some(json!({
                    "type": "shutdown",
                    "timestamp_ns": notice.timestamp_ns,
                    "shutdown_reason": reason,
                    "shutdown_message": notice.error_message.map(|text| text.to_string()),
                }))
            }
            _ => None,
        },
    );
    let notice = notice.map_err(|error| {
        format!("{error} A driver does not answer a wrong token, nor any as long as policies.shutdown_token is empty.")
    })?;
    print(&notice, args.options.reach.json)
}

fn token(args: &Args) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut token = match (&args.token_file, &args.token) {
        (Some(file), _) => {
            fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        (None, Some(token)) => token.clone().into_bytes(),
        (None, None) => {
            return Err(
                Misuse("give the token by --token-file, TP_SHUTDOWN_TOKEN or --token").into(),
            );
        }
    };
    while token
        .last()
        .is_some_and(|last| matches!(last, b'\n' | b'\r'))
    {
        token.pop();
    }
    if token.is_empty() {
        return Err(Misuse("an empty token authorises nothing").into());
    }
    Ok(token)
}
