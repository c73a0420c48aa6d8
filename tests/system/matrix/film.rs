//! A real picture that moves: frame by frame its rows go up by one, so that each frame's content follows from its number.

use std::path::Path;

use tp_core_nostd::shm::TensorHeader;
use tp_linux::tensor::{Tensor, read_file};

pub(super) struct Film {
    picture: Tensor,
    header: TensorHeader,
    row: usize,
}

impl Film {
    pub(super) fn load() -> Self {
        let moon = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/moon.png");
        let picture = read_file(&moon).unwrap();
        let rows = usize::try_from(picture.dims[0]).unwrap();
        Self {
            header: picture.header().unwrap(),
            row: picture.bytes.len() / rows,
            picture,
        }
    }

    /// What every frame's header says.
    pub(super) const fn header(&self) -> &TensorHeader {
        &self.header
    }

    pub(super) const fn len(&self) -> usize {
        self.picture.bytes.len()
    }

    /// The two parts of frame `seq`, in their order.
    fn parts(&self, seq: u64) -> [&[u8]; 2] {
        let at = usize::try_from(seq).unwrap() * self.row % self.len();
        let (top, bottom) = self.picture.bytes.split_at(at);
        [bottom, top]
    }

    pub(super) fn write(&self, seq: u64, into: &mut [u8]) {
        let [first, second] = self.parts(seq);
        let (head, tail) = into.split_at_mut(first.len());
        head.copy_from_slice(first);
        tail[..second.len()].copy_from_slice(second);
    }

    /// Whether each byte and the header are those of frame `seq`.
    pub(super) fn is(&self, seq: u64, header: &TensorHeader, payload: &[u8]) -> bool {
        let [first, second] = self.parts(seq);
        let (head, tail) = payload.split_at(first.len().min(payload.len()));
        *header == self.header && (head, tail) == (first, second)
    }
}

#[test]
fn a_frame_is_no_other_frame() {
    let film = Film::load();
    let mut bytes = vec![0; film.len()];
    film.write(700, &mut bytes);
    assert!(film.is(700, film.header(), &bytes));
    assert!(!film.is(701, film.header(), &bytes));
    bytes[1000] ^= 1;
    assert!(!film.is(700, film.header(), &bytes));
}
