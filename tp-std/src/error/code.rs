//! What an error means for its caller: the table of client 1.8, by which C maps errors and by nothing else (C-131).

use rustix::io::Errno;
use tp_core_nostd::memory::MapError;
use tp_core_nostd::transport::{PollError, SendError};

use super::{ConfigError, Error};
use crate::aeron::TransportError;
use crate::consumer::ConsumeError;
use crate::producer::{CommitRefused, NoPoolReason, OfferError};
use crate::regions::OfferRefused;

/// The kinds of failure that callers tell apart, with the numbers that C returns. Aeron's own numbers are others, and
/// never leave the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    /// Look at the error itself.
    Generic = -1,
    /// Try again later.
    BackPressured = -2,
    /// Nobody listens yet: try again, or go on.
    NotConnected = -3,
    /// Try again at once; or the call is not legal in this mode.
    AdminAction = -4,
    /// Make it anew.
    Closed = -5,
    /// The publication's position is used up; the client adds it again by itself.
    MaxPosition = -6,
}

impl Code {
    /// The number that C returns.
    pub const fn get(self) -> i32 {
        self as i32
    }
}

/// An error with its place in the table of client 1.8.
pub trait Coded {
    /// What it means for the caller.
    fn code(&self) -> Code;

    /// The number that says more where the code is [`Code::Generic`]: of `errno`, or one of Aeron's client (1000 to 1004).
    /// Zero, where the code says all.
    fn errno(&self) -> i32;
}

impl Coded for SendError {
    fn code(&self) -> Code {
        match self {
            Self::BackPressured => Code::BackPressured,
            Self::NotConnected => Code::NotConnected,
            Self::AdminAction => Code::AdminAction,
            Self::Closed => Code::Closed,
            Self::MaxPosition => Code::MaxPosition,
            Self::TooLong { .. } | Self::Failed(_) => Code::Generic,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            Self::TooLong { .. } => Errno::INVAL.raw_os_error(),
            Self::Failed(code) => positive(*code),
            _ => 0,
        }
    }
}

impl Coded for PollError {
    fn code(&self) -> Code {
        match self {
            Self::Closed => Code::Closed,
            Self::Failed(_) => Code::Generic,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            Self::Closed => 0,
            Self::Failed(code) => positive(*code),
        }
    }
}

impl Coded for OfferError {
    fn code(&self) -> Code {
        match self {
            Self::Fenced | Self::TooLarge { .. } | Self::Exhausted => Code::Generic,
            Self::Closed => Code::Closed,
            Self::SlotHeld | Self::BackPressured => Code::BackPressured,
            Self::NotConnected => Code::NotConnected,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            // The lease was revoked, or its driver went.
            Self::Fenced => Errno::CANCELED.raw_os_error(),
            Self::TooLarge { .. } => Errno::INVAL.raw_os_error(),
            Self::Exhausted => Errno::OVERFLOW.raw_os_error(),
            _ => 0,
        }
    }
}

impl Coded for CommitRefused {
    fn code(&self) -> Code {
        Code::Generic
    }

    fn errno(&self) -> i32 {
        match self {
            Self::LeaseLost => Errno::CANCELED.raw_os_error(),
            Self::Claim(_) => Errno::INVAL.raw_os_error(),
        }
    }
}

impl Coded for NoPoolReason {
    fn code(&self) -> Code {
        match self {
            Self::Offer(error) => error.code(),
            Self::Claims(_) => Code::AdminAction,
            Self::Buffers { .. } => Code::Generic,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            Self::Offer(error) => error.errno(),
            Self::Claims(_) => 0,
            Self::Buffers { .. } => Errno::INVAL.raw_os_error(),
        }
    }
}

impl Coded for ConsumeError {
    fn code(&self) -> Code {
        match self {
            Self::Closed => Code::Closed,
        }
    }

    fn errno(&self) -> i32 {
        0
    }
}

impl Coded for ConfigError {
    fn code(&self) -> Code {
        Code::Generic
    }

    fn errno(&self) -> i32 {
        Errno::INVAL.raw_os_error()
    }
}

impl Coded for TransportError {
    fn code(&self) -> Code {
        match self {
            Self::Closed => Code::Closed,
            _ => Code::Generic,
        }
    }

    fn errno(&self) -> i32 {
        /// Aeron's own numbers for the end of a client.
        const DRIVER_TIMEOUT: i32 = 1000;
        const CLIENT_TIMEOUT: i32 = 1001;
        match self {
            Self::Closed => 0,
            Self::NoMediaDriver { .. } => Errno::NOENT.raw_os_error(),
            Self::MediaDriverGone { .. } => DRIVER_TIMEOUT,
            Self::ClientTimedOut { .. } => CLIENT_TIMEOUT,
            Self::ChannelConflict { .. } | Self::Refused { .. } | Self::Channel(_) => {
                Errno::INVAL.raw_os_error()
            }
            Self::Failed { code, .. } => positive(*code),
        }
    }
}

impl Coded for OfferRefused {
    fn code(&self) -> Code {
        Code::Generic
    }

