//! Multiplication by a number.

use crate::arch::Simd;
use crate::error::Error;
use crate::registry::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::vector::rows::{self, ELEMENT, ID, RESULT_VECTOR, RowOp, V};
use crate::vectors::Width;

/// The vector times a number, vᵢ·f.
///
/// # Shapes
///
/// A slice of length n ≥ 0 and a factor; a vector of the same length. The factor is rounded to single precision first.
///
/// # Errors
///
/// [`Error::Setting`] as [`crate::Compute::new`].
///
/// # Accuracy
///
/// Correctly rounded product of the two singles.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::scale(&[1.0, -2.0], 0.5)?, [0.5, -1.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn scale(v: &[f32], factor: f64) -> Result<Vec<f32>, Error> {
    rows::map_slices(Scale(factor), [v])
}

#[derive(Clone, Copy)]
pub(crate) struct Scale(pub(crate) f64);

impl RowOp<1> for Scale {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, inputs: [&[u8]; 1], out: &mut [u8]) {
        let single = self.0 as f32;
        rows::elementwise(width, inputs, out, |[x]| x * single, |[x]| x * self.0);
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_scale",
    family: Family::Vector,
    summary: "A vector times a number.",
    details: "vᵢ·factor. The factor is rounded to f32 first, unless the elements are f64.",
    inputs: &[ID, V],
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
    nulls: rows::NULLS,
    empty: "The empty vector gives an empty vector.",
    nan: rows::NAN_ELEMENT,
    accuracy: "Correctly rounded product. For f16 and bf16 the f32 result is rounded once more.",
    streaming: Streaming::Rows,
    source: "IEEE 754.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, -2.0])]],
        params: &[("factor", Cell::Float(0.5))],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, -1.0])]],
    },
    run: |call| rows::run_vectors(call, Scale(call.params.float("factor"))),
};
