//! SequenceMergeMapRequest and TimestampMergeMapRequest: a consumer asks for the map of an output (join-barrier 2.3).

use zerocopy::little_endian::{U32, U64};

use super::SCHEMA;
use crate::ids::{Epoch, StreamId};
use crate::sbe::{Cursor, DecodeError, EncodeError, MessageLayout, Writer, block};
use crate::wire::ValueError;
use crate::wire::value::legal;

block! {
    /// Fixed block of both requests (join-barrier 1).
    pub struct MergeMapRequestBlock [12] {
        0 out_stream_id: U32 = "outStreamId",
        4 epoch: U64 = "epoch",
    }
}

/// Defines one of the two requests; they differ in their template alone.
macro_rules! request {
    ($(#[$doc:meta])* $name:ident, $view:ident, template $template:literal, named $wire:literal) => {
        #[doc = concat!("A ", $wire, " found to fit its bytes.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a> {
            /// The fixed block.
            pub block: &'a MergeMapRequestBlock,
        }

        impl<'a> $view<'a> {
            /// Reads the message at the start of `bytes`.
            ///
            /// # Errors
            /// What [`Cursor::message`] refuses.
            pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let (_, block) = Cursor::message(bytes, SCHEMA, $name::TEMPLATE)?;
                Ok(Self { block })
            }
        }

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name {
            /// The stream the map is for.
            pub out_stream_id: StreamId,
            /// Its epoch.
            pub epoch: Epoch,
        }

        impl $name {
            /// Template id of its header.
            pub const TEMPLATE: u16 = $template;
            /// Its shape, for tools.
            pub const LAYOUT: MessageLayout =
                MessageLayout::of::<MergeMapRequestBlock>($wire, SCHEMA, Self::TEMPLATE, &[]);

            /// Writes the message to the start of `out`; returns its length, always 20.
            ///
            /// # Errors
            /// [`EncodeError::DoesNotFit`].
            pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
                let block = MergeMapRequestBlock {
                    out_stream_id: self.out_stream_id.get().into(),
                    epoch: self.epoch.get().into(),
                };
                Writer::new(out).message(SCHEMA, Self::TEMPLATE, &block).finish()
            }
        }

        impl TryFrom<$view<'_>> for $name {
            type Error = ValueError;

            fn try_from(view: $view<'_>) -> Result<Self, ValueError> {
                Ok(Self {
                    out_stream_id: legal("outStreamId", view.block.out_stream_id.get(), StreamId::new)?,
                    epoch: legal("epoch", view.block.epoch.get(), Epoch::new)?,
                })
            }
        }
    };
}

request! {
    /// Asks the authority for the sequence map of one output and epoch (J-036).
    SequenceMergeMapRequest, SequenceMergeMapRequestView, template 2, named "SequenceMergeMapRequest"
}
request! {
    /// Asks the authority for the timestamp map of one output and epoch (J-037).
    TimestampMergeMapRequest, TimestampMergeMapRequestView, template 4, named "TimestampMergeMapRequest"
}
