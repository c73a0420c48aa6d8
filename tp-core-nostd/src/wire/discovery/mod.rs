//! Schema 910: which streams there are, and which driver to ask for them (discovery 1). Advisory: nothing is attached
//! or mapped on the strength of it.

mod request;
mod response;
mod result;
mod tags;

pub use request::{DiscoveryRequest, DiscoveryRequestBlock, DiscoveryRequestView};
pub use response::{
    DiscoveryOutcome, DiscoveryResponse, DiscoveryResponseBlock, DiscoveryResponseView,
    DiscoveryStatus, Results,
};
pub use result::{DiscoveryResult, DiscoveryResultBlock, DiscoveryResultView};
pub use tags::{Tag, TagBlock, Tags};

use crate::sbe::MessageLayout;

/// Schema id of these messages.
pub const SCHEMA: u16 = 910;

/// Every message of the schema, in the order of the template ids.
pub const MESSAGES: &[MessageLayout] = &[DiscoveryRequest::LAYOUT, DiscoveryResponse::LAYOUT];

/// Ties a response to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestId(pub u64);
