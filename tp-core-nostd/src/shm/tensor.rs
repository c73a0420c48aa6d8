//! Tensor headers: element type, shape, and where the elements lie in the payload (wire 2.6, T-27..T-29).

#[cfg(test)]
mod tests;

use super::error::TensorError;
use super::layout::{MAX_DIMS, TensorHeaderBlock};
use crate::wire::enums::{Dtype, MajorOrder, ProgressUnit};

impl Dtype {
    /// Bytes of one element. Of BYTES and BIT, too, an element is one byte; packing is the application's (T-27).
    pub const fn element_len(self) -> u8 {
        match self {
            Self::Uint8 | Self::Int8 | Self::Boolean | Self::Bytes | Self::Bit => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Uint64 | Self::Int64 | Self::Float64 => 8,
        }
    }
}

/// A tensor that makes sense: 1 to 8 dimensions, strides without overlap that follow the major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TensorHeader {
    dtype: Dtype,
    major_order: MajorOrder,
    progress_unit: ProgressUnit,
    ndims: u8,
    progress_stride_bytes: u32,
    dims: [i32; MAX_DIMS],
    /// In bytes; 0 where it is inferred.
    declared: [i32; MAX_DIMS],
}

impl TensorHeader {
    /// A tensor whose elements follow each other without gaps; `dims[0]` is the slowest in row-major order.
    ///
    /// # Errors
    /// See [`TensorError`].
    pub fn contiguous(
        dtype: Dtype,
        major_order: MajorOrder,
        dims: &[i32],
    ) -> Result<Self, TensorError> {
        match [0; MAX_DIMS].get(..dims.len()) {
            Some(strides) => Self::strided(dtype, major_order, dims, strides),
            None => Err(TensorError::Ndims { got: dims.len() }),
        }
    }

    /// A tensor with strides in bytes, one for each dimension; 0 is inferred from the dimensions inside (W-079).
    ///
    /// # Errors
    /// See [`TensorError`].
    pub fn strided(
        dtype: Dtype,
        major_order: MajorOrder,
        dims: &[i32],
        strides: &[i32],
    ) -> Result<Self, TensorError> {
        if strides.len() != dims.len() {
            return Err(TensorError::StrideCount {
                ndims: dims.len(),
                got: strides.len(),
            });
        }
        Self::checked(dtype, major_order, dims, strides)
    }

    /// The same tensor, whose progress is counted in rows or columns as well (W-165).
    ///
    /// # Errors
    /// [`TensorError::ProgressUnit`], [`TensorError::ProgressStride`] where the stride exceeds 32 bits.
    pub fn with_progress(mut self, unit: ProgressUnit) -> Result<Self, TensorError> {
        let needed = self.stride_of(unit)?;
        self.progress_unit = unit;
        self.progress_stride_bytes =
            u32::try_from(needed).map_err(|_| TensorError::ProgressStride { needed, got: 0 })?;
        Ok(self)
    }

    /// Element type.
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Which end of the dimensions is contiguous.
    pub const fn major_order(&self) -> MajorOrder {
        self.major_order
    }

    /// Sizes, none below zero; 1 to 8 of them.
    pub fn dims(&self) -> &[i32] {
        self.dims.get(..self.ndims.into()).unwrap_or_default()
    }

    /// Effective strides in bytes, none below one; one for each dimension.
    pub fn strides(&self) -> heapless::Vec<i64, MAX_DIMS> {
        let mut strides = [0; MAX_DIMS];
        // What was checked when this was made has no error left.
        let _ = self.lay_out(|dim, stride| {
            if let Some(place) = strides.get_mut(usize::from(dim)) {
                *place = stride;
            }
        });
        strides.into_iter().take(self.ndims.into()).collect()
    }

    /// What its progress counts besides bytes.
    pub const fn progress_unit(&self) -> ProgressUnit {
        self.progress_unit
    }

    /// Bytes from row to row or column to column where progress counts them, else 0.
    pub const fn progress_stride_bytes(&self) -> u32 {
        self.progress_stride_bytes
    }

    /// Bytes a typed view needs, from the start of the payload: a frame with fewer is valid, but has no such view (T-29).
    /// `None` above 2^63 - 1, which no payload has.
    pub fn extent(&self) -> Option<u64> {
        if self.dims().contains(&0) {
            return Some(0);
        }
        let mut last = i64::from(self.dtype.element_len());
        for (dim, stride) in self.dims().iter().zip(self.strides()) {
            let steps = i64::from(*dim).checked_sub(1)?;
            last = last.checked_add(steps.checked_mul(stride)?)?;
        }
        u64::try_from(last).ok()
    }

    /// Bytes of a whole row or column where a prefix of the payload holds whole ones: rows of row-major, columns of
    /// column-major tensors. Otherwise a count of bytes filled is information only (T-48).
    pub const fn prefix_line_len(&self) -> Option<u32> {
        match (self.progress_unit, self.major_order) {
            (ProgressUnit::Rows, MajorOrder::Row) | (ProgressUnit::Columns, MajorOrder::Column) => {
                Some(self.progress_stride_bytes)
            }
            _ => None,
        }
    }

