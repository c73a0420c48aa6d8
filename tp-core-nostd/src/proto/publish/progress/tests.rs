//! Claims and the throttle together: every call in every state, and histories against what memory and messages show.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::super::Committed;
use super::*;
use crate::memory::Coherent;
use crate::proto::claim::{Entry, FixedPool, Overtaking, Streaming, TableId};
use crate::proto::progress::{Prefix, may_read};
use crate::proto::regions::fixture::{self, Memory, SLOTS};
use crate::seq::Seq;
use crate::shm::{CommitWord, Dtype, MajorOrder, ProgressUnit, SlotHeader, TensorHeader};
use crate::time::Duration;
use crate::wire::enums::FrameProgressState;
use core::cell::RefCell;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

type Of<C, K = Coherent> = Publisher<Memory, [PayloadPool<Memory>; 2], C, K, [Meter; 4]>;
type Stream<K = Coherent> = Of<Streaming<[Entry; 4]>, K>;
type Camera = Of<FixedPool<[Entry; 4]>>;

/// Tells whatever is new.
const EAGER: ProgressPolicy = ProgressPolicy {
    interval: Duration::ZERO,
    bytes_delta: None,
    major_delta_units: None,
};
const META: FrameMeta = FrameMeta {
    timestamp_ns: 77,
    meta_version: Some(3),
    trace_id: Some(5),
};

fn stream_with<K: CacheOps>(order: HeaderOrder, overtaking: Overtaking, cache: K) -> Stream<K> {
    let claims = Streaming::new(TableId(1), [Entry::FREE; 4], SLOTS, overtaking).unwrap();
    let publisher = Publisher::with_cache(fixture::regions(), claims, cache);
    let throttle = Throttle::new(fixture::STREAM, fixture::EPOCH, SLOTS, [Meter::IDLE; 4]);
    let mut publisher = publisher.telling(throttle.unwrap(), order);
    publisher.set_progress(Some(EAGER));
    publisher
}

fn stream(order: HeaderOrder) -> Stream {
    stream_with(order, Overtaking::Hold, Coherent)
}

fn camera(order: HeaderOrder, overtaking: Overtaking) -> Camera {
    let stream = stream_with(order, overtaking, Coherent);
    stream.into_fixed_pool(4, 200).unwrap()
}

/// Ten rows of ten bytes.
fn image() -> SlotImage {
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[10, 10]).unwrap();
    SlotImage::new(&tensor.with_progress(ProgressUnit::Rows).unwrap())
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn word<C, K>(publisher: &Of<C, K>, token: Token) -> CommitWord {
    publisher.regions.ring().slot(token.slot()).load().unwrap()
}

/// The header as a reader of a prefix finds it.
fn header<C, K>(publisher: &Of<C, K>, token: Token) -> Option<SlotHeader> {
    let image = publisher.regions.ring().slot(token.slot()).copy();
    let stride_of = |id| Some(publisher.regions.pool(id)?.stride());
    SlotHeader::check(&image, token.slot(), stride_of).ok()
}

/// What is told now.
fn told<C, K>(publisher: &mut Of<C, K>) -> String {
    let mut told = String::from("-");
    let _ = publisher.transmit(Instant::from_ns(0), |progress| {
        let (state, seq) = (progress.state, progress.seq);
        told = format!("{state:?} {} of {seq}", progress.payload_bytes_filled);
        Ok::<_, ()>(())
    });
    told
}