    fn errno(&self) -> i32 {
        match self {
            Self::Map(MapError::Failed { code, .. }) => positive(*code),
            Self::Map(MapError::NotFound) => Errno::NOENT.raw_os_error(),
            Self::Map(
                MapError::OutsideBases | MapError::Replaced | MapError::Permissions { .. },
            ) => Errno::ACCESS.raw_os_error(),
            Self::Map(MapError::TooLarge { .. }) => Errno::NOMEM.raw_os_error(),
            // Not what was announced, or not what the wire allows.
            _ => Errno::BADMSG.raw_os_error(),
        }
    }
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Self::Transport(error) => error.code(),
            Self::QueueFull => Code::BackPressured,
            Self::InCallback => Code::AdminAction,
            Self::Closed => Code::Closed,
            Self::Config(_)
            | Self::Rejected { .. }
            | Self::Protocol
            | Self::Discovery { .. }
            | Self::NoDriver { .. }
            | Self::Memory(_)
            | Self::Declared(_)
            | Self::NoNode
            | Self::Timeout
            | Self::Thread(_) => Code::Generic,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            Self::Transport(error) => error.errno(),
            Self::Config(error) => error.errno(),
            Self::Memory(refused) => refused.errno(),
            Self::Declared(_) | Self::NoNode => Errno::INVAL.raw_os_error(),
            Self::Rejected { .. } => Errno::PERM.raw_os_error(),
            Self::Protocol => Errno::BADMSG.raw_os_error(),
            Self::Discovery { .. } => Errno::REMOTEIO.raw_os_error(),
            Self::NoDriver { .. } | Self::Timeout => Errno::TIMEDOUT.raw_os_error(),
            Self::Thread(_) => Errno::AGAIN.raw_os_error(),
            Self::QueueFull | Self::InCallback | Self::Closed => 0,
        }
    }
}

/// Aeron reports some numbers with a minus.
const fn positive(code: i32) -> i32 {
    code.saturating_abs()
}

#[cfg(test)]
mod tests {
    use tp_core_nostd::proto::claim::TokenError;
    use tp_core_nostd::proto::declared::Contradiction;
    use tp_core_nostd::proto::publish::CommitError;
    use tp_core_nostd::wire::driver::RefusalCode;

    use super::*;
    use crate::agent::StartError;

    const EINVAL: i32 = 22;
    const ECANCELED: i32 = 125;
    const EBADMSG: i32 = 74;
    const ETIMEDOUT: i32 = 110;
    const EACCES: i32 = 13;

    #[track_caller]
    fn check(error: &impl Coded, code: i32, errno: i32) {
        assert_eq!((error.code().get(), error.errno()), (code, errno));
    }

    #[test] // req: C-131, C-184
    fn every_result_of_a_send_has_the_number_of_the_table_and_not_that_of_aeron() {
        check(&SendError::BackPressured, -2, 0);
        check(&SendError::NotConnected, -3, 0);
        check(&SendError::AdminAction, -4, 0);
        check(&SendError::Closed, -5, 0);
        check(&SendError::MaxPosition, -6, 0);
        check(&SendError::TooLong { len: 2, max: 1 }, -1, EINVAL);
        check(&SendError::Failed(-7), -1, 7);
        check(&PollError::Closed, -5, 0);
        check(&PollError::Failed(7), -1, 7);
    }

    #[test] // req: C-131
    fn frames_that_are_not_taken_say_whether_to_try_again() {
        check(&OfferError::Fenced, -1, ECANCELED);
        check(&OfferError::TooLarge { len: 2, max: 1 }, -1, EINVAL);
        check(&OfferError::Exhausted, -1, 75);
        check(&OfferError::SlotHeld, -2, 0);
        check(&OfferError::BackPressured, -2, 0);
        check(&OfferError::NotConnected, -3, 0);
        check(&OfferError::Closed, -5, 0);
        check(&CommitRefused::LeaseLost, -1, ECANCELED);
        let stale = CommitError::Token(TokenError::Stale);
        check(&CommitRefused::Claim(stale), -1, EINVAL);
        check(&NoPoolReason::Offer(OfferError::Closed), -5, 0);
        check(&NoPoolReason::Claims(1), -4, 0);
        let (buffers, slots) = (9, 8);
        check(&NoPoolReason::Buffers { buffers, slots }, -1, EINVAL);
        check(&ConsumeError::Closed, -5, 0);
    }

    #[test] // req: C-131
    fn what_a_client_fails_for_is_told_apart() {
        check(&Error::from(ConfigError::Zero { knob: "x" }), -1, EINVAL);
        check(&Error::Protocol, -1, EBADMSG);
        check(&Error::Timeout, -1, ETIMEDOUT);
        let text = String::new();
        check(&Error::Discovery { text }, -1, 121);
        let control_stream = 1000;
        check(&Error::NoDriver { control_stream }, -1, ETIMEDOUT);
        let (code, text) = (RefusalCode::Rejected, String::new());
        check(&Error::Rejected { code, text }, -1, 1);
        check(&Error::QueueFull, -2, 0);
        check(&Error::InCallback, -4, 0);
        check(&Error::Closed, -5, 0);
        check(&Error::from(StartError::Thread(String::new())), -1, 11);
        let memory = |error| Error::Memory(OfferRefused::Map(error));
        check(&memory(MapError::OutsideBases), -1, EACCES);
        check(&memory(MapError::NotFound), -1, 2);
        check(&memory(MapError::TooLarge { needed: 1 }), -1, 12);
        check(&memory(MapError::NotAFile), -1, EBADMSG);
        check(&Error::Memory(OfferRefused::Layout { got: 2 }), -1, EBADMSG);
        check(&Error::Declared(Contradiction::Dtype), -1, EINVAL);
        check(&Error::NoNode, -1, EINVAL);
    }

    #[test] // req: C-131
    fn the_end_of_an_aeron_client_keeps_its_number() {
        let (dir, detail) = ("/aeron", String::new);
        let gone = TransportError::MediaDriverGone {
            dir: dir.into(),
            detail: detail(),
        };
        check(&Error::from(gone), -1, 1000);
        let silent = TransportError::ClientTimedOut {
            dir: dir.into(),
            detail: detail(),
        };
        check(&silent, -1, 1001);
        check(&Error::from(TransportError::Closed), -5, 0);
        let failed = TransportError::Failed {
            code: -12,
            detail: detail(),
        };
        check(&failed, -1, 12);
    }
}
