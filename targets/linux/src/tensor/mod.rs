//! Tensors in files: pictures, NumPy arrays and raw bytes, each with its true type, shape and order.

mod dense;
mod npy;
mod picture;
mod raw;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use tp_core_nostd::shm::{self, Dtype, MAX_DIMS, MajorOrder, TensorHeader};

pub use npy::{read_npy, write_npy};
pub use picture::{read_picture, write_png};
pub use raw::{RawFrames, Shape, parse_dtype};

/// Endings of file names that [`read_file`] knows.
pub const EXTENSIONS: [&str; 9] = [
    "png", "jpg", "jpeg", "pnm", "pbm", "pgm", "ppm", "pam", "npy",
];

/// A tensor in this process' memory: little-endian elements without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: Dtype,
    /// Which index runs fastest: the last (row) or the first (column).
    pub order: MajorOrder,
    /// Elements along each dimension, 1 to 8 of them.
    pub dims: Vec<i32>,
    /// The elements.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// What the slot header of its frames says.
    ///
    /// # Errors
    /// [`TensorError::Header`]
    pub fn header(&self) -> Result<TensorHeader, TensorError> {
        Ok(TensorHeader::contiguous(
            self.dtype, self.order, &self.dims,
        )?)
    }
}

/// A file that is no tensor we can send, or a tensor that cannot be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes are not a picture of a known format.
    #[error(transparent)]
    Picture(#[from] image::ImageError),
    /// The element type has no counterpart in a tensor header, or not in the file format.
    #[error("elements of type {0} are not supported here")]
    Dtype(String),
    /// The shape does not fit a tensor header, or the file format.
    #[error("shape {} is not supported here: {why}", shape_text(dims))]
    Shape {
        /// The shape.
        dims: Vec<u64>,
        /// What is the matter with it.
        why: &'static str,
    },
    /// The tensor makes no sense.
    #[error(transparent)]
    Header(#[from] shm::TensorError),
    /// There are fewer bytes than the shape needs.
    #[error("{needed} bytes of elements are needed, {got} are there")]
    Length {
        /// Bytes the shape needs.
        needed: usize,
        /// Bytes that are there.
        got: usize,
    },
    /// The ending of the file name says nothing about its format.
    #[error("its name should end in one of {}", EXTENSIONS.map(|end| format!(".{end}")).join(" "))]
    UnknownFormat,
}

/// Reads one file, by the ending of its name.
///
/// # Errors
/// See [`TensorError`].
pub fn read_file(path: &Path) -> Result<Tensor, TensorError> {
    let extension = path.extension().and_then(|end| end.to_str());
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    let file = || File::open(path).map(BufReader::new);
    match extension.as_str() {
        "npy" => read_npy(file()?),
        "png" => read_picture(file()?, image::ImageFormat::Png),
        "jpg" | "jpeg" => read_picture(file()?, image::ImageFormat::Jpeg),
        "pnm" | "pbm" | "pgm" | "ppm" | "pam" => read_picture(file()?, image::ImageFormat::Pnm),
        _ => Err(TensorError::UnknownFormat),
    }
}

/// Dimensions as people write them: `480x640x3`.
pub fn shape_text<T: ToString>(dims: &[T]) -> String {
    let dims: Vec<String> = dims.iter().map(T::to_string).collect();
    dims.join("x")
}

/// An element type as NumPy calls it.
pub const fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Uint8 => "uint8",
        Dtype::Int8 => "int8",
        Dtype::Uint16 => "uint16",
        Dtype::Int16 => "int16",
        Dtype::Uint32 => "uint32",
        Dtype::Int32 => "int32",
        Dtype::Uint64 => "uint64",
        Dtype::Int64 => "int64",
        Dtype::Float32 => "float32",
        Dtype::Float64 => "float64",
        Dtype::Boolean => "bool",
        Dtype::Bytes => "bytes",
        Dtype::Bit => "bit",
    }
}

/// Bytes that `dims` elements of `dtype` take.
fn byte_len(dtype: Dtype, dims: &[i32]) -> Option<usize> {
    let element = usize::from(dtype.element_len());
    dims.iter().try_fold(element, |bytes, &dim| {
        bytes.checked_mul(usize::try_from(dim).ok()?)
    })
}

/// Dimensions as sizes; a tensor that was checked has none below zero.
fn sizes(dims: &[i32]) -> Vec<u64> {
    dims.iter()
        .map(|&dim| u64::try_from(dim).unwrap_or(0))
        .collect()
}

/// A shape as a tensor header has it.
fn header_dims(shape: &[u64]) -> Result<Vec<i32>, TensorError> {
    let refused = |why| TensorError::Shape {
        dims: shape.to_vec(),
        why,
    };
    if shape.len() > MAX_DIMS {
        return Err(refused("at most 8 dimensions"));
    }
    // A tensor header has at least one dimension; a scalar is one element.
    if shape.is_empty() {
        return Ok(vec![1]);
    }
    let dim = |&size: &u64| i32::try_from(size).map_err(|_| refused("at most 2147483647 each"));
    shape.iter().map(dim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_read_by_the_ending_of_their_name() {
        let dir = tempfile::tempdir().unwrap();
        let picture = dir.path().join("one.PGM");
        fs::write(&picture, b"P5 2 1 255\n\x07\x09").unwrap();
        let tensor = read_file(&picture).unwrap();
        assert_eq!(
            (tensor.dims.as_slice(), tensor.bytes.as_slice()),
            (&[1, 2][..], &[7, 9][..])
        );

        let text = dir.path().join("one.txt");
        fs::write(&text, b"hello").unwrap();
        let refused = read_file(&text).unwrap_err().to_string();
        assert!(
            refused.contains(".png") && refused.contains(".npy"),
            "{refused}"
        );
        assert!(matches!(
            read_file(&dir.path().join("none.npy")),
            Err(TensorError::Io(_))
        ));
    }

    #[test]
    fn every_ending_that_is_listed_is_read() {
        let dir = tempfile::tempdir().unwrap();
        for extension in EXTENSIONS {
            let refused = read_file(&dir.path().join(format!("none.{extension}"))).unwrap_err();
            assert!(matches!(refused, TensorError::Io(_)), "{extension}");
        }
    }

    #[test]
    fn the_header_of_a_tensor_is_its_own() {
        let tensor = Tensor {
            dtype: Dtype::Int16,
            order: MajorOrder::Column,
            dims: vec![3, 4],
            bytes: vec![0; 24],
        };
        let header = tensor.header().unwrap();
        assert_eq!((header.dtype(), header.dims()), (Dtype::Int16, &[3, 4][..]));
        assert_eq!(header.strides(), [2, 6]);
    }
}
