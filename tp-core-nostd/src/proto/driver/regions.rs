//! Where the regions of a stream are: the paths of driver 3.12 and their URIs, made in one place for files and messages.

use core::fmt::{self, Write};

use super::config::{Profile, SetupError};
use crate::ids::{Epoch, PoolId, StreamId};
use crate::uri::{RegionUri, URI_MAX};
use crate::wire::{POOLS_MAX, PoolEntry, Pools};

/// What stream, epoch and file name add to the root at most.
const BELOW_ROOT: usize = "/2147483647/18446744073709551614/header.ring".len();
/// Longest root directory, in bytes: region URIs have at most [`URI_MAX`].
pub const ROOT_MAX: usize = URI_MAX - BELOW_ROOT - "shm:file?path=|require_hugepages=true".len();
/// Bytes of scratch that hold the paths of any stream below any root.
pub const TEXT_MAX: usize = (ROOT_MAX + BELOW_ROOT) * (POOLS_MAX + 1);

/// One region of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionPath<'a> {
    /// Directory of the streams' directories.
    pub root: &'a str,
    /// The stream.
    pub stream: StreamId,
    /// The epoch.
    pub epoch: Epoch,
    /// The pool, or the header ring.
    pub pool: Option<PoolId>,
}

/// Writes the path (D-179).
impl fmt::Display for RegionPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/", self.root, self.stream, self.epoch)?;
        match self.pool {
            None => f.write_str("header.ring"),
            Some(pool) => write!(f, "{pool}.pool"),
        }
    }
}

/// The regions of one epoch as messages list them.
#[derive(Debug)]
pub(super) struct Regions<'t> {
    pub(super) pools: Pools<'t>,
    pub(super) header_uri: RegionUri<'t>,
}

impl<'t> Regions<'t> {
    /// Lists them, with their paths in `text`. `None` if that is too short.
    pub(super) fn list(
        ring: RegionPath<'_>,
        profile: &Profile<'_>,
        hugepages: bool,
        text: &'t mut [u8],
    ) -> Option<Self> {
        let mut room = Room(text);
        let header_uri = room.uri(ring, hugepages)?;
        let mut pools = Pools::new();
        for class in profile.pools {
            let path = RegionPath {
                pool: Some(class.pool_id),
                ..ring
            };
            let entry = PoolEntry {
                pool_id: class.pool_id,
                stride: class.stride,
                region_uri: room.uri(path, hugepages)?,
            };
            pools.push(entry).ok()?;
        }
        Some(Self { pools, header_uri })
    }
}

/// Checks that every stream with one of `profiles` can be listed, with `text` bytes of scratch.
pub(super) fn check(root: &str, profiles: &[Profile<'_>], text: usize) -> Result<(), SetupError> {
    let root_is_legal = root.len() <= ROOT_MAX && RegionUri::new(root, false).is_ok();
    if !root_is_legal || root.ends_with('/') {
        return Err(SetupError::Root);
    }
    let path = root.len().saturating_add(BELOW_ROOT);
    for (place, profile) in profiles.iter().enumerate() {
        let repeated = profile.pools.iter().enumerate().any(|(at, class)| {
            profile
                .pools
                .iter()
                .take(at)
                .any(|other| other.pool_id == class.pool_id)
        });
        if profile.pools.len() > POOLS_MAX || repeated {
            return Err(SetupError::Pools { profile: place });
        }
        let needed = profile.pools.len().saturating_add(1).saturating_mul(path);
        if needed > text {
            return Err(SetupError::Text { needed, got: text });
        }
    }
    Ok(())
}

/// What is left of a scratch buffer.
struct Room<'t>(&'t mut [u8]);

impl<'t> Room<'t> {
    fn uri(&mut self, path: RegionPath<'_>, hugepages: bool) -> Option<RegionUri<'t>> {
        let mut text = Text {
            room: core::mem::take(&mut self.0),
            len: 0,
        };
        write!(text, "{path}").ok()?;
        let (path, rest) = text.room.split_at_mut_checked(text.len)?;
        self.0 = rest;
        RegionUri::new(core::str::from_utf8(path).ok()?, hugepages).ok()
    }
}

/// Text written into bytes; an error where they end.
struct Text<'r> {
    room: &'r mut [u8],
    len: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len.checked_add(text.len()).ok_or(fmt::Error)?;
        let room = self.room.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::SlotCount;
    use crate::shm::PoolClass;
    use crate::wire::Stride;
    use std::string::{String, ToString};

    const POOL: PoolClass = PoolClass {
        pool_id: PoolId::new(65_535).unwrap(),
        stride: Stride::new(64).unwrap(),
    };
    const PROFILE: Profile<'static> = Profile {
        header_nslots: SlotCount::new(8).unwrap(),
        pools: &[POOL],
    };
    const RING: RegionPath<'static> = RegionPath {
        root: "/dev/shm/tensorpool-ops/default",
        stream: StreamId::new(2_147_483_647).unwrap(),
        epoch: Epoch::new(u64::MAX - 1).unwrap(),
        pool: None,
    };

    #[test] // req: D-040, D-179, D-182, D-193
    fn uris_follow_the_canonical_layout_and_the_grammar() {
        let mut text = [0; 300];
        let regions = Regions::list(RING, &PROFILE, true, &mut text).unwrap();
        assert_eq!(
            regions.header_uri.to_string(),
            "shm:file?path=/dev/shm/tensorpool-ops/default/2147483647/18446744073709551614/header.ring|require_hugepages=true"
        );
        assert_eq!(
            regions.header_uri.path().len(),
            RING.root.len() + BELOW_ROOT
        );
        let mut text = [0; 300];
        let regions = Regions::list(RING, &PROFILE, false, &mut text).unwrap();
        assert_eq!(
            regions.pools[0].region_uri.to_string(),
            "shm:file?path=/dev/shm/tensorpool-ops/default/2147483647/18446744073709551614/65535.pool"
        );
        for uri in [regions.header_uri, regions.pools[0].region_uri] {
            assert_eq!(RegionUri::parse(uri.to_string().as_bytes()), Ok(uri));
        }
    }

    #[test]
    fn what_cannot_be_listed_is_found_at_set_up() {
        let twice = Profile {
            pools: &[POOL, POOL],
            ..PROFILE
        };
        let many = Profile {
            pools: &[POOL; POOLS_MAX + 1],
            ..PROFILE
        };
        let long = String::from("/") + &"x".repeat(ROOT_MAX);
        assert_eq!(check(&long[..ROOT_MAX], &[PROFILE], TEXT_MAX), Ok(()));
        for (root, profile, expected) in [
            // req: D-214
            ("dev/shm", PROFILE, SetupError::Root),
            ("/dev shm", PROFILE, SetupError::Root),
            ("/dev/shm/", PROFILE, SetupError::Root),
            (long.as_str(), PROFILE, SetupError::Root),
            ("/dev/shm", twice, SetupError::Pools { profile: 0 }),
            ("/dev/shm", many, SetupError::Pools { profile: 0 }),
        ] {
            assert_eq!(check(root, &[profile], TEXT_MAX), Err(expected));
        }
        let needed = 2 * (8 + BELOW_ROOT);
        assert_eq!(check("/dev/shm", &[PROFILE], needed), Ok(()));
        let got = needed - 1;
        assert_eq!(
            check("/dev/shm", &[PROFILE], got),
            Err(SetupError::Text { needed, got })
        );
        assert!(Regions::list(RING, &PROFILE, false, &mut [0; 80]).is_none());
    }
}
