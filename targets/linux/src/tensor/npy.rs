//! NumPy's `.npy` files, of every element type a tensor header knows.

use std::io::{Read, Write};

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, WriterBuilder};
use tp_core_nostd::shm::{Dtype, MajorOrder};

use super::{Tensor, TensorError, byte_len, sizes};

/// Reads one array. Big-endian elements are turned around.
///
/// # Errors
/// [`TensorError::Dtype`] for complex, object, string or structured elements, [`TensorError::Shape`] above rank 8,
/// [`TensorError::Length`] if the file ends early.
pub fn read_npy(mut reader: impl Read) -> Result<Tensor, TensorError> {
    let header = NpyHeader::from_reader(&mut reader)?;
    let DType::Plain(element) = header.dtype() else {
        return Err(TensorError::Dtype(header.dtype().descr()));
    };
    let dtype = match (element.type_char(), element.size_field()) {
        (TypeChar::Uint, 1) => Dtype::Uint8,
        (TypeChar::Int, 1) => Dtype::Int8,
        (TypeChar::Uint, 2) => Dtype::Uint16,
        (TypeChar::Int, 2) => Dtype::Int16,
        (TypeChar::Uint, 4) => Dtype::Uint32,
        (TypeChar::Int, 4) => Dtype::Int32,
        (TypeChar::Uint, 8) => Dtype::Uint64,
        (TypeChar::Int, 8) => Dtype::Int64,
        (TypeChar::Float, 4) => Dtype::Float32,
        (TypeChar::Float, 8) => Dtype::Float64,
        (TypeChar::Bool, 1) => Dtype::Boolean,
        _ => return Err(TensorError::Dtype(header.dtype().descr())),
    };
    let dims = super::header_dims(header.shape())?;
    let too_large = || TensorError::Shape {
        dims: header.shape().to_vec(),
        why: "more bytes than this machine can address",
    };
    let needed = byte_len(dtype, &dims).ok_or_else(too_large)?;
    // Read only what is there: a header may promise more than the file holds.
    let mut bytes = Vec::new();
    reader.take(needed as u64).read_to_end(&mut bytes)?;
    if bytes.len() != needed {
        return Err(TensorError::Length {
            needed,
            got: bytes.len(),
        });
    }
    if element.endianness() == Endianness::Big {
        bytes
            .chunks_exact_mut(dtype.element_len().into())
            .for_each(<[u8]>::reverse);
    }
    let order = if header.order() == Order::Fortran {
        MajorOrder::Column
    } else {
        MajorOrder::Row
    };
    Ok(Tensor {
        dtype,
        order,
        dims,
        bytes,
    })
}

/// Writes one array. BYTES and BIT elements become unsigned bytes.
///
/// # Errors
/// [`TensorError::Length`] if the tensor has another number of bytes than its shape says, or what the writer met.
pub fn write_npy(tensor: &Tensor, writer: impl Write) -> Result<(), TensorError> {
    let needed = byte_len(tensor.dtype, &tensor.dims).unwrap_or(usize::MAX);
    if tensor.bytes.len() != needed {
        return Err(TensorError::Length {
            needed,
            got: tensor.bytes.len(),
        });
    }
    /// Writes the bytes as little-endian elements of type `$t`.
    macro_rules! write_as {
        ($t:ty) => {
            write_elements(tensor, writer, |bytes| <$t>::from_le_bytes(bytes))
        };
    }
    match tensor.dtype {
        Dtype::Uint8 | Dtype::Bytes | Dtype::Bit => write_as!(u8),
        Dtype::Int8 => write_as!(i8),
        Dtype::Uint16 => write_as!(u16),
        Dtype::Int16 => write_as!(i16),
        Dtype::Uint32 => write_as!(u32),
        Dtype::Int32 => write_as!(i32),
        Dtype::Uint64 => write_as!(u64),
        Dtype::Int64 => write_as!(i64),
        Dtype::Float32 => write_as!(f32),
        Dtype::Float64 => write_as!(f64),
        Dtype::Boolean => write_elements(tensor, writer, |[byte]: [u8; 1]| byte != 0),
    }
}

fn write_elements<T: npyz::AutoSerialize, const N: usize>(
    tensor: &Tensor,
    writer: impl Write,
    element: impl Fn([u8; N]) -> T,
) -> Result<(), TensorError> {
    let shape = sizes(&tensor.dims);
    let order = if tensor.order == MajorOrder::Column {
        Order::Fortran
    } else {
        Order::C
    };
    let mut npy = npyz::WriteOptions::<T>::new()
        .default_dtype()
        .shape(&shape)
        .order(order)
        .writer(writer)
        .begin_nd()?;
    npy.extend(
        tensor
            .bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|&bytes| element(bytes)),
    )?;
    Ok(npy.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_type_comes_back_with_shape_and_order() {
        let in_npy = |dtype: &Dtype| !matches!(dtype, Dtype::Bytes | Dtype::Bit);
        for dtype in Dtype::ALL.iter().copied().filter(in_npy) {
            for (order, dims) in [
                (MajorOrder::Row, vec![3, 2]),
                (MajorOrder::Column, vec![1, 2, 1, 2, 1, 1, 1, 2]),
            ] {
                let length = byte_len(dtype, &dims).unwrap();
                let one_or_zero = dtype == Dtype::Boolean;
                let byte = |i: usize| if one_or_zero { i % 2 } else { i % 100 };
                let bytes = (0..length)
                    .map(|i| u8::try_from(byte(i)).unwrap())
                    .collect();
                let tensor = Tensor {
                    dtype,
                    order,
                    dims,
                    bytes,
                };
                let mut file = Vec::new();
                write_npy(&tensor, &mut file).unwrap();
                assert_eq!(read_npy(file.as_slice()).unwrap(), tensor);
            }
        }
    }

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn big_endian_elements_are_turned_around() {
        let file = npy(
            "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n",
            &[0, 1, 2, 3],
        );
        assert_eq!(read_npy(file.as_slice()).unwrap().bytes, [1, 0, 3, 2]);
    }

    #[test]
    fn what_a_tensor_cannot_hold_is_refused() {
        let complex = npy(
            "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n",
            &[0; 8],
        );
        assert!(matches!(
            read_npy(complex.as_slice()),
            Err(TensorError::Dtype(_))
        ));
        let deep = npy(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n",
            &[0],
        );
        assert!(matches!(
            read_npy(deep.as_slice()),
            Err(TensorError::Shape { .. })
        ));
        let short = npy(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000,), }\n",
            &[0; 3],
        );
        assert!(matches!(
            read_npy(short.as_slice()),
            Err(TensorError::Length { got: 3, .. })
        ));
    }
}
