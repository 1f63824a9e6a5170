//! Inner product.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::Dot;
use crate::vector::rows;

/// Inner product of two vectors, Σ aᵢ·bᵢ.
///
/// # Shapes
///
/// Two slices of equal length n ≥ 0; returns a scalar. Empty vectors give 0.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// error| at most γ(⌈n/32⌉)·Σ|aᵢ·bᵢ| ([module's bound](crate::vector#accuracy)); a sum that leaves the range of single
/// precision is recomputed in double precision. Same bits on every machine.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::dot_product(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0])?, 32.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn dot_product(a: &[f32], b: &[f32]) -> Result<f64, Error> {
    dot_product_with(Compute::new(), a, b)
}

/// [`dot_product`] with a chosen precision or level.
///
/// # Errors
///
/// As [`dot_product`].
#[inline]
pub fn dot_product_with(compute: Compute, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    rows::pair(Dot, compute, a, b)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_dot_product",
    family: Family::Vector,
    summary: "Inner product of two vectors.",
    details: "Σ aᵢ·bᵢ, positive for vectors that point alike.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[ELEMENT, ACCUMULATE],
    outputs: &[ID, Column { name: "dot_product", kind: Kind::Float, unit: "1", summary: "Σ aᵢ·bᵢ" }],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give 0.",
    nan: shared::NAN_SUM,
    accuracy: "|error| ≤ γ(⌈n/32⌉)·Σ|aᵢ·bᵢ| with u = 2⁻²⁴; a subnormal result is off by up to \
               2⁻¹⁰⁷⁵ more. It is infinite only where it is beyond the doubles, which it never is of finite f32 vectors. \
               Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.",
    elements: shared::SUMS,
    sql: "The negative of VECTOR_DISTANCE('dot', a, b).",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[1.0, 2.0, 3.0]), Cell::Vector(&[4.0, 5.0, 6.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0, 2.0]), Cell::Null],
        ],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(32.0)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| rows::run_numbers(call, Dot, |v| v),
};
