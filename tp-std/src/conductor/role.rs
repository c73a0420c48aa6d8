//! The cold half of a role, as far as producers and consumers are alike: a lease, its memory, an endpoint for descriptors,
//! and the way to the hot half.

use core::fmt;
use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::lease_client::LeaseLost;
use tp_core_nostd::proto::session::{Cycle, Happened, Inbound, Session};
use tp_core_nostd::time::Instant;
use tp_core_nostd::wire::driver::Role as LeaseRole;
use tp_linux_hugepages::LinuxMapper;

use super::attaching::Who;
use super::completion::{Completion, Handle};
use super::connection::{Adding, Connection};
use super::news::News;
use super::punctuality::Punctuality;
use super::retired::{Retired, Shared};
use crate::aeron::TransportError;
use crate::client::handlers::LeaseNews;
use crate::context::{Context, Endpoint};
use crate::error::Error;
use crate::link::{Link, Orphaned};
use crate::medium::{Awaited, Medium};
use crate::regions::Mapped;

/// A role that has nothing left to do.
pub(super) struct Ended;

/// What the conductor does with any role.
pub(super) trait Role: fmt::Debug + Send {
    /// A message came in; whether it granted us our lease.
    fn on_message(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'_>,
        mapper: &LinuxMapper,
    ) -> bool;

    /// The driver went without a word.
    fn on_driver_lost(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper);

    /// Every endpoint is gone; they come back with the new connection.
    fn on_reconnect(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper);

    /// One duty cycle.
    fn do_work(
        &mut self,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
        mapper: &LinuxMapper,
    ) -> Result<u32, Ended>;

    /// What became of the lease since this was asked last, oldest first.
    fn take_news(&mut self) -> Option<LeaseNews>;

    /// Its stream.
    fn stream(&self) -> StreamId;

    /// Whether it produces its stream.
    fn is_producer(&self) -> bool;

    /// The epoch whose memory it uses.
    fn mapped_epoch(&self) -> Option<Epoch>;

