//! Who may end a driver: whoever has the secret, and nobody else hears a word about it.

use tp_core_nostd::ids::CorrelationId;
use tp_core_nostd::wire::driver::{ShmDriverShutdownRequest, ShutdownReason, Token};
use tp_std::aeron::{AeronClient, ClientConfig};
use tp_std::{ANNOUNCE_STREAM, CONTROL_STREAM, OfferError};

use crate::foreign::connected;
use crate::frames::publish;
use crate::hostile::{send, undisturbed};
use crate::rig::{Rig, Shape, aeron_dir, producer, wait_until};

const SECRET: &str = "open sesame";
const GUARDED: Shape = Shape {
    slots: 1024,
    strides: &[1024, 16 * 1024],
    term: "4m",
    announce_ms: 1000,
    keepalive_ms: 500,
    announces: ANNOUNCE_STREAM,
    driver: "",
    shm: "",
    policies: "shutdown_token = \"open sesame\"\nshutdown_timeout_ms = 300",
    streams: &[],
};

fn request(token: &[u8]) -> Vec<u8> {
    let request = ShmDriverShutdownRequest {
        correlation_id: CorrelationId(1),
        reason: ShutdownReason::Admin,
        token: Token(token),
        error_message: None,
    };
    let mut bytes = vec![0; token.len() + 64];
    let len = request.encode(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// Tokens that are not the secret, though near.
fn wrong() -> Vec<Vec<u8>> {
    let mut near = SECRET.as_bytes().to_vec();
    near[SECRET.len() - 1] ^= 1;
    vec![
        vec![],
        b"o".to_vec(),
        SECRET.as_bytes()[..SECRET.len() - 1].to_vec(),
        format!("{SECRET}e").into_bytes(),
        format!("{SECRET}\0").into_bytes(),
        SECRET.to_uppercase().into_bytes(),
        near,
        vec![0; SECRET.len()],
        vec![0xFF; 64 << 10],
    ]
}

#[test] // req: D-144, D-146, D-147
fn wrong_tokens_are_ignored_without_an_answer_and_never_shown() {
    undisturbed(&GUARDED, |rig| {
        let mut stranger = AeronClient::connect(&ClientConfig::new(aeron_dir(rig.root()))).unwrap();
        let mut control = connected(&mut stranger, CONTROL_STREAM);
        for token in wrong() {
            send(&mut stranger, &mut control, &request(&token));
        }
        wait_until("the driver to ignore them all", || {
            rig.counter("ignored_shutdown_requests") == wrong().len() as u64
        });
        let output = rig.tp(&["driver", "shutdown", "--token", "guessed", "--timeout", "1"]);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("does not answer a wrong token"), "{stderr}");
        for secret in [SECRET, "guessed"] {
            assert!(!stderr.contains(secret) && !rig.said().contains(secret));
        }
        let status = &rig.told(&["driver", "status", "--json"])[0];
        assert_eq!(status["lifecycle"], "running");
    });
}

#[test] // req: D-143, D-145, D-148, D-149, D-151
fn the_right_token_ends_the_driver_in_good_order() {
    let mut rig = Rig::start(&GUARDED);
    let (client, _conductor) = rig.client();
    let mut producer = producer(&client);
    publish(&mut producer, 64).unwrap();
    let file = rig.root().join("token");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let args = [
        "driver",
        "shutdown",
        "--json",
        "--token-file",
        &file,
        "--message",
        "moving house",
    ];
    let notice = &rig.told(&args)[0];
    assert_eq!(notice["shutdown_reason"], "admin");
    assert_eq!(notice["shutdown_message"], "moving house");
    assert!(rig.driver_ended().success());
    wait_until("the producer to be fenced", || {
        publish(&mut producer, 64) == Err(OfferError::Fenced)
    });
    assert!(!rig.said().contains(SECRET));
}