fn outcome<T>(result: Result<T, CommitError>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(CommitError::Token(error)) => format!("{error:?}"),
        Err(CommitError::Progress(ProgressError::Regressed { .. })) => "Regressed".into(),
        Err(CommitError::Progress(ProgressError::TooLarge { .. })) => "TooLarge".into(),
        Err(CommitError::Progress(error)) => format!("{error:?}"),
        Err(CommitError::TooLong { .. }) => "TooLong".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Brings a buffer whose least number is 1 into a state, at 40 of 100 bytes where it was started.
fn bring_to(state: &str, camera: &mut Camera) -> Token {
    let mut token = camera.claims().tokens().nth(1).unwrap();
    if state == "fresh" {
        return token;
    }
    if state == "unheard" {
        camera.set_progress(None);
    }
    token = match state {
        "unknown" => camera.start_unknown(token, 100).unwrap(),
        _ => camera.start(token, &mut image(), 100, META).unwrap(),
    };
    camera.fill(token, 40).unwrap();
    let _ = told(camera);
    camera.set_progress(Some(EAGER));
    match state {
        "committed" => {
            camera
                .commit(token, &mut image(), 100, META, None)
                .unwrap()
                .0
        }
        "stale" => {
            camera.queue(token).unwrap();
            token
        }
        _ => token,
    }
}

// req: C-067, C-072, C-073, C-075, E-02, W-153, W-155, W-157, W-158, W-160
#[test]
fn every_call_in_every_state() {
    type Call = fn(&mut Camera, Token) -> String;
    let calls: [(&str, Call); 10] = [
        ("start", |c, t| outcome(c.start(t, &mut image(), 100, META))),
        ("start 300", |c, t| {
            outcome(c.start(t, &mut image(), 300, META))
        }),
        ("start unknown", |c, t| outcome(c.start_unknown(t, 100))),
        ("fill 39", |c, t| outcome(c.fill(t, 39))),
        ("fill 60", |c, t| outcome(c.fill(t, 60))),
        ("fill 101", |c, t| outcome(c.fill(t, 101))),
        ("commit 39", |c, t| {
            outcome(c.commit(t, &mut image(), 39, META, None))
        }),
        ("commit 60", |c, t| {
            outcome(c.commit(t, &mut image(), 60, META, None))
        }),
        ("commit 101", |c, t| {
            outcome(c.commit(t, &mut image(), 101, META, None))
        }),
        ("queue", |c, t| {
            outcome(c.queue(t).map_err(CommitError::from))
        }),
    ];
    let states = [
        ("fresh", HeaderOrder::Last),
        ("unheard", HeaderOrder::First),
        ("unknown", HeaderOrder::Last),
        ("told", HeaderOrder::Last),
        ("headed", HeaderOrder::First),
        ("committed", HeaderOrder::First),
        ("stale", HeaderOrder::First),
    ];
    let mut table = String::new();
    for (state, order) in states {
        for (name, call) in calls {
            let mut camera = camera(order, Overtaking::Hold);
            let token = bring_to(state, &mut camera);
            while told(&mut camera) != "-" {}
            let result = call(&mut camera, token);
            table += &format!("{state:9} {name:13} {result:12} {}\n", told(&mut camera));
        }
    }
    let reviewed = "\
fresh     start         ok           Started 0 of 1
fresh     start 300     TooLong      -
fresh     start unknown ok           Started 0 of 1
fresh     fill 39       NotStarted   -
fresh     fill 60       NotStarted   -
fresh     fill 101      NotStarted   -
fresh     commit 39     ok           -
fresh     commit 60     ok           -
fresh     commit 101    ok           -
fresh     queue         ok           -
unheard   start         Repeated     -
unheard   start 300     TooLong      -
unheard   start unknown HeaderMissing -
unheard   fill 39       Regressed    -
unheard   fill 60       ok           -
unheard   fill 101      TooLarge     -
unheard   commit 39     Regressed    -
unheard   commit 60     ok           -
unheard   commit 101    TooLarge     -
unheard   queue         ok           -
unknown   start         Repeated     -
unknown   start 300     TooLong      -
unknown   start unknown Repeated     -
unknown   fill 39       Regressed    -
unknown   fill 60       ok           Progress 60 of 1
unknown   fill 101      TooLarge     -
unknown   commit 39     Regressed    -
unknown   commit 60     ok           Complete 60 of 1
unknown   commit 101    TooLarge     -
unknown   queue         ok           -
told      start         Repeated     -
told      start 300     TooLong      -
told      start unknown Repeated     -
told      fill 39       Regressed    -
told      fill 60       ok           Progress 60 of 1
told      fill 101      TooLarge     -
told      commit 39     Regressed    -
told      commit 60     ok           Complete 60 of 1
told      commit 101    TooLarge     -
told      queue         ok           -
headed    start         Repeated     -
headed    start 300     TooLong      -
headed    start unknown HeaderMissing -
headed    fill 39       Regressed    -
headed    fill 60       ok           Progress 60 of 1
headed    fill 101      TooLarge     -
headed    commit 39     Regressed    -
headed    commit 60     ok           Complete 60 of 1
headed    commit 101    TooLarge     -
headed    queue         ok           -
committed start         Stale        -
committed start 300     TooLong      -
committed start unknown HeaderMissing -
committed fill 39       Stale        -
committed fill 60       Stale        -
committed fill 101      Stale        -
committed commit 39     Stale        -
committed commit 60     Stale        -
committed commit 101    Stale        -
committed queue         ok           -
stale     start         Stale        -
stale     start 300     TooLong      -
stale     start unknown HeaderMissing -
stale     fill 39       Stale        -
stale     fill 60       Stale        -
stale     fill 101      Stale        -
stale     commit 39     Stale        -
stale     commit 60     Stale        -
stale     commit 101    Stale        -
stale     queue         Stale        -
";
    assert_eq!(table, reviewed);
}

#[test] // req: C-075, E-02, W-163, W-169
fn the_header_stands_before_the_start_is_told_and_until_the_commit() {
    let mut stream = stream(HeaderOrder::First);
    let token = stream.claim(100).unwrap();
    let token = stream.start(token, &mut image(), 100, META).unwrap();
    let first = header(&stream, token).unwrap();
    assert_eq!(first.values_len_bytes, 100);
    assert_eq!(
        (first.timestamp_ns, first.meta_version),
        (Some(77), Some(3))
    );
    assert_eq!(told(&mut stream), "Started 0 of 0");
    stream.payload(token).unwrap().copy_in(0, &[7; 25]).unwrap();
    stream.fill(token, 25).unwrap();
    assert_eq!(told(&mut stream), "Progress 25 of 0");
    assert!(may_read(Some(word(&stream, token)), seq(0), true));
    let prefix = Prefix::of(&first, 25).unwrap();
    assert_eq!((prefix.bytes, prefix.lines), (25, Some(2)));

    // What was said stands; only the length may fall, though not below what was told.
    let mut other =
        SlotImage::new(&TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[100]).unwrap());
    let untouched = stream.regions.ring().slot(token.slot()).copy();
    let later = FrameMeta {
        timestamp_ns: 78,
        ..META
    };
    let newer = FrameMeta {
        meta_version: None,
        ..META
    };
    let refused = Err(CommitError::HeaderStands);
    assert_eq!(stream.commit(token, &mut other, 100, META, None), refused);
    assert_eq!(
        stream.commit(token, &mut image(), 100, later, None),
        refused
    );
    assert_eq!(
        stream.commit(token, &mut image(), 100, newer, None),
        refused
    );
    assert_eq!(stream.regions.ring().slot(token.slot()).copy(), untouched);
    let retraced = FrameMeta {
        trace_id: Some(6),
        ..META
    };
    let committed = stream.commit(token, &mut image(), 30, retraced, None);
    assert!(matches!(committed, Ok(Committed::Ready(d)) if d.trace_id == Some(6)));
    assert_eq!(header(&stream, token).unwrap().values_len_bytes, 30);
    assert_eq!(word(&stream, token), CommitWord::committed(seq(0)));
    assert_eq!(told(&mut stream), "Complete 30 of 0");
}

