//! From the payload of a frame to a tensor without gaps.

use tp_core_nostd::shm::{MajorOrder, TensorHeader};

use super::{Tensor, TensorError};

impl Tensor {
    /// The tensor in the payload of a frame. Where the header leaves gaps between elements they are closed; bytes after
    /// the last element are cut off.
    ///
    /// # Errors
    /// [`TensorError::Length`] if the payload ends before the last element, which a frame may do (T-29).
    pub fn of_frame(header: &TensorHeader, payload: Vec<u8>) -> Result<Self, TensorError> {
        let got = payload.len();
        let needed = header.extent().map(usize::try_from);
        let needed = needed.and_then(Result::ok).unwrap_or(usize::MAX);
        let bytes = match close_gaps(header, payload) {
            Some(bytes) if needed <= got => bytes,
            _ => return Err(TensorError::Length { needed, got }),
        };
        Ok(Self {
            dtype: header.dtype(),
            order: header.major_order(),
            dims: header.dims().to_vec(),
            bytes,
        })
    }
}

/// The elements one after the other; `None` if the payload ends too early.
fn close_gaps(header: &TensorHeader, mut payload: Vec<u8>) -> Option<Vec<u8>> {
    if header.dims().contains(&0) {
        return Some(Vec::new());
    }
    let mut axes = Vec::new();
    for (dim, stride) in header.dims().iter().zip(header.strides()) {
        axes.push((usize::try_from(*dim).ok()?, usize::try_from(stride).ok()?));
    }
    if header.major_order() == MajorOrder::Column {
        axes.reverse();
    }
    // The innermost axes form one run of bytes, as far as there is no gap between them.
    let mut run = usize::from(header.dtype().element_len());
    while let Some((count, _)) = axes.pop_if(|(_, stride)| *stride == run) {
        run = run.checked_mul(count)?;
    }
    if axes.is_empty() {
        payload.truncate(run);
        return Some(payload);
    }
    let mut elements = Vec::new();
    gather(&payload, &axes, run, &mut elements)?;
    Some(elements)
}

/// Appends the runs of `run` bytes that lie along `axes`, each a count and a stride in bytes, the slowest first.
fn gather(
    payload: &[u8],
    axes: &[(usize, usize)],
    run: usize,
    elements: &mut Vec<u8>,
) -> Option<()> {
    let Some(((count, stride), inner)) = axes.split_first() else {
        elements.extend_from_slice(payload.get(..run)?);
        return Some(());
    };
    for step in 0..*count {
        let start = step.checked_mul(*stride)?;
        gather(payload.get(start..)?, inner, run, elements)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tp_core_nostd::shm::Dtype;

    fn numbered(len: u8) -> Vec<u8> {
        (0..len).collect()
    }

    #[test]
    fn a_payload_without_gaps_is_taken_as_it_is() {
        let header =
            TensorHeader::contiguous(Dtype::Uint16, MajorOrder::Column, &[2, 3, 1]).unwrap();
        let tensor = Tensor::of_frame(&header, numbered(14)).unwrap();
        assert_eq!(tensor.bytes, numbered(12), "what follows is cut off");
        assert_eq!(tensor.header().unwrap(), header);
    }

    #[test]
    fn gaps_between_rows_and_elements_are_closed() {
        for (order, dims, strides, kept) in [
            // Rows of three bytes, four apart.
            (MajorOrder::Row, [2, 3], [4, 1], [0, 1, 2, 4, 5, 6]),
            // Every other byte of rows that are eight apart.
            (MajorOrder::Row, [2, 3], [8, 2], [0, 2, 4, 8, 10, 12]),
            // Columns of two bytes, three apart.
            (MajorOrder::Column, [2, 3], [1, 3], [0, 1, 3, 4, 6, 7]),
        ] {
            let header = TensorHeader::strided(Dtype::Uint8, order, &dims, &strides).unwrap();
            let tensor = Tensor::of_frame(&header, numbered(16)).unwrap();
            assert_eq!(tensor.bytes, kept, "{order:?} {strides:?}");
        }
    }

    #[test] // req: T-29
    fn a_payload_that_ends_early_is_an_error_and_an_empty_tensor_needs_none() {
        let header =
            TensorHeader::strided(Dtype::Uint8, MajorOrder::Row, &[2, 3], &[4, 1]).unwrap();
        let refused = Tensor::of_frame(&header, numbered(6)).unwrap_err();
        assert!(
            matches!(refused, TensorError::Length { needed: 7, got: 6 }),
            "{refused}"
        );

        let empty = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, &[2, 0, 3]).unwrap();
        let tensor = Tensor::of_frame(&empty, Vec::new()).unwrap();
        assert!(tensor.bytes.is_empty());
    }
}
