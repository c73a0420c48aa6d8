//! The two kinds of maps, as one trait: what machines have to know of either.

use core::fmt;

use crate::ids::{Epoch, StreamId};
use crate::sbe::{DecodeError, EncodeError};
use crate::wire::ValueError;
use crate::wire::enums::ClockDomain;
use crate::wire::merge_map::{
    SequenceMergeMapAnnounce, SequenceMergeMapAnnounceView, SequenceMergeMapRequest, SequenceRule,
    TimestampMergeMapAnnounce, TimestampMergeMapAnnounceView, TimestampMergeMapRequest,
    TimestampRule,
};

/// What a map is for: an output in one of its epochs (J-009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scope {
    /// The output.
    pub out: StreamId,
    /// Its epoch.
    pub epoch: Epoch,
}

impl Scope {
    /// What these numbers name, or `None` where they name nothing.
    pub(crate) const fn of_wire(out: u32, epoch: u64) -> Option<Self> {
        match (StreamId::new(out), Epoch::new(epoch)) {
            (Some(out), Some(epoch)) => Some(Self { out, epoch }),
            _ => None,
        }
    }
}

/// A rule of one of the two kinds of maps; with it come the kind's messages.
pub trait MergeRule: Copy + PartialEq + 'static {
    /// An announce found to fit its bytes.
    type View<'a>: Copy;
    /// An announce that makes sense.
    type Map<'a>: TryFrom<Self::View<'a>, Error = ValueError>;
    /// What a map says besides its rules.
    type Terms: Copy + PartialEq + fmt::Debug;
    /// Bytes of an announce without rules.
    const FIXED_LEN: usize;
    /// Bytes of each rule.
    const RULE_LEN: usize;

    /// The input.
    fn input(&self) -> StreamId;
    /// What an announce is for, whether or not it makes sense.
    fn scope_of_view(view: &Self::View<'_>) -> Option<Scope>;
    /// What a map is for.
    fn scope(map: &Self::Map<'_>) -> Scope;
    /// What a map says besides its rules and when inputs are stale.
    fn terms(map: &Self::Map<'_>) -> Self::Terms;
    /// When an input is stale, in nanoseconds without a frame.
    fn stale_timeout_ns(map: &Self::Map<'_>) -> Option<u64>;
    /// The rules.
    fn rules<'a>(map: &Self::Map<'a>) -> impl Iterator<Item = Self> + Clone + use<'a, Self>;
    /// Reads an announce.
    ///
    /// # Errors
    /// It does not fit its bytes.
    fn parse(bytes: &[u8]) -> Result<Self::View<'_>, DecodeError>;
    /// Writes the announce; returns its length.
    ///
    /// # Errors
    /// It does not fit.
    fn encode(map: &Self::Map<'_>, out: &mut [u8]) -> Result<usize, EncodeError>;
    /// Writes the request for a map; returns its length.
    ///
    /// # Errors
    /// It does not fit, in less than 20 bytes.
    fn encode_request(scope: Scope, out: &mut [u8]) -> Result<usize, EncodeError>;
}

/// The terms of a timestamp map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimeTerms {
    /// The clock of all times in question (J-018).
    pub clock: ClockDomain,
    /// By how much inputs may lag, in nanoseconds (J-059).
    pub lateness_ns: u64,
}

macro_rules! kind {
    ($rule:ty [$fixed:literal + $len:literal], $map:ident, $view:ident, $request:ident, $terms:ty, $of:expr) => {
        impl MergeRule for $rule {
            type View<'a> = $view<'a>;
            type Map<'a> = $map<'a>;
            type Terms = $terms;
            const FIXED_LEN: usize = $fixed;
            const RULE_LEN: usize = $len;

            fn input(&self) -> StreamId {
                self.input
            }
            fn scope_of_view(view: &$view<'_>) -> Option<Scope> {
                Scope::of_wire(view.block.out_stream_id.get(), view.block.epoch.get())
            }
            fn scope(map: &$map<'_>) -> Scope {
                Scope {
                    out: map.out_stream_id,
                    epoch: map.epoch,
                }
            }
            fn terms(map: &$map<'_>) -> $terms {
                $of(map)
            }
            fn stale_timeout_ns(map: &$map<'_>) -> Option<u64> {
                map.stale_timeout_ns
            }
            fn rules<'a: 'a>(map: &$map<'a>) -> impl Iterator<Item = Self> + Clone + use<'a> {
                map.rules.iter()
            }
            fn parse(bytes: &[u8]) -> Result<$view<'_>, DecodeError> {
                $view::parse(bytes)
            }
            fn encode(map: &$map<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
                map.encode(out)
            }
            fn encode_request(scope: Scope, out: &mut [u8]) -> Result<usize, EncodeError> {
                let request = $request {
                    out_stream_id: scope.out,
                    epoch: scope.epoch,
                };
                request.encode(out)
            }
        }
    };
}

kind!(
    SequenceRule[32 + 13],
    SequenceMergeMapAnnounce,
    SequenceMergeMapAnnounceView,
    SequenceMergeMapRequest,
    (),
    |_: &SequenceMergeMapAnnounce<'_>| ()
);
kind!(
    TimestampRule[41 + 22],
    TimestampMergeMapAnnounce,
    TimestampMergeMapAnnounceView,
    TimestampMergeMapRequest,
    TimeTerms,
    |map: &TimestampMergeMapAnnounce<'_>| TimeTerms {
        clock: map.clock_domain,
        lateness_ns: map.lateness_ns,
    }
);