#[test] // req: C-075, W-091, T-21
fn without_agreement_the_header_comes_last() {
    let mut stream = stream(HeaderOrder::Last);
    let token = stream.claim(100).unwrap();
    let token = stream.start(token, &mut image(), 100, META).unwrap();
    assert_eq!(told(&mut stream), "Started 0 of 0");
    assert_eq!(header(&stream, token), None, "nobody wrote one yet");
    let later = FrameMeta {
        timestamp_ns: 78,
        ..META
    };
    assert!(stream.commit(token, &mut image(), 100, later, None).is_ok());
    assert_eq!(header(&stream, token).unwrap().timestamp_ns, Some(78));
}

#[test] // req: C-073, C-076, C-067
fn while_nobody_listens_nothing_is_numbered_early() {
    let mut camera = camera(HeaderOrder::First, Overtaking::Hold);
    camera.set_progress(None);
    assert_eq!(camera.progress(), None);
    let tokens: Vec<_> = camera.claims().tokens().collect();
    let waiting = camera.start(tokens[0], &mut image(), 100, META).unwrap();
    assert_eq!(waiting, tokens[0]);
    camera.fill(waiting, 50).unwrap();
    // It holds nobody up, and gets a number above.
    let (_, second) = camera
        .commit(tokens[1], &mut image(), 100, META, None)
        .unwrap();
    assert!(matches!(second, Committed::Ready(d) if d.seq == seq(1)));
    camera.set_progress(Some(EAGER));
    assert_eq!(camera.progress(), Some(EAGER));
    camera.fill(waiting, 60).unwrap();
    assert_eq!(told(&mut camera), "-", "nobody heard of its start");
    let (first, _) = camera
        .commit(waiting, &mut image(), 100, META, None)
        .unwrap();
    assert_eq!((first.seq(), told(&mut camera)), (seq(4), "-".into()));
}

