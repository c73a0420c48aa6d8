//! Which message some bytes are: one decision, by schema and template, whoever polls (C-119).
//!
//! Control streams carry five schemas side by side, and some messages come from versions and peers we do not know.
//! [`classify`] checks lengths only; what a message means is decided by the machine it is handed to.

use crate::sbe::{Cursor, DecodeError, MessageHeader};
use crate::wire::driver::NewerRequest;
use crate::wire::{control, discovery, driver, merge_map, tracelink};

/// Declares [`Message`] and [`classify`] from one table: schema, template, message, view.
macro_rules! messages {
    ($($schema:ident { $($template:literal $name:ident($view:ident),)* })*) => {
        /// Any message of the five schemas, found to fit its bytes.
        #[derive(Clone, Copy, Debug)]
        #[expect(missing_docs, reason = "each variant is the message of its name")]
        pub enum Message<'a> {
            $($($name($schema::$view<'a>),)*)*
        }

        /// Finds out which message `bytes` are.
        ///
        /// # Errors
        /// [`Ignored`]: what to do with them instead, besides nothing.
        pub fn classify(bytes: &[u8]) -> Result<Message<'_>, Ignored> {
            let header: &MessageHeader = Cursor::new(bytes).block().map_err(Ignored::Malformed)?;
            let message = match (header.schema_id.get(), header.template_id.get()) {
                $($(($schema::SCHEMA, $template) => $schema::$view::parse(bytes).map(Message::$name),)*)*
                _ => return Err(Ignored::Foreign),
            };
            message.map_err(|error| match NewerRequest::recognise(bytes) {
                Some(request) => Ignored::Newer(request),
                None => Ignored::Malformed(error),
            })
        }

        impl Message<'_> {
            /// Whether its values make sense, beyond fitting its bytes. A message that does not is dropped by whomever it
            /// concerns; who polls counts it (C-151).
            pub fn makes_sense(&self) -> bool {
                match self {
                    $($(Self::$name(view) => $schema::$name::try_from(*view).is_ok(),)*)*
                }
            }
        }
    };
}

/// Bytes that are no message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ignored {
    /// A schema or template we do not know: somebody else's business on a shared stream.
    Foreign,
    /// A request of a later version, which a driver answers (D-028) and everybody else ignores.
    Newer(NewerRequest),
    /// A message of ours in name that does not fit; counted (T-37).
    Malformed(DecodeError),
}

