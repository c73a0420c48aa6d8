//! Region URIs: where a region's file is and whether it must lie on huge pages (wire 5.18).
//!
//! ```text
//! shm:file?path=/dev/shm/tensorpool-ops/default/10000/7/header.ring|require_hugepages=true
//! ```

use core::fmt;

/// Longest URI, in bytes (T-31).
pub const URI_MAX: usize = 4095;

const PREFIX: &str = "shm:file?path=";
const HUGEPAGES: &str = "require_hugepages=";

/// Why a URI names no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UriError {
    /// Longer than [`URI_MAX`].
    TooLong {
        /// Bytes of the URI.
        got: usize,
    },
    /// Not `shm:file`: SHM counts as unsupported, a bridged fallback may be used (W-238).
    Scheme,
    /// No `path` in first place.
    NoPath,
    /// The path does not begin with `/` (W-236).
    RelativePath,
    /// A byte outside 0x21..0x7E, or `?` or `|` where none may be.
    Byte {
        /// Its place, in bytes from the start of the URI.
        at: usize,
        /// The byte.
        got: u8,
    },
    /// A parameter other than `require_hugepages`, or one too many (W-239).
    Parameter,
    /// `require_hugepages` is neither `true` nor `false`.
    Flag,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong { got } => {
                write!(f, "{got} bytes, a region URI has at most {URI_MAX}")
            }
            Self::Scheme => f.write_str("the scheme is not shm:file"),
            Self::NoPath => f.write_str("`path=` must follow `shm:file?`"),
            Self::RelativePath => f.write_str("the path is not absolute"),
            Self::Byte { at, got } => write!(f, "byte {got:#04x} at {at} is not allowed"),
            Self::Parameter => {
                f.write_str("`|require_hugepages=` is the only parameter there is, once")
            }
            Self::Flag => f.write_str("require_hugepages is neither true nor false"),
        }
    }
}

impl core::error::Error for UriError {}

/// A region URI that follows the grammar. Whether its path may be opened is for the mapper to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionUri<'a> {
    path: &'a str,
    require_hugepages: bool,
}

impl<'a> RegionUri<'a> {
    /// The URI of the region at `path`.
    ///
    /// # Errors
    /// What is wrong with the path; positions count from the start of the URI.
    pub fn new(path: &'a str, require_hugepages: bool) -> Result<Self, UriError> {
        check_path(path)?;
        let uri = Self {
            path,
            require_hugepages,
        };
        match uri.len() {
            got if got > URI_MAX => Err(UriError::TooLong { got }),
            _ => Ok(uri),
        }
    }

    /// Reads a URI from a message: exact keys, in the order of the grammar, none twice (T-31).
    ///
    /// # Errors
    /// See [`UriError`].
    pub fn parse(uri: &'a [u8]) -> Result<Self, UriError> {
        if uri.len() > URI_MAX {
            return Err(UriError::TooLong { got: uri.len() });
        }
        let forbidden = |(_, byte): &(usize, &u8)| !matches!(byte, 0x21..=0x7E);
        if let Some((at, got)) = uri.iter().enumerate().find(forbidden) {
            return Err(UriError::Byte { at, got: *got });
        }
        // ASCII is UTF-8, so nothing is left to fail.
        let uri = core::str::from_utf8(uri).unwrap_or_default();

        let parameters = uri.strip_prefix("shm:file?").ok_or(UriError::Scheme)?;
        let rest = parameters.strip_prefix("path=").ok_or(UriError::NoPath)?;
        let (path, flag) = match rest.split_once('|') {
            Some((path, flag)) => (path, Some(flag)),
            None => (rest, None),
        };
        check_path(path)?;
        let require_hugepages = match flag.map(|flag| flag.strip_prefix(HUGEPAGES)) {
            None => false,
            Some(Some("true")) => true,
            Some(Some("false")) => false,
            Some(Some(value)) if value.contains('|') => return Err(UriError::Parameter),
            Some(Some(_)) => return Err(UriError::Flag),
            Some(None) => return Err(UriError::Parameter),
        };
        Ok(Self {
            path,
            require_hugepages,
        })
    }

    /// The absolute path as announced, not yet resolved or trusted.
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// Whether the region must lie on huge pages.
    pub const fn require_hugepages(&self) -> bool {
        self.require_hugepages
    }

    /// Length of the URI as we write it, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a URI is never empty")]
    pub const fn len(&self) -> usize {
        let flag = if self.require_hugepages {
            "|require_hugepages=true".len()
        } else {
            0
        };
        PREFIX
            .len()
            .saturating_add(self.path.len())
            .saturating_add(flag)
    }
}

/// Writes the URI as it is announced: the flag only where it is true (T-31).
impl fmt::Display for RegionUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(self.path)?;
        if self.require_hugepages {
            write!(f, "|{HUGEPAGES}true")?;
        }
        Ok(())
    }
}