#[test] // req: C-067, C-063, E-06
fn a_start_binds_the_number_of_a_fixed_slot() {
    let mut camera = camera(HeaderOrder::First, Overtaking::Hold);
    let tokens: Vec<_> = camera.claims().tokens().collect();
    let (done, _) = camera
        .commit(tokens[2], &mut image(), 100, META, None)
        .unwrap();
    // Number 0 is behind what was published: the slot's next one is 4.
    let bound = camera.start(tokens[0], &mut image(), 100, META).unwrap();
    assert_eq!((bound.seq(), bound.slot()), (seq(4), tokens[0].slot()));
    assert_eq!(word(&camera, bound), CommitWord::in_progress(seq(4)));
    assert_eq!(told(&mut camera), "Started 0 of 4");
    assert_eq!(outcome(camera.fill(tokens[0], 1)), "Stale", "the old token");
    // Others wait for it, and go when it is cancelled; its number is gone for good.
    let queued = camera.queue(done).unwrap();
    let (_, held) = camera
        .commit(queued, &mut image(), 100, META, None)
        .unwrap();
    assert_eq!(held, Committed::Held(seq(6)));
    let again = camera.queue(bound).unwrap();
    assert_eq!(again.seq(), seq(8));
    assert_eq!(camera.next_ready(None).map(|d| d.seq), Some(seq(6)));
    let again = camera.start(again, &mut image(), 100, META).unwrap();
    assert_eq!(told(&mut camera), "Started 0 of 8");
    assert_eq!(word(&camera, again), CommitWord::in_progress(seq(8)));

    // A streaming claim that was told of does not give its number back.
    let mut stream = stream(HeaderOrder::Last);
    let token = stream.claim(9).unwrap();
    stream.start_unknown(token, 9).unwrap();
    stream.abort(token).unwrap();
    assert_eq!(stream.claim(9).unwrap().seq(), seq(1));
    assert_eq!(told(&mut stream), "-");
}

/// Notes what was told when the hook ran.
struct Hook<'a>(&'a RefCell<Vec<usize>>);

impl CacheOps for Hook<'_> {
    fn before_commit(&self, _: crate::shm::RegionWriter<'_>, len: usize) {
        self.0.borrow_mut().push(len);
    }
}

#[test] // req: C-071, W-092
fn cache_maintenance_runs_before_the_end_is_told() {
    let flushed = RefCell::new(Vec::new());
    let mut stream = stream_with(HeaderOrder::First, Overtaking::Hold, Hook(&flushed));
    let token = stream.claim(100).unwrap();
    stream.start(token, &mut image(), 100, META).unwrap();
    assert_eq!(told(&mut stream), "Started 0 of 0");
    stream.fill(token, 100).unwrap();
    assert_eq!(told(&mut stream), "Progress 100 of 0");
    assert!(flushed.borrow().is_empty());
    let _ = stream.commit(token, &mut image(), 100, META, None).unwrap();
    assert_eq!(*flushed.borrow(), [100], "and nothing was told since");
    assert_eq!(told(&mut stream), "Complete 100 of 0");
}

