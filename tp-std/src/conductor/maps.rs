//! Merge maps, as the conductor knows them: those of this client's outputs, which it announces, those it heard of, and the
//! joins that go by them (join-barrier 2.3).
//!
//! ```text
//!   announce ──► Registry ──► desk of each join in front of that output        (only what is news)
//!   request  ──► Authority ──► announce, if the map is ours
//!   a join wants a map that the registry has not: MapRequester ──► request, again after 1, 2, 4, 5 s
//! ```

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use tp_core_nostd::ids::{Epoch, StreamId};
use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::proto::merge_map::{
    Authority, MapNews, MapRequester, MergeRule, OwnMap, Registry, Scope, StoredMap,
};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::transport::SendError;
use tp_core_nostd::wire::merge_map::{SequenceRule, TimestampRule};

use super::connection::Connection;
use crate::join::{JoinDesk, MapTold, MergeMap, OwnRule, RULES_MAX};
use crate::medium::Sender;

/// Outputs whose maps are kept, and those whose maps are told, of each kind.
const OUTPUTS: usize = 32;
/// Bytes of the longest announce of each kind.
const SEQUENCE_LEN: usize = 32 + 13 * RULES_MAX;
const TIMESTAMP_LEN: usize = 41 + 22 * RULES_MAX;
/// Messages of each kind sent in one duty cycle at most (C-146).
const STEPS: usize = 16;

/// A join that was asked for.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) desk: Arc<JoinDesk>,
    pub(crate) by_time: bool,
}

/// A map this client is the authority of.
#[derive(Debug)]
pub(crate) struct Own {
    map: MergeMap,
    /// Else that in which the client produces the output.
    epoch: Option<Epoch>,
    removed: Arc<AtomicBool>,
    told: Option<Epoch>,
}

impl Own {
    pub(crate) const fn new(map: MergeMap, epoch: Option<Epoch>, removed: Arc<AtomicBool>) -> Self {
        Self {
            map,
            epoch,
            removed,
            told: None,
        }
    }

    fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}

/// Maps of both kinds, each from its first use on.
#[derive(Debug)]
pub(super) struct Maps {
    period: Duration,
    by_number: Option<Box<Kind<SequenceRule, SEQUENCE_LEN>>>,
    by_time: Option<Box<Kind<TimestampRule, TIMESTAMP_LEN>>>,
}

impl Maps {
    pub(super) const fn new(period: Duration) -> Self {
        Self {
            period,
            by_number: None,
            by_time: None,
        }
    }

    pub(super) fn add_join(&mut self, join: Join) {
        match join.by_time {
            true => self.by_time().joins.push(Served::new(join.desk)),
            false => self.by_number().joins.push(Served::new(join.desk)),
        }
    }

    pub(super) fn add_own(&mut self, own: Own) {
        match own.map {
            MergeMap::Sequence(_) => self.by_number().add_own(own),
            MergeMap::Timestamp(_) => self.by_time().add_own(own),
        }
    }

    /// Any message.
    pub(super) fn hear(&mut self, message: Message<'_>) {
        match message {
            Message::SequenceMergeMapAnnounce(view) => {
                if let Some(kind) = &mut self.by_number {
                    kind.announced(view);
                }
            }
            Message::TimestampMergeMapAnnounce(view) => {
                if let Some(kind) = &mut self.by_time {
                    kind.announced(view);
                }
            }
            Message::SequenceMergeMapRequest(view) => {
                if let Some(kind) = &mut self.by_number {
                    kind.asked(view.block.out_stream_id.get(), view.block.epoch.get());
                }
            }
            Message::TimestampMergeMapRequest(view) => {
                if let Some(kind) = &mut self.by_time {
                    kind.asked(view.block.out_stream_id.get(), view.block.epoch.get());
                }
            }
            _ => {}
        }
    }

    /// Sends what is due. `produced` says in which epoch the client produces a stream.
    pub(super) fn tend(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        produced: impl Fn(StreamId) -> Option<Epoch>,
    ) -> u32 {
        let mut work = 0_u32;
        if let Some(kind) = &mut self.by_number {
            work = work.saturating_add(kind.tend(now, connection, &produced));
        }
        if let Some(kind) = &mut self.by_time {
            work = work.saturating_add(kind.tend(now, connection, &produced));
        }
        work
    }

    fn by_number(&mut self) -> &mut Kind<SequenceRule, SEQUENCE_LEN> {
        let period = self.period;
        self.by_number
            .get_or_insert_with(|| Box::new(Kind::new(period)))
    }

    fn by_time(&mut self) -> &mut Kind<TimestampRule, TIMESTAMP_LEN> {
        let period = self.period;
        self.by_time
            .get_or_insert_with(|| Box::new(Kind::new(period)))
    }
}

/// Maps of one kind. `N` bytes hold any of them.
#[derive(Debug)]
struct Kind<R, const N: usize> {
    registry: Registry<R, Box<[StoredMap<N>]>, N>,
    authority: Authority<R, Box<[OwnMap<N>]>, N>,
    own: Vec<Own>,
    joins: Vec<Served<R>>,
}

