//! What examples do with each frame, and how they meet.

use tp_std::{FrameReader, Mode, Producer};

use crate::{Bad, Outcome, Patience, Pattern, switch};

/// Copies a frame and looks at each of its bytes.
///
/// # Errors
/// The frame is gone, or not what it should be.
pub fn check(pattern: Pattern, number: u64, reader: FrameReader<'_>) -> Outcome {
    let frame = reader.read()?;
    let mut bytes = vec![0; frame.payload_len()];
    // The producer may write a slot again at any time. A copy says so then, and is not used.
    frame.copy_to(&mut bytes)?;
    pattern.check(number, &bytes)
}

/// Waits until consumers are there, as many as `TP_EXAMPLE_CONSUMERS` says (1), and until somebody subscribes to
/// descriptors, unless `TP_EXAMPLE_WAIT_CONNECTED` is `false`: frames that are sent before are nobody's.
///
/// # Errors
/// They do not come.
pub fn meet<M: Mode>(producer: &mut Producer<M>, patience: &Patience) -> Outcome {
    let consumers = switch("CONSUMERS")?.unwrap_or(1);
    let connected: Result<_, Bad> = switch("WAIT_CONNECTED");
    let connected = connected?.unwrap_or(true);
    while producer.consumer_count() < consumers || (connected && !producer.is_connected()) {
        patience.wait_for("consumers")?;
    }
    Ok(())
}
