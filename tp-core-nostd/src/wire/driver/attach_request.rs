//! ShmAttachRequest: a client asks for a lease (driver 2.2, 3.3).

use zerocopy::little_endian::{I64, U32};

use super::{HugepagesPolicy, PublishMode, Role, SCHEMA};
use crate::ids::{ClientId, CorrelationId, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageLayout, Writer, block};
use crate::wire::ValueError;
use crate::wire::value::{legal, optional};

/// Null of `publishMode`, read as REQUIRE_EXISTING (D-064).
const NO_MODE: u8 = u8::MAX;

block! {
    /// Fixed block of ShmAttachRequest (driver 2.2).
    pub struct ShmAttachRequestBlock [27] {
        0 correlation_id: I64 = "correlationId",
        8 stream_id: U32 = "streamId",
        12 client_id: U32 = "clientId",
        16 role: u8 = "role",
        17 expected_layout_version: U32 = "expectedLayoutVersion",
        21 publish_mode: u8 = "publishMode" null NO_MODE,
        22 require_hugepages: u8 = "requireHugepages",
        23 desired_node_id: U32 = "desiredNodeId" null u32::MAX,
    }
}

/// A ShmAttachRequest found to fit its bytes.
#[derive(Clone, Copy, Debug)]
pub struct ShmAttachRequestView<'a> {
    /// The fixed block. Its correlation id is echoed whatever the rest holds (D-035).
    pub block: &'a ShmAttachRequestBlock,
}

impl<'a> ShmAttachRequestView<'a> {
    /// Reads the message at the start of `bytes`. A driver tries
    /// [`NewerRequest::recognise`](super::NewerRequest::recognise) on what is refused here.
    ///
    /// # Errors
    /// What [`Cursor::message`] refuses.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, block) = Cursor::message(bytes, SCHEMA, ShmAttachRequest::TEMPLATE)?;
        Ok(Self { block })
    }
}

/// A wish for a lease. Where the value cannot be made, [`Refusal::of_attach`](super::Refusal::of_attach) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ShmAttachRequest {
    /// Ties the answer to this request.
    pub correlation_id: CorrelationId,
    /// The stream; `None` asks the driver to assign one (0 on the wire, D-166).
    pub stream_id: Option<StreamId>,
    /// Who will hold the lease.
    pub client_id: ClientId,
    /// What for.
    pub role: Role,
    /// The layout version the client insists on; 0 = any (D-044, D-045).
    pub expected_layout_version: u32,
    /// Whether the stream may be created.
    pub publish_mode: PublishMode,
    /// Which pages the client wants.
    pub require_hugepages: HugepagesPolicy,
    /// The node id the client would like. A wish, not an id yet: 0 can be asked for and is refused (D-176).
    pub desired_node_id: Option<u32>,
}

impl ShmAttachRequest {
    /// Template id of its header.
    pub const TEMPLATE: u16 = 1;
    /// Its shape, for tools.
    pub const LAYOUT: MessageLayout =
        MessageLayout::of::<ShmAttachRequestBlock>("ShmAttachRequest", SCHEMA, Self::TEMPLATE, &[]);

    /// Writes the message to the start of `out`; returns its length, always 35. The publish mode is always explicit
    /// (D-064).
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let block = ShmAttachRequestBlock {
            correlation_id: self.correlation_id.0.into(),
            stream_id: self.stream_id.map_or(0, StreamId::get).into(),
            client_id: self.client_id.get().into(),
            role: self.role.get(),
            expected_layout_version: self.expected_layout_version.into(),
            publish_mode: self.publish_mode.get(),
            require_hugepages: self.require_hugepages.get(),
            desired_node_id: self.desired_node_id.unwrap_or(u32::MAX).into(),
        };
        Writer::new(out)
            .message(SCHEMA, Self::TEMPLATE, &block)
            .finish()
    }
}

