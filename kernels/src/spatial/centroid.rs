//! Mean position.

use super::columns;
use super::curve::{AXES, X, Y, Z};
use super::measure::Sum;
use crate::parallel;
use crate::registry::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_centroid",
    family: Family::Spatial,
    summary: "The mean of all positions.",
    details: "One row: the means of x, y and z over the rows that have all three, and their number.",
    inputs: &[X, Y, Z],
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
    nan: "NaN and infinities are errors that name the row. A sum that leaves the range of doubles gives an infinite mean, which arrives as NULL.",
    accuracy: "The sum is compensated: its error is some 1e-16 of the sum of magnitudes, for any number of rows. The same bits for any number of threads; another order of the rows may change the last bit.",
    streaming: Streaming::Whole("all rows"),
    source: "Neumaier 1974, \"Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen\".",
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
        let blocks = parallel::blocks(call.rows, call.rows * 48, |range| {
            let (mut sums, mut count) = ([Sum::default(); 3], 0i64);
            for row in range {
                if let (Some(x), Some(y), Some(z)) = (axes[0][row], axes[1][row], axes[2][row]) {
                    for ((sum, v), name) in sums.iter_mut().zip([x, y, z]).zip(AXES) {
                        columns::check_finite(name, row, v)?;
                        sum.add(v);
                    }
                    count += 1;
                }
            }
            Ok((sums, count))
        })?;
        // Blocks depend on the input alone, and are added in order.
        let (mut sums, mut count) = ([Sum::default(); 3], 0);
        for (own, own_count) in blocks {
            sums.iter_mut().zip(own).for_each(|(sum, own)| sum.merge(own));
            count += own_count;
        }
        let mean = |sum: Sum| Values::Float(vec![(count > 0).then(|| sum.value() / count as f64)]);
        let mut columns: Vec<Values> = sums.into_iter().map(mean).collect();
        columns.push(Values::BigInt(vec![Some(count)]));
        Ok(Output { columns, picked: None })
    },
};
