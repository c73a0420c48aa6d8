//! What all barriers have in common: the map that applies, and when an input counts as absent.

use super::{InputFrame, JoinPolicy, Place, Readiness, Verdict};
use crate::ids::{Epoch, StreamId};
use crate::proto::merge_map::{MapNews, MergeRule, Scope};
use crate::time::{Duration, Instant};
use crate::wire::ValueError;

/// One way to join. The four there are have no use but as parameter of a [`Barrier`].
pub trait JoinKind: Default {
    /// What its maps consist of.
    type Rule: MergeRule;

    /// A frame was seen.
    fn observe(place: &mut Place<Self::Rule>, terms: Terms<Self>, frame: &InputFrame);
    /// A frame was consumed by the stage.
    fn process(place: &mut Place<Self::Rule>, terms: Terms<Self>, frame: &InputFrame);
}

/// What the map of a kind says besides its rules.
pub(super) type Terms<K> = <<K as JoinKind>::Rule as MergeRule>::Terms;

/// The map that applies.
#[derive(Clone, Copy, Debug)]
enum Map<T> {
    Missing,
    Void,
    Active {
        terms: T,
        stale_timeout_ns: Option<u64>,
    },
}

/// A barrier in front of one output. `S` lends a place per rule.
#[derive(Clone, Debug)]
pub struct Barrier<K: JoinKind, S> {
    out: StreamId,
    policy: JoinPolicy,
    epoch: Option<Epoch>,
    map: Map<Terms<K>>,
    pub(super) kind: K,
    places: S,
}

impl<K: JoinKind, S: AsRef<[Place<K::Rule>]> + AsMut<[Place<K::Rule>]>> Barrier<K, S> {
    /// Closed until the output has an epoch and a map.
    pub fn new(out: StreamId, policy: JoinPolicy, places: S) -> Self {
        let mut barrier = Self {
            out,
            policy,
            epoch: None,
            map: Map::Missing,
            kind: K::default(),
            places,
        };
        barrier.clear(Map::Missing);
        barrier
    }

