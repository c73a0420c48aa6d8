//! Whether a set of mappings can work (rate-limiter 3, L-032 to L-035).

use core::fmt;

use crate::ids::StreamId;

/// Which stream becomes which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mapping {
    /// The stream that is consumed.
    pub source: StreamId,
    /// The stream that is produced.
    pub destination: StreamId,
}

/// What is forwarded besides frames, and between which transport streams all mappings share (L-029).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Forwarding {
    /// FrameProgress.
    pub progress: bool,
    /// Where it comes from and goes to.
    pub control: (Option<StreamId>, Option<StreamId>),
    /// QosProducer and QosConsumer.
    pub qos: bool,
    /// Where they come from and go to.
    pub qos_streams: (Option<StreamId>, Option<StreamId>),
}

/// Why a rate limiter does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SetupError {
    /// A stream becomes itself, at once or by way of others.
    Cycle(StreamId),
    /// Two mappings have this destination, which has one producer (L-002).
    SharedDestination(StreamId),
    /// Progress is to be forwarded, and a control stream is missing (L-032).
    NoControlStream,
    /// QoS is to be forwarded, and a QoS stream is missing (L-033).
    NoQosStream,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(stream) => write!(f, "stream {stream} is made from itself"),
            Self::SharedDestination(stream) => write!(f, "two mappings make stream {stream}"),
            Self::NoControlStream => {
                f.write_str("forwarding progress needs the control streams of both ends")
            }
            Self::NoQosStream => f.write_str("forwarding QoS needs the QoS streams of both ends"),
        }
    }
}

impl core::error::Error for SetupError {}

/// Looks at all mappings of one instance before it starts. It takes the square of their number.
///
/// # Errors
/// [`SetupError`]; nothing may be started then (L-034).
pub fn check(mappings: &[Mapping], forwarding: &Forwarding) -> Result<(), SetupError> {
    let is_whole =
        |(from, to): (Option<StreamId>, Option<StreamId>)| from.is_some() && to.is_some();
    if forwarding.progress && !is_whole(forwarding.control) {
        return Err(SetupError::NoControlStream);
    }
    if forwarding.qos && !is_whole(forwarding.qos_streams) {
        return Err(SetupError::NoQosStream);
    }
    for (at, mapping) in mappings.iter().enumerate() {
        let destination = mapping.destination;
        let mut others = mappings.iter().skip(at).skip(1);
        if others.any(|other| other.destination == destination) {
            return Err(SetupError::SharedDestination(destination));
        }
    }
    // Each stream is made from one other, so the way back from any of them is a line, or leads round.
    for mapping in mappings {
        let mut from = Some(mapping.source);
        for _ in mappings {
            if from == Some(mapping.destination) {
                return Err(SetupError::Cycle(mapping.destination));
            }
            let before = mappings
                .iter()
                .find(|other| Some(other.destination) == from);
            from = before.map(|other| other.source);
        }
    }
    Ok(())
}