#[test]
fn who_does_not_tell_has_nothing_to_start() {
    let claims = Streaming::new(TableId(1), [Entry::FREE; 4], SLOTS, Overtaking::Hold).unwrap();
    let mut quiet = Publisher::new(fixture::regions(), claims);
    let token = quiet.claim(9).unwrap();
    let refused = Err(CommitError::Progress(ProgressError::NotStarted));
    assert_eq!(quiet.start_unknown(token, 9), refused);
    assert_eq!(quiet.fill(token, 9).map(|()| token), refused);
    assert!(quiet.progress().is_none() && quiet.poll_timeout() == Instant::NEVER);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Start(usize),
    Fill(usize, u32),
    Commit(usize, u32),
    Cancel(usize),
    /// The transport takes what is due, or not.
    Transmit(bool),
    Listen(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let (slot, bytes) = (0..4_usize, 0..120_u32);
    prop_oneof![
        4 => slot.clone().prop_map(Op::Start),
        5 => (slot.clone(), bytes.clone()).prop_map(|(s, b)| Op::Fill(s, b)),
        4 => (slot.clone(), bytes).prop_map(|(s, b)| Op::Commit(s, b)),
        1 => slot.prop_map(Op::Cancel),
        8 => prop::bool::weighted(0.8).prop_map(Op::Transmit),
        1 => any::<bool>().prop_map(Op::Listen),
    ]
}

/// Both kinds of claims, as far as a test drives them.
trait Mode: Claims + Sized {
    const TURNS: bool;
    fn tokens(publisher: &mut Of<Self>) -> [Token; 4];
    fn commit(
        publisher: &mut Of<Self>,
        token: Token,
        len: u32,
    ) -> Result<(Token, Committed), CommitError>;
    /// Ends a claim, and takes another in its place if there is one; `None` where it could not be ended.
    fn again(publisher: &mut Of<Self>, token: Token, is_over: bool) -> Option<Option<Token>>;
    fn next(publisher: &mut Of<Self>) -> Option<Seq>;
}

impl Mode for FixedPool<[Entry; 4]> {
    const TURNS: bool = true;
    fn tokens(publisher: &mut Of<Self>) -> [Token; 4] {
        let tokens: Vec<_> = publisher.claims().tokens().collect();
        tokens.try_into().unwrap()
    }
    fn commit(
        publisher: &mut Of<Self>,
        token: Token,
        len: u32,
    ) -> Result<(Token, Committed), CommitError> {
        publisher.commit(token, &mut image(), len, META, None)
    }
    fn again(publisher: &mut Of<Self>, token: Token, _: bool) -> Option<Option<Token>> {
        publisher.queue(token).ok().map(Some)
    }
    fn next(publisher: &mut Of<Self>) -> Option<Seq> {
        publisher.next_ready(None).map(|descriptor| descriptor.seq)
    }
}

impl Mode for Streaming<[Entry; 4]> {
    const TURNS: bool = false;
    fn tokens(publisher: &mut Of<Self>) -> [Token; 4] {
        [(); 4].map(|()| publisher.claim(120).unwrap())
    }
    fn commit(
        publisher: &mut Of<Self>,
        token: Token,
        len: u32,
    ) -> Result<(Token, Committed), CommitError> {
        let committed = publisher.commit(token, &mut image(), len, META, None)?;
        Ok((token, committed))
    }
    fn again(publisher: &mut Of<Self>, token: Token, is_over: bool) -> Option<Option<Token>> {
        if !is_over {
            publisher.abort(token).ok()?;
        }
        Some(publisher.claim(120).ok())
    }
    fn next(publisher: &mut Of<Self>) -> Option<Seq> {
        publisher.next_ready(None).map(|descriptor| descriptor.seq)
    }
}

/// One claim as the test knows it.
#[derive(Clone, Copy, Debug)]
struct Claim {
    token: Token,
    /// Length said at the start, and what was reported since.
    started: Option<(u32, u32)>,
    /// It was started while somebody listened.
    is_heard: bool,
    is_over: bool,
}

/// What readers of the messages know of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Heard {
    state: FrameProgressState,
    bytes: u64,
}

