//! Linear interpolation.

use crate::arch::Simd;
use crate::contract::shared::{self, A, B, ELEMENT, ID, RESULT_VECTOR};
use crate::contract::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;
use crate::vector::rows::{self, RowOp};

/// Linear interpolation, aᵢ·(1 − t) + bᵢ·t; extrapolation where t is outside [0, 1].
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0 and a number; returns a vector of the same length, in the vectors' unit.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// t and 1 − t are rounded to single precision, then each product and the sum; so t = 0 and t = 1 are exact. A
/// component that overflows this way, and every component where t lies between 0 and ±2⁻¹²⁶, is computed in double
/// precision and rounded once. So for |t| up to 10²⁶⁹ a component is infinite only if the result is beyond single
/// precision. With u = 2⁻²⁴ the error is at most 4u·(|aᵢ|·(1 + |t|) + |bᵢ·t|) + 2⁻¹⁴⁹.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::lerp(&[0.0, 10.0], &[1.0, 20.0], 0.5)?, [0.5, 15.0]);
/// // A number that no single holds.
/// assert_eq!(hart_kernels::vector::lerp(&[0.0, 0.0], &[0.0, 1e-30], 1e39)?, [0.0, 1e9]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Result<Vec<f32>, Error> {
    rows::map_two_slices(Lerp(t), a, b)
}

#[derive(Clone, Copy)]
pub(crate) struct Lerp(pub(crate) f64);

impl RowOp<2> for Lerp {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, inputs: [&[u8]; 2], out: &mut [u8]) {
        rows::with_number(
            width,
            inputs,
            self.0,
            out,
            |[a, b], t| a * (1.0 - t) + b * t,
            |[a, b], t| a * (1.0 - t) + b * t,
        );
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_lerp",
    family: Family::Vector,
    summary: "Linear interpolation between two vectors.",
    details: "aᵢ·(1 − t) + bᵢ·t. t is not clamped: outside [0, 1] it extrapolates. It is rounded to f32 first; a component that overflows by that, and every component where 0 < |t| < 2⁻¹²⁶, is computed in f64 from the t given.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[
        Param { name: "t", kind: ParamKind::FINITE, default: None, summary: "0 gives a, 1 gives b." },
        ELEMENT,
    ],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give an empty vector.",
    nan: shared::NAN_ELEMENT,
    accuracy: "1 − t, both products and the sum are each rounded once; exact at t = 0 and t = 1. \
               |error| ≤ 4u·(|aᵢ|·(1 + |t|) + |bᵢ·t|) + 2⁻¹⁴⁹ with u = 2⁻²⁴, and for |t| ≤ 10²⁶⁹ infinite only where the result is.",
    streaming: Streaming::Rows,
    source: "IEEE 754; the two-product form, which is exact at both ends.",
    elements: "For f64 elements t is not rounded, and the bound has u = 2⁻⁵³ and 2⁻¹⁰⁷⁴, where no product overflows. For f16 and bf16 the f32 result is rounded once more.",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.0, 10.0]), Cell::Vector(&[1.0, 20.0])]],
        params: &[("t", Cell::Float(0.5))],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, 15.0])]],
    },
    run: |call| rows::run_vectors(call, Lerp(call.params.float("t"))),
};
