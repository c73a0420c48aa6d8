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
