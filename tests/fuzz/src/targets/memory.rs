//! Structures of shared memory, as somebody else may have written them.

use tp_core_nostd::proto::progress::Prefix;
use tp_core_nostd::proto::read::Reader;
use tp_core_nostd::seq::Seq;
use tp_core_nostd::shm::{
    Dtype, Element, Elements, HeaderRing, MajorOrder, ProgressUnit, Region, SlotHeader, SlotImage,
    Superblock, TensorHeader, TensorHeaderBlock, WritableRegion,
};

use super::stream::{SLOTS, STRIDE, StreamMemory, lines};
use crate::seeds::vectors;

/// What is accepted is what it says: written anew it reads the same.
pub(super) fn superblock(bytes: &[u8]) {
    let found = lines(bytes.len(), bytes);
    let Ok(superblock) = Superblock::load(found.as_slice().view()) else {
        return;
    };
    let _ = HeaderRing::open(found.as_slice(), &superblock.shape);
    let again = lines(64, &[]);
    if superblock.create(again.as_slice().writer()).is_ok() {
        assert_eq!(Superblock::load(again.as_slice().view()), Ok(superblock));
    }
}

/// A whole stream of which one slot is somebody else's: what is read lies inside its pool.
pub(super) fn slot(bytes: &[u8]) {
    let seq = Seq::new(5).unwrap();
    let memory = StreamMemory::new();
    let place = 64 + 256 * SLOTS.slot_of(seq).get() as usize;
    memory.write_ring(place, &bytes[..bytes.len().min(256)]);
    let mut reader = Reader::new(memory.regions(), [0_u64; 8]).unwrap();
    let mut buffer = [0; 1024];
    for number in [5, 13, 0] {
        let seq = Seq::new(number).unwrap();
        if let Ok(frame) = reader.read(seq) {
            assert!(frame.header.values_len_bytes <= STRIDE.get());
            let copied = reader.copy_to(&frame, &mut buffer).unwrap();
            assert_eq!(copied, frame.header.values_len_bytes as usize);
            assert_eq!(reader.revalidate(&frame), Ok(()));
        }
        for header_first in [None, Some(0), Some(1)] {
            if let Ok(ahead) = reader.read_ahead(seq, 500, header_first) {
                let copied = reader.copy_ahead(&ahead, 0, &mut buffer).unwrap();
                assert!(copied <= ahead.prefix.bytes as usize && copied <= 500);
            }
        }
    }
}

/// The header of a slot with its tensor: every element of a view lies inside the payload.
pub(super) fn slot_tensor(bytes: &[u8]) {
    let Ok(image) = SlotImage::read(bytes) else {
        return;
    };
    let slot = SLOTS.index(5).unwrap();
    let Ok(header) = SlotHeader::check(&image, slot, |_| Some(STRIDE)) else {
        return;
    };
    let len = header.values_len_bytes;
    assert!(len <= STRIDE.get());
    for filled in [0, 1, u64::from(len), u64::MAX] {
        if let Ok(prefix) = Prefix::of(&header, filled) {
            assert!(prefix.bytes <= len);
        }
    }
    elements::<u8>(&header.tensor, len as usize);
    elements::<u16>(&header.tensor, len as usize);
    elements::<f64>(&header.tensor, len as usize);
}

fn elements<T: Element>(tensor: &TensorHeader, len: usize) {
    let Ok(elements) = Elements::<T>::of(tensor, len) else {
        return;
    };
    assert!(elements.len() * size_of::<T>() <= len);
    let dims = elements.dims();
    let last: Vec<_> = dims.iter().map(|dim| dim.saturating_sub(1)).collect();
    for index in [vec![0; dims.len()], last, dims.to_vec()] {
        if let Some(place) = elements.place(&index) {
            assert!((place + 1) * size_of::<T>() <= len);
        }
    }
}

/// A tensor header that is accepted is written as it was read.
pub(super) fn tensor_header(bytes: &[u8]) {
    let Ok((block, _)) = zerocopy::FromBytes::read_from_prefix(bytes) else {
        return;
    };
    let block: TensorHeaderBlock = block;
    if let Ok(tensor) = TensorHeader::try_from(&block) {
        assert_eq!(TensorHeader::try_from(&tensor.block()), Ok(tensor));
        let _ = (tensor.extent(), tensor.prefix_line_len());
        assert_eq!(tensor.dims().len(), tensor.strides().len());
    }
}

/// Those of the vectors, and of a few tensors.
pub(super) fn tensor_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors(|name| name == "TensorHeader");
    let dims: [&[i32]; 4] = [&[], &[480, 640, 3], &[0], &[i32::MAX, 2]];
    for dims in dims {
        if let Ok(tensor) = TensorHeader::contiguous(Dtype::Uint8, MajorOrder::Row, dims) {
            let rows = tensor.with_progress(ProgressUnit::Rows).unwrap_or(tensor);
            seeds.push(zerocopy::IntoBytes::as_bytes(&rows.block()).to_vec());
        }
    }
    seeds
}
