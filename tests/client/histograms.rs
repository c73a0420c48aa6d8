//! What a client measures of itself.

use tp_std::ConsumerConfig;

use crate::rig::{Rig, STREAM};

#[test]
fn duty_cycles_are_measured_only_where_that_was_asked_for() {
    let mut rig = Rig::new();
    rig.looks();
    rig.cycle();
    let looks = rig.looks();
    assert!(rig.client.histograms().is_none());

    let mut rig = Rig::with(|context| context.with_histograms(true));
    let _wanted = rig.client.consumer(ConsumerConfig::new(STREAM)).unwrap();
    let before = rig.client.histograms().unwrap().cycle.snapshot();
    rig.cycles(10);
    rig.looks();
    rig.cycle();
    assert_eq!(rig.looks(), looks + 2);
    let histograms = rig.client.histograms().unwrap();
    assert_eq!(histograms.cycle.snapshot().since(&before).count(), 11);
    assert_eq!(histograms.attach.snapshot().count(), 0, "nobody granted it");
}
