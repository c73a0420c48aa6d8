//! Smoke test on the emulated board: claim, commit, read and wrap, with the core's real code and its split commit word
//! (E-03: a Cortex-M4 has no 64-bit atomics). Ends the emulator with 0 when everything held, else with 1 and a sentence.
#![no_std]
#![no_main]

mod log;

use core::panic::PanicInfo;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId};
use tp_core_nostd::proto::publish::{Committed, FrameMeta, Publisher};
use tp_core_nostd::proto::read::{DropReason, Reader};
use tp_core_nostd::proto::regions::StreamRegions;
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::shm::{
    Dtype, HeaderRing, Line, MajorOrder, PayloadPool, RegionKind, RegionShape, RegionWriter,
    SlotImage, Stride, Superblock, TensorHeader,
};
use tp_core_nostd::wire::control::FrameDescriptorView;

/// Slots of the ring and its pool.
const SLOTS: SlotCount = SlotCount::new(4).unwrap();
/// Bytes of a payload slot.
const STRIDE: u32 = 64;
/// Enough for many turns of the ring.
const FRAMES: u64 = 1_000;

static RING: [Line; 1 + 4 * 4] = [const { Line::zeroed() }; 1 + 4 * 4];
static POOL: [Line; 1 + 4] = [const { Line::zeroed() }; 1 + 4];

#[entry]
fn main() -> ! {
    let frames = run();
    defmt::info!("{} frames", frames);
    assert!(log::bytes() > 0, "defmt wrote nothing");
    hprintln!(
        "smoke: {} frames written and read on a Cortex-M4, defmt wrote {} bytes",
        frames,
        log::bytes()
    );
    debug::exit(debug::EXIT_SUCCESS);
    unreachable!("the emulator has ended")
}

/// The bytes of frame `seq`.
fn pattern(seq: u64) -> [u8; 48] {
    core::array::from_fn(|i| (seq as u8).wrapping_mul(7).wrapping_add(i as u8))
}

fn seq(raw: u64) -> Seq {
    Seq::new(raw).unwrap()
}

fn run() -> u64 {
    let of = |kind| RegionShape {
        stream_id: StreamId::new(10_000).unwrap(),
        epoch: Epoch::new(1).unwrap(),
        slots: SLOTS,
        kind,
    };
    let ring = of(RegionKind::HeaderRing);
    let pool = of(RegionKind::PayloadPool {
        pool_id: PoolId::new(1).unwrap(),
        stride: Stride::new(STRIDE).unwrap(),
    });
    for (shape, memory) in [(ring, &RING[..]), (pool, &POOL[..])] {
        Superblock {
            shape,
            pid: 1,
            start_ns: 1,
            activity_ns: 1,
        }
        .create(RegionWriter::of_lines(memory))
        .unwrap();
    }
    let ring = HeaderRing::open(&RING[..], &ring).unwrap();
    let pool = PayloadPool::open(&POOL[..], &pool).unwrap();
    let regions = StreamRegions::new(ring, [pool]).unwrap();

    let claims = Streaming::new(TableId(1), [Entry::FREE; 4], SLOTS, Overtaking::Hold).unwrap();
    let mut publisher = Publisher::new(regions, claims);
    let mut reader = Reader::new(regions, [0; 4]).unwrap();
    let tensor = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[6, 8]).unwrap();
    let mut image = SlotImage::new(&tensor);

    for raw in 0..FRAMES {
        let meta = FrameMeta {
            timestamp_ns: raw + 1,
            ..FrameMeta::default()
        };
        // Every other frame is claimed, filled in place and committed; the rest are copied.
        let committed = if raw % 2 == 0 {
            publisher
                .offer(&pattern(raw), &mut image, meta, None)
                .unwrap()
        } else {
            let token = publisher.claim(48).unwrap();
            assert_eq!(
                reader.read(seq(raw)).unwrap_err(),
                DropReason::InProgress,
                "a claim is no frame"
            );
            publisher
                .payload(token)
                .unwrap()
                .copy_in(0, &pattern(raw))
                .unwrap();
            publisher.commit(token, &mut image, 48, meta, None).unwrap()
        };
        let Committed::Ready(descriptor) = committed else {
            panic!("a commit in its turn has to be ready")
        };
        let mut message = [0; 48];
        descriptor.encode(&mut message).unwrap();
        assert_eq!(
            FrameDescriptorView::parse(&message)
                .unwrap()
                .block
                .seq
                .get(),
            raw
        );

        let frame = reader.read(seq(raw)).unwrap();
        let mut copy = [0; 64];
        let len = reader.copy_to(&frame, &mut copy).unwrap();
        assert_eq!(
            (frame.header.tensor.dims(), &copy[..len]),
            (&[6, 8][..], &pattern(raw)[..])
        );
        if let Some(lapped) = raw.checked_sub(4) {
            assert_eq!(
                reader.read(seq(lapped)).unwrap_err(),
                DropReason::Lapped,
                "its slot was reused"
            );
        }
    }
    defmt::info!("last read: {}", reader.read(seq(FRAMES - 1)));
    FRAMES
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("smoke: FAILED: {}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
