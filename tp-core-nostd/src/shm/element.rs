//! Elements of a tensor as values of a type: checked once per frame, then used without further checks (C-107).
//!
//! ```
//! use tp_core_nostd::shm::{Dtype, Elements, MajorOrder, TensorHeader, ElementsError};
//!
//! let tensor = TensorHeader::contiguous(Dtype::Float32, MajorOrder::Row, &[3, 4])?;
//! let elements = Elements::<f32>::of(&tensor, 48)?;
//! assert_eq!((elements.dims(), elements.strides()), (&[3, 4][..], &[4, 1][..]));
//! assert_eq!((elements.len(), elements.place(&[2, 1])), (12, Some(9)));
//! assert!(matches!(Elements::<u16>::of(&tensor, 48), Err(ElementsError::Dtype { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::layout::MAX_DIMS;
use super::tensor::TensorHeader;
use crate::wire::enums::Dtype;

/// A Rust type that elements can have. Every bit pattern is a value of it, so that what another process writes is one.
pub trait Element: FromBytes + IntoBytes + Immutable + Copy + sealed::Element {
    /// Whether elements of `dtype` are values of this type. Booleans, bytes and bits are `u8`s (T-27).
    fn is(dtype: Dtype) -> bool;

    /// Zero, to be written over.
    fn initial() -> Self {
        Self::new_zeroed()
    }

    /// The bytes of these elements, little-endian as everything in memory here.
    fn bytes_mut(elements: &mut [Self]) -> &mut [u8] {
        elements.as_mut_bytes()
    }
}

mod sealed {
    pub trait Element {}
}

macro_rules! element {
    ($($type:ty: $first:ident $(| $other:ident)*;)*) => {$(
        impl sealed::Element for $type {}
        impl Element for $type {
            fn is(dtype: Dtype) -> bool {
                matches!(dtype, Dtype::$first $(| Dtype::$other)*)
            }
        }
    )*};
}

element! {
    u8: Uint8 | Boolean | Bytes | Bit;
    i8: Int8;
    u16: Uint16;
    i16: Int16;
    u32: Uint32;
    i32: Int32;
    u64: Uint64;
    i64: Int64;
    f32: Float32;
    f64: Float64;
}

/// Why a tensor cannot be seen as elements of a type. The frame itself is as good as any (T-29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ElementsError {
    /// Its elements are of another type.
    Dtype {
        /// The type of its elements.
        got: Dtype,
    },
    /// Its elements end behind the payload.
    OutOfBounds {
        /// Bytes up to the end of the last element.
        needed: u64,
        /// Bytes of the payload.
        got: u64,
    },
    /// A stride is no multiple of the size of an element.
    Stride {
        /// The dimension, counted from 0.
        dim: u8,
        /// Its stride in bytes.
        got: i64,
    },
}

impl fmt::Display for ElementsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dtype { got } => write!(f, "the elements are of type {got:?}"),
            Self::OutOfBounds { needed, got } => {
                write!(f, "the elements take {needed} bytes, the payload has {got}")
            }
            Self::Stride { dim, got } => {
                write!(
                    f,
                    "stride {dim}, {got} bytes, holds no whole number of elements"
                )
            }
        }
    }
}

impl core::error::Error for ElementsError {}

