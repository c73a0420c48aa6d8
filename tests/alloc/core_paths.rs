//! The paths of the core: publish, claim, read, descriptors.

use crate::counter::allocations;
use tp_core_nostd::proto::publish::Committed;
use tp_core_nostd::proto::sequence::Sequencer;
use tp_core_nostd::transport::ImageId;
use tp_core_nostd::wire::control::{FrameDescriptor, FrameDescriptorView};
use tp_cost as fixture;

/// Several turns of the fixture's ring.
const FRAMES: u8 = 200;

#[test]
fn publishing_and_reading_do_not_allocate() {
    let regions = fixture::regions();
    let mut producer = fixture::producer(regions.clone());
    let mut consumer = fixture::consumer(regions);
    let mut sequencer = Sequencer::new();
    let mut image = fixture::image();
    let mut buffer = [0; 4096];
    let (count, ()) = allocations(|| {
        for number in 0..FRAMES {
            let committed = producer.offer(&[number; 4000], &mut image, fixture::META, Some(1));
            let Ok(Committed::Ready(sent)) = committed else {
                panic!("nothing older is open");
            };
            let message = sent.message();
            let view = FrameDescriptorView::parse(&message).unwrap();
            let descriptor = FrameDescriptor::try_from(view).unwrap();
            sequencer.observe(ImageId(1), descriptor.seq);
            let frame = consumer.read(descriptor.seq).unwrap();
            assert_eq!(consumer.copy_to(&frame, &mut buffer), Ok(4000));
            assert_eq!(buffer[3999], number);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn claims_do_not_allocate() {
    let mut producer = fixture::producer(fixture::regions());
    let mut image = fixture::image();
    let (count, ()) = allocations(|| {
        for _ in 0..FRAMES {
            let [first, second, third] = [(); 3].map(|()| producer.claim(4096).unwrap());
            let held = producer.commit(third, &mut image, 0, fixture::META, None);
            assert!(matches!(held, Ok(Committed::Held(_))));
            producer.announce(second).unwrap();
            producer.abort(second).unwrap();
            producer.abort(first).unwrap();
            assert!(producer.next_ready(None).is_some());
            assert!(producer.next_ready(None).is_none());
        }
    });
    assert_eq!(count, 0);
}
