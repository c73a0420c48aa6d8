//! Files that are sent in turn: frame `seq` of an epoch carries number `seq` modulo their count.

use core::error::Error;
use std::path::{Path, PathBuf};

use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

use crate::tensor::{Tensor, TensorError, read_file};

/// A tensor as it goes into a slot.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The file it is from.
    pub(super) path: PathBuf,
    pub(super) header: TensorHeader,
    /// Bytes of the payload.
    pub(super) len: u32,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    /// The tensor as frames carry it.
    pub(super) fn new(path: &Path, tensor: Tensor) -> Result<Self, TensorError> {
        let header = tensor.header()?;
        let Ok(len) = u32::try_from(tensor.bytes.len()) else {
            let dims = tensor.dims.iter().map(|dim| dim.unsigned_abs().into());
            return Err(TensorError::Shape {
                dims: dims.collect(),
                why: "a frame has less than 4 GiB",
            });
        };
        Ok(Self {
            path: path.to_owned(),
            header,
            len,
            bytes: tensor.bytes,
        })
    }
}

/// Files in turn, at least one.
#[derive(Debug)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Reads all of them, so that what is wrong with one is known before anything is sent.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Box<dyn Error>> {
        let read = |path: &PathBuf| {
            read_file(path)
                .and_then(|tensor| Source::new(path, tensor))
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self(paths.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The one that frame `seq` carries; `None` only if there is none at all.
    pub(super) fn of(&self, seq: Seq) -> Option<&Source> {
        let turn = seq.get().checked_rem(self.count())?;
        self.0.get(usize::try_from(turn).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_go_round_by_sequence_number() {
        let dir = tempfile::tempdir().unwrap();
        let file = |byte: u8| {
            let path = dir.path().join(format!("{byte}.pgm"));
            fs::write(&path, [b"P5 1 1 255\n".as_slice(), &[byte]].concat()).unwrap();
            path
        };
        let sources = Sources::read(&[file(10), file(11), file(12)]).unwrap();
        for (seq, byte) in [(0, 10), (2, 12), (3, 10), (7, 11)] {
            assert_eq!(sources.of(Seq::new(seq).unwrap()).unwrap().bytes, [byte]);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let refused = Sources::read(&["no/such.png".into()]).unwrap_err();
        assert!(
            refused.to_string().starts_with("no/such.png: "),
            "{refused}"
        );
    }
}
