//! Work of the application in the client's duty cycle.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tp_std::handlers::QosHandler;
use tp_std::{QOS_STREAM, handlers};

use crate::rig::Rig;

#[test] // req: C-008
fn work_is_done_within_its_limit_until_it_is_taken_out() {
    let mut rig = Rig::new();
    let told = Arc::new(AtomicU32::new(0));
    let work = {
        let told = told.clone();
        move |limit| {
            told.store(limit, Ordering::Relaxed);
            Ok(limit)
        }
    };
    let registration = rig.client.register_work(10, work).unwrap();
    assert_eq!(rig.cycle(), 11, "one command, ten of its own");
    assert_eq!(rig.cycle(), 10);
    drop(registration);
    told.store(0, Ordering::Relaxed);
    assert_eq!((rig.cycle(), told.load(Ordering::Relaxed)), (0, 0));
}

#[test]
// req: C-008
fn an_item_that_fails_is_reported_and_stops_no_other() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let said = lines.clone();
    let mut rig = Rig::with(|context| {
        context.with_log_handler(move |_, line| said.lock().unwrap().push(line.to_owned()))
    });
    let _bad = rig
        .client
        .register_work(1, |_| Err("broken".to_owned()))
        .unwrap();
    let _good = rig.client.register_work(1, |_| Ok(1)).unwrap();
    rig.cycle();
    for _ in 0..10 {
        assert_eq!(rig.cycle(), 1);
    }
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1, "said once a second: {lines:?}");
    assert!(lines[0].contains("broken"));
}

struct Noting(Arc<Mutex<Vec<&'static str>>>);

impl QosHandler for Noting {
    fn on_producer(&mut self, _: &tp_core_nostd::wire::control::QosProducer) {
        self.0.lock().unwrap().push("message");
    }
}

#[test] // req: C-009
fn the_host_comes_first_then_messages_then_items() {
    let order: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let host = order.clone();
    let mut rig = Rig::with(|context| {
        context.with_delegate(move || {
            host.lock().unwrap().push("host");
            0
        })
    });
    let item = order.clone();
    let work = move |_| {
        item.lock().unwrap().push("item");
        Ok(0)
    };
    let _item = rig.client.register_work(1, work).unwrap();
    let _handler: handlers::HandlerRegistration<_> =
        rig.client.on_qos(Noting(order.clone())).unwrap();
    rig.cycles(3);
    rig.voice(QOS_STREAM).report(1);
    order.lock().unwrap().clear();
    rig.cycle();
    assert_eq!(*order.lock().unwrap(), ["host", "message", "item"]);
}
