//! What the application asks of its conductor, through the one queue between them (C-142, C-144).

use std::sync::Arc;

use tp_core_nostd::proto::lease_client::LeaseConfig;
use tp_core_nostd::proto::session::{Cycle, Session};

use super::adds::Wish;
use super::completion::Handle;
use super::consuming::Consuming;
use super::items::Item;
use super::maps::{Join, Own};
use super::producing::Producing;
use super::role::{Cold, Role};
use crate::client::endpoints::{PublicationHandle, SubscriptionHandle};
use crate::client::handlers::Listening;
use crate::consumer::{Consumer, ConsumerConfig};
use crate::context::{Context, Reattach};
use crate::error::Error;
use crate::producer::{Producer, ProducerConfig};

/// One thing asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Boxed, since the queue keeps room for the largest command.
    Producer(Box<ProducerConfig>, Arc<Handle<Producer>>),
    Consumer(ConsumerConfig, Arc<Handle<Consumer>>),
    AddPublication(Wish<PublicationHandle>),
    AddSubscription(Wish<SubscriptionHandle>),
    Listen(Listening),
    Work(Item),
    Join(Join),
    AnnounceMap(Own),
    /// End when every lease was given back.
    Finish,
    /// End now.
    Close,
}

impl Command {
    /// It came too late: whoever waits for it is told.
    pub(super) fn refuse(self) {
        match self {
            Self::Producer(_, handle) => handle.fail(Error::Closed),
            Self::Consumer(_, handle) => handle.fail(Error::Closed),
            Self::AddPublication(wish) => wish.handle.fail(Error::Closed),
            Self::AddSubscription(wish) => wish.handle.fail(Error::Closed),
            Self::Listen(_)
            | Self::Work(_)
            | Self::Join(_)
            | Self::AnnounceMap(_)
            | Self::Finish
            | Self::Close => {}
        }
    }
}

pub(super) fn producer(
    config: ProducerConfig,
    handle: Arc<Handle<Producer>>,
    context: &Context,
    cycle: &mut Cycle<'_>,
) -> Box<dyn Role> {
    let session = session(context, config.lease(), config.own.is_some(), cycle);
    let kind = Producing::new(config, context);
    Box::new(Cold::new(kind, session, context, handle))
}

pub(super) fn consumer(
    config: ConsumerConfig,
    handle: Arc<Handle<Consumer>>,
    context: &Context,
    cycle: &mut Cycle<'_>,
) -> Box<dyn Role> {
    let session = session(context, config.lease(), config.is_direct, cycle);
    let kind = Consuming::new(config, context, cycle.now);
    Box::new(Cold::new(kind, session, context, handle))
}

/// The right to a stream: a lease, or none where there is no driver.
fn session(
    context: &Context,
    wish: LeaseConfig,
    is_direct: bool,
    cycle: &mut Cycle<'_>,
) -> Session {
    let window = context.freshness_window();
    match is_direct {
        true => Session::direct(wish.stream, wish.role, wish.client, window, cycle.ids),
        false => Session::new(lease(context, wish), window, cycle.ids),
    }
}

/// A lease with the timings of the client.
fn lease(context: &Context, lease: LeaseConfig) -> LeaseConfig {
    let lease = LeaseConfig {
        keepalive_interval: context.keepalive_interval(),
        grace_intervals: context.lease_expiry_grace_intervals(),
        timeout: context.message_timeout(),
        ..lease
    };
    match context.reattach() {
        Reattach::Automatic { first, longest } => LeaseConfig {
            backoff_min: first,
            backoff_max: longest,
            ..lease
        },
        Reattach::ByHand => LeaseConfig {
            reattach_by_hand: true,
            ..lease
        },
    }
}
