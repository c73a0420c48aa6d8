//! What clients ask, and the leases they get.

use std::vec::Vec;

use super::super::*;
use super::rig::CAMERA;
use crate::ids::{ClientId, CorrelationId, Epoch, LeaseId, NodeId, StreamId};
use crate::wire::driver::*;

/// The four fields that name a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) lease: LeaseId,
    pub(super) stream: StreamId,
    pub(super) client: ClientId,
    pub(super) role: Role,
}

/// The four fields that name the lease of an OK.
pub(super) fn holder(granted: &Event) -> Named {
    match *granted {
        Event::Attached {
            lease,
            stream,
            client,
            role,
            ..
        } => Named {
            lease,
            stream,
            client,
            role,
        },
        other => panic!("not an OK: {other:?}"),
    }
}

pub(super) fn epoch_of(granted: &Event) -> u64 {
    match granted {
        Event::Attached { epoch, .. } => Epoch::get(*epoch),
        other => panic!("not an OK: {other:?}"),
    }
}

pub(super) fn node_of(granted: &Event) -> Option<u32> {
    match granted {
        Event::Attached { node, .. } => node.map(NodeId::get),
        other => panic!("not an OK: {other:?}"),
    }
}

pub(super) fn client(raw: u32) -> ClientId {
    ClientId::new(raw).unwrap()
}

/// A plain request of this client, whose correlation id is ten times its id.
fn request(role: Role, client_id: u32) -> ShmAttachRequest {
    ShmAttachRequest {
        correlation_id: CorrelationId(i64::from(client_id) * 10),
        stream_id: Some(CAMERA),
        client_id: client(client_id),
        role,
        expected_layout_version: 0,
        publish_mode: PublishMode::RequireExisting,
        require_hugepages: HugepagesPolicy::Unspecified,
        desired_node_id: None,
    }
}

pub(super) fn producer(client_id: u32) -> ShmAttachRequest {
    request(Role::Producer, client_id)
}

pub(super) fn consumer(client_id: u32) -> ShmAttachRequest {
    request(Role::Consumer, client_id)
}

pub(super) fn attach_message(request: &ShmAttachRequest) -> Vec<u8> {
    let mut buffer = [0; 64];
    let len = request.encode(&mut buffer).unwrap();
    buffer[..len].to_vec()
}
