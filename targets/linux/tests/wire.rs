//! `tp wire` as people and scripts call it.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const HEX: &str = "28000400840301001027000001000000000000000c00000000000000ffffffffffffffff000000000000000000000000";
const JSON: &str = r#"{"message":"FrameDescriptor","schema_id":900,"template_id":4,"fields":{"streamId":10000,"epoch":1,"seq":12,"timestampNs":null,"metaVersion":0,"traceId":null}}"#;

fn tp(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tp"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn printed(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    str::from_utf8(&output.stdout).unwrap().trim_end()
}

#[test]
fn hex_and_json_become_each_other_from_arguments_and_standard_input() {
    assert_eq!(printed(&tp(&["wire", "decode", HEX], "")), JSON);
    assert_eq!(
        printed(&tp(&["wire", "decode"], &format!("  {HEX}\n"))),
        JSON
    );
    assert_eq!(printed(&tp(&["wire", "encode", JSON], "")), HEX);
    assert_eq!(printed(&tp(&["wire", "encode"], JSON)), HEX);
}

#[test]
fn bodies_without_header_are_named() {
    let superblock = "00".repeat(64);
    let output = tp(
        &["wire", "decode", "--message", "ShmRegionSuperblock"],
        &superblock,
    );
    let object = printed(&output);
    assert!(object.contains(r#""header":false"#), "{object}");
    assert_eq!(printed(&tp(&["wire", "encode"], object)), superblock);
}

#[test]
fn failures_exit_with_1_and_a_sentence_and_misuse_with_2() {
    let rows: [(&[&str], i32, &str); 5] = [
        (
            &["wire", "decode", "2800"],
            1,
            "tp: not a whole message: 8 more bytes needed, 2 left\n",
        ),
        (
            &["wire", "decode", "xyz"],
            1,
            "tp: not hex: 'x' is no hex digit\n",
        ),
        (
            &["wire", "encode", "{}"],
            1,
            "tp: message: the message's name is missing\n",
        ),
        (
            &["wire", "decode", "--message", "Nonsense"],
            2,
            "SlotHeader",
        ),
        (&["wire"], 2, "Usage"),
    ];
    for (arguments, status, sentence) in rows {
        let output = tp(arguments, "");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        let said = str::from_utf8(&output.stderr).unwrap();
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
