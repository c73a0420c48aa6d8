//! A region file, opened for reading only.

use core::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use tp_core_nostd::memory::{MapError, Region, RegionMapper};
use tp_core_nostd::seq::SlotIndex;
use tp_core_nostd::shm::{
    CommitWord, HeaderRing, RegionKind, SUPERBLOCK_LEN, SlotError, SlotHeader, SlotReader, Stride,
    Superblock,
};
use tp_core_nostd::uri::RegionUri;
use tp_linux_hugepages::{AllowedBases, LinuxMapper, Mapping, Permissions};

use super::report::Report;

/// Longer than any payload: the pools of a ring are other files, which are not looked at here.
const LONGEST_STRIDE: u32 = u32::MAX - u32::MAX % Stride::UNIT;

/// How often a slot is read again while its writer changes it.
const TRIES: u32 = 3;

/// A file whose superblock is that of a region, mapped as a whole.
#[derive(Debug)]
pub(super) struct OpenRegion {
    path: PathBuf,
    file_len: u64,
    superblock: Superblock,
    mapping: Mapping,
}

impl OpenRegion {
    /// Opens a region by its URI or by the path of its file.
    ///
    /// # Errors
    /// A sentence that begins with the path and says why it is no region, or why it cannot be looked at.
    pub(super) fn open(region: &str) -> Result<Self, String> {
        let (path, huge) = place(region)?;
        let named = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
        let text = path.to_str().unwrap_or_default();
        let uri = RegionUri::new(text, huge).map_err(|error| named(&error))?;
        let mapper = mapper(&path)?;
        let map = |len| {
            mapper.map_read(&uri, len).map_err(|error| match error {
                MapError::OutsideBases => named(&"is a link that leads into another directory"),
                error => named(&error),
            })
        };
        let start = map(SUPERBLOCK_LEN)?;
        let superblock = Superblock::load(start.view())
            .map_err(|error| named(&format_args!("no region of a tensor pool: {error}")))?;
        let mapping = map(superblock.shape.region_len())?;
        let file_len = fs::metadata(&path).map_err(|error| named(&error))?.len();
        Ok(Self {
            path,
            file_len,
            superblock,
            mapping,
        })
    }

    /// What there is to say, with at most `slots` header slots.
    pub(super) fn report(self, slots: usize) -> Report {
        let ring = match self.superblock.shape.kind {
            RegionKind::HeaderRing => HeaderRing::open(self.mapping, &self.superblock.shape).ok(),
            RegionKind::PayloadPool { .. } => None,
        };
        Report {
            path: self.path,
            file_len: self.file_len,
            superblock: self.superblock,
            slots: ring.map(|ring| latest(&ring, slots)),
        }
    }
}

/// What a header slot shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) index: SlotIndex,
    pub(super) word: CommitWord,
    pub(super) frame: Result<SlotHeader, SlotFault>,
}

/// Why a header slot shows no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SlotFault {
    #[error("being written")]
    InProgress,
    #[error("written faster than it could be read")]
    Changing,
    #[error(transparent)]
    Invalid(SlotError),
}

/// The `count` slots with the latest frames, the latest first. Slots that never held one are left out.
fn latest<R: Region>(ring: &HeaderRing<R>, count: usize) -> Vec<Slot> {
    let indices = (0..ring.slots().get()).filter_map(|index| ring.slots().index(index));
    let mut slots: Vec<Slot> = indices
        .filter_map(|index| read(ring.slot(index), index))
        .collect();
    slots.sort_by_key(|slot| Reverse(slot.word));
    slots.truncate(count);
    slots
}

fn read(reader: SlotReader<'_>, index: SlotIndex) -> Option<Slot> {
    let mut word = CommitWord::from_bits(0);
    for _ in 0..TRIES {
        word = reader.load()?;
        if word == CommitWord::from_bits(0) {
            return None;
        }
        let frame = match word.is_committed() {
            true => SlotHeader::check(&reader.copy(), index, |_| Stride::new(LONGEST_STRIDE))
                .map_err(SlotFault::Invalid),
            false => Err(SlotFault::InProgress),
        };
        if reader.is_still(word) {
            return Some(Slot { index, word, frame });
        }
    }
    let frame = Err(SlotFault::Changing);
    Some(Slot { index, word, frame })
}

/// The path, and whether the URI says that it is on huge pages.
fn place(region: &str) -> Result<(PathBuf, bool), String> {
    if region.starts_with("shm:") {
        let uri = RegionUri::parse(region.as_bytes());
        let uri = uri.map_err(|error| format!("{region}: no region URI: {error}"))?;
        return Ok((uri.path().into(), uri.require_hugepages()));
    }
    let path = std::path::absolute(region).map_err(|error| format!("{region}: {error}"))?;
    Ok((path, false))
}