/// Where the elements of a tensor lie in its payload, counted in elements. Payload slots begin at multiples of 64 bytes,
/// so elements are aligned where their strides are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements<T> {
    dims: [usize; MAX_DIMS],
    strides: [usize; MAX_DIMS],
    ndims: usize,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Element> Elements<T> {
    /// The elements of `tensor` in `payload_len` bytes.
    ///
    /// # Errors
    /// [`ElementsError`]
    pub fn of(tensor: &TensorHeader, payload_len: usize) -> Result<Self, ElementsError> {
        if !T::is(tensor.dtype()) {
            let got = tensor.dtype();
            return Err(ElementsError::Dtype { got });
        }
        let got = payload_len as u64;
        let extent = tensor.extent().unwrap_or(u64::MAX);
        let within = usize::try_from(extent).ok().filter(|_| extent <= got);
        let extent = within.ok_or(ElementsError::OutOfBounds {
            needed: extent,
            got,
        })?;
        let size = size_of::<T>();
        let mut elements = Self {
            dims: [0; MAX_DIMS],
            strides: [0; MAX_DIMS],
            ndims: tensor.dims().len(),
            len: extent.checked_div(size).unwrap_or(0),
            element: PhantomData,
        };
        let places = elements.dims.iter_mut().zip(&mut elements.strides);
        let given = tensor.dims().iter().zip(tensor.strides());
        for (nth, ((dim, stride), (&size_of_dim, bytes))) in (0..).zip(places.zip(given)) {
            // What was checked when the header was made: none is below zero.
            *dim = usize::try_from(size_of_dim).unwrap_or(0);
            let whole = usize::try_from(bytes).ok();
            let whole = whole.filter(|bytes| bytes.is_multiple_of(size));
            *stride = match whole.and_then(|bytes| bytes.checked_div(size)) {
                Some(stride) => stride,
                // Never taken: there is no second element.
                None if *dim <= 1 => 0,
                None => {
                    return Err(ElementsError::Stride {
                        dim: nth,
                        got: bytes,
                    });
                }
            };
        }
        Ok(elements)
    }

    /// Sizes; 1 to 8 of them.
    pub fn dims(&self) -> &[usize] {
        self.dims.get(..self.ndims).unwrap_or_default()
    }

    /// Elements from one to the next along each dimension.
    pub fn strides(&self) -> &[usize] {
        self.strides.get(..self.ndims).unwrap_or_default()
    }

    /// Elements from the first to behind the last, those in gaps included: what a buffer must hold.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether some dimension is 0.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many elements before it, gaps included, the one at `index` has. `None` outside the tensor.
    pub fn place(&self, index: &[usize]) -> Option<usize> {
        if index.len() != self.ndims {
            return None;
        }
        let axes = index.iter().zip(self.dims()).zip(self.strides());
        axes.into_iter()
            .try_fold(0_usize, |sum, ((at, dim), stride)| {
                let inside = Some(at).filter(|at| *at < dim)?;
                sum.checked_add(inside.checked_mul(*stride)?)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::MajorOrder;

    fn tensor(dtype: Dtype, order: MajorOrder, dims: &[i32], strides: &[i32]) -> TensorHeader {
        TensorHeader::strided(dtype, order, dims, strides).unwrap()
    }

    #[test] // req: C-107, T-27
    fn each_type_of_elements_is_one_type_of_values() {
        let seen = |dtype| {
            let tensor = TensorHeader::contiguous(dtype, MajorOrder::Row, &[2]).unwrap();
            [
                Elements::<u8>::of(&tensor, 16).is_ok(),
                Elements::<i8>::of(&tensor, 16).is_ok(),
                Elements::<u16>::of(&tensor, 16).is_ok(),
                Elements::<i16>::of(&tensor, 16).is_ok(),
                Elements::<u32>::of(&tensor, 16).is_ok(),
                Elements::<i32>::of(&tensor, 16).is_ok(),
                Elements::<u64>::of(&tensor, 16).is_ok(),
                Elements::<i64>::of(&tensor, 16).is_ok(),
                Elements::<f32>::of(&tensor, 16).is_ok(),
                Elements::<f64>::of(&tensor, 16).is_ok(),
            ]
        };
        for raw in 0..20 {
            let Some(dtype) = Dtype::new(raw) else {
                continue;
            };
            let expected = match dtype {
                Dtype::Uint8 | Dtype::Boolean | Dtype::Bytes | Dtype::Bit => 0,
                Dtype::Int8 => 1,
                Dtype::Uint16 => 2,
                Dtype::Int16 => 3,
                Dtype::Uint32 => 4,
                Dtype::Int32 => 5,
                Dtype::Uint64 => 6,
                Dtype::Int64 => 7,
                Dtype::Float32 => 8,
                Dtype::Float64 => 9,
            };
            let expected = core::array::from_fn(|nth| nth == expected);
            assert_eq!(seen(dtype), expected, "{dtype:?}");
        }
    }

    #[test] // req: C-107, T-29
    fn elements_beyond_the_payload_are_refused() {
        let image = tensor(Dtype::Uint16, MajorOrder::Row, &[3, 4], &[10, 2]);
        // The last row needs no gap behind it.
        assert_eq!(Elements::<u16>::of(&image, 28).unwrap().len(), 14);
        let (needed, got) = (28, 27);
        assert_eq!(
            Elements::<u16>::of(&image, 27),
            Err(ElementsError::OutOfBounds { needed, got })
        );
        let huge = [i32::MAX; 4];
        let huge = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &huge);
        // Whether such a header can be made or not, nothing of it is ever in bounds.
        if let Ok(huge) = huge {
            assert!(Elements::<u8>::of(&huge, usize::MAX).is_err());
        }
    }

    #[test] // req: C-107
    fn strides_count_in_elements_and_have_to_be_whole() {
        let rows = tensor(Dtype::Uint16, MajorOrder::Row, &[3, 4], &[10, 2]);
        let rows = Elements::<u16>::of(&rows, 30).unwrap();
        assert_eq!((rows.dims(), rows.strides()), (&[3, 4][..], &[5, 1][..]));
        assert_eq!(rows.place(&[2, 3]), Some(13));
        for outside in [&[3, 0][..], &[0, 4], &[0], &[0, 0, 0]] {
            assert_eq!(rows.place(outside), None);
        }
        let columns = TensorHeader::contiguous(Dtype::Float64, MajorOrder::Column, &[3, 4]);
        let columns = Elements::<f64>::of(&columns.unwrap(), 96).unwrap();
        assert_eq!(columns.strides(), [1, 3]);
        assert_eq!(columns.place(&[2, 3]), Some(11));

        let crooked = tensor(Dtype::Uint16, MajorOrder::Row, &[3, 4], &[9, 2]);
        assert_eq!(
            Elements::<u16>::of(&crooked, 100),
            Err(ElementsError::Stride { dim: 0, got: 9 })
        );
        // With one row nobody takes that step.
        let one = tensor(Dtype::Uint16, MajorOrder::Row, &[1, 4], &[9, 2]);
        assert_eq!(
            Elements::<u16>::of(&one, 8).unwrap().place(&[0, 3]),
            Some(3)
        );
    }

    #[test] // req: C-107, C-108
    fn a_tensor_without_elements_needs_no_payload() {
        let none = TensorHeader::contiguous(Dtype::Uint32, MajorOrder::Row, &[0, 5]).unwrap();
        let none = Elements::<u32>::of(&none, 0).unwrap();
        assert!(none.is_empty());
        assert_eq!(none.place(&[0, 0]), None);
    }
}