    /// Stops the role and gives its lease back; it ends when the driver has confirmed that.
    fn finish(&mut self, cycle: &mut Cycle<'_>);

    /// The same, as far as one message does that.
    fn close(&mut self, cycle: &mut Cycle<'_>, connection: &mut Connection);

    /// The transport is gone for good: closes the role, unless its hot half can do without.
    fn orphan(&mut self, cycle: &mut Cycle<'_>, connection: &mut Connection);
}

/// What makes a role a producer or a consumer.
pub(super) trait Kind: fmt::Debug + Send + Sized + 'static {
    /// Memory of one region, as it may be used.
    type Memory: Shared + Clone + fmt::Debug + Send;
    /// Where descriptors go to or come from.
    type Endpoint: fmt::Debug + Send;
    /// What the hot half tells.
    type Note: fmt::Debug + Send;
    /// The hot half.
    type Hot: fmt::Debug + Send;

    /// Something happened to the lease or the stream.
    fn act(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        happened: Happened<'_>,
        mapper: &LinuxMapper,
    );

    /// Any message that arrived, after the session has heard it.
    fn hear(&mut self, post: &mut Post<Self>, cycle: &mut Cycle<'_>, inbound: &Inbound<'_>);

    /// What is to be done by itself, once per duty cycle; returns how much that was.
    fn tend(
        &mut self,
        post: &mut Post<Self>,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
    ) -> u32;

    /// Every endpoint is gone; the connection is set up anew.
    fn on_reconnect(&mut self, post: &mut Post<Self>);

    /// By what the hot half may judge its memory when the transport is gone for good; `None` if it must stop then.
    fn outlives(&self, _: &Post<Self>) -> Option<Orphaned> {
        None
    }

    /// Asks for the endpoint, if its time has come.
    fn ask(
        &self,
        post: &Post<Self>,
        medium: &mut dyn Medium,
    ) -> Option<Result<Awaited<Self::Endpoint>, TransportError>>;

    /// Whether nothing is to be awaited beside memory and endpoint before the role is handed out.
    fn may_begin(&self, now: Instant) -> bool {
        let _ = now;
        true
    }

    /// The hot half, once memory and endpoint are there.
    fn hot(&self, link: Arc<LinkOf<Self>>) -> Self::Hot;
}

pub(super) type LinkOf<K> = Link<<K as Kind>::Memory, <K as Kind>::Endpoint, <K as Kind>::Note>;

/// What every role has.
#[derive(Debug)]
pub(super) struct Post<K: Kind> {
    pub(super) session: Session,
    pub(super) link: Arc<LinkOf<K>>,
    pub(super) mapped: Option<Mapped<K::Memory>>,
    retired: Retired<K::Memory>,
    pub(super) descriptors: Endpoint,
    pub(super) adding: Adding<K::Endpoint>,
    pub(super) completion: Completion<K::Hot>,
    news: News,
    punctuality: Option<Punctuality>,
}

impl<K: Kind> Post<K> {
    /// Lets the hot half use what is mapped.
    pub(super) fn activate(&mut self) {
        if let Some(mapped) = &self.mapped {
            tracing::debug!(epoch = %mapped.epoch(), "mapped");
            self.link.bell.put(mapped.bell());
            self.link.mapping.put(mapped.share());
            self.link.cell.activate();
        }
    }

    /// Stops the hot half; its memory goes when nobody uses it any more.
    pub(super) fn fence(&mut self) {
        // What was not taken is taken back first: a role that sees the fence finds no memory but what came after it.
        drop(self.link.mapping.take());
        self.link.cell.fence();
        self.retired.add(self.mapped.take());
    }

    fn give_up(&mut self, cycle: &mut Cycle<'_>) {
        self.fence();
        self.link.discard();
        self.session.detach(cycle);
    }

    fn is_unwanted(&self) -> bool {
        self.link.is_abandoned() || self.completion.is_cancelled() || self.completion.has_failed()
    }

    fn is_over(&self) -> bool {
        // Of a client that ends, whoever is last unmaps.
        let unmapped = self.retired.is_empty() || self.link.is_closed();
        self.session.is_done() && unmapped
    }
}

/// A role of some kind.
#[derive(Debug)]
pub(super) struct Cold<K: Kind> {
    kind: K,
    post: Post<K>,
}

impl<K: Kind> Cold<K> {
    pub(super) fn new(
        kind: K,
        session: Session,
        context: &Context,
        handle: Arc<Handle<K::Hot>>,
    ) -> Self {
        Self {
            kind,
            post: Post {
                session,
                link: Arc::default(),
                mapped: None,
                retired: Retired::default(),
                descriptors: context.descriptor().clone(),
                adding: Adding::Wanted,
                completion: Completion::new(handle, context),
                news: News::default(),
                punctuality: context.histograms().cloned().map(Punctuality::new),
            },
        }
    }

    /// Whether time may make its moves: an attach waits while another role of the same kind attaches (C-032).
    fn may_begin(&self, connection: &Connection) -> bool {
        let Post { session, .. } = &self.post;
        let waits = session.reattach_at().is_some();
        !waits
            || connection
                .attaching
                .may_begin(session.stream(), session.role(), self.who())
    }

    fn note_attaching(&self, connection: &mut Connection) {
        let Post { session, .. } = &self.post;
        let (stream, role) = (session.stream(), session.role());
        let is_attaching = session.is_attaching();
        connection
            .attaching
            .note(stream, role, self.who(), is_attaching);
    }

    fn who(&self) -> Who {
        Who(Arc::as_ptr(&self.post.link).addr())
    }

    fn add_endpoint(&mut self, connection: &mut Connection) -> Result<(), TransportError> {
        if let Adding::Wanted = self.post.adding {
            let Some(awaited) = self.kind.ask(&self.post, connection.medium()) else {
                return Ok(());
            };
            self.post.adding = Adding::Asked(awaited?);
        }
        if let Some(endpoint) = self.post.adding.poll()? {
            self.post.link.endpoint.put(endpoint);
            self.post.link.cell.notify();
        }
        Ok(())
    }
}

impl<K: Kind> Role for Cold<K> {
    fn on_message(
        &mut self,
        cycle: &mut Cycle<'_>,
        inbound: &Inbound<'_>,
        mapper: &LinuxMapper,
    ) -> bool {
        let happened = self.post.session.handle(cycle, inbound);
        let granted = matches!(happened, Some(Happened::Granted(_)));
        if granted && let Some(punctuality) = &mut self.post.punctuality {
            punctuality.granted(cycle.now);
        }
        if let Some(happened) = happened {
            self.post.news.note(&self.post.session, &happened);
            self.kind.act(&mut self.post, cycle, happened, mapper);
        }
        self.kind.hear(&mut self.post, cycle, inbound);
        granted
    }

    fn on_driver_lost(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper) {
        if let Some(happened) = self.post.session.lost(cycle, LeaseLost::DriverGone) {
            self.post.news.note(&self.post.session, &happened);
            self.kind.act(&mut self.post, cycle, happened, mapper);
        }
    }

    fn on_reconnect(&mut self, cycle: &mut Cycle<'_>, mapper: &LinuxMapper) {
        self.post.adding = Adding::Wanted;
        self.kind.on_reconnect(&mut self.post);
        self.on_driver_lost(cycle, mapper);
    }

    fn do_work(
        &mut self,
        cycle: &mut Cycle<'_>,
        connection: &mut Connection,
        mapper: &LinuxMapper,
    ) -> Result<u32, Ended> {
        if self.post.is_unwanted() {
            self.post.give_up(cycle);
        }
        self.post
            .link
            .wishes
            .apply(&mut self.post.session, cycle.now);
        if self.may_begin(connection)
            && let Some(happened) = self.post.session.poll(cycle)
        {
            self.post.news.note(&self.post.session, &happened);
            self.kind.act(&mut self.post, cycle, happened, mapper);
        }
        self.note_attaching(connection);
        let mut work = self.kind.tend(&mut self.post, cycle, connection);
        if let Some(control) = connection.control() {
            let sent = self.post.session.transmit(cycle, control);
            work = work.saturating_add(sent);
            if sent > 0
                && let Some(punctuality) = &mut self.post.punctuality
            {
                punctuality.sent(cycle.now, &self.post.session);
            }
        }
        if let Err(error) = self.add_endpoint(connection) {
            self.post.completion.fail(Error::Transport(error));
        }
        self.post.retired.collect();
        let is_there = self.post.mapped.is_some() && matches!(self.post.adding, Adding::Done);
        if is_there && self.kind.may_begin(cycle.now) {
            let Self { kind, post } = self;
            post.completion.ready(|| kind.hot(post.link.clone()));
        }
        if self.post.is_over() {
            Err(Ended)
        } else {
            Ok(work)
        }
    }

    fn take_news(&mut self) -> Option<LeaseNews> {
        self.post.news.take()
    }

    fn stream(&self) -> StreamId {
        self.post.session.stream()
    }

    fn is_producer(&self) -> bool {
        self.post.session.role() == LeaseRole::Producer
    }

    fn mapped_epoch(&self) -> Option<Epoch> {
        self.post.mapped.as_ref().map(Mapped::epoch)
    }

    fn finish(&mut self, cycle: &mut Cycle<'_>) {
        self.post.link.close();
        self.post.completion.fail(Error::Closed);
        self.post.give_up(cycle);
    }

    fn orphan(&mut self, cycle: &mut Cycle<'_>, connection: &mut Connection) {
        match self.kind.outlives(&self.post) {
            Some(orphaned) => {
                self.post.completion.fail(Error::Closed);
                self.post.link.orphan(orphaned);
            }
            None => self.close(cycle, connection),
        }
    }

    fn close(&mut self, cycle: &mut Cycle<'_>, connection: &mut Connection) {
        self.finish(cycle);
        self.note_attaching(connection);
        if let Some(control) = connection.control() {
            self.post.session.transmit(cycle, control);
        }
    }
}
