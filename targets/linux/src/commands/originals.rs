//! The positional forms of the tool that `tp` follows (C-164): `tp driver-attach DIR CHANNEL ID CLIENT ROLE STREAM` is
//! written as `tp driver attach --aeron-dir DIR --channel CHANNEL …` before it is parsed.

use std::ffi::OsString;

/// A command of the original: its name, ours, and the options that its positions stand for, in order.
type Original = (&'static str, &'static str, &'static [&'static str]);

const ORIGINALS: [Original; 7] = [
    ("driver-status", "status", ASK),
    ("list-leases", "leases", ASK),
    ("list-streams", "streams", ASK),
    ("driver-counters", "counters", ASK),
    (
        "driver-attach",
        "attach",
        &[
            "--aeron-dir",
            "--channel",
            "--control-stream",
            "--client",
            "--role",
            "--stream",
            "--publish-mode",
            "--layout",
            "--hugepages",
            "--timeout-ms",
        ],
    ),
    ("driver-detach", "detach", OF_LEASE),
    ("driver-keepalive", "keepalive", OF_LEASE),
];

const ASK: &[&str] = &["--aeron-dir", "--channel", "--stream-id"];
const OF_LEASE: &[&str] = &[
    "--aeron-dir",
    "--channel",
    "--control-stream",
    "--client",
    "--role",
    "--stream",
    "--lease",
];

/// The arguments of a process, in our form. What is in our form already stays as it is.
pub(super) fn translate(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let mut ours: Vec<OsString> = args.next().into_iter().collect();
    let Some(command) = args.next() else {
        return ours;
    };
    let Some((_, name, options)) = ORIGINALS
        .into_iter()
        .find(|(original, ..)| command == *original)
    else {
        ours.push(command);
        ours.extend(args);
        return ours;
    };
    ours.extend(["driver".into(), name.into()]);
    let mut options = options.iter();
    let mut is_value = false;
    for arg in args {
        let is_option = arg.as_encoded_bytes().starts_with(b"-");
        if !is_option && !is_value {
            // One position too many is refused as what it is.
            ours.extend(options.next().map(OsString::from));
        }
        // The only short and long options without a value among ours.
        let is_flag = ["-j", "--json", "-h", "--help"]
            .iter()
            .any(|flag| arg == *flag);
        is_value = is_option && !is_flag && !arg.as_encoded_bytes().contains(&b'=');
        ours.push(arg);
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> String {
        let args = translate(line.split(' ').map(OsString::from));
        let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        args.join(" ")
    }

    #[test]
    fn positions_become_options() {
        for (original, ours) in [
            ("tp", "tp"),
            ("tp driver status", "tp driver status"),
            (
                "tp driver-status /a aeron:ipc 1002 -j",
                "tp driver status --aeron-dir /a --channel aeron:ipc --stream-id 1002 -j",
            ),
            (
                "tp driver-attach /a aeron:ipc 1000 7 2 10000 2 1 0 500",
                "tp driver attach --aeron-dir /a --channel aeron:ipc --control-stream 1000 --client 7 --role 2 \
                 --stream 10000 --publish-mode 2 --layout 1 --hugepages 0 --timeout-ms 500",
            ),
            (
                "tp driver-detach --timeout 1 /a --json aeron:ipc 1000 7 1 10000 99 100",
                "tp driver detach --timeout 1 --aeron-dir /a --json --channel aeron:ipc --control-stream 1000 \
                 --client 7 --role 1 --stream 10000 --lease 99 100",
            ),
        ] {
            assert_eq!(translated(original), ours);
        }
    }
}