    /// The block as it stands in a slot. Dims and strides past `ndims`, and all padding, are zero (W-077).
    pub fn block(&self) -> TensorHeaderBlock {
        TensorHeaderBlock {
            dtype: self.dtype.get().into(),
            major_order: self.major_order.get().into(),
            ndims: self.ndims,
            pad_align: 0,
            progress_unit: self.progress_unit.get(),
            progress_stride_bytes: self.progress_stride_bytes.into(),
            dims: self.dims.map(Into::into),
            strides: self.declared.map(Into::into),
            pad: [0; 109],
        }
    }

    /// What everything above comes down to: as many strides as dims, and all checks of the specification.
    fn checked<I: Copy + Into<i32>>(
        dtype: Dtype,
        major_order: MajorOrder,
        dims: &[I],
        strides: &[I],
    ) -> Result<Self, TensorError> {
        let ndims = match u8::try_from(dims.len()) {
            Ok(ndims @ 1..=8) => ndims,
            _ => return Err(TensorError::Ndims { got: dims.len() }),
        };
        let mut tensor = Self {
            dtype,
            major_order,
            progress_unit: ProgressUnit::None,
            ndims,
            progress_stride_bytes: 0,
            dims: [0; MAX_DIMS],
            declared: [0; MAX_DIMS],
        };
        let places = tensor.dims.iter_mut().zip(&mut tensor.declared);
        for ((dim, stride), given) in places.zip(dims.iter().zip(strides)) {
            (*dim, *stride) = ((*given.0).into(), (*given.1).into());
        }
        tensor.lay_out(|_, _| ())?;
        Ok(tensor)
    }

    /// Tells `visit` the effective stride of each dimension, from the contiguous one outwards (wire 2.6).
    fn lay_out(&self, mut visit: impl FnMut(u8, i64)) -> Result<(), TensorError> {
        let mut needed = Some(i64::from(self.dtype.element_len()));
        for nth in 0..self.ndims {
            let dim = match self.major_order {
                MajorOrder::Row => self.ndims.wrapping_sub(nth).wrapping_sub(1),
                MajorOrder::Column => nth,
            };
            let at = usize::from(dim);
            let (Some(&size), Some(&declared)) = (self.dims.get(at), self.declared.get(at)) else {
                break; // unreachable: there are no more dimensions than places
            };
            if size < 0 {
                return Err(TensorError::NegativeDim { dim, got: size });
            }
            let least = needed.ok_or(TensorError::Overflow { dim })?;
            let stride = match i64::from(declared) {
                0 => least,
                stride if stride >= least => stride,
                ..0 => return Err(TensorError::NegativeStride { dim, got: declared }),
                _ => {
                    return Err(TensorError::StrideTooSmall {
                        dim,
                        needed: least,
                        got: declared,
                    });
                }
            };
            visit(dim, stride);
            needed = stride.checked_mul(size.max(1).into());
        }
        Ok(())
    }

    /// The effective stride that `unit` counts; 0 for none.
    fn stride_of(&self, unit: ProgressUnit) -> Result<i64, TensorError> {
        let strides = self.strides();
        let stride = match unit {
            ProgressUnit::None => Some(&0),
            ProgressUnit::Rows => strides.first(),
            ProgressUnit::Columns => strides.get(1),
        };
        stride
            .copied()
            .ok_or(TensorError::ProgressUnit { got: unit.get() })
    }
}

/// All checks of wire 3.3, step 6, that need nothing but the tensor header. What stands past `ndims` is ignored.
impl TryFrom<&TensorHeaderBlock> for TensorHeader {
    type Error = TensorError;

    fn try_from(block: &TensorHeaderBlock) -> Result<Self, TensorError> {
        let dtype = block.dtype.get();
        let dtype = Dtype::new(dtype).ok_or(TensorError::Dtype { got: dtype })?;
        let order = block.major_order.get();
        let order = MajorOrder::new(order).ok_or(TensorError::MajorOrder { got: order })?;
        let unit = block.progress_unit;
        let unit = ProgressUnit::new(unit).ok_or(TensorError::ProgressUnit { got: unit })?;

        let ndims = usize::from(block.ndims);
        let (Some(dims), Some(strides)) = (block.dims.get(..ndims), block.strides.get(..ndims))
        else {
            return Err(TensorError::Ndims { got: ndims });
        };
        let tensor = Self::checked(dtype, order, dims, strides)?;
        if unit == ProgressUnit::None {
            return Ok(tensor); // whatever its stride says
        }
        let (needed, got) = (tensor.stride_of(unit)?, block.progress_stride_bytes.get());
        if needed != i64::from(got) {
            return Err(TensorError::ProgressStride { needed, got });
        }
        tensor.with_progress(unit)
    }
}
