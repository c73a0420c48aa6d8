//! What producers, consumers and supervisors say to each other.

use tp_core_nostd::proto::dispatch::Message;
use tp_core_nostd::wire::control::{
    ConsumerConfig, ConsumerHello, ControlResponse, ShmPoolAnnounce,
};
use tp_core_nostd::wire::tracelink::TraceLinkSet;

use super::{Heard, StreamUse};

/// Hears the control and the announce stream.
pub trait ControlHandler {
    /// The memory of a stream was announced; what the roles of this client make of it, after they have heard it.
    fn on_pool_announce(&mut self, announce: &ShmPoolAnnounce<'_>, used: StreamUse) {
        let _ = (announce, used);
    }

    /// A consumer said what it is and wants.
    fn on_consumer_hello(&mut self, hello: &ConsumerHello<'_>) {
        let _ = hello;
    }

    /// A consumer was told how to go on.
    fn on_consumer_config(&mut self, config: &ConsumerConfig<'_>) {
        let _ = config;
    }

    /// Somebody answered a request.
    fn on_control_response(&mut self, response: &ControlResponse<'_>) {
        let _ = response;
    }

    /// A frame was made of others.
    fn on_trace_link_set(&mut self, links: &TraceLinkSet<'_>) {
        let _ = links;
    }
}

/// Tells `handler` what is for it.
pub(super) fn tell(handler: &mut (impl ControlHandler + ?Sized), heard: Heard<'_>) {
    let Heard::Message(message, used) = heard else {
        return;
    };
    match message {
        Message::ShmPoolAnnounce(view) => {
            if let Ok(announce) = view.try_into() {
                handler.on_pool_announce(&announce, used);
            }
        }
        Message::ConsumerHello(view) => {
            if let Ok(hello) = view.try_into() {
                handler.on_consumer_hello(&hello);
            }
        }
        Message::ConsumerConfig(view) => {
            if let Ok(config) = view.try_into() {
                handler.on_consumer_config(&config);
            }
        }
        Message::ControlResponse(view) => {
            if let Ok(response) = view.try_into() {
                handler.on_control_response(&response);
            }
        }
        Message::TraceLinkSet(view) => {
            if let Ok(links) = view.try_into() {
                handler.on_trace_link_set(&links);
            }
        }
        _ => {}
    }
}
