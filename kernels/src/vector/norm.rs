//! Length of a vector.

use crate::contract::shared::{self, ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::Norm;
use crate::vector::rows;

/// Euclidean norm of a vector, √(Σ vᵢ²).
///
/// # Shapes
///
/// A slice of length n ≥ 0; returns a scalar in the vector's unit. The empty vector gives 0.
///
/// # Accuracy
///
/// Relative error at most γ(⌈n/32⌉)/2 ([module's bound](crate::vector#accuracy)). Same bits on every machine.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::norm(&[3.0, 4.0]), 5.0);
/// // No overflow and no underflow within single precision.
/// assert_eq!(hart_kernels::vector::norm(&[3e38, 0.0]), f64::from(3e38f32));
/// ```
pub fn norm(v: &[f32]) -> f64 {
    norm_with(Compute::new(), v)
}

/// [`norm`] with a chosen precision or level.
#[inline]
pub fn norm_with(compute: Compute, v: &[f32]) -> f64 {
    rows::one(Norm, compute, v)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_norm",
    family: Family::Vector,
    summary: "Euclidean norm of a vector.",
    details: "√(Σ vᵢ²)",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column { name: "norm", kind: Kind::Float, unit: "the vector's unit", summary: "At least 0." },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives 0.",
    nan: shared::NAN_SUM,
    accuracy: "Relative error ≤ γ(⌈n/32⌉)/2 with u = 2⁻²⁴. A subnormal result is off by up to \
               2⁻¹⁰⁷⁵ more. It is infinite only where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.",
    elements: shared::SUMS,
    sql: "As VECTOR_NORM(v, 'norm2').",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[3.0, 4.0])], &[Cell::Int(2), Cell::Vector(&[])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(5.0)], &[Cell::Int(2), Cell::Float(0.0)]],
    },
    run: |call| {
        let v = call.vectors(0)?;
        Ok(Output::same(Values::Float(rows::numbers(rows::compute_of(call)?, Norm, v, v, |v| v)?)))
    },
};
