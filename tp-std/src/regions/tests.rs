//! Regions on offer against what the files behind them are.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use tempfile::TempDir;
use tp_core_nostd::ids::PoolId;
use tp_core_nostd::memory::MapError;
use tp_core_nostd::shm::Stride;
use tp_linux_hugepages::{
    AllowedBases, CanonicalTree, EpochShape, FileMode, LinuxMapper, Namespace, Residency, UserName,
};

use super::*;

const STREAM: StreamId = StreamId::new(10_000).unwrap();

/// A ring of four slots, pools of 64 and 128 bytes, and the offer that describes them.
struct Stage {
    files: TempDir,
    offer: Offer,
}

impl Stage {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let (namespace, user) = (Namespace::new("t").unwrap(), UserName::effective());
        let tree = CanonicalTree::new(files.path(), &user, namespace, FileMode::PRIVATE).unwrap();
        let pool = |id, stride| (PoolId::new(id).unwrap(), Stride::new(stride).unwrap());
        let shape = EpochShape {
            stream: STREAM,
            epoch: Epoch::new(5).unwrap(),
            slots: SlotCount::new(4).unwrap(),
            pools: &[pool(1, 64), pool(2, 128)],
        };
        let made = tree.create_epoch(&shape, Instant::from_ns(1), Residency::default());
        let own = OwnRegions::created(&made.unwrap()).unwrap();
        let offer = Offer::of_own(STREAM, &own);
        Self { files, offer }
    }

    fn map(&self, offer: &Offer) -> Result<(), OfferRefused> {
        let mapper = LinuxMapper {
            bases: AllowedBases::new(&[self.files.path()]).unwrap(),
            ..LinuxMapper::default()
        };
        let written = offer.clone().map_write(&mapper).map(drop);
        let read = offer.clone().map_read(&mapper).map(drop);
        assert_eq!(written, read, "both roles check the same");
        written
    }

    /// What becomes of an offer that differs from the files.
    fn refusal(&self, change: impl FnOnce(&mut Offer)) -> OfferRefused {
        let mut offer = self.offer.clone();
        change(&mut offer);
        self.map(&offer).unwrap_err()
    }
}

fn path(uri: &str) -> &str {
    uri.strip_prefix("shm:file?path=").unwrap()
}

#[test] // req: C-049, W-023, W-024, W-131
fn an_offer_that_is_not_what_the_files_are_is_refused() {
    let stage = Stage::new();
    assert_eq!(stage.map(&stage.offer), Ok(()));
    let layout = stage.refusal(|offer| offer.layout_version = 2);
    assert_eq!(layout, OfferRefused::Layout { got: 2 });
    // Counts that are no power of two, and strides that are no multiple of 64, do not come this far: no type holds them.
    assert_eq!(
        (SlotCount::new(6), Stride::new(0), Stride::new(100)),
        (None, None, None)
    );
    let fewer = stage.refusal(|offer| offer.slots = SlotCount::new(2).unwrap());
    assert!(matches!(fewer, OfferRefused::Region(_)), "{fewer}");
    let epoch = stage.refusal(|offer| offer.epoch = Epoch::new(6).unwrap());
    assert!(matches!(epoch, OfferRefused::Region(_)), "{epoch}");
    let swapped = stage.refusal(|offer| {
        let ring = offer.header_uri.clone();
        offer.pools[0].1 = ring;
    });
    assert!(matches!(swapped, OfferRefused::Region(_)), "{swapped}");
    let stride = stage.refusal(|offer| offer.pools[1].0.stride = Stride::new(64).unwrap());
    assert!(matches!(stride, OfferRefused::Region(_)), "{stride}");
    let twice = stage.refusal(|offer| offer.pools[1] = offer.pools[0].clone());
    assert!(matches!(twice, OfferRefused::Regions(_)), "{twice}");
    let none = stage.refusal(|offer| offer.pools.clear());
    assert!(matches!(none, OfferRefused::Regions(_)), "{none}");
    let text = stage.refusal(|offer| offer.header_uri = "/header.ring".to_owned());
    assert!(matches!(text, OfferRefused::Uri(_)), "{text}");
}

#[test] // req: C-049, T-33
fn a_file_shorter_than_its_slots_is_refused() {
    let stage = Stage::new();
    let uri = stage.offer.pools[1].1.clone();
    let file = File::options().write(true).open(path(&uri)).unwrap();
    let needed = 64 + 4 * 128;
    file.set_len(needed).unwrap();
    assert_eq!(
        stage.map(&stage.offer),
        Ok(()),
        "64 + slots x stride is enough"
    );
    file.set_len(needed - 1).unwrap();
    let got = needed - 1;
    let short = OfferRefused::Map(MapError::TooShort { needed, got });
    assert_eq!(stage.map(&stage.offer), Err(short));
    fs::remove_file(path(&uri)).unwrap();
    let gone = OfferRefused::Map(MapError::NotFound);
    assert_eq!(stage.map(&stage.offer), Err(gone));
}

#[test] // req: C-049, W-024
fn a_superblock_that_was_overwritten_is_refused() {
    let stage = Stage::new();
    let ring = File::options()
        .write(true)
        .open(path(&stage.offer.header_uri))
        .unwrap();
    ring.write_all_at(&[0; 8], 0).unwrap();
    let magic = OfferRefused::Region(RegionError::Magic { got: 0 });
    assert_eq!(stage.map(&stage.offer), Err(magic));
}
