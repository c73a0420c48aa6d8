use super::*;
use crate::proto::claim::{ClaimError, Entry, Overtaking, TableId};
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

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn slot(raw: u32) -> SlotIndex {
    fixture::SLOTS.index(raw).unwrap()
}

fn offer<K: CacheOps>(bench: &mut Bench<K>, payload: &[u8]) -> Result<Committed, OfferError> {
    bench.offer(payload, &mut image(), META, None)
}

fn commit(bench: &mut Bench, token: Token, len: u32) -> Result<Committed, CommitError> {
    bench.commit(token, &mut image(), len, META, Some(99))
}

/// What is in the slot: its word, and the rest.
fn memory<K>(bench: &Bench<K>, index: u32) -> (CommitWord, SlotImage) {
    let slot = bench.regions.ring().slot(slot(index));
    (slot.load().unwrap(), slot.copy())
}

fn header<K>(bench: &Bench<K>, index: u32) -> SlotHeader {
    let stride_of = |id| Some(bench.regions.pool(id)?.stride());
    SlotHeader::check(&memory(bench, index).1, slot(index), stride_of).unwrap()
}

#[test] // req: W-089, W-090, W-091, W-094, W-095, W-134, W-135, W-140, W-142, W-145, C-052, C-068
fn word_payload_header_word_descriptor_is_the_order() {
    let mut bench = bench(Coherent);
    for _ in 0..5 {
        let _ = offer(&mut bench, b"old").unwrap();
    }
    let (_, old_header) = memory(&bench, 1);

    let token = bench.claim(12).unwrap();
    assert_eq!(token.seq(), seq(5));
    let slot = bench.payload(token).unwrap();
    slot.copy_in(0, b"twelve bytes").unwrap();
    let writing = (CommitWord::in_progress(seq(5)), old_header);
    assert_eq!(memory(&bench, 1), writing);

    let committed = commit(&mut bench, token, 12);
    assert_eq!(memory(&bench, 1).0, CommitWord::committed(seq(5)));
    let descriptor = FrameDescriptor {
        stream_id: fixture::STREAM,
        epoch: fixture::EPOCH,
        seq: seq(5),
        timestamp_ns: Some(99),
        meta_version: Some(3),
        trace_id: Some(5),
    };
    assert_eq!(committed, Ok(Committed::Ready(descriptor)));
    assert_eq!(bench.next_ready(None), None);
    let header = header(&bench, 1);
    assert_eq!((header.pool_id, header.values_len_bytes), (pool_id(2), 12));
    let times = (header.timestamp_ns, header.meta_version);
    assert_eq!(times, (Some(77), Some(3)));
    let mut payload = [0; 12];
    let slot = bench.payload(token).unwrap();
    slot.view().copy_out(0, &mut payload).unwrap();
    assert_eq!(payload, *b"twelve bytes");
}

#[test] // req: C-055, T-44, W-144, W-137
fn what_is_absent_is_0_in_the_slot_and_null_in_the_descriptor() {
    let mut bench = bench(Coherent);
    let committed = bench.offer(&[], &mut image(), FrameMeta::default(), None);
    let Ok(Committed::Ready(descriptor)) = committed else {
        panic!("nothing older is open");
    };
    let mut message = [0; 48];
    descriptor.encode(&mut message).unwrap();
    assert_eq!(message[28..36], [0xFF; 8], "timestampNs");
    assert_eq!(message[36..40], [0xFF; 4], "metaVersion");
    assert_eq!(message[40..], [0; 8], "traceId");
    assert_eq!(header(&bench, 0).meta_version, Some(0));
}

#[test] // req: W-085, W-087, W-124, C-054
fn an_empty_payload_is_a_frame_in_the_slot_of_its_number() {
    let mut bench = bench(Coherent);
    for (number, index) in (0..9).zip([0, 1, 2, 3].into_iter().cycle()) {
        assert_eq!(offer(&mut bench, &[]).unwrap().seq(), seq(number));
        assert_eq!(memory(&bench, index).0, CommitWord::committed(seq(number)));
        // The check would refuse another payload slot than the header's.
        assert_eq!(header(&bench, index).values_len_bytes, 0);
    }
}

