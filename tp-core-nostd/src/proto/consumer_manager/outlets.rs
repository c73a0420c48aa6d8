//! What goes out: orders about private streams, and answers. Each outlet offers what is due, one output per call, and moves
//! on only if it was taken.

use super::entry::{ConsumerEntry, Phase, PrivateStream, StreamKey, StreamKind, Told};
use super::manager::ConsumerManager;
use super::policy::count;
use crate::wire::control::{ConsumerConfig, Endpoint};

/// What the owner has to do about a private stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOrder<'e> {
    /// Add a publication; answer with [`ConsumerManager::opened`] or [`ConsumerManager::failed`].
    Open {
        /// Names it from now on.
        key: StreamKey,
        /// Where.
        endpoint: Endpoint<'e>,
    },
    /// Close it, or cancel adding it.
    Close {
        /// Which.
        key: StreamKey,
    },
}

impl<E, const N: usize> ConsumerManager<E, N>
where
    E: AsRef<[ConsumerEntry<N>]> + AsMut<[ConsumerEntry<N>]>,
{
    /// Offers the next order about a private stream to `take`; returns whether there was one.
    ///
    /// # Errors
    /// What `take` returned; the order stays due.
    pub fn order<X>(
        &mut self,
        take: impl FnOnce(StreamOrder<'_>) -> Result<(), X>,
    ) -> Result<bool, X> {
        if !self.may_order {
            return Ok(false);
        }
        for entry in self.entries.as_mut() {
            let Some(consumer) = entry.consumer else {
                continue;
            };
            for (kind, stream) in StreamKind::ALL.into_iter().zip(&mut entry.streams) {
                let key = |generation| StreamKey {
                    consumer,
                    kind,
                    generation,
                };
                if let Some(generation) = stream.closing {
                    take(StreamOrder::Close {
                        key: key(generation),
                    })?;
                    stream.closing = None;
                    entry.free_if_done();
                    return Ok(true);
                }
                if let (Phase::Wanted, Some(endpoint)) = (stream.phase, stream.endpoint()) {
                    let key = key(stream.generation);
                    take(StreamOrder::Open { key, endpoint })?;
                    stream.phase = Phase::Opening;
                    return Ok(true);
                }
            }
        }
        self.may_order = false;
        Ok(false)
    }

    /// Offers the next answer that is due to `emit`, which sends it; returns whether one was sent.
    ///
    /// # Errors
    /// What `emit` returned; the answer stays due.
    pub fn transmit<X>(
        &mut self,
        emit: impl FnOnce(&ConsumerConfig<'_>) -> Result<(), X>,
    ) -> Result<bool, X> {
        if !self.may_tell {
            return Ok(false);
        }
        let stream_id = self.config.stream;
        let payload_fallback_uri = self.policy.payload_fallback_uri.as_deref();
        let config = |consumer_id, told: Told, descriptor, control| ConsumerConfig {
            stream_id,
            consumer_id,
            use_shm: told.use_shm,
            mode: told.mode,
            payload_fallback_uri,
            descriptor,
            control,
        };
        if let Some((consumer, told)) = self.refusals.front() {
            emit(&config(*consumer, *told, None, None))?;
            self.refusals.pop_front();
            count(&mut self.counters.configs_sent);
            return Ok(true);
        }
        let (force_no_shm, number) = (self.policy.force_no_shm, self.policy_number);
        let answers = self.config.answers_hellos;
        for entry in self.entries.as_mut().iter_mut().filter(|_| answers) {
            let content = entry.content(force_no_shm, number);
            let Some((consumer, told)) = entry.consumer.zip(content) else {
                continue;
            };
            if told.is_news_after(entry.told) {
                let [descriptor, control] = &entry.streams;
                emit(&config(
                    consumer,
                    told,
                    descriptor.assigned(),
                    control.assigned(),
                ))?;
                entry.told = Some(told);
                count(&mut self.counters.configs_sent);
                return Ok(true);
            }
            entry.told = Some(told);
        }
        self.may_tell = false;
        Ok(false)
    }

    /// The ordered publication exists. One that is not wanted any more is closed by an order that is already due.
    pub fn opened(&mut self, key: StreamKey) {
        if let Some(stream) = self
            .stream(key)
            .filter(|stream| stream.phase == Phase::Opening)
        {
            stream.phase = Phase::Open;
            self.changed();
        }
    }

    /// The ordered publication could not be added, or was closed by the transport. Harmless for one that is gone.
    pub fn failed(&mut self, key: StreamKey) {
        let stream = self.stream(key);
        let had_it =
            |stream: &&mut PrivateStream<N>| matches!(stream.phase, Phase::Opening | Phase::Open);
        if let Some(stream) = stream.filter(had_it) {
            stream.decline();
            stream.closing = None; // there is nothing to close
            count(&mut self.counters.failed);
            self.changed();
        }
    }

    pub(super) fn stream(&mut self, key: StreamKey) -> Option<&mut PrivateStream<N>> {
        let at = self.find(key.consumer)?;
        let [descriptor, control] = &mut self.entries.as_mut().get_mut(at)?.streams;
        let stream = match key.kind {
            StreamKind::Descriptor => descriptor,
            StreamKind::Control => control,
        };
        (stream.generation == key.generation).then_some(stream)
    }
}
