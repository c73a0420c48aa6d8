//! The attach: which check answers what, in which order (driver 4), and what happens once they have passed.

use super::answers::{Answer, Asker, Why};
use super::engine::Driver;
use super::files::FileError;
use super::leases::{Lease, LeaseEntry, LeaseState, asked_stream};
use super::streams::{Cause, StreamEntry, Work};
use super::table::Slot;
use crate::ids::NodeId;
use crate::shm::LAYOUT_VERSION;
use crate::time::Instant;
use crate::wire::driver::{
    HugepagesPolicy, Refusal, RefusalCode, Role, ShmAttachRequest, ShmAttachRequestView,
};

/// What the checks make of an attach. Nothing has changed yet (D-060).
enum Verdict {
    /// Rows 3 to 13 have passed.
    Admit {
        stream: Slot<StreamEntry>,
        node: Option<NodeId>,
    },
    /// Row 6: the very attach that a lease came from. Its OK is published again if it was before; otherwise it is coming.
    Repeat(Slot<LeaseEntry>),
    /// Any other row.
    Refuse(Refusal<'static>),
}

impl Driver<'_> {
    /// Answers an attach, or lets it wait for files.
    pub(super) fn attach(&mut self, now: Instant, view: ShmAttachRequestView<'_>) {
        let asker = Asker {
            correlation: crate::ids::CorrelationId(view.block.correlation_id.get()),
            client: view.block.client_id.get(),
            stream: view.block.stream_id.get(),
        };
        let request = match ShmAttachRequest::try_from(view) {
            Ok(request) => request,
            Err(error) => {
                return self.refuse_attach(asker, Why::Check(Refusal::of_attach(error)));
            }
        };
        match self.judge(now, &request) {
            Verdict::Refuse(refusal) => self.refuse_attach(asker, Why::Check(refusal)),
            Verdict::Repeat(slot) => self.repeat(slot),
            Verdict::Admit { stream, node } => self.admit(now, &request, stream, node),
        }
    }

    /// Rows 5 to 13, in their order.
    fn judge(&self, now: Instant, request: &ShmAttachRequest) -> Verdict {
        let rejected = |text| Verdict::Refuse(Refusal::new(RefusalCode::Rejected, text));
        if !self.is_running() {
            return rejected("driver draining");
        }
        if let Some(slot) = self.leases.of_client(request.client_id) {
            let repeat = self
                .leases
                .lease(slot)
                .is_some_and(|lease| lease.came_from(request));
            return if repeat {
                Verdict::Repeat(slot)
            } else {
                rejected("client_id already attached")
            };
        }
        if !matches!(request.expected_layout_version, 0 | LAYOUT_VERSION) {
            return rejected("layout_version mismatch");
        }
        // Rows 9 and 10: without dynamic streams, whatever is not configured does not exist in either publish mode.
        let known = self.streams.find(asked_stream(request));
        let Some((at, stream)) = known.and_then(|at| Some((at, self.streams.get(at)?))) else {
            return rejected("stream not provisioned");
        };
        if self
            .profile(stream)
            .is_none_or(|profile| profile.pools.is_empty())
        {
            let text = "stream has no payload pools";
            return Verdict::Refuse(Refusal::new(RefusalCode::InvalidParams, text));
        }
        if request.role == Role::Producer && stream.producer.is_some() {
            return rejected("producer already attached");
        }
        if !self.leases.has_room() {
            return rejected("lease limit reached");
        }
        match request.require_hugepages {
            HugepagesPolicy::Hugepages if !self.config.hugepages => {
                return rejected("huge pages are not available");
            }
            HugepagesPolicy::Standard if self.config.hugepages => {
                return rejected("standard pages are not available");
            }
            _ => {}
        }
        match self
            .nodes
            .choose(now, request.client_id, request.desired_node_id)
        {
            Ok(node) => Verdict::Admit { stream: at, node },
            Err(_) => rejected("desired node id is not available"),
        }
    }

