//! Cosine of the angle between two vectors.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::Cosine;
use crate::vector::rows;

/// Cosine of the angle between two vectors, Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²), in [−1, 1].
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0; returns a scalar. A zero or empty vector has similarity 0 with every finite
/// vector; a vector has similarity exactly 1 with itself.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// Absolute error at most 3γ(⌈n/32⌉) ([module's bound](crate::vector#accuracy)). Same bits on every machine.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::cosine_similarity;
/// assert_eq!(cosine_similarity(&[3.0, 0.0, 4.0], &[1.0, 0.0, 0.0])?, 0.6);
/// assert_eq!(cosine_similarity(&[0.0, 0.0], &[1.0, 2.0])?, 0.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn cosine_similarity(a: &[f32], b: &[f32]) -> Result<f64, Error> {
    cosine_similarity_with(Compute::new(), a, b)
}

/// [`cosine_similarity`] with a chosen precision or level.
///
/// # Errors
///
/// As [`cosine_similarity`].
#[inline]
pub fn cosine_similarity_with(compute: Compute, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    rows::pair(Cosine, compute, a, b)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_cosine_similarity",
    family: Family::Vector,
    summary: "Cosine of the angle between two vectors.",
    details: "Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²), clamped to [−1, 1]. \
              A vector has similarity 1 with itself, exactly; a zero vector has similarity 0 with everything finite.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column { name: "cosine_similarity", kind: Kind::Float, unit: "1", summary: "In [−1, 1]." },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give 0.",
    nan: shared::NAN_SUM,
    accuracy: "|error| ≤ 3γ(⌈n/32⌉) with u = 2⁻²⁴, however small or great the components are. \
               Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Salton and McGill 1983, Introduction to Modern Information Retrieval.",
    elements: shared::SUMS,
    sql: "As 1 − VECTOR_DISTANCE('cosine', a, b).",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[3.0, 0.0, 4.0]), Cell::Vector(&[1.0, 0.0, 0.0])],
            &[Cell::Int(2), Cell::Vector(&[0.0, 0.0]), Cell::Vector(&[1.0, 2.0])],
        ],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(0.6)], &[Cell::Int(2), Cell::Float(0.0)]],
    },
    run: |call| rows::run_numbers(call, Cosine, |v| v),
};
