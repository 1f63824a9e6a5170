//! Component-wise difference.

use crate::arch::Simd;
use crate::contract::shared::{self, A, B, ELEMENT, ID, RESULT_VECTOR};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;
use crate::vector::rows::{self, RowOp};

/// Component-wise difference, aᵢ − bᵢ.
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0; returns a vector of the same length, in the vectors' unit.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// Correctly rounded.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::subtract(&[1.0, 2.0], &[4.0, 5.0])?, [-3.0, -3.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn subtract(a: &[f32], b: &[f32]) -> Result<Vec<f32>, Error> {
    rows::map_two_slices(Subtract, a, b)
}

#[derive(Clone, Copy)]
pub(crate) struct Subtract;

impl RowOp<2> for Subtract {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, inputs: [&[u8]; 2], out: &mut [u8]) {
        rows::elementwise(width, inputs, out, |[a, b]| a - b, |[a, b]| a - b);
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_subtract",
    family: Family::Vector,
    summary: "Difference of two vectors, component by component.",
    details: "aᵢ − bᵢ",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give an empty vector.",
    nan: shared::NAN_ELEMENT,
    accuracy: "Correctly rounded.",
    streaming: Streaming::Rows,
    source: "IEEE 754.",
    elements: shared::ROUNDED_AGAIN,
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, 2.0]), Cell::Vector(&[4.0, 5.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[-3.0, -3.0])]],
    },
    run: |call| rows::run_vectors(call, Subtract),
};
