//! Multiplication by a number.

use crate::arch::Simd;
use crate::contract::shared::{self, ELEMENT, ID, RESULT_VECTOR, V};
use crate::contract::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::number::element::Width;
use crate::vector::rows::{self, RowOp};

/// The vector times a number, vᵢ·f.
///
/// # Shapes
///
/// A slice of length n ≥ 0 and a factor; returns a vector of the same length.
///
/// # Accuracy
///
/// The factor is first rounded to single precision, and the result is the correctly rounded product of two singles. A
/// component that overflows this way, and every component where the factor lies between 0 and ±2⁻¹²⁶, is the product in
/// double precision, rounded once more: an error of at most (1 + 2⁻²⁸)/2 units in the last place. It is infinite only
/// if the product is beyond single precision.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::scale(&[1.0, -2.0], 0.5), [0.5, -1.0]);
/// // Factors that no single holds.
/// assert_eq!(hart_kernels::vector::scale(&[1e-30, 0.0], 1e39), [1e9, 0.0]);
/// assert_eq!(hart_kernels::vector::scale(&[1.0], 1e-40), [1e-40]);
/// ```
pub fn scale(v: &[f32], factor: f64) -> Vec<f32> {
    rows::map_slice(Scale(factor), v)
}

#[derive(Clone, Copy)]
pub(crate) struct Scale(pub(crate) f64);

impl RowOp<1> for Scale {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, inputs: [&[u8]; 1], out: &mut [u8]) {
        rows::with_number(width, inputs, self.0, out, |[x], factor| x * factor, |[x], factor| x * factor);
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_scale",
    family: Family::Vector,
    summary: "A vector times a number.",
    details: "vᵢ·factor. The factor is rounded to f32 first; a component that overflows by that, and every component where 0 < |factor| < 2⁻¹²⁶, is computed in f64 from the factor given.",
    inputs: &[ID, V],
    optional: &[],
    params: &[
        Param {
            name: "factor",
            kind: ParamKind::FINITE,
            default: None,
            summary: "What every component is multiplied by.",
        },
        ELEMENT,
    ],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives an empty vector.",
    nan: shared::NAN_ELEMENT,
    accuracy: "Correctly rounded product of the vector's component and the rounded factor; where it is computed in f64, of the \
               factor as given, within 0.5 + 2⁻²⁹ ulp. It is infinite only where the product is.",
    streaming: Streaming::Rows,
    source: "IEEE 754.",
    elements: "For f64 elements the factor is not rounded. For f16 and bf16 the f32 result is rounded once more.",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, -2.0])]],
        params: &[("factor", Cell::Float(0.5))],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, -1.0])]],
    },
    run: |call| rows::run_vectors(call, Scale(call.params.float("factor"))),
};
