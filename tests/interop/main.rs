//! Peers: another implementation's programs with ours, in both directions (interop.md). `TP_PEER_DIR` names the folder of its
//! programs; without it each of these tests says that it is skipped. That the suite works, and can fail, is shown with
//! stand-ins for those programs, which are ours ([`stand_in`]).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests fails the test"
)]

mod listeners;
mod pairs;
mod pattern;
mod peers;
mod stand_in;

use pairs::Driver;
use peers::Peers;
use tp_tests::skip;

/// One test per pair: with the peers, and with their stand-ins.
macro_rules! pairs {
    ($($name:ident: $pair:expr;)*) => {
        mod with_peers {
            $(#[test] fn $name() { super::Peers::given(stringify!($name)).map(|peers| ($pair)(&peers).unwrap()); })*
        }
        mod with_stand_ins {
            $(#[test] fn $name() { ($pair)(&super::stand_in::folder(false).peers()).unwrap(); })*
        }
    };
}

pairs! {
    our_producer_and_consumer_on_their_driver: super::pairs::ours;
    their_producer_and_consumer_on_our_driver: super::pairs::theirs;
    their_producer_and_our_consumer_on_our_driver: |peers| super::pairs::from_them(peers, super::Driver::Ours);
    their_producer_and_our_consumer_on_their_driver: |peers| super::pairs::from_them(peers, super::Driver::Theirs);
    our_producer_and_their_consumer_on_our_driver: |peers| super::pairs::to_them(peers, super::Driver::Ours, false);
    our_producer_and_their_consumer_on_their_driver: |peers| super::pairs::to_them(peers, super::Driver::Theirs, false);
    their_listeners_decode_what_we_send: super::listeners::decode;
}

#[test]
fn their_discovery_query_and_our_service() {
    let name = "their_discovery_query_and_our_service";
    if Peers::given(name).is_some() {
        skip(
            name,
            "discovery",
            "there is no discovery service of ours yet",
        );
    }
}

#[test]
fn a_producer_that_sends_something_else_is_found_out() {
    let folder = stand_in::folder(true);
    let why = pairs::from_them(&folder.peers(), Driver::Ours).unwrap_err();
    assert!(why.contains("is not as it should be"), "{why}");
}

#[test]
fn a_consumer_that_got_something_else_is_believed() {
    let folder = stand_in::folder(false);
    let why = pairs::to_them(&folder.peers(), Driver::Ours, true).unwrap_err();
    assert!(
        why.contains("tp_example_consumer_driver ended with"),
        "{why}"
    );
}

#[test]
fn a_program_that_is_not_there_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let why = pairs::theirs(&Peers::at(folder.path())).unwrap_err();
    assert!(why.contains("aeronmd"), "{why}");
}

/// What a stand-in does instead of the tests.
#[test]
fn stand_in_here() {
    stand_in::run();
}
