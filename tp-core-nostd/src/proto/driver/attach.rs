//! The attach: which check answers what, in which order (driver 4), and what happens once they have passed.

use super::answers::{Answer, Asker, Why};
use super::engine::Driver;
use super::lease::{Lease, LeaseEntry, LeaseState, asked_stream};
use super::stream::StreamEntry;
use super::table::Slot;
use crate::ids::{NodeId, StreamId};
use crate::shm::LAYOUT_VERSION;
use crate::time::Instant;
use crate::wire::driver::{
    HugepagesPolicy, PublishMode, Refusal, RefusalCode, ShmAttachRequest, ShmAttachRequestView,
};

/// What the checks make of an attach. Nothing has changed yet (D-060).
enum Verdict {
    /// Rows 3 to 13 have passed.
    Admit {
        target: Target,
        node: Option<NodeId>,
    },
    /// Row 6: the very attach that a lease came from. Its OK is published again if it was before; otherwise it is coming.
    Repeat(Slot<LeaseEntry>),
    /// Any other row.
    Refuse(Refusal<'static>),
}

/// Where an attach goes.
#[derive(Clone, Copy)]
enum Target {
    /// To a stream that is there.
    Known(Slot<StreamEntry>),
    /// To a stream that is to be brought into being with this id and profile (D-167).
    New(StreamId, usize),
}

fn invalid(text: &'static str) -> Refusal<'static> {
    Refusal::new(RefusalCode::InvalidParams, text)
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
            Verdict::Admit { target, node } => self.admit(now, &request, target, node),
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
        let target = match self.target(request) {
            Ok(target) => target,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        let (stream, profile) = match target {
            Target::Known(at) => {
                let stream = self.streams.get(at);
                (stream, stream.and_then(|stream| self.profile(stream)))
            }
            Target::New(_, profile) => (None, self.config.profiles.get(profile)),
        };
        if profile.is_none_or(|profile| profile.pools.is_empty()) {
            return Verdict::Refuse(invalid("stream has no payload pools"));
        }
        if let Some(text) = stream.and_then(|stream| self.taken(stream, request.role)) {
            return rejected(text);
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
            Ok(node) => Verdict::Admit { target, node },
            Err(_) => rejected("desired node id is not available"),
        }
    }

    /// Rows 9 and 10: the stream, which a client may bring into being where that is allowed (D-047 to D-049, D-166).
    fn target(&self, request: &ShmAttachRequest) -> Result<Target, Refusal<'static>> {
        let known = self.streams.find(asked_stream(request));
        let is_left = |at| self.streams.get(at).is_none_or(|stream| stream.left);
        if let Some(at) = known
            && !is_left(at)
        {
            return Ok(Target::Known(at));
        }
        let creates = request.publish_mode == PublishMode::ExistingOrCreate;
        let Some(dynamic) = self.config.dynamic.filter(|_| creates) else {
            let text = "stream not provisioned";
            return Err(Refusal::new(RefusalCode::Rejected, text));
        };
        if let Some(at) = known {
            // It was about to be forgotten, and is as good as new.
            return Ok(Target::Known(at));
        }
        let is_held = |id: StreamId| self.streams.find(id.get()).is_some();
        let id = match request.stream_id {
            Some(id) if !self.dynamic_ids.contains(id) => {
                return Err(invalid("stream_id is outside of the dynamic range"));
            }
            Some(id) => Some(id),
            None => self.dynamic_ids.next_free(is_held),
        };
        match id {
            Some(id) if self.streams.has_room() => Ok(Target::New(id, dynamic.profile)),
            _ => Err(invalid("no stream_id is left")),
        }
    }

    /// Takes the lease's entry and node id, and queues for the files of its stream.
    fn admit(
        &mut self,
        now: Instant,
        request: &ShmAttachRequest,
        target: Target,
        node: Option<NodeId>,
    ) {
        let Some(at) = self.stream_of(target) else {
            return;
        };
        let admitted = self.leases.admit(Lease {
            stream: at,
            client: request.client_id,
            role: request.role,
            correlation: request.correlation_id,
            asked_stream: asked_stream(request),
            node,
            private: None,
            state: LeaseState::Waiting,
        });
        let (Some(slot), Some(stream)) = (admitted, self.streams.get_mut(at)) else {
            return;
        };
        if let Some(node) = node {
            self.nodes.take(now, request.client_id, node);
        }
        self.leases.join(&mut stream.waiting, slot);
        self.streams.join(at);
        self.serve(now, at);
    }

    fn stream_of(&mut self, target: Target) -> Option<Slot<StreamEntry>> {
        match target {
            Target::Known(at) => Some(at),
            Target::New(id, profile) => {
                let at = self.streams.add(id, profile, true)?;
                self.dynamic_ids.take(id);
                Some(at)
            }
        }
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

    pub(super) fn refuse_attach(&mut self, asker: Asker, why: Why) {
        self.answer(Answer::AttachRefused { asker, why });
    }
}
