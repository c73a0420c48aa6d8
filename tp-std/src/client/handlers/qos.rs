//! How it goes.

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::{QosConsumer, QosProducer};

use super::Heard;

/// Hears the reports of producers and consumers, once a period each.
pub trait QosHandler {
    /// How a producer is doing.
    fn on_producer(&mut self, report: &QosProducer) {
        let _ = report;
    }

    /// How a consumer is doing.
    fn on_consumer(&mut self, report: &QosConsumer) {
        let _ = report;
    }
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl QosHandler + ?Sized), heard: Heard<'_>) {
    match heard {
        Heard::Message(Message::QosProducer(view), _) => {
            if let Ok(report) = view.try_into() {
                handler.on_producer(&report);
            }
        }
        Heard::Message(Message::QosConsumer(view), _) => {
            if let Ok(report) = view.try_into() {
                handler.on_consumer(&report);
            }
        }
        Heard::Message(..) | Heard::Lease(_) => {}
    }
}
