//! Number of bits in which two vectors differ.

use crate::contract::shared::{self, ID};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::vector::bits::{self, A, B};

/// Hamming distance of two vectors of bits: the number of bits that differ.
///
/// # Shapes
///
/// Two slices of equal length, eight bits a byte in any order; returns a number of bits.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// Exact.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::hamming_distance;
/// assert_eq!(hamming_distance(&[0b1010_0000, 0xFF], &[0b1000_0001, 0xFF])?, 2);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn hamming_distance(a: &[u8], b: &[u8]) -> Result<u64, Error> {
    Ok(bits::counts(a, b)?[0])
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_hamming_distance",
    family: Family::Vector,
    summary: "Hamming distance of two vectors of bits.",
    details: "The number of bits in which the vectors differ. Vectors are bytes of eight bits each, as vector_binarize makes them; \
              the order of the bits makes no difference.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[],
    outputs: &[
        ID,
        Column {
            name: "hamming_distance",
            kind: Kind::BigInt,
            unit: "bits",
            summary: "From 0 to the number of bits.",
        },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors give 0.",
    nan: "Bits are no numbers: there is none.",
    accuracy: "Exact.",
    streaming: Streaming::Rows,
    source: "Hamming 1950, \"Error Detecting and Error Correcting Codes\". Bits are counted as in Muła, Kurz and Lemire 2018, \
             \"Faster Population Counts Using AVX2 Instructions\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Binary(&[0b1010_0000, 0xff]), Cell::Binary(&[0b1000_0001, 0xff])],
            &[Cell::Int(2), Cell::Binary(&[0xff]), Cell::Null],
        ],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Int(2)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        // Fewer than 2⁶³ bits are in memory.
        let values = bits::run_pairs(call, |[different, _]| different.cast_signed())?;
        Ok(Output::same(Values::BigInt(values)))
    },
};
