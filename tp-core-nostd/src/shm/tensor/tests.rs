//! Strides against a slow model, and each check by its own row.
#![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

use super::*;
use MajorOrder::{Column, Row};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::vec::Vec;

#[test]
fn elements_have_the_sizes_of_the_specification() {
    use Dtype::*;
    let rows = [
        (1, &[Uint8, Int8, Boolean, Bytes, Bit][..]), // req: T-27
        (2, &[Uint16, Int16]),
        (4, &[Uint32, Int32, Float32]),
        (8, &[Uint64, Int64, Float64]),
    ];
    for (len, dtypes) in rows {
        assert!(dtypes.iter().all(|dtype| dtype.element_len() == len));
    }
}

#[test]
#[rustfmt::skip] // one row, one line
fn strides_of_zero_are_inferred() {
    type Case<'a> = (MajorOrder, &'a [i32], &'a [i32], &'a [i64]);
    let rows: &[Case<'_>] = &[
        (Row, &[3, 4], &[0, 0], &[8, 2]),            // req: W-079
        (Column, &[3, 4], &[0, 0], &[2, 6]),         // req: W-079
        (Row, &[3, 4], &[0, 4], &[16, 4]),           // req: W-079, W-081
        (Row, &[3, 4], &[64, 0], &[64, 2]),          // req: W-081
        (Row, &[3, 0, 4], &[0, 0, 0], &[8, 8, 2]),   // req: T-28
        (Column, &[0, 5], &[0, 0], &[2, 2]),         // req: T-28
        (Row, &[7], &[0], &[2]),
        (Row, &[i32::MAX, i32::MAX], &[0, 0], &[2 * i32::MAX as i64, 2]), // req: T-29
    ];
    for (order, dims, strides, effective) in rows {
        let tensor = TensorHeader::strided(Dtype::Int16, *order, dims, strides).unwrap();
        assert_eq!(tensor.strides(), *effective);
        assert_eq!((tensor.dims(), tensor.dtype()), (*dims, Dtype::Int16));
    }
}

#[test]
#[rustfmt::skip] // one row, one line
fn tensors_without_sense_are_refused() {
    use TensorError as E;
    let small = |dim, needed, got| E::StrideTooSmall { dim, needed, got };
    let rows: &[(MajorOrder, &[i32], &[i32], TensorError)] = &[
        (Row, &[], &[], E::Ndims { got: 0 }),                          // req: W-073, W-074
        (Row, &[1; 9], &[0; 9], E::Ndims { got: 9 }),                  // req: W-073, W-074
        (Row, &[1, 1], &[0], E::StrideCount { ndims: 2, got: 1 }),
        (Row, &[2, -1], &[0, 0], E::NegativeDim { dim: 1, got: -1 }),  // req: T-28
        (Row, &[2, 2], &[-4, 0], E::NegativeStride { dim: 0, got: -4 }), // req: W-080
        (Row, &[3, 4], &[0, 1], small(1, 2, 1)),                    // req: W-082, T-28
        (Row, &[3, 4], &[7, 2], small(0, 8, 7)),                    // req: W-082
        (Row, &[3, 4], &[2, 6], small(0, 24, 2)),                   // req: W-081, W-082
        (Column, &[3, 4], &[8, 2], small(1, 24, 2)),                // req: W-081, W-082
        (Row, &[i32::MAX; 4], &[0; 4], E::Overflow { dim: 0 }),        // req: T-29
    ];
    for (order, dims, strides, error) in rows {
        let tensor = TensorHeader::strided(Dtype::Int16, *order, dims, strides);
        assert_eq!(tensor, Err(*error));
    }
    let nine = TensorHeader::contiguous(Dtype::Uint8, Row, &[1; 9]);
    assert_eq!(nine, Err(E::Ndims { got: 9 }));
}

