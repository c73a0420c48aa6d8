//! Frames against the files they were made from.

use core::error::Error;
use std::path::PathBuf;

use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::TensorHeader;

use crate::commands::sources::Sources;
use crate::tensor::{dtype_name, shape_text};

/// The files that a publisher sends in turn.
#[derive(Debug)]
pub(super) struct Check {
    sources: Sources,
}

impl Check {
    /// Reads the files, given in the publisher's order.
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, Box<dyn Error>> {
        let sources = Sources::read(paths)?;
        Ok(Self { sources })
    }

    /// How frame `seq` differs from its file, if it does.
    pub(super) fn difference(
        &self,
        seq: Seq,
        header: &TensorHeader,
        payload: &[u8],
    ) -> Option<String> {
        let source = self.sources.of(seq)?;
        let what = if *header != source.header {
            format!("it is {}, not {}", kind(header), kind(&source.header))
        } else if payload.len() != source.bytes.len() {
            let (got, expected) = (payload.len(), source.bytes.len());
            format!("it has {got} bytes, not {expected}")
        } else if payload != source.bytes {
            let mut pairs = payload.iter().zip(&source.bytes);
            let at = pairs.position(|(got, expected)| got != expected)?;
            format!("byte {at} is the first that differs")
        } else {
            return None;
        };
        Some(format!(
            "frame {seq} is not {}: {what}",
            source.path.display()
        ))
    }
}

fn kind(header: &TensorHeader) -> String {
    let (dtype, order) = (dtype_name(header.dtype()), header.major_order());
    format!("{dtype} {} by {order:?}", shape_text(header.dims()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tp_core_nostd::shm::{Dtype, MajorOrder};

    #[test]
    fn every_kind_of_difference_is_found_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let (dark, light) = (dir.path().join("dark.pgm"), dir.path().join("light.pgm"));
        fs::write(&dark, b"P5 2 1 255\n\x01\x02").unwrap();
        fs::write(&light, b"P5 1 2 255\n\x08\x09").unwrap();
        let check = Check::new(&[dark, light]).unwrap();
        let header =
            |dims: &[i32]| TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, dims).unwrap();
        let (wide, tall) = (header(&[1, 2]), header(&[2, 1]));
        for (seq, header, payload, difference) in [
            (0, &wide, &[1, 2][..], None),
            (3, &tall, &[8, 9], None),
            (1, &tall, &[8, 0], Some("byte 1 is the first")),
            (1, &tall, &[8], Some("1 bytes, not 2")),
            (1, &wide, &[8, 9], Some("uint8 1x2 by Row, not uint8 2x1")),
            (2, &wide, &[8, 9], Some("dark.pgm")),
        ] {
            let found = check.difference(Seq::new(seq).unwrap(), header, payload);
            match difference {
                None => assert_eq!(found, None, "{seq}"),
                Some(text) => assert!(found.as_ref().unwrap().contains(text), "{found:?}"),
            }
        }
    }
}
