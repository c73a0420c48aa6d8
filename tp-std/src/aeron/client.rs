//! The client: one connection to a media driver, driven by its owner.

use core::ffi::{CStr, c_void};
use core::fmt;
use core::time::Duration;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusteron_client as rc;

use super::channel::Channel;
use super::cnc;
use super::error::{TransportError, last_code, last_words};
use super::host::{AdoptError, Driving, HostAeron};
use super::pending::{Complete, Pending, Registration};
use super::publication::{AeronExclusivePublication, AeronPublication};
use super::shared::Shared;
use super::subscription::AeronSubscription;

/// How to reach a media driver.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The media driver's directory.
    pub dir: PathBuf,
    /// Shown by Aeron's own tools beside the client's counters.
    pub name: String,
    /// Silence of the media driver after which it counts as gone, and how long an add may stay unanswered.
    pub driver_timeout: Duration,
}

impl ClientConfig {
    /// The media driver in `dir`, with a driver timeout of 5 s.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            name: String::new(),
            driver_timeout: Duration::from_secs(5),
        }
    }
}

/// A connection to a media driver. Nothing happens unless [`AeronClient::do_work`] is called.
pub struct AeronClient {
    aeron: rc::Aeron,
    shared: Arc<Shared>,
    dir: PathBuf,
    lost_reports: u64,
    ownership: Ownership,
}

/// Whose Aeron client it is.
#[derive(Debug)]
enum Ownership {
    /// Ours, and driven by us.
    Ours,
    /// The host's; with the right to drive it, if we do.
    Hosts(Option<Driving>),
}

impl AeronClient {
    /// Connects to a media driver that is alive. Answers at once where none is.
    ///
    /// # Errors
    /// [`TransportError::NoMediaDriver`] says which directory was looked at and what was found there.
    pub fn connect(config: &ClientConfig) -> Result<Self, TransportError> {
        cnc::heartbeat(&config.dir, config.driver_timeout).map_err(|reason| {
            TransportError::NoMediaDriver {
                dir: config.dir.clone(),
                reason,
            }
        })?;
        let dir = c_string(config.dir.as_os_str().as_bytes())?;
        let shared = Arc::new(Shared::default());
        let aeron = open(config, &dir, &shared).map_err(|_| TransportError::last())?;
        Ok(Self {
            aeron,
            shared,
            dir: config.dir.clone(),
            lost_reports: 0,
            ownership: Ownership::Ours,
        })
    }

    /// Uses a client of the host; nothing of it is started, closed or set here.
    ///
    /// # Errors
    /// Somebody else drives it.
    pub(super) fn adopt(host: &HostAeron) -> Result<Self, AdoptError> {
        Ok(Self {
            ownership: Ownership::Hosts(host.take()?),
            aeron: host.aeron().clone(),
            shared: Arc::new(Shared::default()),
            dir: host.dir().to_owned(),
            lost_reports: 0,
        })
    }

    /// Aeron's own client, an `aeron_t *`, for hosts that use Aeron beside it. It is closed with this value.
    pub fn as_raw(&self) -> *mut c_void {
        self.aeron.get_inner().cast()
    }

    /// One duty cycle: answers of the media driver, images, keepalives, endpoints given back. Never waits; allocates
    /// only when something was added, removed or went wrong. Returns how much was done.
    ///
    /// # Errors
    /// Each error once. Those that [end the client](TransportError::ends_client) are followed by `Closed` for ever.
    pub fn do_work(&mut self) -> Result<u32, TransportError> {
        if self.shared.is_closed() {
            return Err(TransportError::Closed);
        }
        let returned = self.shared.close_returned();
        if matches!(self.ownership, Ownership::Hosts(None)) {
            return match self.aeron.is_closed() {
                true => Err(self.failed(0, "the host closed its client, or lost it".to_owned())),
                false => Ok(returned),
            };
        }
        let worked = self.aeron.main_do_work();
        if let Some(reports) = self.shared.take_reports() {
            self.lost_reports = self.lost_reports.saturating_add(reports.lost);
            // One error per cycle is enough: several at once have one cause, and the fatal one comes last.
            if let Some((code, text)) = reports.kept.back() {
                return Err(self.failed(*code, text.clone()));
            }
        }
        match worked {
            Ok(work) => Ok(u32::try_from(work).unwrap_or(0).saturating_add(returned)),
            Err(_) => Err(self.failed(last_code(), last_words())),
        }
    }

    /// As [`Self::do_work`] for owners that can only go on or end: errors that pass are logged. One such is the log of a
    /// publisher that died a moment ago and went before it could be mapped.
    ///
    /// # Errors
    /// Only those that [end the client](TransportError::ends_client).
    pub fn drive(&mut self) -> Result<u32, TransportError> {
        match self.do_work() {
            Err(error) if !error.ends_client() => {
                tracing::warn!(%error, "Aeron reports an error");
                Ok(1)
            }
            result => result,
        }
    }