#[test]
fn progress_counts_true_rows_or_columns() {
    use ProgressUnit::{Columns, None as Nothing, Rows};
    let image = |order| TensorHeader::contiguous(Dtype::Uint16, order, &[6, 5]).unwrap();
    let rows = [
        (Row, Rows, 10, Some(10)),       // req: W-165, T-48
        (Column, Columns, 12, Some(12)), // req: W-165, T-48
        (Row, Columns, 2, None),         // req: T-48
        (Column, Rows, 2, None),         // req: T-48
        (Row, Nothing, 0, None),         // req: T-48
    ];
    for (order, unit, stride, prefix) in rows {
        let tensor = image(order).with_progress(unit).unwrap();
        assert_eq!(tensor.progress_unit(), unit);
        assert_eq!(tensor.progress_stride_bytes(), stride);
        assert_eq!(tensor.prefix_line_len(), prefix);
        assert_eq!(TensorHeader::try_from(&tensor.block()), Ok(tensor));
    }
    let line = TensorHeader::contiguous(Dtype::Uint8, Row, &[6]).unwrap();
    assert_eq!(
        line.with_progress(Columns),
        Err(TensorError::ProgressUnit { got: 2 })
    );
    let wide = TensorHeader::contiguous(Dtype::Float64, Row, &[2, i32::MAX]).unwrap();
    let needed = 8 * i64::from(i32::MAX);
    let error = TensorError::ProgressStride { needed, got: 0 };
    assert_eq!(wide.with_progress(Rows), Err(error));
}

#[test]
#[rustfmt::skip] // one row, one line
fn each_field_of_a_block_is_checked() {
    use TensorError as E;
    type Change = fn(&mut TensorHeaderBlock);
    let tensor = TensorHeader::contiguous(Dtype::Uint16, Row, &[6, 5])
        .and_then(|tensor| tensor.with_progress(crate::shm::ProgressUnit::Rows))
        .unwrap();
    let rows: &[(Change, TensorError)] = &[
        (|b| b.dtype = 0.into(), E::Dtype { got: 0 }),            // req: W-281
        (|b| b.dtype = 12.into(), E::Dtype { got: 12 }),          // req: T-27
        (|b| b.major_order = 0.into(), E::MajorOrder { got: 0 }), // req: W-281
        (|b| b.ndims = 0, E::Ndims { got: 0 }),                   // req: W-074
        (|b| b.ndims = 9, E::Ndims { got: 9 }),                   // req: W-074
        (|b| b.progress_unit = 3, E::ProgressUnit { got: 3 }),    // req: W-164, W-281
        (|b| b.progress_stride_bytes = 0.into(), E::ProgressStride { needed: 10, got: 0 }), // req: W-166
        (|b| b.progress_stride_bytes = 2.into(), E::ProgressStride { needed: 10, got: 2 }), // req: W-166
        (|b| (b.ndims, b.progress_unit) = (1, 2), E::ProgressUnit { got: 2 }), // req: W-166
    ];
    for (change, error) in rows {
        let mut block = tensor.block();
        change(&mut block);
        assert_eq!(TensorHeader::try_from(&block), Err(*error));
    }
}

#[test] // req: W-068, W-077, W-078
fn nothing_is_written_or_read_past_the_last_dimension() {
    let tensor = TensorHeader::strided(Dtype::Uint8, Row, &[6, 5], &[8, 0]).unwrap();
    let mut block = tensor.block();
    assert!(block.dims[2..].iter().all(|dim| dim.get() == 0));
    assert!(block.strides[2..].iter().all(|stride| stride.get() == 0));
    (block.dims[2], block.strides[7]) = ((-1).into(), (-1).into());
    (block.pad_align, block.pad) = (7, [7; 109]);
    block.progress_stride_bytes = 9.into(); // no unit, no meaning (T-50)
    assert_eq!(TensorHeader::try_from(&block), Ok(tensor));
}

#[test] // req: T-29
fn an_extent_above_63_bits_is_none() {
    let strides = [i32::MAX, 0, 0, 0];
    let tensor = TensorHeader::strided(Dtype::Uint8, Column, &[i32::MAX; 4], &[0; 4]);
    assert_eq!(tensor, Err(TensorError::Overflow { dim: 3 }));
    let tensor = TensorHeader::strided(Dtype::Uint8, Column, &[1, i32::MAX, i32::MAX, 2], &strides);
    assert_eq!(tensor, Err(TensorError::Overflow { dim: 3 }));
    let dims = [i32::MAX, i32::MAX, 3];
    let tensor = TensorHeader::contiguous(Dtype::Uint16, Column, &dims).unwrap();
    assert_eq!(tensor.extent(), None);
}

