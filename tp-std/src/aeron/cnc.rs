//! What a media driver shows of itself in its directory: the file that clients and driver meet in.

use core::time::Duration;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusteron_client as rc;

use super::error::{Absence, last_words};

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    /// When the media driver last said that it is there, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Its process, as its own namespace numbers it.
    pub(super) pid: i64,
}

/// The heartbeat of the media driver in `dir`, if it is at most `timeout` old. Does not wait for one, as Aeron would.
pub(super) fn heartbeat(dir: &Path, timeout: Duration) -> Result<Heartbeat, Absence> {
    if !dir.join("cnc.dat").exists() {
        return Err(Absence::NoFile);
    }
    let c_dir = CString::new(dir.as_os_str().as_bytes()).unwrap_or_default();
    let mut beat = Err(Absence::ShutDown);
    rc::AeronCnc::read(&c_dir, |cnc| beat = read(cnc)).map_err(|_| unusable())?;
    let beat = beat?;
    let age_ms = rc::Aeron::epoch_clock().saturating_sub(beat.at_ms);
    let age_ms = u64::try_from(age_ms).unwrap_or(0);
    if u128::from(age_ms) > timeout.as_millis() {
        return Err(Absence::Stale { age_ms });
    }
    Ok(beat)
}

fn read(cnc: &rc::AeronCnc) -> Result<Heartbeat, Absence> {
    let constants = cnc.get_constants().map_err(|_| unusable())?;
    // A media driver that stops in good order leaves a heartbeat of -1.
    let at_ms = cnc
        .get_to_driver_heartbeat_ms()
        .map_err(|_| Absence::ShutDown)?;
    let pid = constants.pid();
    Ok(Heartbeat { at_ms, pid })
}

fn unusable() -> Absence {
    Absence::Unusable(last_words())
}
