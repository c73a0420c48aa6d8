//! The tensor that a stream says it carries, so that a consumer which cannot use it learns that at attach and not at the
//! first frame (E-04). Advisory: the slot header of each frame stays authoritative.
//!
//! | attribute (text/plain) | value |
//! |---|---|
//! | `tp.tensor.dtype` | name of the element type as in the schema, such as `FLOAT32` |
//! | `tp.tensor.order` | `ROW` or `COLUMN` |
//! | `tp.tensor.shape` | dimensions with commas between them, such as `480,640,3`; `*` for one that varies |

use heapless::Vec;

use crate::shm::{Dtype, MAX_DIMS, MajorOrder};
use crate::wire::control::Attributes;

/// The attribute of the element type.
pub const DTYPE: &str = "tp.tensor.dtype";
/// The attribute of the major order.
pub const ORDER: &str = "tp.tensor.order";
/// The attribute of the shape.
pub const SHAPE: &str = "tp.tensor.shape";

/// A tensor as far as it is declared, or expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TensorDeclaration {
    /// Its element type.
    pub dtype: Option<Dtype>,
    /// Its major order.
    pub order: Option<MajorOrder>,
    /// Its dimensions; `None` among them is one that varies.
    pub shape: Option<Vec<Option<i32>, MAX_DIMS>>,
}

/// In what a declaration and an expectation differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Contradiction {
    /// The element type.
    Dtype,
    /// The major order.
    Order,
    /// The number of dimensions, or one of them.
    Shape,
}

impl core::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Dtype => "element type",
            Self::Order => "major order",
            Self::Shape => "shape",
        })
    }
}

impl TensorDeclaration {
    /// What the metadata of a stream declares. What is not understood is not declared.
    pub fn of(attributes: &Attributes<'_>) -> Self {
        let text = |key: &str| {
            let mut named = attributes
                .iter()
                .filter(|attribute| attribute.key.0 == key.as_bytes());
            let found = named.find(|attribute| attribute.format.0 == b"text/plain")?;
            core::str::from_utf8(found.value).ok().map(str::trim)
        };
        Self {
            dtype: text(DTYPE).and_then(dtype),
            order: text(ORDER).and_then(order),
            shape: text(SHAPE).and_then(shape),
        }
    }

    /// Whether frames as they are declared cannot be what is expected here. What either does not say contradicts nothing.
    pub fn contradicted_by(&self, declared: &Self) -> Option<Contradiction> {
        let differ = |differ: bool, what| differ.then_some(what);
        let dtypes = self.dtype.zip(declared.dtype);
        let orders = self.order.zip(declared.order);
        let shapes = self.shape.as_ref().zip(declared.shape.as_ref());
        differ(
            dtypes.is_some_and(|(ours, theirs)| ours != theirs),
            Contradiction::Dtype,
        )
        .or(differ(
            orders.is_some_and(|(ours, theirs)| ours != theirs),
            Contradiction::Order,
        ))
        .or(differ(
            shapes.is_some_and(|(ours, theirs)| !go_together(ours, theirs)),
            Contradiction::Shape,
        ))
    }
}

fn go_together(ours: &[Option<i32>], theirs: &[Option<i32>]) -> bool {
    let varies_or_equals = |(ours, theirs): (&Option<i32>, &Option<i32>)| {
        ours.zip(*theirs)
            .is_none_or(|(ours, theirs)| ours == theirs)
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(varies_or_equals)
}

/// The name of an element type, as [`DTYPE`] has it.
pub const fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Uint8 => "UINT8",
        Dtype::Int8 => "INT8",
        Dtype::Uint16 => "UINT16",
        Dtype::Int16 => "INT16",
        Dtype::Uint32 => "UINT32",
        Dtype::Int32 => "INT32",
        Dtype::Uint64 => "UINT64",
        Dtype::Int64 => "INT64",
        Dtype::Float32 => "FLOAT32",
        Dtype::Float64 => "FLOAT64",
        Dtype::Boolean => "BOOLEAN",
        Dtype::Bytes => "BYTES",
        Dtype::Bit => "BIT",
    }
}

fn dtype(text: &str) -> Option<Dtype> {
    let named = |dtype: &Dtype| dtype_name(*dtype).eq_ignore_ascii_case(text);
    Dtype::ALL.iter().copied().find(named)
}

