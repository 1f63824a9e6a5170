//! How many dimensions keep distances.

use crate::contract::shared::NO_ROWS;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;

/// The least dimension k for which a random projection of `rows` vectors exists that keeps all squared distances within a factor of
/// 1 ± `distortion`: ⌈4·ln(rows) / (ε²/2 − ε³/3)⌉ (Dasgupta and Gupta 2003). With it, a single projection keeps all of them with a
/// probability of at least 1/rows.
///
/// The number holds for [`Entries::Dense`](crate::vector::Entries) and `Achlioptas`. `Li` keeps only distances of vectors whose
/// difference has its length in many components: of one-hot vectors it changes many distances by more.
///
/// # Errors
///
/// [`Error::ParameterValue`] where `rows` is 0, or `distortion` is not between 1e-6 and 1, which is excluded.
///
/// # Accuracy
///
/// The logarithm has an error of some 2⁻⁵⁰, so a quotient that is a whole number but for that may be rounded either way; the same
/// on every machine.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector;
/// assert_eq!(vector::johnson_lindenstrauss(1_000_000, 0.5)?, 664);
/// assert_eq!(vector::johnson_lindenstrauss(10_000, 0.1)?, 7895);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn johnson_lindenstrauss(rows: u64, distortion: f64) -> Result<u64, Error> {
    let wrong = |name: &str, value: String, expected: &str| Error::ParameterValue {
        name: name.into(),
        value,
        expected: expected.into(),
    };
    if rows == 0 {
        return Err(wrong(ROWS.name, "0".into(), "an integer ≥ 1"));
    }
    if !(1e-6..1.0).contains(&distortion) {
        return Err(wrong(DISTORTION.name, format!("{distortion:?}"), "from 1e-6 to less than 1"));
    }
    // Not powi, whose rounding is not specified.
    let cube = distortion * distortion * distortion;
    let least = 4.0 * logarithm(rows) / (distortion * distortion / 2.0 - cube / 3.0);
    // At most 4e14.
    Ok((least.ceil() as u64).max(1))
}

/// The natural logarithm of a positive integer, by additions and multiplications alone, so that it is the same everywhere:
/// with a power of two apart, 2·artanh((m − 1)/(m + 1)) as a series.
fn logarithm(value: u64) -> f64 {
    let exponent = value.ilog2();
    let m = value as f64 / exponent_of_two(exponent);
    let z = (m - 1.0) / (m + 1.0);
    let (square, mut power, mut sum) = (z * z, z, 0.0);
    // m is in [1, 2], so z² is at most 1/9.
    for i in 0..18 {
        sum += power / f64::from(2 * i + 1);
        power *= square;
    }
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * sum
}

fn exponent_of_two(exponent: u32) -> f64 {
    (1u64 << exponent) as f64
}

const ROWS: Param = Param {
    name: "rows",
    kind: ParamKind::Int { min: 1, max: i64::MAX },
    default: None,
    summary: "Number of vectors whose distances are to be kept.",
};
const DISTORTION: Param = Param {
    name: "distortion",
    kind: ParamKind::Float { min: 1e-6, max: 0.999_999 },
    default: Some("0.1"),
    summary: "Greatest relative change of a squared distance (ε).",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_johnson_lindenstrauss",
    family: Family::Vector,
    summary: "How many dimensions a random projection needs to keep the distances of so many vectors.",
    details: "⌈4·ln(rows) / (ε²/2 − ε³/3)⌉: for vector_random_projection. It does not depend on the vectors' dimensions, and may be more than they have; then nothing is gained. It is a bound for any vectors with entries dense or achlioptas: real ones often need a tenth of it. With entries li it holds only for vectors whose differences have their length in many components, not for sparse ones such as one-hot vectors.",
    inputs: &[],
    optional: &[],
    params: &[ROWS, DISTORTION],
    outputs: &[Column {
        name: "dimensions",
        kind: Kind::BigInt,
        unit: "1",
        summary: "The least number of dimensions that the bound allows.",
    }],
    rows: RowShape::Made,
    nulls: "Has no input.",
    empty: "Needs no input.",
    nan: "Has no input.",
    accuracy: "Exact but for a logarithm with an error of some 2⁻⁵⁰; the same on every machine.",
    streaming: Streaming::Parts(NO_ROWS),
    source: "Dasgupta and Gupta 2003, \"An elementary proof of a theorem of Johnson and Lindenstrauss\", theorem 2.1.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[],
        params: &[("rows", Cell::Int(1_000_000)), ("distortion", Cell::Float(0.5))],
        outputs: &[&[Cell::Int(664)]],
    },
    run: |call| {
        let rows = call.params.int(ROWS.name).unsigned_abs();
        let dimensions = johnson_lindenstrauss(rows, call.params.float(DISTORTION.name))?;
        Ok(Output { columns: vec![Values::BigInt(vec![Some(dimensions as i64)])], picked: None })
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_library() {
        for value in [1, 2, 3, 7, 10, 1000, 65_535, 65_536, 123_456_789, u64::MAX] {
            let expected = (value as f64).ln();
            assert!((logarithm(value) - expected).abs() <= 4e-15 * expected.max(1.0), "{value}");
        }
    }
}
