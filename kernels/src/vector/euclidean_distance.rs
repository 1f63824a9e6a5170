//! Straight-line distance.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::Euclidean;
use crate::vector::rows;

/// Euclidean distance of two vectors, √(Σ (aᵢ − bᵢ)²), not squared.
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0; returns a scalar in the vectors' unit. Empty vectors give 0.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// Relative error at most u + γ(⌈n/32⌉ + 2)/2 ([module's bound](crate::vector#accuracy)). Same bits on every machine.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::euclidean_distance(&[0.0, 0.0], &[3.0, 4.0])?, 5.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn euclidean_distance(a: &[f32], b: &[f32]) -> Result<f64, Error> {
    euclidean_distance_with(Compute::new(), a, b)
}

/// [`euclidean_distance`] with a chosen precision or level.
///
/// # Errors
///
/// As [`euclidean_distance`].
#[inline]
pub fn euclidean_distance_with(compute: Compute, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    rows::pair(Euclidean, compute, a, b)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_euclidean_distance",
    family: Family::Vector,
    summary: "Euclidean distance of two vectors.",
    details: "√(Σ (aᵢ − bᵢ)²), not squared.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column {
            name: "euclidean_distance",
            kind: Kind::Float,
            unit: "the vectors' unit",
            summary: "At least 0.",
        },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give 0.",
    nan: shared::NAN_SUM,
    accuracy: "Relative error ≤ u + γ(⌈n/32⌉ + 2)/2 with u = 2⁻²⁴; a subnormal result is off by \
               up to 2⁻¹⁰⁷⁵ more. It is infinite only where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.",
    elements: shared::SUMS,
    sql: "As VECTOR_DISTANCE('euclidean', a, b).",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.0, 0.0]), Cell::Vector(&[3.0, 4.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(5.0)]],
    },
    run: |call| rows::run_numbers(call, Euclidean, |v| v),
};
