//! Somebody who listens to shared streams and says nothing.

use core::task::Poll;
use std::path::Path;

use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::transport::Subscription;
use tp_std::aeron::{AeronClient, AeronSubscription, Channel, ClientConfig};

use crate::rig::{aeron_dir, wait_until};

pub(crate) struct Ears {
    aeron: AeronClient,
    subscriptions: Vec<AeronSubscription>,
}

impl Ears {
    /// Listens to `streams` of the rig at `root`.
    pub(crate) fn open(root: &Path, streams: &[i32]) -> Self {
        let mut aeron = AeronClient::connect(&ClientConfig::new(aeron_dir(root))).unwrap();
        let channel = Channel::ipc().for_client_subscription();
        let subscriptions = streams.iter().map(|stream| {
            let mut pending = aeron.add_subscription(&channel, *stream).unwrap();
            let mut added = None;
            wait_until("a subscription", || {
                aeron.do_work().unwrap();
                if let Poll::Ready(result) = pending.poll() {
                    added = Some(result.unwrap());
                }
                added.is_some()
            });
            added.unwrap()
        });
        let subscriptions = subscriptions.collect();
        Self {
            aeron,
            subscriptions,
        }
    }

    /// Hands on what was said since the last call.
    pub(crate) fn hear(&mut self, mut heard: impl FnMut(Message<'_>)) {
        while self.hear_one(&mut heard) {}
    }

    /// Hands on one message, if there is one.
    fn hear_one(&mut self, heard: &mut impl FnMut(Message<'_>)) -> bool {
        self.aeron.do_work().unwrap();
        let mut polled = self.subscriptions.iter_mut().map(|subscription| {
            let polled = subscription.poll(1, &mut |bytes, _| {
                heard(classify(bytes).expect("a message of ours"));
            });
            polled.unwrap()
        });
        polled.any(|polled| polled > 0)
    }

    /// Listens until something was said that `judge` makes a `T` of; what comes after it is for the next call.
    #[track_caller]
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        mut judge: impl FnMut(Message<'_>) -> Option<T>,
    ) -> T {
        let mut found = None;
        wait_until(what, || {
            while found.is_none() && self.hear_one(&mut |message| found = judge(message)) {}
            found.is_some()
        });
        found.unwrap()
    }
}