/// Claims, reports and messages in any order: whatever is told is true, and what memory shows goes with it.
fn history<C: Mode>(publisher: &mut Of<C>, ops: Vec<Op>, order: HeaderOrder) {
    let mut listens = true;
    let mut claims = C::tokens(publisher).map(|token| Claim {
        token,
        started: None,
        is_heard: false,
        is_over: false,
    });
    let mut heard: BTreeMap<u64, Heard> = BTreeMap::new();
    let mut over: Vec<Claim> = Vec::new();
    let (mut published, mut cancelled): (Vec<u64>, Vec<u64>) = Default::default();
    for op in ops {
        match op {
            Op::Listen(on) => {
                listens = on;
                publisher.set_progress(on.then_some(EAGER));
            }
            Op::Start(at) => {
                let claim = &mut claims[at];
                let started = publisher.start(claim.token, &mut image(), 100, META);
                if let Ok(token) = started {
                    assert!(claim.started.is_none() && !claim.is_over);
                    assert!(token == claim.token || C::TURNS && listens);
                    (claim.token, claim.started, claim.is_heard) = (token, Some((100, 0)), listens);
                }
            }
            Op::Fill(at, bytes) => {
                let claim = &mut claims[at];
                let filled = publisher.fill(claim.token, bytes);
                let fits = claim
                    .started
                    .filter(|(length, had)| (*had..=*length).contains(&bytes));
                if filled.is_ok() {
                    assert!(fits.is_some() && !claim.is_over);
                    claim.started = Some((100, bytes));
                } else if fits.is_some() && !claim.is_over {
                    let voided = CommitError::Token(TokenError::Voided);
                    assert_eq!(filled, Err(voided));
                }
            }
            Op::Commit(at, len) => {
                let claim = &mut claims[at];
                if let Ok((token, committed)) = C::commit(publisher, claim.token, len) {
                    let (length, had) = claim.started.unwrap_or((256, 0));
                    assert!(!claim.is_over && (had..=length).contains(&len));
                    assert!(
                        !claim.is_heard || token == claim.token,
                        "the number that was told"
                    );
                    (claim.token, claim.is_over) = (token, true);
                    if let Committed::Ready(descriptor) = committed {
                        published.push(descriptor.seq.get());
                    }
                }
            }
            Op::Cancel(at) => {
                let claim = &mut claims[at];
                if let Some(next) = C::again(publisher, claim.token, claim.is_over) {
                    if claim.is_over {
                        over.push(*claim);
                    } else if claim.is_heard {
                        cancelled.push(claim.token.seq().get());
                    }
                    *claim = Claim {
                        token: next.unwrap_or(claim.token),
                        started: None,
                        is_heard: false,
                        is_over: next.is_none(),
                    };
                }
            }
            Op::Transmit(takes) => {
                let mut offered = None;
                let _ = publisher.transmit(Instant::from_ns(0), |progress| {
                    offered = Some(*progress);
                    if takes { Ok(()) } else { Err(()) }
                });
                let Some(progress) = offered else {
                    continue;
                };
                assert!(listens);
                let mut known = claims.iter().chain(&over).filter(|claim| claim.is_heard);
                let claim = known.find(|claim| claim.token.seq() == progress.seq);
                let claim = claim.expect("only frames that were started are told of");
                let (length, had) = claim.started.unwrap();
                assert!(progress.payload_bytes_filled <= length.into());
                assert!(claim.is_over || progress.payload_bytes_filled == had.into());
                if !takes {
                    continue;
                }
                let now = Heard {
                    state: progress.state,
                    bytes: progress.payload_bytes_filled,
                };
                let before = heard.insert(progress.seq.get(), now);
                let is_first = progress.state == FrameProgressState::Started;
                assert_eq!(before.is_none(), is_first, "a start comes first, and once");
                if let Some(before) = before {
                    assert!(before.bytes <= now.bytes);
                    assert_ne!(before.state, FrameProgressState::Complete);
                }
                let is_complete = progress.state == FrameProgressState::Complete;
                assert!(!is_complete || claim.is_over);
            }
        }
        published.extend(core::iter::from_fn(|| C::next(publisher)).map(Seq::get));
        assert!(
            published.is_sorted_by(|a, b| a < b),
            "published numbers rise"
        );
        assert!(!cancelled.iter().any(|seq| published.contains(seq)));
        // Whoever reads a prefix finds word and header of the frame that was told.
        for claim in claims
            .iter()
            .filter(|claim| claim.is_heard && !claim.is_over)
        {
            let (length, had) = claim.started.unwrap();
            let word = word(publisher, claim.token);
            assert!(may_read(Some(word), claim.token.seq(), true));
            if order == HeaderOrder::First {
                let header = header(publisher, claim.token).expect("the header stands");
                assert!((had..=length).contains(&header.values_len_bytes));
                assert_eq!(header.timestamp_ns, Some(META.timestamp_ns));
            }
        }
    }
}

fn order() -> impl Strategy<Value = HeaderOrder> {
    prop_oneof![Just(HeaderOrder::First), Just(HeaderOrder::Last)]
}

fn overtaking() -> impl Strategy<Value = Overtaking> {
    prop_oneof![Just(Overtaking::Hold), Just(Overtaking::Void)]
}

proptest! {
    #[test] // req: C-064, C-067, C-072, C-073, C-075, E-02, E-06, W-153, W-156, W-157, W-158, W-160
    fn a_cameras_progress_is_true_in_any_history(
        ops in prop::collection::vec(op(), 0..150), order in order(), overtaking in overtaking(),
    ) {
        history(&mut camera(order, overtaking), ops, order);
    }

    #[test] // req: C-063, C-064, C-072, C-073, C-075, E-02, E-06, W-153, W-156, W-157, W-158, W-160
    fn a_streams_progress_is_true_in_any_history(
        ops in prop::collection::vec(op(), 0..150), order in order(), overtaking in overtaking(),
    ) {
        history(&mut stream_with(order, overtaking, Coherent), ops, order);
    }
}
