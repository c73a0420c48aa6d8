//! Channel URIs and the parameters each use of a channel needs (design 4.6, interop I-02).

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// What control, announce, QoS, metadata and discovery streams use unless configured otherwise. The term length is
/// part of the agreement between all processes of a host: another one on the same stream is a conflict (I-02).
pub const DEFAULT_CHANNEL: &str = "aeron:ipc?term-length=4m";

/// Longest channel that Aeron takes, in bytes.
const MAX_CHANNEL_BYTES: usize = 4095;

/// A checked channel URI: a medium and parameters, each named once, in the order they were given.
///
/// One configured channel serves several uses, which differ in parameters:
///
/// ```
/// # use tp_std::aeron::Channel;
/// let channel: Channel = "aeron:ipc".parse()?;
/// assert_eq!(channel.clone().for_publication().to_string(), "aeron:ipc?untethered-window-limit-timeout=100ms");
/// assert_eq!(channel.for_client_subscription().to_string(), "aeron:ipc?tether=false|rejoin=false");
/// # Ok::<(), tp_std::aeron::ChannelError>(())
/// ```
///
/// A parameter that the URI already names keeps its value: whoever configured it wanted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    medium: Medium,
    parameters: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    Ipc,
    Udp,
}

impl Channel {
    /// Shared memory of this host with the terms of [`DEFAULT_CHANNEL`].
    pub fn ipc() -> Self {
        Self {
            medium: Medium::Ipc,
            parameters: vec![("term-length".into(), "4m".into())],
        }
    }

    /// For whoever publishes: an untethered subscriber that fell behind holds the stream up for 100 ms and a timer
    /// interval of the media driver, not for Aeron's 5 s (design 4.6).
    #[must_use]
    pub fn for_publication(self) -> Self {
        self.with_default("untethered-window-limit-timeout", "100ms")
    }

    /// For every subscription whose owner may be slow: it loses its image instead of stopping everybody, and stays
    /// away until its owner subscribes again (`rejoin=true` would stall the publishers again and again).
    #[must_use]
    pub fn for_client_subscription(self) -> Self {
        self.with_default("tether", "false")
            .with_default("rejoin", "false")
    }

    /// For the driver's subscription to control: requests wait for it, none is lost.
    #[must_use]
    pub fn for_driver_subscription(self) -> Self {
        self.with_default("tether", "true")
    }