fn check_path(path: &str) -> Result<(), UriError> {
    let forbidden =
        |(_, byte): &(usize, u8)| !matches!(byte, 0x21..=0x7E) || matches!(byte, b'?' | b'|');
    if let Some((at, got)) = path.bytes().enumerate().find(forbidden) {
        let at = at.saturating_add(PREFIX.len());
        return Err(UriError::Byte { at, got });
    }
    if path.starts_with('/') {
        Ok(())
    } else {
        Err(UriError::RelativePath)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    const fn parsed(path: &str, require_hugepages: bool) -> Result<RegionUri<'_>, UriError> {
        Ok(RegionUri {
            path,
            require_hugepages,
        })
    }

    #[test]
    #[rustfmt::skip] // one row, one line
    fn the_grammar_is_kept_to_the_letter() {
        use UriError::{Byte, Flag, NoPath, Parameter, RelativePath, Scheme};
        let rows: &[(&str, Result<RegionUri<'_>, UriError>)] = &[
            ("shm:file?path=/dev/shm/a", parsed("/dev/shm/a", false)), // req: W-234, W-237
            ("shm:file?path=/a|require_hugepages=true", parsed("/a", true)), // req: W-234, W-235
            ("shm:file?path=/a|require_hugepages=false", parsed("/a", false)), // req: T-31
            ("shm:file?path=/", parsed("/", false)), // req: W-234
            ("shm:file?path=/a&b=c#~", parsed("/a&b=c#~", false)), // req: W-235
            ("", Err(Scheme)),
            ("shm:", Err(Scheme)),
            ("file:///dev/shm/a", Err(Scheme)), // req: W-238
            ("SHM:FILE?path=/a", Err(Scheme)), // req: W-238
            ("shm:memfd?path=/a", Err(Scheme)), // req: W-238, W-016
            ("shm:file?", Err(NoPath)), // req: W-236
            ("shm:file?require_hugepages=true", Err(NoPath)), // req: W-236
            ("shm:file?require_hugepages=true|path=/a", Err(NoPath)), // req: T-31
            ("shm:file?pathx=/a", Err(NoPath)), // req: T-31
            ("shm:file?path=", Err(RelativePath)), // req: W-236
            ("shm:file?path=dev/shm/a", Err(RelativePath)), // req: W-236, T-31
            ("shm:file?path=C:/a", Err(RelativePath)), // req: W-236
            ("shm:file?path=/a?b", Err(Byte { at: 16, got: b'?' })), // req: W-234
            ("shm:file?path=/a b", Err(Byte { at: 16, got: b' ' })), // req: W-234, T-31
            ("shm:file?path=/a\0", Err(Byte { at: 16, got: 0 })), // req: T-31
            ("shm:file?path=/\u{e9}", Err(Byte { at: 15, got: 0xC3 })), // req: T-31
            ("shm:file?path=/a\x7f", Err(Byte { at: 16, got: 0x7F })), // req: T-31
            ("shm:file?path=/a|", Err(Parameter)), // req: W-239
            ("shm:file?path=/a|numa=1", Err(Parameter)), // req: W-239
            ("shm:file?path=/a|require_hugepages", Err(Parameter)), // req: T-31
            ("shm:file?path=/a|require_hugepages_=true", Err(Parameter)), // req: T-31
            ("shm:file?path=/a|path=/b", Err(Parameter)), // req: T-31
            ("shm:file?path=/a|require_hugepages=true|require_hugepages=true", Err(Parameter)), // req: T-31
            ("shm:file?path=/a|require_hugepages=true|numa=1", Err(Parameter)), // req: W-239
            ("shm:file?path=/a|require_hugepages=", Err(Flag)), // req: W-237
            ("shm:file?path=/a|require_hugepages=TRUE", Err(Flag)), // req: W-237
            ("shm:file?path=/a|require_hugepages=1", Err(Flag)), // req: W-237
        ];
        for (uri, expected) in rows {
            assert_eq!(&RegionUri::parse(uri.as_bytes()), expected, "{uri}");
        }
    }

    #[test] // req: T-31
    fn the_flag_is_written_where_it_is_true_only() {
        let written = |flag| RegionUri::new("/a", flag).map(|uri| (uri.to_string(), uri.len()));
        assert_eq!(written(false), Ok(("shm:file?path=/a".into(), 16)));
        let text = "shm:file?path=/a|require_hugepages=true";
        assert_eq!(written(true), Ok((text.into(), text.len())));
        assert_eq!(RegionUri::new("a", false), Err(UriError::RelativePath));
        let error = UriError::Byte { at: 15, got: b'|' };
        assert_eq!(RegionUri::new("/|", false), Err(error));
    }

    #[test] // req: T-31
    fn uris_end_at_4095_bytes() {
        let path = |len| String::from("/") + &"a".repeat(len - 1);
        let longest = path(URI_MAX - PREFIX.len());
        assert!(RegionUri::new(&longest, false).is_ok());
        let got = URI_MAX + "|require_hugepages=true".len();
        assert_eq!(
            RegionUri::new(&longest, true),
            Err(UriError::TooLong { got })
        );
        let uri = String::from(PREFIX) + &path(URI_MAX - PREFIX.len() + 1);
        let got = URI_MAX + 1;
        assert_eq!(
            RegionUri::parse(uri.as_bytes()),
            Err(UriError::TooLong { got })
        );
    }

    proptest! {
        #[test] // req: W-234
        fn what_is_written_is_read_again(path in "/[!->@-{}~]{0,80}", flag: bool) {
            let uri = RegionUri::new(&path, flag).unwrap();
            let text = uri.to_string();
            prop_assert_eq!(text.len(), uri.len());
            prop_assert_eq!(RegionUri::parse(text.as_bytes()), Ok(uri));
        }

        #[test] // req: W-241
        fn whatever_is_accepted_is_written_alike(
            uri in "(shm:file\\?)?(path=)?/?[ -~]{0,9}(\\|(require_hugepages=)?(true|false)?){0,2}",
        ) {
            if let Ok(region) = RegionUri::parse(uri.as_bytes()) {
                let text = region.to_string();
                prop_assert!(uri == text || uri == text + "|require_hugepages=false");
            }
        }

        #[test] // req: W-241
        fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _verdict = RegionUri::parse(&bytes);
        }
    }
}
