//! One suite for core's transport traits, run on the real adapter and on the fake, so that the fake cannot drift.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod adopted;
mod aeron_client;
mod aeron_medium;
mod fake_faults;
mod fake_medium;
mod media_driver;
mod suite;

use aeron_medium::AeronMedium;
use fake_medium::FakeMedium;

/// One test per claim and medium.
macro_rules! conformance {
    ($($claim:ident)*) => {
        mod on_aeron {
            $(#[test] fn $claim() { super::suite::$claim(&mut super::AeronMedium::start()); })*
        }
        mod on_the_fake {
            $(#[test] fn $claim() { super::suite::$claim(&mut super::FakeMedium::start()); })*
        }
    };
}

conformance! {
    nobody_listens_is_an_answer
    every_subscription_gets_every_message_in_order
    messages_of_two_publications_keep_their_images
    messages_longer_than_a_frame_arrive_whole
    a_message_too_long_is_refused_with_both_lengths
    poll_hands_out_no_more_than_its_limit
    an_image_comes_and_goes_once
    images_are_never_mistaken_for_each_other
    a_full_publication_refuses_and_loses_nothing
    after_the_end_everything_is_closed
}