    /// The value of a parameter, where the URI names it.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        let named = self.parameters.iter().find(|(k, _)| k == key);
        named.map(|(_, value)| value.as_str())
    }

    /// Adds a parameter unless the URI names it already.
    #[must_use]
    pub fn with_default(mut self, key: &str, value: &str) -> Self {
        if self.parameter(key).is_none() {
            self.parameters.push((key.into(), value.into()));
        }
        self
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.medium {
            Medium::Ipc => "aeron:ipc",
            Medium::Udp => "aeron:udp",
        })?;
        for (i, (key, value)) in self.parameters.iter().enumerate() {
            let separator = if i == 0 { '?' } else { '|' };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Channel {
    type Err = ChannelError;

    fn from_str(uri: &str) -> Result<Self, ChannelError> {
        if uri.len() > MAX_CHANNEL_BYTES {
            return Err(ChannelError::TooLong {
                len: uri.len(),
                max: MAX_CHANNEL_BYTES,
            });
        }
        if let Some(bad) = uri.chars().find(|c| c.is_control() || c.is_whitespace()) {
            return Err(ChannelError::Character(bad));
        }
        let Some(rest) = uri.strip_prefix("aeron:") else {
            return Err(ChannelError::Scheme(uri.into()));
        };
        let (medium, list) = rest.split_once('?').unwrap_or((rest, ""));
        let medium = match medium {
            "ipc" => Medium::Ipc,
            "udp" => Medium::Udp,
            other => return Err(ChannelError::Medium(other.into())),
        };
        let mut parameters: Vec<(String, String)> = Vec::new();
        for parameter in list.split('|').filter(|_| !list.is_empty()) {
            let (key, value) = match parameter.split_once('=') {
                Some((key, value)) if !key.is_empty() && !value.is_empty() => (key, value),
                _ => return Err(ChannelError::Parameter(parameter.into())),
            };
            if parameters.iter().any(|(known, _)| known == key) {
                return Err(ChannelError::Duplicate(key.into()));
            }
            parameters.push((key.into(), value.into()));
        }
        Ok(Self { medium, parameters })
    }
}

/// Why a text is no channel we use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// It does not begin with `aeron:`.
    #[error("channel {0:?} does not begin with \"aeron:\"; write for example {DEFAULT_CHANNEL:?}")]
    Scheme(String),
    /// Neither shared memory nor UDP.
    #[error("channel medium {0:?} is neither \"ipc\" nor \"udp\"")]
    Medium(String),
    /// A parameter without a name or a value.
    #[error("channel parameter {0:?} is not key=value")]
    Parameter(String),
    /// Two values for one parameter.
    #[error("channel parameter {0:?} is given twice")]
    Duplicate(String),
    /// White space or a control character.
    #[error("channel contains the character {0:?}")]
    Character(char),
    /// More than Aeron takes.
    #[error("channel has {len} bytes, at most {max} are possible")]
    TooLong {
        /// Length of the text, in bytes.
        len: usize,
        /// Longest channel, in bytes.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<Channel, ChannelError> {
        uri.parse()
    }

    #[test] // req: I-02
    fn default_channel_names_its_term_length() {
        assert_eq!(Channel::ipc(), parse(DEFAULT_CHANNEL).unwrap());
        assert_eq!(Channel::ipc().to_string(), DEFAULT_CHANNEL);
    }

    #[test]
    fn text_and_channel_are_the_same_thing() {
        for uri in [
            "aeron:ipc",
            "aeron:ipc?term-length=64k",
            "aeron:ipc?alias=a=b|term-length=1m",
            "aeron:udp?endpoint=127.0.0.1:40456|control-mode=dynamic",
            "aeron:udp?endpoint=[::1]:40456",
        ] {
            assert_eq!(parse(uri).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn each_use_adds_what_it_needs_once() {
        let plain = Channel::ipc();
        assert_eq!(
            plain
                .clone()
                .for_publication()
                .for_publication()
                .to_string(),
            "aeron:ipc?term-length=4m|untethered-window-limit-timeout=100ms"
        );
        assert_eq!(
            plain.clone().for_client_subscription().to_string(),
            "aeron:ipc?term-length=4m|tether=false|rejoin=false"
        );
        assert_eq!(
            plain.for_driver_subscription().to_string(),
            "aeron:ipc?term-length=4m|tether=true"
        );
    }

    #[test]
    fn configured_parameters_win_over_defaults() {
        let channel = parse("aeron:ipc?tether=true|untethered-window-limit-timeout=2s").unwrap();
        let published = channel.clone().for_publication();
        assert_eq!(
            published.parameter("untethered-window-limit-timeout"),
            Some("2s")
        );
        let subscribed = channel.for_client_subscription();
        assert_eq!(subscribed.parameter("tether"), Some("true"));
        assert_eq!(subscribed.parameter("rejoin"), Some("false"));
    }

    #[test]
    fn bad_channels_are_refused_with_a_reason() {
        for (uri, reason) in [
            ("", ChannelError::Scheme(String::new())),
            ("udp://x", ChannelError::Scheme("udp://x".into())),
            ("aeron:", ChannelError::Medium(String::new())),
            ("aeron:tcp?x=1", ChannelError::Medium("tcp".into())),
            (
                "aeron:ipc?term-length",
                ChannelError::Parameter("term-length".into()),
            ),
            ("aeron:ipc?=4m", ChannelError::Parameter("=4m".into())),
            (
                "aeron:ipc?term-length=",
                ChannelError::Parameter("term-length=".into()),
            ),
            ("aeron:ipc?a=1||b=2", ChannelError::Parameter(String::new())),
            ("aeron:ipc?a=1|a=2", ChannelError::Duplicate("a".into())),
            ("aeron:ipc?a=\0", ChannelError::Character('\0')),
            (" aeron:ipc", ChannelError::Character(' ')),
        ] {
            assert_eq!(parse(uri), Err(reason), "{uri:?}");
        }
        let long = format!("aeron:ipc?alias={}", "a".repeat(MAX_CHANNEL_BYTES));
        assert!(matches!(parse(&long), Err(ChannelError::TooLong { .. })));
    }
}