impl<R: OwnRule, const N: usize> Kind<R, N> {
    fn new(period: Duration) -> Self {
        let kept = vec![StoredMap::FREE; OUTPUTS].into_boxed_slice();
        let told = vec![OwnMap::FREE; OUTPUTS].into_boxed_slice();
        Self {
            registry: Registry::new(kept),
            authority: Authority::new(told, period),
            own: Vec::new(),
            joins: Vec::new(),
        }
    }

    /// The newest map of an output counts.
    fn add_own(&mut self, own: Own) {
        self.own.retain(|other| other.map.out() != own.map.out());
        self.own.push(own);
    }

    fn announced(&mut self, view: R::View<'_>) {
        let Some(scope) = R::scope_of_view(&view) else {
            return;
        };
        match self.registry.handle(view) {
            MapNews::Ignored | MapNews::Unchanged => {}
            MapNews::Applied => {
                let map = self.registry.find(scope.out, scope.epoch);
                if let Some(map) = map {
                    tell(&mut self.joins, scope, || announced::<R, N>(&map));
                }
            }
            MapNews::Void(error) => {
                tracing::warn!(stream = %scope.out, %error, "a merge map makes no sense");
                tell(&mut self.joins, scope, || Some(MapTold::Void(scope, error)));
            }
            // Joins can do with it all the same.
            MapNews::NoRoom => {
                if let Ok(map) = R::Map::try_from(view) {
                    tell(&mut self.joins, scope, || announced::<R, N>(&map));
                }
            }
        }
    }

    fn asked(&mut self, out: u32, epoch: u64) {
        if let (Some(out), Some(epoch)) = (StreamId::new(out), Epoch::new(epoch)) {
            let _ = self.authority.asked(Scope { out, epoch });
        }
    }

    fn tend(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        produced: &impl Fn(StreamId) -> Option<Epoch>,
    ) -> u32 {
        self.renew_own(produced);
        self.joins.retain(|join| !join.desk.is_abandoned());
        for join in &mut self.joins {
            join.serve::<N>(&self.registry);
        }
        let Some(control) = connection.control() else {
            return 0;
        };
        let mut sent = 0_u32;
        let authority = &mut self.authority;
        for _ in 0..STEPS {
            match authority.transmit(now, |announce| offer(control, announce)) {
                Ok(true) => sent = sent.saturating_add(1),
                Ok(false) | Err(_) => break,
            }
        }
        for join in &mut self.joins {
            let asked = join
                .requester
                .transmit(now, |request| control.offer(request));
            sent = sent.saturating_add((asked == Ok(true)).into());
        }
        sent
    }

    /// Tells maps for the epochs their outputs are in by now.
    fn renew_own(&mut self, produced: &impl Fn(StreamId) -> Option<Epoch>) {
        let authority = &mut self.authority;
        self.own.retain_mut(|own| {
            let out = own.map.out();
            if own.is_removed() {
                authority.withdraw(out);
                return false;
            }
            let epoch = own.epoch.or_else(|| produced(out));
            if let Some(epoch) = epoch
                && own.told.replace(epoch) != Some(epoch)
                && let Some(map) = R::announce(&own.map, epoch)
                && let Err(refused) = authority.publish(&map)
            {
                tracing::warn!(stream = %out, %refused, "a merge map is not announced");
            }
            true
        });
    }
}

/// A map that nobody can be told will not fit the next time either.
fn offer(control: &mut dyn Sender, announce: &[u8]) -> Result<(), SendError> {
    match control.offer(announce) {
        Err(SendError::TooLong { len, max }) => {
            tracing::warn!(len, max, "the merge map is too long for the control stream");
            Ok(())
        }
        result => result,
    }
}

/// Passes news on to the joins in front of an output.
fn tell<R>(joins: &mut [Served<R>], scope: Scope, told: impl Fn() -> Option<MapTold>) {
    for join in joins {
        if join.desk.scope() == Some(scope)
            && let Some(told) = told()
        {
            join.served = Some(scope);
            join.desk.told.put(told);
        }
    }
}

fn announced<R: MergeRule, const N: usize>(map: &R::Map<'_>) -> Option<MapTold> {
    let mut bytes = [0; N];
    let len = R::encode(map, &mut bytes).ok()?;
    Some(MapTold::Announced(bytes.get(..len)?.into()))
}

/// A join, and what the conductor does for it.
#[derive(Debug)]
struct Served<R> {
    desk: Arc<JoinDesk>,
    requester: MapRequester<R>,
    /// For what it was told a map, if one was known.
    served: Option<Scope>,
}

impl<R: MergeRule> Served<R> {
    fn new(desk: Arc<JoinDesk>) -> Self {
        Self {
            desk,
            requester: MapRequester::new(),
            served: None,
        }
    }

    /// Hands over what is known; what is not is asked for.
    fn serve<const N: usize>(&mut self, registry: &Registry<R, Box<[StoredMap<N>]>, N>) {
        let scope = self.desk.scope();
        if let Some(scope) = scope
            && self.served != Some(scope)
            && let Some(map) = registry.find(scope.out, scope.epoch)
            && let Some(told) = announced::<R, N>(&map)
        {
            self.served = Some(scope);
            self.desk.told.put(told);
        }
        let known = scope.and_then(|scope| registry.find(scope.out, scope.epoch));
        let wanted = scope.filter(|_| known.is_none() && self.desk.is_wanting());
        self.requester.want(wanted);
    }
}
