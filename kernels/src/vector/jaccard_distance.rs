//! How little the bits that two vectors set have in common.

use crate::contract::shared::{self, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::vector::bits::{self, A, B, BitMetric};

/// Jaccard distance of two vectors of bits, 1 − |a ∧ b| / |a ∨ b|, in [0, 1].
///
/// # Shapes
///
/// Two slices of equal length, eight bits a byte in any order; returns a scalar. Two vectors without a bit set have
/// distance 0.
///
/// # Errors
///
/// As [`crate::vector::hamming_distance()`].
///
/// # Accuracy
///
/// The nearest double: |a ⊕ b| / |a ∨ b|, rounded once.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::jaccard_distance;
/// assert_eq!(jaccard_distance(&[0b1110_0000], &[0b1100_0001])?, 0.5);
/// assert_eq!(jaccard_distance(&[0], &[0])?, 0.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn jaccard_distance(a: &[u8], b: &[u8]) -> Result<f64, Error> {
    Ok(BitMetric::Jaccard.of(bits::counts(a, b)?))
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_jaccard_distance",
    family: Family::Vector,
    summary: "Jaccard distance of two vectors of bits.",
    details: "1 − |a ∧ b| / |a ∨ b|: the part of the bits set in either vector that is not set in both. Vectors are bytes of eight bits each; \
              the order of the bits makes no difference.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[],
    outputs: &[ID, Column { name: "jaccard_distance", kind: Kind::Float, unit: "1", summary: "In [0, 1]." }],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two vectors without a bit set, and so two empty ones, give 0.",
    nan: "Bits are no numbers: there is none.",
    accuracy: "The nearest double: |a ⊕ b| / |a ∨ b|, rounded once.",
    streaming: Streaming::Rows,
    source: "Jaccard 1912, \"The Distribution of the Flora in the Alpine Zone\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Binary(&[0b1110_0000]), Cell::Binary(&[0b1100_0001])],
            &[Cell::Int(2), Cell::Binary(&[0]), Cell::Binary(&[0])],
        ],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(0.5)], &[Cell::Int(2), Cell::Float(0.0)]],
    },
    run: |call| {
        let values = bits::run_pairs(call, |counts| BitMetric::Jaccard.of(counts))?;
        Ok(Output::same(Values::Float(values)))
    },
};