/// The strides of wire 2.6 by its words, in numbers too wide to overflow.
fn model(element: i128, order: MajorOrder, dims: &[i32], strides: &[i32]) -> Option<Vec<i64>> {
    let mut pairs: Vec<_> = dims.iter().zip(strides).collect();
    if order == Row {
        pairs.reverse();
    }
    let mut effective: Vec<i128> = Vec::new();
    for (nth, (dim, stride)) in pairs.iter().enumerate() {
        let need = match nth {
            0 => element,
            _ => effective[nth - 1] * i128::from(*pairs[nth - 1].0).max(1),
        };
        let declared = i128::from(**stride);
        let wrong = **dim < 0 || declared < 0 || (declared != 0 && declared < need);
        if wrong || need > i128::from(i64::MAX) {
            return None;
        }
        effective.push(declared.max(need));
    }
    if order == Row {
        effective.reverse();
    }
    effective
        .into_iter()
        .map(|stride| stride.try_into().ok())
        .collect()
}

fn dtypes() -> impl Strategy<Value = Dtype> {
    (1..=14_i16).prop_filter_map("unassigned", Dtype::new)
}

fn orders() -> impl Strategy<Value = MajorOrder> {
    prop_oneof![Just(Row), Just(Column)]
}

fn numbers() -> impl Strategy<Value = i32> {
    prop_oneof![4 => 0..=9_i32, 2 => 0..=100_000_i32, 1 => any::<i32>(), 1 => Just(i32::MAX), 4 => Just(0)]
}

proptest! {
    #[test] // req: T-28, T-29
    fn strides_follow_the_slow_model(
        dtype in dtypes(), order in orders(),
        pairs in proptest::collection::vec((numbers(), numbers()), 1..=8),
    ) {
        let (dims, strides): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let tensor = TensorHeader::strided(dtype, order, &dims, &strides);
        let expected = model(dtype.element_len().into(), order, &dims, &strides);
        prop_assert_eq!(tensor.ok().map(|tensor| tensor.strides().to_vec()), expected);
    }

    #[test] // req: W-081, W-082, T-29
    fn accepted_elements_neither_overlap_nor_leave_the_extent(
        dtype in dtypes(), order in orders(),
        pairs in proptest::collection::vec((0..4_i32, prop_oneof![Just(0), 1..40_i32]), 1..=4),
    ) {
        let (dims, strides): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let Ok(tensor) = TensorHeader::strided(dtype, order, &dims, &strides) else {
            return Ok(());
        };
        let mut starts = std::vec![0_i64];
        for (dim, stride) in tensor.dims().iter().zip(tensor.strides()) {
            let steps = |start: &i64| (0..i64::from(*dim)).map(|at| start + at * stride).collect::<Vec<_>>();
            starts = starts.iter().flat_map(steps).collect();
        }
        let bytes: Vec<i64> = starts
            .iter()
            .flat_map(|start| *start..start + i64::from(dtype.element_len()))
            .collect();
        prop_assert_eq!(bytes.iter().collect::<BTreeSet<_>>().len(), bytes.len());
        let end = bytes.iter().max().map_or(0, |last| last + 1);
        prop_assert_eq!(tensor.extent(), Some(end as u64));
    }

    #[test]
    fn arbitrary_blocks_do_no_harm_and_accepted_ones_come_back(
        dtype in 0..16_i16, major_order in 0..4_i16, ndims in 0..10_u8, progress_unit in 0..4_u8,
        progress_stride_bytes: u32, dims: [i32; 8], strides: [i32; 8],
    ) {
        let block = TensorHeaderBlock {
            dtype: dtype.into(),
            major_order: major_order.into(),
            ndims,
            pad_align: 0,
            progress_unit,
            progress_stride_bytes: progress_stride_bytes.into(),
            dims: dims.map(Into::into),
            strides: strides.map(Into::into),
            pad: [0; 109],
        };
        if let Ok(tensor) = TensorHeader::try_from(&block) {
            prop_assert_eq!(TensorHeader::try_from(&tensor.block()), Ok(tensor));
        }
    }
}
