//! The paths of the core: claim, publish, read, descriptors.

use crate::counter::allocations;
use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
use tp_core_nostd::proto::claim::{Entry, Overtaking, Streaming, TableId, Tags};
use tp_core_nostd::proto::sequence::Sequencer;
use tp_core_nostd::seq::{Seq, SlotCount};
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};

const FRAMES: u64 = 100;

#[test]
fn claims_do_not_allocate() {
    let entries = [Entry::FREE; 8];
    let slots = SlotCount::new(8).unwrap();
    let mut claims = Streaming::new(TableId(1), entries, slots, Overtaking::Hold).unwrap();
    let pool = PoolId::new(1).unwrap();
    let (count, ()) = allocations(|| {
        for _ in 0..FRAMES {
            let [older, newer] = [(); 2].map(|()| claims.claim(pool).unwrap());
            assert_eq!(claims.commit(newer, Tags::default()), Ok(None));
            claims.abort(older).unwrap();
            assert!(claims.next_ready().is_some());
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn descriptors_do_not_allocate() {
    let mut sequencer = Sequencer::new();
    let mut buffer = [0; 48];
    let (count, ()) = allocations(|| {
        for seq in (0..FRAMES).map(|raw| Seq::new(raw).unwrap()) {
            let descriptor = FrameDescriptor {
                stream_id: StreamId::new(10_000).unwrap(),
                epoch: Epoch::new(1).unwrap(),
                seq,
                timestamp_ns: None,
                meta_version: None,
                trace_id: None,
            };
            let len = descriptor.encode(&mut buffer).unwrap();
            let view = FrameDescriptorView::parse(&buffer[..len]).unwrap();
            assert_eq!(FrameDescriptor::try_from(view), Ok(descriptor));
            sequencer.observe(ImageId(1), seq);
        }
    });
    assert_eq!(count, 0);
}
