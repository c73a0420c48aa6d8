//! Tensors in files: pictures, NumPy arrays and raw bytes, each with its true type, shape and order.

mod npy;
mod picture;
mod raw;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use tp_core_nostd::wire::enums::{Dtype, MajorOrder};

pub use npy::{read_npy, write_npy};
pub use picture::{read_picture, write_png};
pub use raw::{RawFrames, parse_dtype, parse_shape};

/// Most dimensions a tensor header carries (W-010).
pub const RANK_MAX: usize = 8;

/// A dense tensor in this process' memory, little-endian elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: Dtype,
    /// Which index runs fastest: the last (row) or the first (column).
    pub order: MajorOrder,
    /// Elements along each dimension, 1 to 8 of them.
    pub dims: Vec<i32>,
    /// The elements, contiguous.
    pub bytes: Vec<u8>,
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
    #[error("shape {0:?} is not supported here: {1}")]
    Shape(Vec<u64>, &'static str),
    /// The file has another number of bytes than its shape needs.
    #[error("{needed} bytes of elements are needed, {got} are there")]
    Length {
        /// Bytes the shape needs.
        needed: usize,
        /// Bytes that are there.
        got: usize,
    },
    /// The ending of the file name says nothing about its format.
    #[error("the format of {0} is not known: use .png, .jpg, .jpeg, .pnm, .pgm, .ppm or .npy")]
    UnknownFormat(String),
}

/// Reads one file, by the ending of its name.
///
/// # Errors
/// See [`TensorError`].
pub fn read_file(path: &Path) -> Result<Tensor, TensorError> {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let file = || File::open(path).map(BufReader::new);
    match extension.as_str() {
        "npy" => read_npy(file()?),
        "png" => read_picture(file()?, image::ImageFormat::Png),
        "jpg" | "jpeg" => read_picture(file()?, image::ImageFormat::Jpeg),
        "pnm" | "pbm" | "pgm" | "ppm" | "pam" => read_picture(file()?, image::ImageFormat::Pnm),
        _ => Err(TensorError::UnknownFormat(path.display().to_string())),
    }
}

/// Bytes that `dims` elements of `dtype` take.
fn byte_len(dtype: Dtype, dims: &[i32]) -> Option<usize> {
    dims.iter().try_fold(element_size(dtype), |bytes, &dim| {
        bytes.checked_mul(usize::try_from(dim).ok()?)
    })
}

/// Bytes of one element (wire 2.6).
const fn element_size(dtype: Dtype) -> usize {
    match dtype {
        Dtype::Uint8 | Dtype::Int8 | Dtype::Boolean | Dtype::Bytes | Dtype::Bit => 1,
        Dtype::Uint16 | Dtype::Int16 => 2,
        Dtype::Uint32 | Dtype::Int32 | Dtype::Float32 => 4,
        Dtype::Uint64 | Dtype::Int64 | Dtype::Float64 => 8,
    }
}

/// A shape as a tensor header has it.
fn header_dims(shape: &[u64]) -> Result<Vec<i32>, TensorError> {
    if shape.len() > RANK_MAX {
        return Err(TensorError::Shape(shape.to_vec(), "at most 8 dimensions"));
    }
    // A tensor header has at least one dimension; a scalar is one element.
    if shape.is_empty() {
        return Ok(vec![1]);
    }
    let fits = |&dim| {
        i32::try_from(dim).map_err(|_| TensorError::Shape(shape.to_vec(), "at most 2^31 - 1 each"))
    };
    shape.iter().map(fits).collect()
}