fn order(text: &str) -> Option<MajorOrder> {
    match () {
        () if text.eq_ignore_ascii_case("ROW") => Some(MajorOrder::Row),
        () if text.eq_ignore_ascii_case("COLUMN") => Some(MajorOrder::Column),
        () => None,
    }
}

fn shape(text: &str) -> Option<Vec<Option<i32>, MAX_DIMS>> {
    let mut dims = Vec::new();
    for dim in text.split(',').map(str::trim) {
        let dim = match dim {
            "*" => None,
            dim => Some(dim.parse().ok().filter(|dim| *dim >= 0)?),
        };
        dims.push(dim).ok()?;
    }
    Some(dims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::control::Attribute;

    fn declared(listed: &[(&'static str, &'static str, &'static str)]) -> TensorDeclaration {
        let list: std::vec::Vec<_> = listed
            .iter()
            .map(|(key, format, value)| Attribute {
                key: (*key).into(),
                format: (*format).into(),
                value: value.as_bytes(),
            })
            .collect();
        TensorDeclaration::of(&Attributes::listed(&list))
    }

    fn dims(listed: &[i32]) -> Option<Vec<Option<i32>, MAX_DIMS>> {
        let varying = |dim: &i32| Some(*dim).filter(|dim| *dim >= 0);
        Some(listed.iter().map(varying).collect())
    }

    #[test] // req: E-04
    fn a_declaration_is_what_its_attributes_say() {
        let plain = "text/plain";
        let rows = [
            (vec_of(&[]), TensorDeclaration::default()),
            (
                vec_of(&[
                    (DTYPE, plain, "float32"),
                    (ORDER, plain, "ROW"),
                    (SHAPE, plain, "480, 640,3"),
                ]),
                TensorDeclaration {
                    dtype: Some(Dtype::Float32),
                    order: Some(MajorOrder::Row),
                    shape: dims(&[480, 640, 3]),
                },
            ),
            (
                vec_of(&[(SHAPE, plain, "*,640"), (ORDER, plain, "Column")]),
                TensorDeclaration {
                    dtype: None,
                    order: Some(MajorOrder::Column),
                    shape: dims(&[-1, 640]),
                },
            ),
            // Nothing of this is understood.
            (
                vec_of(&[
                    (DTYPE, "application/json", "FLOAT32"),
                    (DTYPE, plain, "FLOAT16"),
                    (ORDER, plain, ""),
                    (SHAPE, plain, "1,2,3,4,5,6,7,8,9"),
                ]),
                TensorDeclaration::default(),
            ),
            (
                vec_of(&[(SHAPE, plain, "4,-1")]),
                TensorDeclaration::default(),
            ),
        ];
        for (listed, expected) in rows {
            assert_eq!(declared(&listed), expected, "{listed:?}");
        }
        for name in Dtype::ALL.iter().copied() {
            assert_eq!(dtype(dtype_name(name)), Some(name));
        }
    }

    type Listed = (&'static str, &'static str, &'static str);

    fn vec_of(listed: &[Listed]) -> std::vec::Vec<Listed> {
        listed.to_vec()
    }

    #[test] // req: E-04
    fn only_what_both_say_can_contradict() {
        let expected = TensorDeclaration {
            dtype: Some(Dtype::Uint8),
            order: Some(MajorOrder::Row),
            shape: dims(&[480, -1]),
        };
        let all = |dtype, order, shape: &[i32]| TensorDeclaration {
            dtype: Some(dtype),
            order: Some(order),
            shape: dims(shape),
        };
        use MajorOrder::{Column, Row};
        let rows = [
            (TensorDeclaration::default(), None),
            (all(Dtype::Uint8, Row, &[480, 640]), None),
            (all(Dtype::Uint8, Row, &[-1, 640]), None),
            (
                all(Dtype::Int8, Row, &[480, 640]),
                Some(Contradiction::Dtype),
            ),
            (
                all(Dtype::Uint8, Column, &[480, 640]),
                Some(Contradiction::Order),
            ),
            (
                all(Dtype::Uint8, Row, &[481, 640]),
                Some(Contradiction::Shape),
            ),
            (all(Dtype::Uint8, Row, &[480]), Some(Contradiction::Shape)),
        ];
        for (declared, expected_of) in rows {
            assert_eq!(
                expected.contradicted_by(&declared),
                expected_of,
                "{declared:?}"
            );
            let anything = TensorDeclaration::default();
            assert_eq!(anything.contradicted_by(&declared), None);
        }
    }
}