    /// Takes the lease's entry and node id, and queues for the files of its stream.
    fn admit(
        &mut self,
        now: Instant,
        request: &ShmAttachRequest,
        at: Slot<StreamEntry>,
        node: Option<NodeId>,
    ) {
        let admitted = self.leases.admit(Lease {
            stream: at,
            client: request.client_id,
            role: request.role,
            correlation: request.correlation_id,
            asked_stream: asked_stream(request),
            node,
            state: LeaseState::Waiting,
        });
        let (Some(slot), Some(stream)) = (admitted, self.streams.get_mut(at)) else {
            return;
        };
        if let Some(node) = node {
            self.nodes.take(now, request.client_id, node);
        }
        self.leases.join(&mut stream.waiting, slot);
        self.serve(now, at);
    }

    /// Lets the attaches that wait at a stream go as far as they can: until files have to be made for the first of them.
    pub(super) fn serve(&mut self, now: Instant, at: Slot<StreamEntry>) {
        loop {
            let Some(stream) = self.streams.get(at) else {
                return;
            };
            let Some(lease) = stream
                .waiting
                .first()
                .and_then(|slot| self.leases.lease(slot))
            else {
                return;
            };
            let needs_epoch = lease.role == Role::Producer || stream.epoch.is_none();
            let refusal = if !self.is_running() {
                Some("driver draining")
            } else if lease.role == Role::Producer && stream.producer.is_some() {
                Some("producer already attached")
            } else {
                None
            };
            match (stream.work, refusal) {
                (Work::Unknown | Work::Idle, Some(text)) => {
                    let why = Why::Check(Refusal::new(RefusalCode::Rejected, text));
                    self.refuse_first(at, why);
                }
                (Work::Unknown, None) => return self.streams.scan(at),
                (Work::Idle, None) if needs_epoch => return self.streams.raise(at, Cause::Attach),
                (Work::Idle, None) => self.grant_first(now, at),
                // Something is being done about the files: everybody waits for the result (D-216).
                (_, _) => return,
            }
        }
    }

    /// The stream's epoch is there for the first waiting attach: its OK is due.
    pub(super) fn grant_first(&mut self, now: Instant, at: Slot<StreamEntry>) {
        let Some(slot) = self.leave_first(at) else {
            return;
        };
        let Some(lease) = self.leases.lease(slot) else {
            return;
        };
        match lease.role {
            Role::Producer => self.streams.enthrone(at, slot),
            Role::Consumer => {
                if let Some(stream) = self.streams.get_mut(at) {
                    stream.consumers = stream.consumers.saturating_add(1);
                }
            }
        }
        self.leases
            .grant(slot, now.after(self.config.keepalive_interval));
    }

    /// The files could not be had: whoever waited for them is told why, except consumers that do with the epoch in use.
    pub(super) fn refuse_waiting(&mut self, now: Instant, at: Slot<StreamEntry>, error: FileError) {
        while let Some(stream) = self.streams.get(at) {
            let Some(lease) = stream
                .waiting
                .first()
                .and_then(|slot| self.leases.lease(slot))
            else {
                return;
            };
            if lease.role == Role::Consumer && stream.epoch.is_some() {
                self.grant_first(now, at);
            } else {
                self.refuse_first(at, Why::Files(error));
            }
        }
    }

    /// Refuses the first waiting attach; nothing of it remains (D-060).
    fn refuse_first(&mut self, at: Slot<StreamEntry>, why: Why) {
        let Some(slot) = self.leave_first(at) else {
            return;
        };
        let Some(lease) = self.leases.lease(slot) else {
            return;
        };
        let asker = Asker {
            correlation: lease.correlation,
            client: lease.client.get(),
            stream: lease.asked_stream,
        };
        if let Some(node) = lease.node {
            self.nodes.give_back(node);
        }
        self.leases.refuse(slot);
        self.refuse_attach(asker, why);
    }

    fn leave_first(&mut self, at: Slot<StreamEntry>) -> Option<Slot<LeaseEntry>> {
        self.leases.leave(&mut self.streams.get_mut(at)?.waiting)
    }

    fn repeat(&mut self, slot: Slot<LeaseEntry>) {
        let is_active = self
            .leases
            .lease(slot)
            .is_some_and(|lease| lease.state == LeaseState::Active);
        match self.leases.id(slot) {
            Some(id) if is_active => self.answer(Answer::AttachedAgain { lease: slot, id }),
            _ => self.counters.ignored.repeats = self.counters.ignored.repeats.saturating_add(1),
        }
    }

    fn refuse_attach(&mut self, asker: Asker, why: Why) {
        self.answer(Answer::AttachRefused { asker, why });
    }
}
