use super::*;
use crate::proto::claim::{Entry, Overtaking, TableId};
use crate::proto::regions::fixture::{self, Memory, pool_id};
use crate::shm::{CommitWord, Dtype, MajorOrder, SlotHeader, TensorHeader};
use core::cell::RefCell;
use std::vec::Vec;

type Bench<K = Coherent> = Publisher<Memory, [PayloadPool<Memory>; 2], Streaming<[Entry; 4]>, K>;

fn bench<K: CacheOps>(cache: K) -> Bench<K> {
    let entries = [Entry::FREE; 4];
    let claims = Streaming::new(TableId(1), entries, fixture::SLOTS, Overtaking::Hold).unwrap();
    Publisher::with_cache(fixture::regions(), claims, cache)
}

fn image() -> SlotImage {
    SlotImage::new(&TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[2, 3]).unwrap())
}

const META: FrameMeta = FrameMeta {
    timestamp_ns: 77,
    meta_version: Some(3),
    trace_id: Some(5),
};

fn word<K>(bench: &Bench<K>, slot: u32) -> CommitWord {
    let slot = fixture::SLOTS.index(slot).unwrap();
    bench.regions.ring().slot(slot).load().unwrap()
}

fn header<K>(bench: &Bench<K>, slot: u32) -> SlotHeader {
    let slot = fixture::SLOTS.index(slot).unwrap();
    let image = bench.regions.ring().slot(slot).copy();
    SlotHeader::check(&image, slot, |id| Some(bench.regions.pool(id)?.stride())).unwrap()
}

fn sent<K: CacheOps>(bench: &mut Bench<K>) -> Vec<u64> {
    let ready = || {
        bench
            .next_ready(None)
            .map(|descriptor| descriptor.seq.get())
    };
    core::iter::from_fn(ready).collect()
}

#[test] // req: W-089, W-090, W-091, W-094, W-095, C-052, C-068
fn a_frame_is_in_progress_until_it_is_handed_out_for_sending() {
    let mut bench = bench(Coherent);
    bench.offer(b"old", &mut image(), META).unwrap();
    for _ in 0..4 {
        let _ = bench.next_ready(None);
        bench.offer(b"old", &mut image(), META).unwrap();
    }
    sent(&mut bench);
    let seq = Seq::new(5).unwrap();
    let before = *bench
        .regions
        .ring()
        .slot(fixture::SLOTS.slot_of(seq))
        .copy()
        .words();

    let token = bench.claim(12).unwrap();
    assert_eq!(token.seq(), seq);
    assert_eq!(word(&bench, 1), CommitWord::in_progress(seq));
    bench
        .payload(token)
        .unwrap()
        .copy_in(0, b"twelve bytes")
        .unwrap();
    let filled = *bench.regions.ring().slot(token.slot()).copy().words();
    assert_eq!(filled, before, "the header is written with the commit");

    bench.commit(token, &mut image(), 12, META).unwrap();
    assert_eq!(word(&bench, 1), CommitWord::in_progress(seq));
    let descriptor = bench.next_ready(Some(99)).unwrap();
    assert_eq!(word(&bench, 1), CommitWord::committed(seq));
    let expected = FrameDescriptor {
        stream_id: fixture::STREAM,
        epoch: fixture::EPOCH,
        seq,
        timestamp_ns: Some(99),
        meta_version: Some(3),
        trace_id: Some(5),
    };
    assert_eq!(descriptor, expected);
    let header = header(&bench, 1);
    assert_eq!((header.pool_id, header.values_len_bytes), (pool_id(2), 12));
    assert_eq!(
        (header.timestamp_ns, header.meta_version),
        (Some(77), Some(3))
    );
    let mut payload = [0; 12];
    let memory = bench.payload(token).unwrap().view();
    memory.copy_out(0, &mut payload).unwrap();
    assert_eq!(payload, *b"twelve bytes");
}

#[test] // req: C-055, T-44, W-144, W-137
fn what_is_absent_is_0_in_the_slot_and_null_in_the_descriptor() {
    let mut bench = bench(Coherent);
    bench
        .offer(&[], &mut image(), FrameMeta::default())
        .unwrap();
    let descriptor = bench.next_ready(None).unwrap();
    let mut message = [0; 48];
    descriptor.encode(&mut message).unwrap();
    assert_eq!(message[28..36], [0xFF; 8], "timestampNs");
    assert_eq!(message[36..40], [0xFF; 4], "metaVersion");
    assert_eq!(message[40..], [0; 8], "traceId");
    assert_eq!(header(&bench, 0).meta_version, Some(0));
}

