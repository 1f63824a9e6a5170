//! Scaling to unit length.

use crate::arch::{Simd, Task};
use crate::contract::shared::{self, ELEMENT, ID, RESULT_VECTOR, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::number::element::Width;
use crate::pairwise::precision::Single;
use crate::pairwise::reduce;
use crate::pairwise::scaled::{self, Scaled};
use crate::vector::rows::{self, RowOp};

/// The vector divided by its Euclidean norm. A zero vector is returned unchanged.
///
/// # Shapes
///
/// A slice of length n ≥ 0; returns a vector of the same length, without unit.
///
/// # Accuracy
///
/// Relative error of a component at most u + γ(⌈n/32⌉)/2 ([module's bound](crate::vector#accuracy)); one that becomes
/// subnormal has an additional error of up to half a step of the subnormal numbers. Same bits on every machine: singles
/// are multiplied by the rounded inverse of the norm in double precision and rounded once, doubles are divided by the
/// norm. An infinite component makes the norm infinite: finite components become 0, infinite ones NaN.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::normalize(&[3.0, 4.0]), [0.6, 0.8]);
/// assert_eq!(hart_kernels::vector::normalize(&[0.0, 0.0]), [0.0, 0.0]);
/// ```
pub fn normalize(v: &[f32]) -> Vec<f32> {
    rows::map_slice(Normalize, v)
}

#[derive(Clone, Copy)]
pub(crate) struct Normalize;

impl RowOp<1> for Normalize {
    #[inline(always)]
    fn row<S: Simd>(self, simd: S, width: Width, [v]: [&[u8]; 1], out: &mut [u8]) {
        let norm = match width {
            Width::F32 => Scaled { sum: reduce::dot::<Single, S>(simd, v, v).sqrt(), exponent: 0 },
            Width::F64 => reduce::scaled_norm(simd, v),
        };
        if norm.sum == 0.0 {
            out.copy_from_slice(v);
            return;
        }
        // The norm of singles is at least 2⁻¹⁴⁹, so its inverse is finite, and the product's error of 2⁻⁵² vanishes in
        // the rounding to single precision. Doubles are divided.
        let inverse = 1.0 / norm.sum;
        let single = |[x]: [f32; 1]| (f64::from(x) * inverse) as f32;
        if norm.exponent == 0 {
            rows::elementwise(width, [v], out, single, |[x]| x / norm.sum);
        } else {
            // The quotient is of ordinary size, or underflows in the end anyway.
            let [first, second] = scaled::inverse_powers(norm.exponent);
            rows::elementwise(width, [v], out, single, |[x]| x * first / norm.sum * second);
        }
    }
}

/// One packed vector scaled to length 1, into `out`.
pub(crate) struct ToUnit<'a> {
    pub(crate) width: Width,
    pub(crate) v: &'a [u8],
    pub(crate) out: &'a mut [u8],
}

impl Task for ToUnit<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        Normalize.row(simd, self.width, [self.v], self.out);
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_normalize",
    family: Family::Vector,
    summary: "The vector divided by its Euclidean norm.",
    details: "vᵢ / √(Σ vⱼ²). A zero vector is returned unchanged.",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives an empty vector.",
    nan: "A NaN makes all components NaN. An infinite component becomes NaN and the finite ones 0.",
    accuracy: "Relative error of a component ≤ u + γ(⌈n/32⌉)/2, u = 2⁻²⁴, and half the least f32 number where it becomes subnormal. Same bits on every instruction set.",
    streaming: Streaming::Rows,
    source: "Golub and Van Loan, Matrix Computations, 2.2; the zero vector by convention.",
    elements: "For f64 elements u = 2⁻⁵³, and half the least f64 number where it becomes subnormal. For f16 and bf16 the f32 result is rounded once more.",
    sql: "As VECTOR_NORMALIZE(v, 'norm2').",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[3.0, 4.0])], &[Cell::Int(2), Cell::Vector(&[0.0, 0.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.6, 0.8])], &[Cell::Int(2), Cell::Vector(&[0.0, 0.0])]],
    },
    run: |call| rows::run_vectors(call, Normalize),
};