    /// The output begins this epoch: it needs a map of its own (J-020). The same epoch again changes nothing.
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        if self.epoch.replace(epoch) != Some(epoch) {
            self.clear(Map::Missing);
        }
    }

    /// The map to ask for, while none applies.
    pub fn wanted(&self) -> Option<Scope> {
        let out = self.out;
        match self.map {
            Map::Active { .. } => None,
            Map::Missing | Map::Void => self.epoch.map(|epoch| Scope { out, epoch }),
        }
    }

    /// An announce arrived.
    pub fn handle_map(&mut self, view: <K::Rule as MergeRule>::View<'_>) -> MapNews {
        if !self.is_ours(K::Rule::scope_of_view(&view)) {
            return MapNews::Ignored;
        }
        match <K::Rule as MergeRule>::Map::try_from(view) {
            Ok(map) => self.apply(&map),
            Err(error) => self.void(error),
        }
    }

    /// A map is to apply: announced, kept in a registry, or configured. Unless it is the one that does, everything seen
    /// so far is forgotten (J-019, J-021).
    pub fn apply(&mut self, map: &<K::Rule as MergeRule>::Map<'_>) -> MapNews {
        if !self.is_ours(Some(K::Rule::scope(map))) {
            return MapNews::Ignored;
        }
        let rules = K::Rule::rules(map);
        let (got, max) = (rules.clone().count(), self.places.as_ref().len());
        if got == 0 {
            return self.void(ValueError::Missing { field: "rules" });
        }
        if got > max {
            let field = "rules";
            return self.void(ValueError::TooMany { field, got, max });
        }
        if rules.clone().any(|rule| rule.input() == self.out) {
            return self.void(ValueError::Number {
                field: "inputStreamId",
                got: self.out.get().into(),
            });
        }
        let terms = K::Rule::terms(map);
        let stale_timeout_ns = K::Rule::stale_timeout_ns(map);
        if let Map::Active {
            terms: current,
            stale_timeout_ns: timeout,
        } = self.map
            && (current, timeout) == (terms, stale_timeout_ns)
            && self.rules().eq(rules.clone())
        {
            return MapNews::Unchanged;
        }
        self.clear(Map::Active {
            terms,
            stale_timeout_ns,
        });
        for (place, rule) in self.places.as_mut().iter_mut().zip(rules) {
            place.rule = Some(rule);
        }
        MapNews::Applied
    }

    /// A map for this output in this epoch makes no sense, as whoever kept maps found (J-015, J-024).
    pub fn refuse_map(&mut self, scope: Scope, error: ValueError) -> MapNews {
        match self.is_ours(Some(scope)) {
            true => self.void(error),
            false => MapNews::Ignored,
        }
    }

    /// An input begins this epoch, as its announces tell: nothing seen before counts any more. Its first frame tells as well.
    pub fn begin_input_epoch(&mut self, input: StreamId, epoch: Epoch) {
        for place in self.places_of(input) {
            let _ = place.enter(epoch);
        }
    }

    /// A frame of an input was seen: its descriptor arrived, or its slot was read. Frames of no input do nothing.
    pub fn observed(&mut self, now: Instant, frame: &InputFrame) {
        if let Some(terms) = self.terms() {
            for place in self.places_of(frame.stream) {
                if place.enter(frame.epoch) {
                    place.seen_at = Some(now);
                    K::observe(place, terms, frame);
                }
            }
        }
    }

    /// A frame of an input was consumed by the stage (J-070).
    pub fn processed(&mut self, frame: &InputFrame) {
        if let Some(terms) = self.terms() {
            for place in self.places_of(frame.stream) {
                if place.enter(frame.epoch) {
                    K::process(place, terms, frame);
                }
            }
        }
    }

    /// The rule at this place of the map that applies, and what the last answer says of its input.
    pub fn rule(&self, at: usize) -> Option<(K::Rule, Verdict)> {
        let place = self.places.as_ref().get(at)?;
        Some((place.rule?, place.verdict))
    }

    /// What the last answer says of each rule's input, in the map's order.
    pub fn inputs(&self) -> impl Iterator<Item = (StreamId, Verdict)> {
        let places = self.places.as_ref().iter();
        places.filter_map(|place| Some((place.rule?.input(), place.verdict)))
    }

    /// The inputs that went silent by now, whether or not outputs may do without them (J-090).
    pub fn stale_inputs(&self, now: Instant) -> impl Iterator<Item = StreamId> {
        let timeout = self.stale_timeout();
        let stale = self.places.as_ref().iter();
        let stale = stale.filter(move |place| is_stale(place, now, timeout));
        stale.filter_map(|place| Some(place.rule?.input()))
    }

    /// What the map says besides its rules.
    pub(super) const fn terms(&self) -> Option<Terms<K>> {
        match self.map {
            Map::Active { terms, .. } => Some(terms),
            Map::Missing | Map::Void => None,
        }
    }

    /// Whether to try, if `is_there` tells which inputs are. An input that breaks the rules is more than one that is not
    /// there; one that is stale is absent, whatever was seen of it before.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        is_there: impl Fn(&Place<K::Rule>, K::Rule, JoinPolicy) -> bool,
    ) -> Readiness {
        let (policy, timeout) = (self.policy, self.stale_timeout());
        let timeout = timeout.filter(|_| policy.allow_stale);
        let (mut worst, mut present) = (Readiness::Ready, false);
        for place in self.places.as_mut() {
            let Some(rule) = place.rule else { continue };
            place.verdict = if place.is_rejected {
                Verdict::Rejected
            } else if is_stale(place, now, timeout) {
                Verdict::Stale
            } else if is_there(place, rule, policy) {
                Verdict::Present
            } else {
                Verdict::Missing
            };
            match place.verdict {
                Verdict::Present => present = true,
                Verdict::Stale => {}
                Verdict::Missing if worst == Readiness::Ready => worst = Readiness::Waiting,
                Verdict::Missing => {}
                Verdict::Rejected => worst = Readiness::InputRejected,
            }
        }
        match (self.map, worst) {
            (Map::Missing | Map::Void, _) => Readiness::NoMap,
            // Of nothing but silent inputs no output is made (J-095).
            (Map::Active { .. }, Readiness::Ready) if !present => Readiness::Waiting,
            (Map::Active { .. }, worst) => worst,
        }
    }

    pub(super) fn places(&self) -> &[Place<K::Rule>] {
        self.places.as_ref()
    }

    pub(super) fn places_of(
        &mut self,
        input: StreamId,
    ) -> impl Iterator<Item = &mut Place<K::Rule>> {
        let places = self.places.as_mut().iter_mut();
        places.filter(move |place| place.rule.is_some_and(|rule| rule.input() == input))
    }

    fn rules(&self) -> impl Iterator<Item = K::Rule> {
        self.places.as_ref().iter().filter_map(|place| place.rule)
    }

    fn is_ours(&self, scope: Option<Scope>) -> bool {
        scope.is_some_and(|scope| scope.out == self.out && Some(scope.epoch) == self.epoch)
    }

    fn void(&mut self, error: ValueError) -> MapNews {
        self.clear(Map::Void);
        MapNews::Void(error)
    }

    fn clear(&mut self, map: Map<Terms<K>>) {
        self.map = map;
        self.kind = K::default();
        self.places.as_mut().fill(Place::FREE);
    }

    const fn stale_timeout(&self) -> Option<Duration> {
        match self.map {
            Map::Active {
                stale_timeout_ns: Some(ns),
                ..
            } => Some(Duration::from_nanos(ns)),
            _ => None,
        }
    }
}

/// Whether the input went silent. One that was never seen is missing (J-094).
fn is_stale<R>(place: &Place<R>, now: Instant, timeout: Option<Duration>) -> bool {
    let silent_for = place.seen_at.map(|seen| now.since(seen));
    silent_for
        .zip(timeout)
        .is_some_and(|(silent, timeout)| silent > timeout)
}
