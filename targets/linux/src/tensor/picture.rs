//! PNG, JPEG and PNM pictures: rows by columns, by channels where there is more than one.

use std::io::{BufRead, Seek, Write};

use image::{ColorType, DynamicImage, ImageFormat};
use tp_core_nostd::shm::{Dtype, MajorOrder};

use super::{Tensor, TensorError, header_dims, sizes};

/// Reads a picture with the channels and depth it was stored with.
///
/// # Errors
/// [`TensorError::Picture`], or [`TensorError::Dtype`] for a colour type without counterpart.
pub fn read_picture(
    reader: impl BufRead + Seek,
    format: ImageFormat,
) -> Result<Tensor, TensorError> {
    let picture = image::load(reader, format)?;
    let dtype = match picture.color() {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => Dtype::Uint8,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => Dtype::Uint16,
        ColorType::Rgb32F | ColorType::Rgba32F => Dtype::Float32,
        other => return Err(TensorError::Dtype(format!("{other:?}"))),
    };
    let mut shape = vec![picture.height().into(), picture.width().into()];
    match picture.color().channel_count() {
        1 => {}
        channels => shape.push(channels.into()),
    }
    Ok(Tensor {
        dtype,
        order: MajorOrder::Row,
        dims: header_dims(&shape)?,
        // The elements are this machine's, which is little-endian as core demands.
        bytes: picture.as_bytes().to_vec(),
    })
}

/// Writes a tensor of 8- or 16-bit unsigned elements, rows by columns with up to 4 channels, as PNG.
///
/// # Errors
/// [`TensorError::Dtype`] or [`TensorError::Shape`] for a tensor that is no picture.
pub fn write_png(tensor: &Tensor, writer: &mut (impl Write + Seek)) -> Result<(), TensorError> {
    let refused = |why| TensorError::Shape {
        dims: sizes(&tensor.dims),
        why,
    };
    if tensor.order != MajorOrder::Row {
        return Err(refused("a picture is stored by rows"));
    }
    let (rows, columns, channels) = match *tensor.dims.as_slice() {
        [rows, columns] => (rows, columns, 1),
        [rows, columns, channels] => (rows, columns, channels),
        _ => {
            return Err(refused(
                "a picture is rows by columns, or rows by columns by channels",
            ));
        }
    };
    let side = |dim| u32::try_from(dim).map_err(|_| refused("a dimension is negative"));
    let (width, height) = (side(columns)?, side(rows)?);
    let wide = || {
        let (elements, _) = tensor.bytes.as_chunks();
        let elements = elements.iter().map(|bytes| u16::from_le_bytes(*bytes));
        elements.collect::<Vec<_>>()
    };
    let narrow = || tensor.bytes.clone();
    let picture = match (tensor.dtype, channels) {
        (Dtype::Uint8, 1) => {
            image::GrayImage::from_raw(width, height, narrow()).map(DynamicImage::from)
        }
        (Dtype::Uint8, 2) => {
            image::GrayAlphaImage::from_raw(width, height, narrow()).map(DynamicImage::from)
        }
        (Dtype::Uint8, 3) => {
            image::RgbImage::from_raw(width, height, narrow()).map(DynamicImage::from)
        }
        (Dtype::Uint8, 4) => {
            image::RgbaImage::from_raw(width, height, narrow()).map(DynamicImage::from)
        }
        (Dtype::Uint16, 1) => {
            image::ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageLuma16)
        }
        (Dtype::Uint16, 2) => {
            image::ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageLumaA16)
        }
        (Dtype::Uint16, 3) => {
            image::ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgb16)
        }
        (Dtype::Uint16, 4) => {
            image::ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgba16)
        }
        (Dtype::Uint8 | Dtype::Uint16, _) => return Err(refused("a PNG has 1 to 4 channels")),
        (other, _) => return Err(TensorError::Dtype(format!("{other:?}, in a PNG"))),
    };
    let picture = picture.ok_or(refused("fewer elements than the shape says"))?;
    Ok(picture.write_to(writer, ImageFormat::Png)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn round_trip(tensor: &Tensor) -> Tensor {
        let mut file = Cursor::new(Vec::new());
        write_png(tensor, &mut file).unwrap();
        file.set_position(0);
        read_picture(file, ImageFormat::Png).unwrap()
    }

    #[test]
    fn a_png_keeps_depth_and_channels() {
        for (dtype, dims) in [
            (Dtype::Uint8, vec![2, 3]),
            (Dtype::Uint8, vec![2, 3, 2]),
            (Dtype::Uint8, vec![2, 3, 3]),
            (Dtype::Uint8, vec![2, 3, 4]),
            (Dtype::Uint16, vec![2, 3]),
            (Dtype::Uint16, vec![2, 3, 3]),
        ] {
            let length = super::super::byte_len(dtype, &dims).unwrap();
            let bytes = (0..length)
                .map(|i| u8::try_from(i * 7 % 256).unwrap())
                .collect();
            let tensor = Tensor {
                dtype,
                order: MajorOrder::Row,
                dims,
                bytes,
            };
            assert_eq!(round_trip(&tensor), tensor);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_with_a_reason() {
        let cube = Tensor {
            dtype: Dtype::Uint8,
            order: MajorOrder::Row,
            dims: vec![1, 1, 1, 1],
            bytes: vec![0],
        };
        let error = write_png(&cube, &mut Cursor::new(Vec::new())).unwrap_err();
        assert!(error.to_string().contains("rows by columns"), "{error}");
        let float = Tensor {
            dtype: Dtype::Float64,
            dims: vec![1, 1],
            bytes: vec![0; 8],
            ..cube
        };
        assert!(matches!(
            write_png(&float, &mut Cursor::new(Vec::new())),
            Err(TensorError::Dtype(_))
        ));
    }

    #[test]
    fn bytes_that_are_no_picture_are_an_error() {
        assert!(read_picture(Cursor::new(b"not a picture"), ImageFormat::Png).is_err());
    }
}