#[test] // req: E-06, C-064
fn a_held_commit_keeps_its_word_back() {
    let mut bench = bench(Coherent);
    let older = bench.claim(1).unwrap();
    let newer = bench.claim(1).unwrap();
    assert_eq!(commit(&mut bench, newer, 1), Ok(Committed::Held(seq(1))));
    let offered = offer(&mut bench, b"newest");
    assert_eq!(offered, Ok(Committed::Held(seq(2))));
    assert_eq!(bench.next_ready(None), None);
    assert_eq!(memory(&bench, 1).0, CommitWord::in_progress(seq(1)));
    assert_eq!(header(&bench, 1).values_len_bytes, 1, "the header is there");

    let first = commit(&mut bench, older, 1).unwrap();
    assert!(matches!(first, Committed::Ready(descriptor) if descriptor.seq == seq(0)));
    for number in [1, 2] {
        let index = number as u32;
        assert_eq!(
            memory(&bench, index).0,
            CommitWord::in_progress(seq(number))
        );
        let ready = bench.next_ready(None).unwrap();
        assert_eq!((ready.seq, ready.trace_id), (seq(number), Some(5)));
        assert_eq!(memory(&bench, index).0, CommitWord::committed(seq(number)));
    }
    assert_eq!(bench.next_ready(None), None);
}

#[test] // req: C-061, C-062, C-065
fn a_refused_commit_writes_nothing_and_keeps_the_claim() {
    let mut bench = bench(Coherent);
    let token = bench.claim(64).unwrap();
    let untouched = memory(&bench, 0);
    let too_long = CommitError::TooLong {
        len: 65,
        stride: 64,
    };
    assert_eq!(commit(&mut bench, token, 65), Err(too_long));
    assert_eq!(memory(&bench, 0), untouched);
    assert!(commit(&mut bench, token, 3).is_ok(), "shorter than claimed");
    let written = memory(&bench, 0);
    let stale = CommitError::Token(TokenError::Stale);
    assert_eq!(commit(&mut bench, token, 4), Err(stale));
    assert_eq!(memory(&bench, 0), written);
}

#[test] // req: W-112, W-121, C-051, C-060
fn a_refused_offer_consumes_nothing() {
    let mut bench = bench(Coherent);
    let too_large = OfferError::TooLarge { len: 257, max: 256 };
    assert_eq!(bench.claim(257), Err(too_large));
    assert_eq!(offer(&mut bench, &[0; 257]), Err(too_large));
    assert_eq!(bench.claims().next_seq(), Some(Seq::FIRST));
    assert_eq!(memory(&bench, 0).0, CommitWord::from_bits(0));
    let held = [(); 4].map(|()| bench.claim(1).unwrap());
    let untouched = memory(&bench, 0);
    let slot = held[0].slot();
    let refused = OfferError::Claim(ClaimError::SlotHeld { slot });
    assert_eq!(offer(&mut bench, b"x"), Err(refused));
    assert_eq!(memory(&bench, 0), untouched);
}

#[test] // req: C-053, W-077
fn a_tensor_is_checked_before_a_slot_is_touched_and_leaves_nothing_of_an_older_one() {
    let mut bench = bench(Coherent);
    let wide = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[1, 2, 3, 4]).unwrap();
    for _ in 0..4 {
        let _ = bench
            .offer(b"wide", &mut SlotImage::new(&wide), META, None)
            .unwrap();
    }
    let before = memory(&bench, 0);
    // No image can be made of a tensor that is none, so none reaches the slots.
    for dims in [&[][..], &[2, -1], &[1; 9]] {
        assert!(TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, dims).is_err());
    }
    assert!(TensorHeader::strided(Dtype::Uint16, MajorOrder::Row, &[2, 2], &[1, 0]).is_err());
    assert_eq!(
        (memory(&bench, 0), bench.claims().next_seq()),
        (before, Seq::new(4))
    );

    let line = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[7]).unwrap();
    let mut image = SlotImage::new(&line);
    let _ = bench.offer(b"line", &mut image, META, None).unwrap();
    assert_eq!(memory(&bench, 0), (CommitWord::committed(seq(4)), image));
    let tensor = header(&bench, 0).tensor.block();
    let past = tensor.dims[1..].iter().chain(&tensor.strides[1..]);
    assert!(past.clone().count() == 14 && past.clone().all(|field| field.get() == 0));
}

/// Notes what the slot's first payload word is when the hook runs.
struct Hook<'a>(&'a RefCell<Vec<u64>>);

impl CacheOps for Hook<'_> {
    fn before_commit(&self, payload: RegionWriter<'_>, len: usize) {
        assert_eq!(len, 8);
        self.0.borrow_mut().push(payload.view().load(0).unwrap());
    }
}

#[test] // req: C-071, W-092, W-093
fn cache_maintenance_runs_between_payload_and_commit() {
    let seen = RefCell::new(Vec::new());
    let mut bench = bench(Hook(&seen));
    let _ = offer(&mut bench, &[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let _ = offer(&mut bench, &[]).unwrap();
    let token = bench.claim(8).unwrap();
    bench.payload(token).unwrap().store(0, 2).unwrap();
    assert_eq!(*seen.borrow(), [1]);
    let _ = bench.commit(token, &mut image(), 8, META, None).unwrap();
    assert_eq!(*seen.borrow(), [1, 2]);
}
