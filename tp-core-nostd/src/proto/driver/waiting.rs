//! Attaches that passed their checks and wait for the files of their stream, in order of arrival.

use super::answers::{Asker, Why};
use super::engine::Driver;
use super::files::FileError;
use super::lease::LeaseEntry;
use super::stream::{Cause, Stream, StreamEntry, Work};
use super::table::Slot;
use crate::time::Instant;
use crate::wire::driver::{Refusal, RefusalCode, Role};

impl Driver<'_> {
    /// Lets the attaches that wait at a stream go as far as they can: until files have to be made for the first of them.
    pub(super) fn serve(&mut self, now: Instant, at: Slot<StreamEntry>) {
        self.serve_waiting(now, at);
        self.leave_deserted(now, at);
    }

    fn serve_waiting(&mut self, now: Instant, at: Slot<StreamEntry>) {
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
            let refusal = if self.is_running() {
                self.taken(stream, lease.role)
            } else {
                Some("driver draining")
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

    /// Row 12: why a stream has no room for another lease of this role (D-055, D-056).
    pub(super) fn taken(&self, stream: &Stream, role: Role) -> Option<&'static str> {
        let limit = self.config.consumer_limit.unwrap_or(u32::MAX);
        match role {
            Role::Producer if stream.producer.is_some() => Some("producer already attached"),
            Role::Consumer if stream.consumers >= limit => Some("consumer limit reached"),
            _ => None,
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
        self.streams.quit(at);
        self.refuse_attach(asker, why);
    }

    fn leave_first(&mut self, at: Slot<StreamEntry>) -> Option<Slot<LeaseEntry>> {
        self.leases.leave(&mut self.streams.get_mut(at)?.waiting)
    }
}