messages! {
    control {
        1 ShmPoolAnnounce(ShmPoolAnnounceView),
        2 ConsumerHello(ConsumerHelloView),
        3 ConsumerConfig(ConsumerConfigView),
        4 FrameDescriptor(FrameDescriptorView),
        5 QosConsumer(QosConsumerView),
        6 QosProducer(QosProducerView),
        7 DataSourceAnnounce(DataSourceAnnounceView),
        8 DataSourceMeta(DataSourceMetaView),
        9 ControlResponse(ControlResponseView),
        10 MetaBlobAnnounce(MetaBlobAnnounceView),
        11 FrameProgress(FrameProgressView),
        12 MetaBlobChunk(MetaBlobChunkView),
        13 MetaBlobComplete(MetaBlobCompleteView),
    }
    driver {
        1 ShmAttachRequest(ShmAttachRequestView),
        2 ShmAttachResponse(ShmAttachResponseView),
        3 ShmDetachRequest(ShmDetachRequestView),
        4 ShmDetachResponse(ShmDetachResponseView),
        5 ShmLeaseKeepalive(ShmLeaseKeepaliveView),
        6 ShmDriverShutdown(ShmDriverShutdownView),
        7 ShmLeaseRevoked(ShmLeaseRevokedView),
        8 ShmDriverShutdownRequest(ShmDriverShutdownRequestView),
    }
    discovery {
        1 DiscoveryRequest(DiscoveryRequestView),
        2 DiscoveryResponse(DiscoveryResponseView),
    }
    tracelink {
        1 TraceLinkSet(TraceLinkSetView),
    }
    merge_map {
        1 SequenceMergeMapAnnounce(SequenceMergeMapAnnounceView),
        2 SequenceMergeMapRequest(SequenceMergeMapRequestView),
        3 TimestampMergeMapAnnounce(TimestampMergeMapAnnounceView),
        4 TimestampMergeMapRequest(TimestampMergeMapRequestView),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CorrelationId;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// The header of `schema`, `template`, version 1, with `block` zero bytes behind it.
    fn message(schema: u16, template: u16, version: u16, block: u16) -> Vec<u8> {
        let mut bytes: Vec<u8> = [block, template, schema, version]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        bytes.resize(bytes.len().saturating_add(block.into()), 0);
        bytes
    }

    #[test] // req: C-119, D-026
    fn schema_and_template_decide_together() {
        assert!(matches!(
            classify(&message(900, 4, 1, 40)),
            Ok(Message::FrameDescriptor(_))
        ));
        assert!(matches!(
            classify(&message(901, 5, 1, 25)),
            Ok(Message::ShmLeaseKeepalive(_))
        ));
        assert!(matches!(
            classify(&message(903, 2, 1, 12)),
            Ok(Message::SequenceMergeMapRequest(_))
        ));
        assert!(matches!(
            classify(&message(901, 4, 1, 40)),
            Err(Ignored::Malformed(_))
        ));
    }

    #[test] // req: C-034
    fn driver_messages_pass_four_gates() {
        // A revocation: schema 901, template 7, version 1, a block of 26 bytes and no text.
        let revoked = |schema, template, version, block| {
            let mut bytes = message(schema, template, version, block);
            bytes.extend([0; 4]);
            classify(&bytes).err()
        };
        assert_eq!(revoked(901, 7, 1, 26), None);
        assert_eq!(revoked(902, 7, 1, 26), Some(Ignored::Foreign));
        assert_eq!(revoked(901, 70, 1, 26), Some(Ignored::Foreign));
        for (version, block) in [(2, 26), (1, 25), (1, 27)] {
            let refused = revoked(901, 7, version, block);
            assert!(
                matches!(refused, Some(Ignored::Malformed(_))),
                "{version} {block}"
            );
        }
    }

    #[test] // req: T-37, J-006, K-034, R-012
    fn strangers_are_ignored_and_misfits_are_named() {
        assert_eq!(
            classify(&message(902, 1, 1, 8)).err(),
            Some(Ignored::Foreign)
        );
        assert_eq!(
            classify(&message(900, 50, 1, 64)).err(),
            Some(Ignored::Foreign),
            "memory only"
        );
        assert_eq!(
            classify(&message(900, 4, 2, 40)).err(),
            Some(Ignored::Malformed(DecodeError::UnsupportedVersion {
                got: 2
            }))
        );
        assert_eq!(
            classify(&message(900, 4, 1, 41)).err(),
            Some(Ignored::Malformed(DecodeError::WrongBlockLength {
                expected: 40,
                got: 41
            }))
        );
        assert!(matches!(
            classify(&[]),
            Err(Ignored::Malformed(DecodeError::Truncated { .. }))
        ));
    }

    #[test] // req: C-151
    fn a_message_that_fits_may_make_no_sense() {
        let descriptor = |stream: u8| {
            let mut bytes = message(900, 4, 1, 40);
            // The stream id and the epoch, of which only the first may be senseless.
            bytes[8] = stream;
            bytes[12] = 1;
            classify(&bytes).unwrap().makes_sense()
        };
        assert!(descriptor(1));
        assert!(!descriptor(0), "there is no stream 0");
    }

    #[test] // req: D-025, D-028
    fn a_request_of_a_later_version_is_still_a_request() {
        let newer = NewerRequest::Attach(CorrelationId(0));
        assert_eq!(
            classify(&message(901, 1, 2, 30)).err(),
            Some(Ignored::Newer(newer))
        );
        assert!(
            matches!(
                classify(&message(901, 2, 2, 54)),
                Err(Ignored::Malformed(_))
            ),
            "a response is none"
        );
    }

    proptest! {
        #[test] // req: T-38
        fn no_bytes_make_it_panic(bytes: Vec<u8>, schema in 899u16..912, template in 0u16..15) {
            let _ = classify(&bytes);
            let mut named = message(schema, template, 1, 0);
            named.extend(bytes);
            let _ = classify(&named);
        }
    }
}