    /// Starts adding a publication that shares its log with others of the same channel and stream.
    ///
    /// # Errors
    /// Only when the client is closed or the media driver takes no requests; refusals come from [`Pending::poll`].
    pub fn add_publication(
        &mut self,
        channel: &Channel,
        stream_id: i32,
    ) -> Result<Pending<AeronPublication>, TransportError> {
        let register = rc::AeronAsyncAddPublication::new;
        self.add(channel, stream_id, register, AeronPublication::complete)
    }

    /// Starts adding a publication with a log of its own.
    ///
    /// # Errors
    /// As [`Self::add_publication`].
    pub fn add_exclusive_publication(
        &mut self,
        channel: &Channel,
        stream_id: i32,
    ) -> Result<Pending<AeronExclusivePublication>, TransportError> {
        let register = rc::AeronAsyncAddExclusivePublication::new;
        self.add(
            channel,
            stream_id,
            register,
            AeronExclusivePublication::complete,
        )
    }

    /// Starts adding a subscription.
    ///
    /// # Errors
    /// As [`Self::add_publication`].
    pub fn add_subscription(
        &mut self,
        channel: &Channel,
        stream_id: i32,
    ) -> Result<Pending<AeronSubscription>, TransportError> {
        let register = |aeron: &rc::Aeron, uri: &CStr, stream_id| {
            let none = rc::Handlers::NONE;
            rc::AeronAsyncAddSubscription::new(aeron, uri, stream_id, none, none)
        };
        self.add(channel, stream_id, register, AeronSubscription::complete)
    }

    /// The media driver's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Aeron's id of this client; unique for the life of the media driver.
    pub fn client_id(&self) -> i64 {
        self.aeron.client_id()
    }

    /// Errors that came faster than `do_work` could report them.
    pub fn lost_reports(&self) -> u64 {
        self.lost_reports
    }

    fn add<R: 'static, T>(
        &self,
        channel: &Channel,
        stream_id: i32,
        register: impl FnOnce(&rc::Aeron, &CStr, i32) -> Result<R, rc::AeronCError>,
        complete: Complete<R, T>,
    ) -> Result<Pending<T>, TransportError> {
        if self.shared.is_closed() {
            return Err(TransportError::Closed);
        }
        let channel = channel.to_string();
        let uri = c_string(channel.as_bytes())?;
        let registration =
            register(&self.aeron, &uri, stream_id).map_err(|_| TransportError::last())?;
        let registration = Registration::new(registration, complete);
        Ok(Pending::new(
            registration,
            self.shared.clone(),
            channel,
            stream_id,
        ))
    }

    /// Gives a report of Aeron its meaning, and ends the client where Aeron did.
    fn failed(&mut self, code: i32, detail: String) -> TransportError {
        if !self.aeron.is_closed() {
            return TransportError::Failed { code, detail };
        }
        self.shared.close();
        let dir = self.dir.clone();
        // Aeron reports these codes with either sign.
        match rc::AeronErrorType::from_code(code.saturating_abs().saturating_neg()) {
            rc::AeronErrorType::ClientErrorClientTimeout
            | rc::AeronErrorType::ClientErrorConductorServiceTimeout => {
                TransportError::ClientTimedOut { dir, detail }
            }
            _ => TransportError::MediaDriverGone { dir, detail },
        }
    }
}

impl Drop for AeronClient {
    fn drop(&mut self) {
        self.shared.client_is_gone();
    }
}

impl fmt::Debug for AeronClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AeronClient({})", self.dir.display())
    }
}

fn open(
    config: &ClientConfig,
    dir: &CString,
    shared: &Arc<Shared>,
) -> Result<rc::Aeron, rc::AeronCError> {
    let context = rc::AeronContext::new()?;
    context.set_dir(dir)?;
    let name = CString::new(config.name.as_str()).unwrap_or_default();
    context.set_client_name(&name)?;
    context.set_driver_timeout_ms(
        u64::try_from(config.driver_timeout.as_millis()).unwrap_or(u64::MAX),
    )?;
    context.set_use_conductor_agent_invoker(true)?;
    // Without a handler of ours Aeron ends the process.
    let reports = shared.clone();
    context.set_error_handler(Some(move |code: i32, text: &str| {
        reports.report(code, text)
    }))?;
    let aeron = rc::Aeron::new(&context)?;
    aeron.start()?;
    Ok(aeron)
}

fn c_string(bytes: &[u8]) -> Result<CString, TransportError> {
    CString::new(bytes).map_err(|_| super::ChannelError::Character('\0').into())
}
