//! Messages: what has a meaning is written again, and means the same.

use tp_core_nostd::proto::dispatch::classify;
use tp_core_nostd::proto::merge_map::{Authority, OwnMap, Registry, StoredMap};
use tp_core_nostd::sbe::EncodeError;
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::*;
use tp_core_nostd::wire::discovery::*;
use tp_core_nostd::wire::driver::*;
use tp_core_nostd::wire::merge_map::*;
use tp_core_nostd::wire::tracelink::*;

/// The bytes of a value; a buffer that is too short is refused with the length that is needed.
fn encoded(encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let Err(EncodeError::DoesNotFit { needed, .. }) = encode(&mut []) else {
        panic!("an empty buffer fits nothing");
    };
    let mut out = vec![0; needed];
    assert!(encode(&mut out[1..]).is_err());
    assert_eq!(encode(&mut out), Ok(needed));
    out
}

/// Bytes to views to values, and those with a meaning back again.
macro_rules! round_trips {
    ($bytes:expr; $($view:ident => $value:ident,)*) => {
        $(
            let written = |bytes: &[u8]| {
                let value = $value::try_from($view::parse(bytes).ok()?).ok()?;
                Some(encoded(|out| value.encode(out)))
            };
            if let Some(once) = written($bytes) {
                assert_eq!(written(&once).as_ref(), Some(&once), stringify!($value));
            }
        )*
    };
}

pub(super) fn control(bytes: &[u8]) {
    round_trips! { bytes;
        ShmPoolAnnounceView => ShmPoolAnnounce,
        ConsumerHelloView => ConsumerHello,
        ConsumerConfigView => ConsumerConfig,
        FrameDescriptorView => FrameDescriptor,
        ControlResponseView => ControlResponse,
        DataSourceAnnounceView => DataSourceAnnounce,
        DataSourceMetaView => DataSourceMeta,
        FrameProgressView => FrameProgress,
        MetaBlobAnnounceView => MetaBlobAnnounce,
        MetaBlobChunkView => MetaBlobChunk,
        MetaBlobCompleteView => MetaBlobComplete,
    }
    qos(bytes);
}

pub(super) fn qos(bytes: &[u8]) {
    round_trips! { bytes;
        QosConsumerView => QosConsumer,
        QosProducerView => QosProducer,
    }
}

pub(super) fn driver(bytes: &[u8]) {
    round_trips! { bytes;
        ShmAttachRequestView => ShmAttachRequest,
        ShmAttachResponseView => ShmAttachResponse,
        ShmDetachRequestView => ShmDetachRequest,
        ShmDetachResponseView => ShmDetachResponse,
        ShmLeaseKeepaliveView => ShmLeaseKeepalive,
        ShmDriverShutdownView => ShmDriverShutdown,
        ShmLeaseRevokedView => ShmLeaseRevoked,
        ShmDriverShutdownRequestView => ShmDriverShutdownRequest,
    }
}

pub(super) fn discovery(bytes: &[u8]) {
    round_trips! { bytes;
        DiscoveryRequestView => DiscoveryRequest,
        DiscoveryResponseView => DiscoveryResponse,
    }
}

pub(super) fn tracelink(bytes: &[u8]) {
    round_trips! { bytes; TraceLinkSetView => TraceLinkSet, }
}

/// What is announced is found again as it was, and told as it was.
pub(super) fn merge_map(bytes: &[u8]) {
    round_trips! { bytes;
        SequenceMergeMapAnnounceView => SequenceMergeMapAnnounce,
        SequenceMergeMapRequestView => SequenceMergeMapRequest,
        TimestampMergeMapAnnounceView => TimestampMergeMapAnnounce,
        TimestampMergeMapRequestView => TimestampMergeMapRequest,
    }
    let mut registry = Registry::<SequenceRule, _, 128>::new([StoredMap::FREE; 2]);
    if let Ok(view) = SequenceMergeMapAnnounceView::parse(bytes) {
        let _ = registry.handle(view);
        if let Ok(map) = SequenceMergeMapAnnounce::try_from(view)
            && let Some(kept) = registry.find(map.out_stream_id, map.epoch)
        {
            assert_eq!(
                encoded(|out| kept.encode(out)),
                encoded(|out| map.encode(out))
            );
            let period = Duration::from_secs(1);
            let mut authority = Authority::<SequenceRule, _, 128>::new([OwnMap::FREE; 1], period);
            authority.publish(&map).unwrap();
            let told = authority.transmit(Instant::from_ns(0), |told| {
                assert_eq!(told, encoded(|out| map.encode(out)));
                Ok::<_, ()>(())
            });
            assert_eq!(told, Ok(true));
        }
    }
    let mut registry = Registry::<TimestampRule, _, 128>::new([StoredMap::FREE; 2]);
    if let Ok(view) = TimestampMergeMapAnnounceView::parse(bytes) {
        let _ = registry.handle(view);
        if let Ok(map) = TimestampMergeMapAnnounce::try_from(view)
            && let Some(kept) = registry.find(map.out_stream_id, map.epoch)
        {
            assert_eq!(
                encoded(|out| kept.encode(out)),
                encoded(|out| map.encode(out))
            );
        }
    }
}

/// A message is one of ours or nobody's, and the codec of its kind agrees.
pub(super) fn dispatch(bytes: &[u8]) {
    if classify(bytes).is_ok() {
        for decoder in [control, driver, discovery, tracelink, merge_map] {
            decoder(bytes);
        }
    }
}