impl TryFrom<ShmAttachRequestView<'_>> for ShmAttachRequest {
    type Error = ValueError;

    /// Checks in the order of driver 4, rows 3 and 4: the first error decides the answer.
    fn try_from(view: ShmAttachRequestView<'_>) -> Result<Self, ValueError> {
        let block = view.block;
        let role = legal("role", block.role, Role::new)?;
        let client_id = legal("clientId", block.client_id.get(), ClientId::new)?;
        let require_hugepages = legal(
            "requireHugepages",
            block.require_hugepages,
            HugepagesPolicy::new,
        )?;
        let stream_id = match block.stream_id.get() {
            0 => None,
            raw => Some(legal("streamId", raw, StreamId::new)?),
        };
        let publish_mode = match block.publish_mode {
            NO_MODE => PublishMode::RequireExisting,
            raw => legal("publishMode", raw, PublishMode::new)?,
        };
        Ok(Self {
            correlation_id: CorrelationId(block.correlation_id.get()),
            stream_id,
            client_id,
            role,
            expected_layout_version: block.expected_layout_version.get(),
            publish_mode,
            require_hugepages,
            desired_node_id: optional(block.desired_node_id.get(), u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Refusal, RefusalCode};
    use super::*;

    const SENSIBLE: ShmAttachRequestBlock = ShmAttachRequestBlock {
        correlation_id: I64::new(-5),
        stream_id: U32::new(10_000),
        client_id: U32::new(7),
        role: 1,
        expected_layout_version: U32::new(0),
        publish_mode: 2,
        require_hugepages: 0,
        desired_node_id: U32::new(u32::MAX),
    };

    fn read(block: &ShmAttachRequestBlock) -> Result<ShmAttachRequest, ValueError> {
        ShmAttachRequestView { block }.try_into()
    }

    fn refused(block: &ShmAttachRequestBlock) -> Refusal<'static> {
        Refusal::of_attach(read(block).unwrap_err())
    }

    #[test]
    fn wishes_left_open_are_none() {
        // req: D-064
        let silent = ShmAttachRequestBlock {
            publish_mode: 255,
            ..SENSIBLE
        };
        assert_eq!(
            read(&silent).unwrap().publish_mode,
            PublishMode::RequireExisting
        );
        // req: D-166
        let dynamic = ShmAttachRequestBlock {
            stream_id: 0.into(),
            ..SENSIBLE
        };
        assert_eq!(read(&dynamic).unwrap().stream_id, None);
        // req: D-022
        assert_eq!(read(&SENSIBLE).unwrap().desired_node_id, None);
    }

    #[test]
    fn senseless_requests_have_an_answer() {
        use RefusalCode::{InvalidParams, Unsupported};
        for (block, code) in [
            // req: D-062
            (
                ShmAttachRequestBlock {
                    role: 0,
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            (
                ShmAttachRequestBlock {
                    role: 255,
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            (
                ShmAttachRequestBlock {
                    client_id: 0.into(),
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            (
                ShmAttachRequestBlock {
                    client_id: u32::MAX.into(),
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            (
                ShmAttachRequestBlock {
                    require_hugepages: 255,
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            (
                ShmAttachRequestBlock {
                    stream_id: u32::MAX.into(),
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            // req: D-170
            (
                ShmAttachRequestBlock {
                    stream_id: (1 << 31).into(),
                    ..SENSIBLE
                },
                InvalidParams,
            ),
            // req: D-063
            (
                ShmAttachRequestBlock {
                    publish_mode: 0,
                    ..SENSIBLE
                },
                Unsupported,
            ),
            (
                ShmAttachRequestBlock {
                    publish_mode: 3,
                    ..SENSIBLE
                },
                Unsupported,
            ),
            // the earlier row decides
            (
                ShmAttachRequestBlock {
                    publish_mode: 3,
                    role: 9,
                    ..SENSIBLE
                },
                InvalidParams,
            ),
        ] {
            assert_eq!(refused(&block).code, code, "{block:?}");
        }
        let mode = ShmAttachRequestBlock {
            publish_mode: 0,
            ..SENSIBLE
        };
        assert_eq!(
            refused(&mode),
            Refusal::new(Unsupported, "unsupported publish_mode")
        );
    }
}
