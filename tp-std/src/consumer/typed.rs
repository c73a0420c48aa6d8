//! Frames as tensors of a Rust type (C-107). Element type, bounds and strides are checked once; what is copied out is
//! checked against overwriting like any other copy.

use tp_core_nostd::proto::read::{CopyError, Overwritten};
use tp_core_nostd::shm::{Element, Elements, ElementsError};

use super::view::FrameView;

impl FrameView<'_> {
    /// The elements of this frame, if they are of type `T` and lie in its payload.
    ///
    /// # Errors
    /// [`ElementsError`]; the frame can still be read as bytes.
    pub fn elements<T: Element>(&self) -> Result<TypedView<'_, T>, ElementsError> {
        let elements = Elements::of(self.tensor(), self.payload_len())?;
        Ok(TypedView {
            frame: self,
            elements,
        })
    }
}

/// A frame whose elements are of type `T`. They stay in shared memory until they are copied.
#[derive(Debug)]
pub struct TypedView<'a, T> {
    frame: &'a FrameView<'a>,
    elements: Elements<T>,
}

impl<T: Element> TypedView<'_, T> {
    /// Where the elements lie: sizes and strides, counted in elements.
    pub const fn layout(&self) -> &Elements<T> {
        &self.elements
    }

    /// One element; `None` outside the tensor. For more than a few, copy.
    ///
    /// # Errors
    /// [`Overwritten`], counted as dropped.
    pub fn get(&self, index: &[usize]) -> Result<Option<T>, Overwritten> {
        let Some(place) = self.elements.place(index) else {
            return Ok(None);
        };
        let mut element = [T::initial()];
        // Inside the payload, therefore far from overflow.
        let offset = place.wrapping_mul(size_of::<T>());
        self.frame.copy_part(offset, T::bytes_mut(&mut element))?;
        let [element] = element;
        Ok(Some(element))
    }

    /// Copies the elements to the start of `buffer` as they lie in the payload, gaps included, and checks that they were
    /// the frame's to the end. Returns how many; [`Elements::place`] tells which is where.
    ///
    /// # Errors
    /// [`CopyError`], whose lengths are in bytes; an overwritten frame is counted as dropped.
    pub fn copy_to(&self, buffer: &mut [T]) -> Result<usize, CopyError> {
        let (len, room) = (self.elements.len(), buffer.len());
        let wanted = buffer.get_mut(..len).ok_or(CopyError::DoesNotFit {
            needed: len.wrapping_mul(size_of::<T>()),
            got: room.wrapping_mul(size_of::<T>()),
        })?;
        self.frame
            .copy_part(0, T::bytes_mut(wanted))
            .map_err(|_| CopyError::Overwritten)?;
        Ok(len)
    }

    /// Copies as [`Self::copy_to`] does and lends the copy as an array with the sizes and strides of the tensor.
    ///
    /// # Errors
    /// As [`Self::copy_to`].
    #[cfg(feature = "ndarray")]
    pub fn copy_to_array<'b>(
        &self,
        buffer: &'b mut [T],
    ) -> Result<ndarray::ArrayViewD<'b, T>, CopyError> {
        use ndarray::{ArrayViewD, IxDyn, ShapeBuilder};

        let len = self.copy_to(buffer)?;
        let copied: &'b [T] = buffer.get(..len).unwrap_or_default();
        let dims = IxDyn(self.elements.dims());
        let array = match self.elements.is_empty() {
            // Steps from nowhere to nowhere: the array has its own.
            true => ArrayViewD::from_shape(dims, copied),
            false => ArrayViewD::from_shape(dims.strides(IxDyn(self.elements.strides())), copied),
        };
        // The copy has room for its elements, and no two of them share a place: that was checked of the header.
        array.map_err(|_| CopyError::DoesNotFit {
            needed: len,
            got: len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::FrameReader;
    use crate::consumer::bench::{IMAGE, Stage, encoded, reader_of, seq};
    use tp_core_nostd::shm::{Dtype, MajorOrder, TensorHeader};
    use tp_core_nostd::wire::control::FrameDescriptor;

    /// Shows `look` a frame of these 16-bit elements.
    fn with_frame(tensor: &TensorHeader, payload: &[u8], look: impl FnOnce(&Stage, FrameView<'_>)) {
        let stage = Stage::new(5, 8);
        stage.write_tensor(0, tensor, payload);
        let mut hot = reader_of(&stage);
        let mut look = Some(look);
        let mut handler = |_: &FrameDescriptor, reader: FrameReader<'_>| {
            let look = look.take().unwrap();
            look(&stage, reader.read().unwrap());
        };
        hot.on_descriptor(&encoded(&stage.descriptor(0)), IMAGE, &mut handler);
        assert!(look.is_none(), "the frame was not handed out");
    }

    fn bytes(values: &[u16]) -> Vec<u8> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        bytes.collect()
    }

    #[test] // req: C-107
    fn elements_are_read_one_by_one_and_all_at_once() {
        // Two rows of three, a gap of one behind each.
        let tensor = TensorHeader::strided(Dtype::Uint16, MajorOrder::Row, &[2, 3], &[8, 2]);
        let payload = bytes(&[1, 2, 3, 99, 4, 5, 6]);
        with_frame(&tensor.unwrap(), &payload, |_, frame| {
            let elements = frame.elements::<u16>().unwrap();
            assert_eq!(elements.get(&[1, 2]), Ok(Some(6)));
            assert_eq!(elements.get(&[2, 0]), Ok(None));
            let mut buffer = [0; 8];
            assert_eq!(elements.copy_to(&mut buffer), Ok(7));
            assert_eq!(buffer, [1, 2, 3, 99, 4, 5, 6, 0]);
            let (needed, got) = (14, 12);
            assert_eq!(
                elements.copy_to(&mut buffer[..6]),
                Err(CopyError::DoesNotFit { needed, got })
            );
            assert!(frame.elements::<i16>().is_err());
        });
    }

    #[test] // req: C-106, C-107
    fn elements_of_an_overwritten_frame_are_discarded() {
        let tensor = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[2]).unwrap();
        with_frame(&tensor, &bytes(&[1, 2]), |stage, frame| {
            let elements = frame.elements::<u16>().unwrap();
            assert_eq!(elements.get(&[0]), Ok(Some(1)));
            stage.begin(8);
            assert_eq!(elements.get(&[0]), Err(Overwritten));
            assert_eq!(elements.copy_to(&mut [0; 2]), Err(CopyError::Overwritten));
            assert_eq!(frame.seq(), seq(0));
        });
    }

    #[cfg(feature = "ndarray")]
    #[test] // req: C-107
    fn arrays_have_the_sizes_and_strides_of_the_tensor() {
        let payload = bytes(&[1, 2, 3, 99, 4, 5, 6]);
        let rows = TensorHeader::strided(Dtype::Uint16, MajorOrder::Row, &[2, 3], &[8, 2]);
        with_frame(&rows.unwrap(), &payload, |_, frame| {
            let mut buffer = [0; 7];
            let elements = frame.elements::<u16>().unwrap();
            let array = elements.copy_to_array(&mut buffer).unwrap();
            assert_eq!(array, ndarray::array![[1, 2, 3], [4, 5, 6]].into_dyn());
        });
        let columns = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Column, &[2, 3]);
        with_frame(&columns.unwrap(), &payload[..12], |_, frame| {
            let mut buffer = [0; 6];
            let elements = frame.elements::<u16>().unwrap();
            let array = elements.copy_to_array(&mut buffer).unwrap();
            assert_eq!(array, ndarray::array![[1, 3, 4], [2, 99, 5]].into_dyn());
        });
        let none = TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Row, &[0, 3]).unwrap();
        with_frame(&none, &[], |_, frame| {
            let mut buffer = [];
            let elements = frame.elements::<u16>().unwrap();
            let array = elements.copy_to_array(&mut buffer).unwrap();
            assert_eq!(array.shape(), [0, 3]);
        });
    }
}
