//! Raw frames from a pipe: elements without header, of a type and shape the user names.

use core::str::FromStr;
use std::io::Read;

use tp_core_nostd::shm::{Dtype, MAX_DIMS, MajorOrder};

use super::{Tensor, TensorError, byte_len, sizes};

/// Cuts a byte stream into frames of one type and shape.
#[derive(Debug)]
pub struct RawFrames<R> {
    reader: R,
    dtype: Dtype,
    shape: Shape,
    frame_len: u32,
}

impl<R: Read> RawFrames<R> {
    /// Frames of `shape` elements of `dtype`, row by row.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if a frame would be longer than a payload can be.
    pub fn new(reader: R, dtype: Dtype, shape: Shape) -> Result<Self, TensorError> {
        let Some(frame_len) = shape.byte_len(dtype) else {
            return Err(TensorError::Shape {
                dims: sizes(&shape.0),
                why: "a frame has less than 4 GiB",
            });
        };
        Ok(Self {
            reader,
            dtype,
            shape,
            frame_len,
        })
    }

    /// The next frame, or `None` where the stream ends between two frames.
    ///
    /// # Errors
    /// [`TensorError::Length`] where it ends inside one.
    pub fn next_frame(&mut self) -> Result<Option<Tensor>, TensorError> {
        let needed = self.frame_len as usize;
        let mut bytes = Vec::with_capacity(needed);
        let frame = self.reader.by_ref().take(self.frame_len.into());
        match { frame }.read_to_end(&mut bytes)? {
            0 => Ok(None),
            got if got < needed => Err(TensorError::Length { needed, got }),
            _ => Ok(Some(Tensor {
                dtype: self.dtype,
                order: MajorOrder::Row,
                dims: self.shape.0.clone(),
                bytes,
            })),
        }
    }
}

/// The element type called `name`: `uint8`, `float32` and so on, as NumPy calls them.
///
/// # Errors
/// A sentence with the names there are.
pub fn parse_dtype(name: &str) -> Result<Dtype, String> {
    let numbers = (0..=i16::from(u8::MAX)).filter_map(Dtype::new);
    let mut known = numbers.filter(|dtype| !matches!(dtype, Dtype::Bytes | Dtype::Bit));
    let names = || known.clone().map(super::dtype_name).collect::<Vec<_>>();
    let refusal = format!("use one of {}", names().join(", "));
    known
        .find(|dtype| super::dtype_name(*dtype) == name)
        .ok_or(refusal)
}

/// Elements along each of 1 to 8 dimensions, none of them zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Vec<i32>);

impl Shape {
    /// Bytes of a frame of this shape, if a payload can be so long.
    pub fn byte_len(&self, dtype: Dtype) -> Option<u32> {
        byte_len(dtype, &self.0).and_then(|length| u32::try_from(length).ok())
    }
}

/// Written as `480x640x3`, rows first.
impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let dims: Result<Vec<i32>, _> = text.split('x').map(str::parse).collect();
        match dims {
            Ok(dims) if dims.len() <= MAX_DIMS && dims.iter().all(|&dim| dim > 0) => Ok(Self(dims)),
            _ => Err(
                "write 1 to 8 positive numbers with x between them, rows first, such as 480x640x3",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(bytes: &[u8]) -> RawFrames<&[u8]> {
        RawFrames::new(bytes, Dtype::Uint16, Shape(vec![1])).unwrap()
    }

    #[test]
    fn a_stream_is_cut_into_frames() {
        let mut frames = pairs(&[1, 2, 3, 4]);
        assert_eq!(frames.next_frame().unwrap().unwrap().bytes, [1, 2]);
        assert_eq!(frames.next_frame().unwrap().unwrap().bytes, [3, 4]);
        assert_eq!(frames.next_frame().unwrap(), None);
    }

    #[test]
    fn a_frame_cut_short_is_an_error() {
        let mut frames = pairs(&[1, 2, 3]);
        assert!(frames.next_frame().is_ok());
        assert!(matches!(
            frames.next_frame(),
            Err(TensorError::Length { needed: 2, got: 1 })
        ));
    }

    #[test]
    fn a_frame_longer_than_a_payload_can_be_is_refused_before_any_memory_is_taken() {
        let shape = "65536x65536".parse().unwrap();
        let refused = RawFrames::new([].as_slice(), Dtype::Uint8, shape).unwrap_err();
        assert!(refused.to_string().contains("65536x65536"), "{refused}");
    }

    #[test]
    fn shapes_and_types_are_read_or_explained() {
        assert_eq!("480x640x3".parse(), Ok(Shape(vec![480, 640, 3])));
        for wrong in ["", "0x3", "-1", "3x", "1x1x1x1x1x1x1x1x1", "a"] {
            let refused = wrong.parse::<Shape>().unwrap_err();
            assert!(refused.contains("480x640x3"), "{wrong}");
        }
        assert_eq!(parse_dtype("float64"), Ok(Dtype::Float64));
        assert_eq!(parse_dtype("bool"), Ok(Dtype::Boolean));
        for wrong in ["double", "bit", ""] {
            assert!(
                parse_dtype(wrong).unwrap_err().contains("float64"),
                "{wrong}"
            );
        }
    }
}