#[test] // req: W-085, W-087, W-124
fn an_empty_payload_is_a_frame_in_the_slot_of_its_number() {
    let mut bench = bench(Coherent);
    for seq in 0..9 {
        let offered = bench.offer(&[], &mut image(), META).unwrap();
        assert_eq!(offered.get(), seq);
        assert_eq!(sent(&mut bench), [seq]);
        let image = bench
            .regions
            .ring()
            .slot(fixture::SLOTS.slot_of(offered))
            .copy();
        let (header, _) = image.parts().unwrap();
        assert_eq!(u64::from(header.payload_slot.get()), seq % 4);
    }
}

#[test] // req: E-06, C-064
fn a_held_commit_keeps_its_word_back() {
    let mut bench = bench(Coherent);
    let older = bench.claim(1).unwrap();
    let newer = bench.claim(1).unwrap();
    bench.commit(newer, &mut image(), 1, META).unwrap();
    assert_eq!(sent(&mut bench), []);
    assert_eq!(word(&bench, 1), CommitWord::in_progress(newer.seq()));
    bench.commit(older, &mut image(), 1, META).unwrap();
    assert_eq!(sent(&mut bench), [0, 1]);
    assert_eq!(word(&bench, 1), CommitWord::committed(newer.seq()));
}

#[test] // req: C-061, C-062, C-065
fn a_refused_commit_writes_nothing_and_keeps_the_claim() {
    let mut bench = bench(Coherent);
    let token = bench.claim(64).unwrap();
    let too_long = CommitError::TooLong {
        len: 65,
        stride: 64,
    };
    assert_eq!(bench.commit(token, &mut image(), 65, META), Err(too_long));
    assert_eq!(bench.commit(token, &mut image(), 3, META), Ok(()));
    sent(&mut bench);
    let before = *bench.regions.ring().slot(token.slot()).copy().words();
    let other =
        SlotImage::new(&TensorHeader::contiguous(Dtype::Int8, MajorOrder::Column, &[9]).unwrap());
    let stale = Err(CommitError::Token(TokenError::Stale));
    assert_eq!(bench.commit(token, &mut other.clone(), 1, META), stale);
    assert_eq!(
        *bench.regions.ring().slot(token.slot()).copy().words(),
        before
    );
    assert_eq!(word(&bench, 0), CommitWord::committed(token.seq()));
}

#[test] // req: W-112, W-121, C-051, C-060
fn a_refused_offer_consumes_nothing() {
    let mut bench = bench(Coherent);
    let too_large = OfferError::TooLarge { len: 257, max: 256 };
    assert_eq!(bench.claim(257), Err(too_large));
    assert_eq!(bench.offer(&[0; 257], &mut image(), META), Err(too_large));
    assert_eq!(bench.claims().next_seq(), Some(Seq::FIRST));
    assert_eq!(word(&bench, 0), CommitWord::from_bits(0));
    let held = [(); 4].map(|()| bench.claim(1).unwrap());
    let slot = held[0].slot();
    let refused = Err(OfferError::Claim(ClaimError::SlotHeld { slot }));
    assert_eq!(bench.offer(b"x", &mut image(), META), refused);
    assert_eq!(word(&bench, 0), CommitWord::in_progress(Seq::FIRST));
}

/// Notes what the slot's first payload byte is when the hook runs.
struct Hook<'a>(&'a RefCell<Vec<u64>>);

impl CacheOps for Hook<'_> {
    fn before_commit(&self, payload: RegionWriter<'_>) {
        self.0.borrow_mut().push(payload.view().load(0).unwrap());
    }
}

#[test] // req: C-071, W-092, W-093
fn cache_maintenance_runs_between_payload_and_commit() {
    let seen = RefCell::new(Vec::new());
    let mut bench = bench(Hook(&seen));
    bench
        .offer(&[1, 0, 0, 0, 0, 0, 0, 0], &mut image(), META)
        .unwrap();
    bench.offer(&[], &mut image(), META).unwrap();
    let token = bench.claim(8).unwrap();
    bench.payload(token).unwrap().store(0, 2).unwrap();
    assert_eq!(*seen.borrow(), [1]);
    bench.commit(token, &mut image(), 8, META).unwrap();
    assert_eq!(*seen.borrow(), [1, 2]);
    assert_eq!(word(&bench, 2), CommitWord::in_progress(token.seq()));
}
