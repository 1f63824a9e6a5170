//! Mean position.

use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::parallel;
use crate::spatial::columns;
use crate::spatial::curve::{AXES, X, Y, Z};
use crate::spatial::measure::Sum;

/// A power of two above any number of rows.
const LARGE: f64 = (1u128 << 64) as f64;

/// The sums of the coordinates times a power of two over the rows that have all three, and the number of those rows.
fn added(axes: [&[Option<f64>]; 3], rows: usize, scale: f64) -> Result<([Sum; 3], i64), Error> {
    let blocks = parallel::blocks(rows, rows * 48, |range| {
        let (mut sums, mut count) = ([Sum::default(); 3], 0i64);
        for row in range {
            if let (Some(x), Some(y), Some(z)) = (axes[0][row], axes[1][row], axes[2][row]) {
                for ((sum, v), name) in sums.iter_mut().zip([x, y, z]).zip(AXES) {
                    columns::check_finite(name, row, v)?;
                    sum.add(v * scale);
                }
                count += 1;
            }
        }
        Ok((sums, count))
    })?;
    // The blocks depend on the input alone and are added in order.
    let (mut sums, mut count) = ([Sum::default(); 3], 0);
    for (own, own_count) in blocks {
        sums.iter_mut().zip(own).for_each(|(sum, own)| sum.merge(own));
        count += own_count;
    }
    Ok((sums, count))
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_centroid",
    family: Family::Spatial,
    summary: "The mean of all positions.",
    details: "One row: the means of x, y and z over the rows that have all three, and their number.",
    inputs: &[X, Y, Z],
    optional: &[],
    params: &[],
    outputs: &[
        Column { summary: "Mean x.", ..X },
        Column { summary: "Mean y.", ..Y },
        Column { summary: "Mean z.", ..Z },
        Column { name: "points", kind: Kind::BigInt, unit: "1", summary: "Number of positions." },
    ],
    rows: RowShape::Made,
    nulls: "Rows with NULL in a coordinate are left out.",
    empty: "No positions give NULL, NULL, NULL and 0.",
    nan: "NaN and infinities are errors that name the row.",
    accuracy: "The sum is compensated: of n positions a mean is off by at most 2⁻⁵² of its size and n²·2⁻¹⁰⁶ of the mean magnitude, also where the sum leaves the range of doubles. The same bits for any number of threads, on every machine; another order of the rows may change the last bit.",
    streaming: Streaming::Whole("all rows"),
    source: "Neumaier 1974, \"Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen\"; the bound is that of Ogita, Rump and Oishi 2005, \"Accurate sum and dot product\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Float(1.0), Cell::Float(-2.0), Cell::Float(0.5)],
            &[Cell::Float(3.0), Cell::Float(2.0), Cell::Float(1.0)],
            &[Cell::Float(9.0), Cell::Float(9.0), Cell::Null],
        ],
        params: &[],
        outputs: &[&[Cell::Float(2.0), Cell::Float(0.0), Cell::Float(0.75), Cell::Int(2)]],
    },
    run: |call| {
        let axes = AXES.map(|name| call.floats(name));
        let (sums, count) = added(axes, call.rows, 1.0)?;
        let mut means = sums.map(|sum| sum.value() / count as f64);
        if count > 0 && !means.iter().all(|mean| mean.is_finite()) {
            // The sum has left the range of doubles, but the mean has not.
            let (smaller, _) = added(axes, call.rows, 1.0 / LARGE)?;
            for (mean, sum) in means.iter_mut().zip(smaller).filter(|(mean, _)| !mean.is_finite()) {
                *mean = (sum.value() / count as f64 * LARGE).clamp(f64::MIN, f64::MAX);
            }
        }
        let mean = |mean: f64| Values::Float(vec![(count > 0).then_some(mean)]);
        let mut columns: Vec<Values> = means.into_iter().map(mean).collect();
        columns.push(Values::BigInt(vec![Some(count)]));
        Ok(Output { columns, picked: None })
    },
};
