//! `tp driver status|leases|streams|counters`: one question on the status stream, and its answer as text or JSON.

use core::error::Error;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use tp_std::STATUS_STREAM;
use tp_std::driver::{What, ask_driver};

use super::table::table;
use super::{Reach, aeron_stream};
use crate::commands::output::{pairs, plain, span};

/// Arguments of the commands that only ask.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    reach: Reach,
    /// The driver's status stream, driver.status_stream_id
    #[arg(long, short = 's', value_name = "ID", env = "TP_STATUS_STREAM_ID",
        default_value_t = STATUS_STREAM, value_parser = aeron_stream)]
    stream_id: i32,
}

/// Asks and prints.
pub(super) fn run(args: &Args, what: What) -> Result<(), Box<dyn Error>> {
    let mut lines = ask(args, what)?;
    if what == What::Streams {
        add_leases(&mut lines, &ask(args, What::Leases)?);
    }
    let text = match (args.reach.json, what) {
        (true, _) => lines.iter().map(|line| format!("{line}\n")).collect(),
        (false, What::Status | What::Counters) => lines.iter().map(pairs).collect(),
        (false, What::Leases) => leases(&lines),
        (false, What::Streams) => streams(&lines),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// The lines of the answer, without the number that only the status stream needs.
fn ask(args: &Args, what: What) -> Result<Vec<Value>, Box<dyn Error>> {
    let (dir, endpoint) = (args.reach.dir(), args.reach.endpoint(args.stream_id));
    let mut lines = Vec::new();
    let mut unreadable = None;
    ask_driver(
        &dir,
        &endpoint,
        what,
        args.reach.timeout(),
        &mut |line| match serde_json::from_str::<Value>(line) {
            Ok(mut line) => {
                if let Some(fields) = line.as_object_mut() {
                    fields.shift_remove("request");
                }
                lines.push(line);
            }
            Err(error) => unreadable = Some(error),
        },
    )?;
    match unreadable {
        Some(error) => Err(format!("the driver's answer cannot be read: {error}").into()),
        None => Ok(lines),
    }
}

/// Says of each stream which consumer leases it has. The driver would have to look at all leases for each stream; here they are
/// looked at once.
fn add_leases(streams: &mut [Value], leases: &[Value]) {
    let mut of_stream: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for lease in leases {
        let id = lease.get("lease_id").cloned().unwrap_or_default();
        if lease.get("role").is_some_and(|role| role == "consumer") {
            let key = number(lease, "stream_id");
            of_stream.entry(key).or_default().push(id);
        }
    }
    for stream in streams {
        let consumers = of_stream.remove(&number(stream, "stream_id"));
        if let Some(fields) = stream.as_object_mut() {
            fields.insert(
                "consumer_lease_ids".into(),
                json!(consumers.unwrap_or_default()),
            );
        }
    }
}

fn number(line: &Value, field: &str) -> String {
    line.get(field).map(plain).unwrap_or_default()
}

fn leases(lines: &[Value]) -> String {
    let head = [
        "LEASE",
        "STREAM",
        "CLIENT",
        "ROLE",
        "NODE",
        "STATE",
        "EXPIRES IN",
    ];
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let fields = [
                "lease_id",
                "stream_id",
                "client_id",
                "role",
                "node_id",
                "state",
            ];
            let mut row: Vec<_> = fields.map(|field| number(line, field)).into();
            let left = line.get("expires_in_ns").and_then(Value::as_u64);
            row.push(left.map(span).unwrap_or_default());
            row
        })
        .collect();
    format!("{}{}", table(&head, &rows), count(rows.len(), "lease"))
}

fn streams(lines: &[Value]) -> String {
    let head = [
        "STREAM",
        "NAME",
        "PROFILE",
        "EPOCH",
        "PRODUCER",
        "CONSUMERS",
        "HEADER RING",
    ];
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let fields = [
                "stream_id",
                "name",
                "profile",
                "epoch",
                "producer_client_id",
                "consumer_count",
                "header_uri",
            ];
            fields.map(|field| number(line, field)).into()
        })
        .collect();
    format!("{}{}", table(&head, &rows), count(rows.len(), "stream"))
}

fn count(number: usize, name: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {name}{plural}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_know_their_leases() {
        let lease = |id: u64, stream: u32, role: &str| json!({"type": "lease", "lease_id": id, "stream_id": stream, "role": role});
        let mut streams = vec![
            json!({"type": "stream", "stream_id": 1}),
            json!({"type": "stream", "stream_id": 2}),
        ];
        let leases = [
            lease(5, 1, "consumer"),
            lease(6, 1, "producer"),
            lease(7, 3, "producer"),
            lease(8, 1, "consumer"),
        ];
        add_leases(&mut streams, &leases);
        assert_eq!(
            streams,
            [
                json!({"type": "stream", "stream_id": 1, "consumer_lease_ids": [5, 8]}),
                json!({"type": "stream", "stream_id": 2, "consumer_lease_ids": []}),
            ]
        );
    }

    #[test]
    fn people_get_columns_and_a_count() {
        let line = json!({"type": "lease", "lease_id": 77, "stream_id": 10000, "client_id": 7, "role": "consumer",
            "node_id": null, "expiry_ns": 5_000_000_000_u64, "expires_in_ns": 2_999_000_000_u64, "state": "active"});
        let expected = "\
LEASE  STREAM  CLIENT  ROLE      NODE  STATE   EXPIRES IN
   77   10000       7  consumer        active      3.00 s
1 lease
";
        assert_eq!(leases(&[line]), expected);
        assert!(streams(&[]).ends_with("HEADER RING\n0 streams\n"));
    }
}
