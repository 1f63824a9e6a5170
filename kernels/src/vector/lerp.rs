//! Linear interpolation.

use crate::arch::Simd;
use crate::error::Error;
use crate::registry::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::vector::rows::{self, A, B, ELEMENT, ID, RESULT_VECTOR, RowOp};
use crate::vectors::Width;

/// Linear interpolation, aᵢ·(1 − t) + bᵢ·t; extrapolation where t is outside [0, 1].
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0 and a number; a vector of the same length, in the vectors' unit.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// t and 1 − t are rounded to single precision, then each product and the sum: exact at t = 0 and t = 1.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::lerp(&[0.0, 10.0], &[1.0, 20.0], 0.5)?, [0.5, 15.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Result<Vec<f32>, Error> {
    rows::map_slices(Lerp(t), [a, b])
}

#[derive(Clone, Copy)]
pub(crate) struct Lerp(pub(crate) f64);

impl RowOp<2> for Lerp {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, inputs: [&[u8]; 2], out: &mut [u8]) {
        let t = self.0 as f32;
        let (rest, rest_double) = (1.0 - t, 1.0 - self.0);
        rows::elementwise(
            width,
            inputs,
            out,
            |[a, b]| a * rest + b * t,
            |[a, b]| a * rest_double + b * self.0,
        );
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_lerp",
    family: Family::Vector,
    summary: "Linear interpolation between two vectors.",
    details: "aᵢ·(1 − t) + bᵢ·t. t is not clamped: outside [0, 1] it extrapolates. It is rounded to f32 first, unless the \
              elements are f64.",
    inputs: &[ID, A, B],
    params: &[
        Param { name: "t", kind: ParamKind::FINITE, default: None, summary: "0 gives a, 1 gives b." },
        ELEMENT,
    ],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: rows::NULLS,
    empty: "Two empty vectors give an empty vector.",
    nan: rows::NAN_ELEMENT,
    accuracy: "1 − t, both products and the sum are each rounded once; exact at t = 0 and t = 1. \
               For f16 and bf16 the f32 result is rounded once more.",
    streaming: Streaming::Rows,
    source: "IEEE 754; the two-product form, which is exact at both ends.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.0, 10.0]), Cell::Vector(&[1.0, 20.0])]],
        params: &[("t", Cell::Float(0.5))],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, 15.0])]],
    },
    run: |call| rows::run_vectors(call, Lerp(call.params.float("t"))),
};
