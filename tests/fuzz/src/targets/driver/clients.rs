//! What clients send to the driver: with some sense, for a lease they have or had.

use tp_core_nostd::ids::{ClientId, CorrelationId, StreamId};
use tp_core_nostd::wire::control::{ConsumerHello, Endpoint, ProgressHints, StreamRequest};
use tp_core_nostd::wire::driver::{
    HugepagesPolicy, PublishMode, Role, ShmAttachRequest, ShmDetachRequest,
    ShmDriverShutdownRequest, ShmLeaseKeepalive, ShutdownReason, Token,
};
use tp_core_nostd::wire::enums::Mode;

use super::{House, stream};
use crate::Input;

impl House<'_> {
    pub(super) fn attach(&mut self, input: &mut Input<'_>) {
        let request = ShmAttachRequest {
            correlation_id: CorrelationId(input.u8().into()),
            // Those that are there, one that is not, and any.
            stream_id: StreamId::new([10_000, 10_001, 10_002, 0][usize::from(input.u8() % 4)]),
            client_id: ClientId::new(1 + u32::from(input.u8() % 6)).unwrap(),
            role: role(input),
            expected_layout_version: u32::from(input.u8() != 0xFF),
            publish_mode: match input.bool() {
                true => PublishMode::ExistingOrCreate,
                false => PublishMode::RequireExisting,
            },
            require_hugepages: HugepagesPolicy::Unspecified,
            desired_node_id: None,
        };
        let mut bytes = [0; 64];
        let len = request.encode(&mut bytes).unwrap();
        self.engine.handle(self.now, &bytes[..len]);
    }

    pub(super) fn detach(&mut self, input: &mut Input<'_>) {
        let Some((lease_id, stream_id, client_id, role)) = input.pick(&self.granted) else {
            return;
        };
        let request = ShmDetachRequest {
            correlation_id: CorrelationId(input.u8().into()),
            lease_id,
            stream_id,
            client_id,
            role,
        };
        let mut bytes = [0; 64];
        let len = request.encode(&mut bytes).unwrap();
        self.engine.handle(self.now, &bytes[..len]);
    }

    pub(super) fn keep_alive(&mut self, input: &mut Input<'_>) {
        let Some((lease_id, stream_id, client_id, role)) = input.pick(&self.granted) else {
            return;
        };
        let message = ShmLeaseKeepalive {
            lease_id,
            stream_id,
            client_id,
            role,
            client_timestamp_ns: self.now.as_ns(),
        };
        let mut bytes = [0; 64];
        let len = message.encode(&mut bytes).unwrap();
        self.engine.handle(self.now, &bytes[..len]);
    }

    /// Somebody who has a lease, or had one, asks for streams of its own, or for one of them.
    pub(super) fn hello(&mut self, input: &mut Input<'_>) {
        let Some((_, stream_id, consumer_id, _)) = input.pick(&self.granted) else {
            return;
        };
        let wish = |is_wanted, raw| match is_wanted {
            true => StreamRequest::Of(Endpoint {
                channel: "aeron:ipc",
                stream_id: stream(raw),
            }),
            false => StreamRequest::None,
        };
        let hello = ConsumerHello {
            stream_id,
            consumer_id,
            supports_shm: input.bool(),
            supports_progress: input.bool(),
            mode: Mode::Stream,
            max_rate_hz: None,
            expected_layout_version: None,
            progress: ProgressHints::default(),
            descriptor: wish(input.bool(), 20_000 + u32::from(input.u8() % 4)),
            control: wish(input.bool(), 30_000 + u32::from(input.u8() % 4)),
        };
        let mut bytes = [0; 256];
        let len = hello.encode(&mut bytes).unwrap();
        self.engine.handle(self.now, &bytes[..len]);
    }

    pub(super) fn revoke(&mut self, input: &mut Input<'_>) {
        if let Some((lease, ..)) = input.pick(&self.granted) {
            self.engine.revoke(self.now, lease);
        }
    }

    pub(super) fn ask_to_stop(&mut self, input: &mut Input<'_>) {
        let request = ShmDriverShutdownRequest {
            correlation_id: CorrelationId(1),
            reason: ShutdownReason::Admin,
            token: Token(if input.bool() { b"t" } else { b"u" }),
            error_message: None,
        };
        let mut bytes = [0; 64];
        let len = request.encode(&mut bytes).unwrap();
        self.engine.handle(self.now, &bytes[..len]);
    }
}

fn role(input: &mut Input<'_>) -> Role {
    match input.bool() {
        true => Role::Producer,
        false => Role::Consumer,
    }
}
