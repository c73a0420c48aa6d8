//! Schema 901: attach, keepalive, detach, revocation and shutdown (driver 2).

mod attach_request;
mod attach_response;
mod detach;
mod enums;
mod keepalive;
mod lease_revoked;
mod newer_request;
mod refusal;
mod shutdown;
mod shutdown_request;

pub use attach_request::{ShmAttachRequest, ShmAttachRequestBlock, ShmAttachRequestView};
pub use attach_response::{
    Grant, ShmAttachResponse, ShmAttachResponseBlock, ShmAttachResponseView,
};
pub use detach::{
    ShmDetachRequest, ShmDetachRequestBlock, ShmDetachRequestView, ShmDetachResponse,
    ShmDetachResponseBlock, ShmDetachResponseView,
};
pub use enums::{HugepagesPolicy, LeaseRevokeReason, PublishMode, Role, ShutdownReason};
pub use keepalive::{ShmLeaseKeepalive, ShmLeaseKeepaliveBlock, ShmLeaseKeepaliveView};
pub use lease_revoked::{ShmLeaseRevoked, ShmLeaseRevokedBlock, ShmLeaseRevokedView};
pub use newer_request::NewerRequest;
pub use refusal::{Refusal, RefusalCode};
pub use shutdown::{ShmDriverShutdown, ShmDriverShutdownBlock, ShmDriverShutdownView};
pub use shutdown_request::{
    ShmDriverShutdownRequest, ShmDriverShutdownRequestBlock, ShmDriverShutdownRequestView, Token,
};

use crate::sbe::MessageLayout;

/// Schema id of these messages.
pub const SCHEMA: u16 = 901;

/// Every message of the schema, in the order of the template ids.
pub const MESSAGES: &[MessageLayout] = &[
    ShmAttachRequest::LAYOUT,
    ShmAttachResponse::LAYOUT,
    ShmDetachRequest::LAYOUT,
    ShmDetachResponse::LAYOUT,
    ShmLeaseKeepalive::LAYOUT,
    ShmDriverShutdown::LAYOUT,
    ShmLeaseRevoked::LAYOUT,
    ShmDriverShutdownRequest::LAYOUT,
];
