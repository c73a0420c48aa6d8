//! What can go wrong with Aeron, each with a sentence that says what to do.

use std::path::PathBuf;

use rusteron_client as rc;
use thiserror::Error;

use super::channel::ChannelError;

/// Aeron refused something or went away. After an error that [ends the client](TransportError::ends_client) every
/// endpoint of that client answers `Closed`; connect a new client and add the endpoints again (C-158).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransportError {
    /// Nobody serves the directory.
    #[error("no media driver in {}: {reason}; start one with: tp media-driver --dir {}", dir.display(), dir.display())]
    NoMediaDriver {
        /// The directory that was asked for.
        dir: PathBuf,
        /// What was found there.
        reason: Absence,
    },
    /// The media driver stopped, or sent no sign of life for its timeout. Ends the client.
    #[error("the media driver in {} is gone: {detail}", dir.display())]
    MediaDriverGone {
        /// The directory of the media driver.
        dir: PathBuf,
        /// Aeron's words.
        detail: String,
    },
    /// This client was not driven for so long that the media driver gave it up, as after a SIGSTOP. Ends the client.
    #[error(
        "the media driver in {} gave this client up because it was not driven in time: {detail}", dir.display()
    )]
    ClientTimedOut {
        /// The directory of the media driver.
        dir: PathBuf,
        /// Aeron's words.
        detail: String,
    },
    /// The client was closed, or ended by an error that was reported already.
    #[error("the Aeron client is closed")]
    Closed,
    /// Somebody already publishes on this stream with another setting, most often another term length (I-02).
    #[error(
        "{channel} stream {stream_id}: somebody publishes there with {parameter}={existing}, this channel asks for \
         {parameter}={requested}; use one channel for this stream in all processes"
    )]
    ChannelConflict {
        /// The channel that was asked for.
        channel: String,
        /// The stream that was asked for.
        stream_id: i32,
        /// The setting in question, named as in a channel.
        parameter: String,
        /// What is in force.
        existing: String,
        /// What was asked for.
        requested: String,
    },
    /// The media driver refused a publication or subscription.
    #[error("{channel} stream {stream_id} was refused by the media driver: {detail}")]
    Refused {
        /// The channel that was asked for.
        channel: String,
        /// The stream that was asked for.
        stream_id: i32,
        /// Aeron's words.
        detail: String,
    },
    /// The text is no channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// Anything else that Aeron reports; the client goes on.
    #[error("Aeron failed with code {code}: {detail}")]
    Failed {
        /// Aeron's code or an errno.
        code: i32,
        /// Aeron's words.
        detail: String,
    },
}

/// Why a directory has no media driver to talk to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Absence {
    /// There is no such directory, or nothing of a media driver in it.
    #[error("there is no cnc.dat")]
    NoFile,
    /// The media driver stopped in good order and left its files.
    #[error("it was shut down")]
    ShutDown,
    /// The files are there but the driver behind them does not move.
    #[error("its last sign of life is {age_ms} ms old")]
    Stale {
        /// Age of the last heartbeat, in milliseconds.
        age_ms: u64,
    },
    /// The files cannot be used.
    #[error("its cnc.dat cannot be used: {0}")]
    Unusable(String),
}

impl TransportError {
    /// Whether the client and all its endpoints are finished.
    pub const fn ends_client(&self) -> bool {
        matches!(
            self,
            Self::MediaDriverGone { .. } | Self::ClientTimedOut { .. } | Self::Closed
        )
    }

    /// The error Aeron has just reported on this thread.
    pub(super) fn last() -> Self {
        Self::Failed {
            code: last_code(),
            detail: last_words(),
        }
    }

    /// What the media driver answered to the wish for a publication or subscription.
    pub(super) fn refused(channel: &str, stream_id: i32, answer: &str) -> Self {
        let channel = channel.to_owned();
        match conflict(answer) {
            Some((parameter, existing, requested)) => Self::ChannelConflict {
                channel,
                stream_id,
                parameter: parameter.to_owned(),
                existing: existing.to_owned(),
                requested: requested.to_owned(),
            },
            None => Self::Refused {
                channel,
                stream_id,
                detail: one_line(answer),
            },
        }
    }
}

/// Aeron's last error code on this thread; the binding turns negative ones into an `Err`.
pub(super) fn last_code() -> i32 {
    rc::Aeron::errcode().unwrap_or_else(|error| error.code)
}

/// Aeron's last error text on this thread, as one line.
pub(super) fn last_words() -> String {
    one_line(rc::Aeron::errmsg())
}

/// Finds setting, present value and wanted value in
/// `existing publication has different 'term-length': existing=65536 requested=4194304`.
fn conflict(answer: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = answer.split_once("existing publication has different '")?;
    let (parameter, rest) = rest.split_once("': existing=")?;
    let (existing, rest) = rest.split_once(" requested=")?;
    let requested = rest
        .split(|c: char| !c.is_ascii_digit() && c != '-')
        .next()?;
    Some((parameter, existing, requested))
}

/// Aeron's texts are a stack of lines with file names; people read one line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text
        .split('\n')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(part);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // req: I-02
    fn a_term_length_conflict_names_both_values() {
        let answer = "async_add_publication registration error\n\
            (-22) Invalid argument\n[aeron_confirm_publication_match, aeron_driver_conductor.c:1176] \
            existing publication has different 'term-length': existing=65536 requested=4194304\n[other]";
        let error = TransportError::refused("aeron:ipc?term-length=4m", 1000, answer);
        assert_eq!(
            error.to_string(),
            "aeron:ipc?term-length=4m stream 1000: somebody publishes there with term-length=65536, this channel asks \
             for term-length=4194304; use one channel for this stream in all processes"
        );
        assert!(!error.ends_client());
    }

    #[test]
    fn any_other_refusal_keeps_aerons_words_on_one_line() {
        let error = TransportError::refused("aeron:ipc", 7, "no space\n  [somewhere]\n");
        assert_eq!(
            error.to_string(),
            "aeron:ipc stream 7 was refused by the media driver: no space; [somewhere]"
        );
    }

    #[test]
    fn a_missing_media_driver_is_named_with_the_command_that_starts_one() {
        let error = TransportError::NoMediaDriver {
            dir: "/dev/shm/aeron-x".into(),
            reason: Absence::NoFile,
        };
        assert_eq!(
            error.to_string(),
            "no media driver in /dev/shm/aeron-x: there is no cnc.dat; start one with: \
             tp media-driver --dir /dev/shm/aeron-x"
        );
    }
}
