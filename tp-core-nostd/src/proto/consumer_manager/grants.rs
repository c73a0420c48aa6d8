//! Who gets which private stream.

use super::entry::{ConsumerEntry, StreamKind};
use super::manager::ConsumerManager;
use super::policy::DeclineReason;
use crate::ids::StreamId;
use crate::proto::endpoint::OwnEndpoint;
use crate::wire::control::{Endpoint, StreamRequest};

impl<E, const N: usize> ConsumerManager<E, N>
where
    E: AsRef<[ConsumerEntry<N>]> + AsMut<[ConsumerEntry<N>]>,
{
    /// Decides about the request of a hello.
    pub(super) fn grant(&mut self, at: usize, kind: StreamKind, request: StreamRequest<'_>) {
        let entry = self.entries.as_ref().get(at);
        let wishes = entry.and_then(|entry| entry.wishes);
        let supports_progress = wishes.is_some_and(|wishes| wishes.supports_progress);
        let asked = match request {
            StreamRequest::None => None,
            StreamRequest::Unusable { .. } => Some(Err(DeclineReason::Unusable)),
            StreamRequest::Of(endpoint) => {
                let admitted = self.policy.admit(kind, endpoint, supports_progress);
                Some(admitted.and_then(own))
            }
        };
        self.point(at, kind, asked);
    }

    /// Points a private stream to where it is to be from now on; there is none if that is nowhere, or cannot be.
    pub(super) fn point(
        &mut self,
        at: usize,
        kind: StreamKind,
        to: Option<Result<OwnEndpoint<N>, DeclineReason>>,
    ) {
        let to = to.map(|to| {
            let to = to?;
            let id = to.get().stream_id;
            if self.policy.reserved.contains(&id) {
                return Err(DeclineReason::Reserved);
            }
            if self.is_taken(at, kind, id) {
                return Err(DeclineReason::Taken);
            }
            Ok(to)
        });
        let entry = self.entries.as_mut().get_mut(at);
        let Some([descriptor, control]) = entry.map(|entry| &mut entry.streams) else {
            return;
        };
        let stream = match kind {
            StreamKind::Descriptor => descriptor,
            StreamKind::Control => control,
        };
        match to {
            Some(Ok(endpoint)) => stream.point_to(endpoint, &mut self.generations),
            None => stream.give_up(),
            Some(Err(why)) => {
                stream.decline();
                self.counters.count_declined(why);
            }
        }
    }

    /// Whether any other private stream has this id.
    fn is_taken(&self, at: usize, kind: StreamKind, id: StreamId) -> bool {
        let entries = self.entries.as_ref().iter().enumerate();
        let mut others = entries.flat_map(|(place, entry)| {
            let streams = StreamKind::ALL.into_iter().zip(&entry.streams);
            streams.filter(move |(other, _)| (place, *other) != (at, kind))
        });
        others.any(|(_, stream)| stream.endpoint().is_some_and(|taken| taken.stream_id == id))
    }
}

/// A copy that outlives the message it came in.
pub(super) fn own<const N: usize>(endpoint: Endpoint<'_>) -> Result<OwnEndpoint<N>, DeclineReason> {
    OwnEndpoint::copy(endpoint).ok_or(DeclineReason::ChannelTooLong)
}
