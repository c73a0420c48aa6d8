//! The sending ends. Aeron's result codes become [`SendError`]s here and nowhere else.

use core::fmt;
use std::sync::Arc;

use rusteron_client as rc;
use tp_core_nostd::transport::{Publication, SendError};

use super::error;
use super::shared::Shared;
use crate::medium::ChannelStatus;

/// Declares one kind of publication; the binding has two types with the same methods.
macro_rules! publication {
    ($(#[$doc:meta])* $name:ident($raw:ident, added by $registration:ident)) => {
        $(#[$doc])*
        pub struct $name {
            raw: Option<rc::$raw>,
            shared: Arc<Shared>,
            facts: Facts,
        }

        impl $name {
            /// The publication, once the media driver has answered.
            pub(super) fn complete(
                registration: &rc::$registration,
                shared: &Arc<Shared>,
            ) -> Result<Option<Self>, rc::AeronCError> {
                let Some(raw) = registration.poll()? else {
                    return Ok(None);
                };
                let facts = raw.get_constants().map(|constants| Facts {
                    channel: constants.channel().to_owned(),
                    stream_id: constants.stream_id(),
                    session_id: constants.session_id(),
                    registration_id: constants.registration_id(),
                    status_counter: constants.channel_status_indicator_id(),
                    max_message_length: constants.max_message_length(),
                });
                let (raw, shared) = (Some(raw), shared.clone());
                let mut publication = Self { raw, shared, facts: Facts::default() };
                publication.facts = facts?;
                Ok(Some(publication))
            }

            /// The channel as the media driver knows it.
            pub fn channel(&self) -> &str {
                &self.facts.channel
            }

            /// Aeron's stream id.
            pub fn stream_id(&self) -> i32 {
                self.facts.stream_id
            }

            /// Aeron's session: what subscribers tell publications of one stream apart by.
            pub fn session_id(&self) -> i32 {
                self.facts.session_id
            }

            /// Aeron's number for it; unique for the life of the media driver.
            pub fn registration_id(&self) -> i64 {
                self.facts.registration_id
            }

            /// What Aeron says about the channel.
            pub fn channel_status(&self) -> ChannelStatus {
                match &self.raw {
                    Some(raw) if !self.shared.is_closed() && !raw.is_closed() => {
                        channel_status(self.facts.status_counter, raw.channel_status())
                    }
                    _ => ChannelStatus::Errored,
                }
            }

            /// Longest message that `offer` takes, in bytes.
            pub fn max_message_length(&self) -> usize {
                self.facts.max_message_length
            }

            /// Whether a message of `len` bytes would be taken at the moment; another sender may be faster.
            ///
            /// # Errors
            /// What `offer` would say.
            pub fn can_accept(&self, len: usize) -> Result<(), SendError> {
                let max = self.facts.max_message_length;
                if len > max {
                    return Err(SendError::TooLong { len, max });
                }
                let raw = match &self.raw {
                    Some(raw) if !self.shared.is_closed() => raw,
                    _ => return Err(SendError::Closed),
                };
                if !raw.is_connected() {
                    Err(SendError::NotConnected)
                } else if raw.position() < raw.position_limit() {
                    Ok(())
                } else {
                    Err(SendError::BackPressured)
                }
            }

            /// Stops sending. Dropping does the same.
            pub fn close(&mut self) {
                if let Some(raw) = self.raw.take() {
                    self.shared.give_back(Box::new(raw));
                }
            }
        }

        impl Publication for $name {
            fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
                let max = self.facts.max_message_length;
                if message.len() > max {
                    return Err(SendError::TooLong { len: message.len(), max });
                }
                let raw = match &self.raw {
                    Some(raw) if !self.shared.is_closed() => raw,
                    _ => return Err(SendError::Closed),
                };
                // At the end of each term Aeron turns the page and wants to be asked again. A descriptor is offered
                // once only, and none may be lost to that.
                match sent(raw.offer(message)) {
                    Err(SendError::AdminAction) => sent(raw.offer(message)),
                    result => result,
                }
            }

            fn is_connected(&self) -> bool {
                let open = self.raw.as_ref().filter(|_| !self.shared.is_closed());
                open.is_some_and(|raw| raw.is_connected())
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.close();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Facts { channel, stream_id, session_id, .. } = &self.facts;
                let name = stringify!($name);
                write!(f, "{name}({channel} stream {stream_id} session {session_id})")
            }
        }
    };
}

publication! {
    /// Shares one log with every other publication of this channel and stream on the host, in other processes too:
    /// to its subscribers they are one image. For what many clients say, such as control requests.
    AeronPublication(AeronPublication, added by AeronAsyncAddPublication)
}

publication! {
    /// Has a log, a session and so an image of its own. For whoever must be told apart from others or must not wait
    /// for them: the driver, and each producer's descriptors (design 4.6, D-155).
    AeronExclusivePublication(AeronExclusivePublication, added by AeronAsyncAddExclusivePublication)
}

/// What never changes about a publication.
#[derive(Default)]
struct Facts {
    channel: String,
    stream_id: i32,
    session_id: i32,
    registration_id: i64,
    status_counter: i32,
    max_message_length: usize,
}

/// What Aeron's number for the state of a channel means, as it stands in its counter. IPC channels have none, and can be
/// used from the start.
pub(super) const fn channel_status(counter: i32, number: i64) -> ChannelStatus {
    match number {
        _ if counter < 0 => ChannelStatus::Active,
        0 => ChannelStatus::Initializing,
        1 => ChannelStatus::Active,
        _ => ChannelStatus::Errored,
    }
}

fn sent(result: Result<i64, rc::AeronOfferError>) -> Result<(), SendError> {
    match result {
        Ok(_position) => Ok(()),
        Err(rc::AeronOfferError::NotConnected) => Err(SendError::NotConnected),
        Err(rc::AeronOfferError::BackPressured) => Err(SendError::BackPressured),
        Err(rc::AeronOfferError::AdminAction) => Err(SendError::AdminAction),
        Err(rc::AeronOfferError::Closed) => Err(SendError::Closed),
        Err(rc::AeronOfferError::MaxPositionExceeded) => Err(SendError::MaxPosition),
        Err(_) => Err(SendError::Failed(error::last_code())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_without_a_counter_can_be_used() {
        assert_eq!(channel_status(-1, -1), ChannelStatus::Active);
        assert_eq!(channel_status(9, -1), ChannelStatus::Errored);
        assert_eq!(channel_status(9, 0), ChannelStatus::Initializing);
        assert_eq!(channel_status(9, 1), ChannelStatus::Active);
    }

    #[test] // req: C-184
    fn every_result_of_aeron_has_its_own_meaning() {
        for (position, meaning) in [
            (0, Ok(())),
            (1 << 40, Ok(())),
            (rc::PUBLICATION_NOT_CONNECTED, Err(SendError::NotConnected)),
            (
                rc::PUBLICATION_BACK_PRESSURED,
                Err(SendError::BackPressured),
            ),
            (rc::PUBLICATION_ADMIN_ACTION, Err(SendError::AdminAction)),
            (rc::PUBLICATION_CLOSED, Err(SendError::Closed)),
            (
                rc::PUBLICATION_MAX_POSITION_EXCEEDED,
                Err(SendError::MaxPosition),
            ),
        ] {
            assert_eq!(sent(rc::AeronOfferError::from_position(position)), meaning);
        }
        let failed = sent(rc::AeronOfferError::from_position(rc::PUBLICATION_ERROR));
        assert!(matches!(failed, Err(SendError::Failed(_))));
    }
}
