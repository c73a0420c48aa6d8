//! Why a request was not granted.

use crate::wire::enums::{ResponseCode, wire_enum};
use crate::wire::error_message::sent_message;
use crate::wire::value::provided;
use crate::wire::{Text, ValueError};

wire_enum! {
    /// A [`ResponseCode`] other than OK.
    pub enum RefusalCode: i32 {
        /// The driver does not know this version or mode.
        Unsupported = 1,
        /// The request makes no sense.
        InvalidParams = 2,
        /// The driver does not allow it now.
        Rejected = 3,
        /// The driver tried and failed.
        InternalError = 4,
    }
}

/// A request was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// What kind of refusal.
    pub code: RefusalCode,
    /// For people; sent up to [`ERROR_MESSAGE_MAX`](crate::wire::ERROR_MESSAGE_MAX) bytes (D-032).
    pub error_message: Option<Text<'a>>,
}

impl<'a> Refusal<'a> {
    /// A refusal with a diagnostic (D-042).
    pub fn new(code: RefusalCode, error_message: &'a str) -> Self {
        Self {
            code,
            error_message: provided(error_message.as_bytes()),
        }
    }

    /// Reads `code` and `errorMessage` of a response: `Err` holds the refusal, `Ok` says granted.
    pub(super) fn of_response(
        code: i32,
        error_message: &'a [u8],
    ) -> Result<Result<(), Self>, ValueError> {
        if code == ResponseCode::Ok.get() {
            return Ok(Ok(()));
        }
        let code = RefusalCode::new(code).ok_or(ValueError::Number {
            field: "code",
            got: code.into(),
        })?;
        Ok(Err(Self {
            code,
            error_message: provided(error_message),
        }))
    }

    /// The diagnostic as it is sent.
    pub(super) fn sent_message(&self) -> &'a [u8] {
        sent_message(self.error_message)
    }
}

impl Refusal<'static> {
    /// The answer to a request of a version above ours (D-028).
    pub fn unsupported_version() -> Self {
        Self::new(
            RefusalCode::Unsupported,
            "unsupported driver schema version",
        )
    }

    /// The answer to an attach request that makes no sense, by the error its value met (driver 4, rows 3 and 4).
    pub fn of_attach(error: ValueError) -> Self {
        let (code, message) = match error {
            ValueError::Number {
                field: "publishMode",
                ..
            } => (RefusalCode::Unsupported, "unsupported publish_mode"),
            ValueError::Number { field: "role", .. } => {
                (RefusalCode::InvalidParams, "unknown role")
            }
            ValueError::Number {
                field: "clientId", ..
            } => (RefusalCode::InvalidParams, "invalid client_id"),
            ValueError::Number {
                field: "requireHugepages",
                ..
            } => (RefusalCode::InvalidParams, "unknown require_hugepages"),
            _ => (RefusalCode::InvalidParams, "invalid stream_id"),
        };
        Self::new(code, message)
    }

    /// The answer to a detach request that makes no sense: only an unknown role is the request's fault, ids that
    /// nobody can hold are unknown leases like any other (D-103, D-104).
    pub fn of_detach(error: ValueError) -> Self {
        match error {
            ValueError::Number { field: "role", .. } => {
                Self::new(RefusalCode::InvalidParams, "unknown role")
            }
            _ => Self::new(RefusalCode::Rejected, "unknown lease"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: D-054, D-081
    fn unknown_codes_are_errors() {
        assert_eq!(Refusal::of_response(0, b"note"), Ok(Ok(())));
        let rejected = Refusal::new(RefusalCode::Rejected, "busy");
        assert_eq!(Refusal::of_response(3, b"busy"), Ok(Err(rejected)));
        for got in [-1, 5, i32::MIN] {
            let unknown = ValueError::Number {
                field: "code",
                got: got.into(),
            };
            assert_eq!(Refusal::of_response(got, b""), Err(unknown));
        }
    }
}
