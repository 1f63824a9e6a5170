//! Sum of absolute differences.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::Manhattan;
use crate::vector::rows;

/// Manhattan distance of two vectors, Σ |aᵢ − bᵢ|, also known as taxicab, city block or L1 distance.
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
/// Relative error at most γ(⌈n/32⌉ + 1) + 6·2⁻⁵³, with γ(k) = k·u / (1 − k·u) and u = 2⁻²⁴. Same bits on every machine.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::manhattan_distance(&[0.0, 0.0], &[3.0, -4.0])?, 7.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn manhattan_distance(a: &[f32], b: &[f32]) -> Result<f64, Error> {
    manhattan_distance_with(Compute::new(), a, b)
}

/// [`manhattan_distance`] with a chosen precision or level.
///
/// # Errors
///
/// As [`manhattan_distance`].
#[inline]
pub fn manhattan_distance_with(compute: Compute, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    rows::pair(Manhattan, compute, a, b)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_manhattan_distance",
    family: Family::Vector,
    summary: "Manhattan distance of two vectors.",
    details: "Σ |aᵢ − bᵢ|, also known as taxicab, city block or L1 distance.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column {
            name: "manhattan_distance",
            kind: Kind::Float,
            unit: "the vectors' unit",
            summary: "At least 0.",
        },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give 0.",
    nan: shared::NAN_SUM,
    accuracy: "Relative error ≤ γ(⌈n/32⌉ + 1) + 6·2⁻⁵³ with γ(k) = k·u/(1 − k·u) and u = 2⁻²⁴. It is infinite only where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Minkowski's distance of order 1; Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.",
    elements: shared::SUMS,
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.0, 0.0]), Cell::Vector(&[3.0, -4.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(7.0)]],
    },
    run: |call| rows::run_numbers(call, Manhattan, |v| v),
};
