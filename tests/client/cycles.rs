//! What one duty cycle is bounded by, and what clients of one process share: nothing.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use tp_core_nostd::wire::control::QosProducer;
use tp_std::handlers::QosHandler;
use tp_std::{Budgets, ConsumerConfig, QOS_STREAM};

use crate::rig::{Rig, STREAM};

/// Counts reports.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Count {
    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl QosHandler for Count {
    fn on_producer(&mut self, _: &QosProducer) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test] // req: C-146
fn a_duty_cycle_takes_as_many_commands_and_messages_as_it_may() {
    let budgets = Budgets {
        commands: 2,
        fragments: 3,
    };
    let mut rig = Rig::with(|context| context.with_budgets(budgets).unwrap());
    let count = Count::default();
    let handlers: Vec<_> = (0..5)
        .map(|_| rig.client.on_qos(count.clone()).unwrap())
        .collect();
    let taken: Vec<_> = (0..4).map(|_| rig.cycle()).collect();
    assert_eq!(taken, [2, 2, 1, 0]);
    rig.cycles(3);
    let mut voice = rig.voice(QOS_STREAM);
    for number in 0..7 {
        voice.report(number);
    }
    let heard: Vec<_> = (0..4).map(|_| (rig.cycle(), count.take())).collect();
    assert_eq!(heard, [(3, 15), (3, 15), (1, 5), (0, 0)], "five handlers");
    drop(handlers);
}

#[test] // req: C-139, C-161
fn a_duty_cycle_looks_at_the_clock_once() {
    let mut rig = Rig::new();
    let _handler = rig.client.on_qos(Count::default()).unwrap();
    let _wanted = rig.client.consumer(ConsumerConfig::new(STREAM)).unwrap();
    rig.cycles(3);
    rig.voice(QOS_STREAM).report(1);
    rig.looks();
    for _ in 0..3000 {
        rig.cycle();
        assert_eq!(rig.looks(), 1);
    }
}

#[test] // req: C-133
fn clients_of_one_process_know_nothing_of_each_other() {
    let (mut one, mut other) = (Rig::new(), Rig::new());
    let (heard, unheard) = (Count::default(), Count::default());
    let _one = one.client.on_qos(heard.clone()).unwrap();
    let _other = other.client.on_qos(unheard.clone()).unwrap();
    one.cycles(3);
    other.cycles(3);
    let mut voice = one.voice(QOS_STREAM);
    voice.report(1);
    voice.bytes(b"nothing of ours");
    one.client.close().unwrap();
    other.cycles(3);
    one.net.advance(crate::rig::CYCLE);
    assert!(one.conductor.do_work().is_err(), "closed");
    assert_eq!((unheard.take(), other.client.malformed_messages()), (0, 0));
    other.voice(QOS_STREAM).report(1);
    other.cycle();
    assert_eq!(unheard.take(), 1, "the other one goes on");
}
