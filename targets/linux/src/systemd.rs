//! What a service tells systemd: that it is ready, that it lives, that it stops (`sd_notify(3)`).
//!
//! Twenty lines with a datagram socket instead of a dependency. Without systemd all of it does nothing.

use core::time::Duration;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tp_core_nostd::time::Instant;
use tracing::warn;

/// Tells systemd about this process.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often a sign of life is due: twice as often as it is asked for.
    every: Option<Duration>,
    due: Instant,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let asked = number("WATCHDOG_USEC").filter(|_| is_ours);
        Self::new(
            std::env::var_os("NOTIFY_SOCKET").as_deref(),
            asked.map(Duration::from_micros),
        )
    }

    fn new(socket: Option<&OsStr>, watchdog: Option<Duration>) -> Self {
        let socket = socket.and_then(|name| match connection(name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                warn!(?name, %error, "systemd cannot be told anything");
                None
            }
        });
        let every = watchdog.filter(|_| socket.is_some());
        Self {
            socket,
            every: every.and_then(|watchdog| watchdog.checked_div(2)),
            due: Instant::from_ns(0),
        }
    }

    /// The service is ready; `status` is a sentence for people.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The service ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// A sign of life, if one is due.
    pub fn alive(&mut self, now: Instant) {
        if let Some(every) = self.every
            && now >= self.due
        {
            self.tell("WATCHDOG=1");
            self.due = now.after(every);
        }
    }

    fn tell(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            // It never waits; what systemd does not hear it will notice.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

/// A socket for the address that `NOTIFY_SOCKET` names: a path, or an abstract name after `@`.
fn connection(name: &OsStr) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[test]
    fn systemd_hears_of_readiness_life_and_end() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let watchdog = Some(Duration::from_secs(10));
        let mut notifier = Notifier::new(Some(path.as_os_str()), watchdog);
        notifier.ready("three streams");
        assert_eq!(said(&systemd), "READY=1\nSTATUS=three streams");

        let now = Instant::from_ns(1_000_000_000_000);
        notifier.alive(now);
        assert_eq!(said(&systemd), "WATCHDOG=1");
        // Once per half of the time asked for.
        notifier.alive(now.after(Duration::from_millis(4999)));
        notifier.alive(now.after(Duration::from_secs(5)));
        notifier.stopping();
        assert_eq!(said(&systemd), "WATCHDOG=1");
        assert_eq!(said(&systemd), "STOPPING=1\nSTATUS=draining");
    }

    #[test]
    fn abstract_names_begin_with_an_at() {
        let name = format!("tp-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::new(Some(OsStr::new(&format!("@{name}"))), None);
        notifier.ready("here");
        assert_eq!(said(&systemd), "READY=1\nSTATUS=here");
    }

    #[test]
    fn without_systemd_nothing_happens() {
        let mut notifier = Notifier::new(None, Some(Duration::from_secs(1)));
        notifier.ready("nobody listens");
        notifier.alive(Instant::from_ns(1));
        notifier.stopping();
        assert!(notifier.socket.is_none() && notifier.every.is_none());
    }
}