/// A mapper that accepts files of any owner and mode in the directory of `path`: whoever may read a file may look at it.
fn mapper(path: &Path) -> Result<LinuxMapper, String> {
    let directory = path.parent().unwrap_or(path);
    Ok(LinuxMapper {
        bases: AllowedBases::new(&[directory]).map_err(|error| error.to_string())?,
        permissions: Permissions {
            enforce: false,
            ..Permissions::default()
        },
        ..LinuxMapper::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tp_core_nostd::ids::{Epoch, PoolId, StreamId};
    use tp_core_nostd::seq::{Seq, SlotCount};
    use tp_core_nostd::shm::{Dtype, MajorOrder, SlotFrame, SlotImage, TensorHeader};
    use tp_core_nostd::time::Instant;
    use tp_linux_hugepages::{CanonicalTree, EpochShape, FileMode, Namespace, Residency, UserName};

    /// The files of one epoch with four slots, in which frames 0 to 5 were written and 6 was begun.
    fn epoch(base: &Path) -> Vec<PathBuf> {
        let namespace = Namespace::new("default").unwrap();
        let user = UserName::effective();
        let tree = CanonicalTree::new(base, &user, namespace, FileMode::SHARED_GROUP).unwrap();
        let shape = EpochShape {
            stream: StreamId::new(10_000).unwrap(),
            epoch: Epoch::new(77).unwrap(),
            slots: SlotCount::new(4).unwrap(),
            pools: &[(PoolId::new(1).unwrap(), Stride::new(64).unwrap())],
        };
        let regions = tree
            .create_epoch(&shape, Instant::from_ns(5), Residency::default())
            .unwrap();
        let paths = regions.iter().map(|region| region.path.clone()).collect();

        let ring = &regions[0];
        let text = ring.path.to_str().unwrap();
        let uri = RegionUri::new(text, false).unwrap();
        let mapping = mapper(&ring.path)
            .unwrap()
            .map_write(&uri, ring.shape.region_len())
            .unwrap();
        let ring = HeaderRing::open(mapping, &ring.shape).unwrap();
        let tensor = TensorHeader::contiguous(Dtype::Int16, MajorOrder::Row, &[2, 3]).unwrap();
        let mut image = SlotImage::new(&tensor);
        for raw in 0..=6 {
            let seq = Seq::new(raw).unwrap();
            let slot = ring.slots().slot_of(seq);
            image.set_frame(&SlotFrame {
                slot,
                pool_id: PoolId::new(1).unwrap(),
                values_len_bytes: 12,
                timestamp_ns: raw,
                meta_version: 0,
            });
            ring.slot_writer(slot).begin(seq);
            ring.slot_writer(slot).write(&image);
            if raw < 6 {
                ring.slot_writer(slot).commit(seq);
            }
        }
        paths
    }

    fn report(region: &str, slots: usize) -> Report {
        OpenRegion::open(region).unwrap().report(slots)
    }

    #[test] // req: C-169
    fn a_ring_shows_its_latest_frames_first() {
        let base = tempfile::tempdir().unwrap();
        let paths = epoch(base.path());
        let ring = report(paths[0].to_str().unwrap(), 3).json();
        assert_eq!(
            (&ring["region_type"], &ring["nslots"]),
            (&"header_ring".into(), &4.into())
        );
        assert_eq!(
            (&ring["region_bytes"], &ring["file_bytes"]),
            (&1088.into(), &1088.into())
        );
        let slots = ring["slots"].as_array().unwrap();
        let seqs: Vec<_> = slots
            .iter()
            .map(|slot| slot["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(seqs, [6, 5, 4]);
        assert_eq!(slots[0]["committed"], false);
        assert_eq!(slots[1]["dims"], serde_json::json!([2, 3]));
        assert_eq!(slots[1]["timestamp_ns"], 5);
        assert_eq!(slots[1]["commit_word"], "0x000000000000000b");
    }

    #[test]
    fn a_pool_is_shown_by_uri_or_path_alike() {
        let base = tempfile::tempdir().unwrap();
        let paths = epoch(base.path());
        let path = paths[1].to_str().unwrap();
        let pool = report(path, 8).json();
        assert_eq!(
            (&pool["stride_bytes"], &pool["pool_id"]),
            (&64.into(), &1.into())
        );
        assert_eq!(pool["epoch"], 77);
        assert_eq!(pool.get("slots"), None, "only rings have header slots");
        assert_eq!(report(&format!("shm:file?path={path}"), 8).json(), pool);
    }

    #[test] // req: C-169
    fn what_is_no_region_is_refused_with_a_reason() {
        let base = tempfile::tempdir().unwrap();
        let ring = epoch(base.path()).swap_remove(0);
        let file = |name: &str, content: &[u8]| {
            let path = base.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let content = fs::read(&ring).unwrap();
        let link = base.path().join("aside/link");
        fs::create_dir(base.path().join("aside")).unwrap();
        symlink(&ring, &link).unwrap();
        for (region, reason) in [
            (file("short", b"text"), "the file has 4 bytes"),
            (
                file("other", &[b'x'; 4096]),
                "no region of a tensor pool: magic",
            ),
            (file("cut", &content[..200]), "the file has 200 bytes"),
            (base.path().to_str().unwrap().into(), "not a regular file"),
            ("/no/such/directory/ring".into(), "/no/such/directory"),
            (
                link.to_str().unwrap().into(),
                "leads into another directory",
            ),
            ("shm:file?path=relative".into(), "not absolute"),
            ("shm:memfd?path=/x".into(), "scheme"),
        ] {
            let refused = OpenRegion::open(&region).unwrap_err();
            assert!(refused.contains(reason), "{region}: {refused}");
        }
    }
}
