//! Raw frames from a pipe: elements without header, of a type and shape the user names.

use std::io::{ErrorKind, Read};

use tp_core_nostd::wire::enums::{Dtype, MajorOrder};

use super::{RANK_MAX, Tensor, TensorError};

/// Cuts a byte stream into frames of one type and shape.
#[derive(Debug)]
pub struct RawFrames<R> {
    reader: R,
    dtype: Dtype,
    dims: Vec<i32>,
    frame_len: usize,
}

impl<R: Read> RawFrames<R> {
    /// Frames of `dims` elements of `dtype`, row by row.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if a frame would have no byte, or more than fit a payload.
    pub fn new(reader: R, dtype: Dtype, dims: Vec<i32>) -> Result<Self, TensorError> {
        let refused = |why| {
            TensorError::Shape(
                dims.iter()
                    .map(|&dim| u64::try_from(dim).unwrap_or(0))
                    .collect(),
                why,
            )
        };
        let frame_len = super::byte_len(dtype, &dims)
            .filter(|&length| u32::try_from(length).is_ok())
            .ok_or_else(|| refused("a frame is at most 4 GiB"))?;
        if frame_len == 0 {
            return Err(refused("a raw frame has at least one byte"));
        }
        Ok(Self {
            reader,
            dtype,
            dims,
            frame_len,
        })
    }

    /// The next frame, or `None` where the stream ends between two frames.
    ///
    /// # Errors
    /// [`TensorError::Length`] where it ends inside one.
    pub fn next_frame(&mut self) -> Result<Option<Tensor>, TensorError> {
        let mut bytes = vec![0; self.frame_len];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.reader.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => {
                    return Err(TensorError::Length {
                        needed: self.frame_len,
                        got: filled,
                    });
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Tensor {
            dtype: self.dtype,
            order: MajorOrder::Row,
            dims: self.dims.clone(),
            bytes,
        }))
    }
}

/// The element type called `name`: `uint8`, `float32` and so on, as NumPy calls them.
///
/// # Errors
/// A sentence with the names there are.
pub fn parse_dtype(name: &str) -> Result<Dtype, String> {
    Ok(match name {
        "uint8" => Dtype::Uint8,
        "int8" => Dtype::Int8,
        "uint16" => Dtype::Uint16,
        "int16" => Dtype::Int16,
        "uint32" => Dtype::Uint32,
        "int32" => Dtype::Int32,
        "uint64" => Dtype::Uint64,
        "int64" => Dtype::Int64,
        "float32" => Dtype::Float32,
        "float64" => Dtype::Float64,
        "bool" => Dtype::Boolean,
        _ => {
            return Err(
                "use one of uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, \
                        float64, bool"
                    .to_owned(),
            );
        }
    })
}

/// A shape written as `480x640x3`: elements along each dimension, rows first.
///
/// # Errors
/// A sentence that shows how a shape is written.
pub fn parse_shape(text: &str) -> Result<Vec<i32>, String> {
    let dims: Result<Vec<i32>, _> = text.split('x').map(str::parse).collect();
    match dims {
        Ok(dims) if dims.len() <= RANK_MAX && dims.iter().all(|&dim| dim > 0) => Ok(dims),
        _ => Err(
            "write 1 to 8 positive numbers with x between them, rows first, such as 480x640x3"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_frames() {
        let mut frames = RawFrames::new([1, 2, 3, 4].as_slice(), Dtype::Uint16, vec![1]).unwrap();
        assert_eq!(frames.next_frame().unwrap().unwrap().bytes, [1, 2]);
        assert_eq!(frames.next_frame().unwrap().unwrap().bytes, [3, 4]);
        assert_eq!(frames.next_frame().unwrap(), None);
    }

    #[test]
    fn a_frame_cut_short_is_an_error() {
        let mut frames = RawFrames::new([1, 2, 3].as_slice(), Dtype::Uint16, vec![1]).unwrap();
        assert!(frames.next_frame().is_ok());
        assert!(matches!(
            frames.next_frame(),
            Err(TensorError::Length { needed: 2, got: 1 })
        ));
    }

    #[test]
    fn shapes_and_types_are_read_or_explained() {
        assert_eq!(parse_shape("480x640x3"), Ok(vec![480, 640, 3]));
        for wrong in ["", "0x3", "-1", "3x", "1x1x1x1x1x1x1x1x1", "a"] {
            assert!(
                parse_shape(wrong).unwrap_err().contains("480x640x3"),
                "{wrong}"
            );
        }
        assert_eq!(parse_dtype("float64"), Ok(Dtype::Float64));
        assert!(parse_dtype("double").unwrap_err().contains("float64"));
    }
}
