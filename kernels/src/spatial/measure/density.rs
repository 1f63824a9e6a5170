//! Density grid in the plane.

use rayon::prelude::*;

use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::parallel;
use crate::parallel::pool;
use crate::spatial::curve::buckets::{CELL_SIZE, cell_at};
use crate::spatial::curve::{X, Y};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_density",
    family: Family::Spatial,
    summary: "How many positions of the plane lie in each cell of a grid.",
    details: "One row for each cell that holds a position, by bucket_x, then bucket_y: cell ⌊x / cell_size⌋, ⌊y / cell_size⌋, its middle, the number of its positions, \
              and that number for a unit of area.",
    inputs: &[X, Y],
    optional: &[],
    params: &[CELL_SIZE],
    outputs: &[
        Column {
            name: "bucket_x",
            kind: Kind::BigInt,
            unit: "cells",
            summary: "Number of the cell along x.",
        },
        Column {
            name: "bucket_y",
            kind: Kind::BigInt,
            unit: "cells",
            summary: "Number of the cell along y.",
        },
        Column { summary: "X of the cell's middle.", ..X },
        Column { summary: "Y of the cell's middle.", ..Y },
        Column { name: "points", kind: Kind::BigInt, unit: "1", summary: "Positions in the cell." },
        Column {
            name: "density",
            kind: Kind::Float,
            unit: "1/length²",
            summary: "Positions for a unit of area.",
        },
    ],
    rows: RowShape::Made,
    nulls: "Rows with NULL in a coordinate are left out.",
    empty: "No positions give no rows.",
    nan: "NaN, infinities and coordinates 2⁵³ cells or more from 0 are errors. A density or middle that leaves the range of doubles is infinite.",
    accuracy: "Counts are exact for the cells, whose numbers are quotients rounded to double precision before they are rounded down. Middles and densities have a relative error of at most 2·2⁻⁵³; below the range of normal doubles half a unit in the last place comes on top. The order of the rows and the number of threads do not matter; same bits on every machine.",
    streaming: Streaming::Whole("all rows"),
    source: "A two-dimensional histogram; SpatialDensityGrid, which it replaces, had no grid.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Float(0.5), Cell::Float(0.5)],
            &[Cell::Float(1.5), Cell::Float(0.0)],
            &[Cell::Float(-0.5), Cell::Float(0.0)],
        ],
        params: &[("cell_size", Cell::Float(2.0))],
        outputs: &[
            &[
                Cell::Int(-1),
                Cell::Int(0),
                Cell::Float(-1.0),
                Cell::Float(1.0),
                Cell::Int(1),
                Cell::Float(0.25),
            ],
            &[Cell::Int(0), Cell::Int(0), Cell::Float(1.0), Cell::Float(1.0), Cell::Int(2), Cell::Float(0.5)],
        ],
    },
    run: |call| {
        // The cells, and at most as many rows of six values.
        call.check_memory("the cells", call.rows as u64 * (16 + 24 + 96))?;
        let size = call.params.float(CELL_SIZE.name);
        let (x, y) = (call.floats(X.name), call.floats(Y.name));
        let mut cells = Vec::with_capacity(call.rows);
        for (row, (x, y)) in x.iter().zip(y).enumerate() {
            if let (Some(x), Some(y)) = (*x, *y) {
                cells.push((cell_at(X.name, row, x, size)?, cell_at(Y.name, row, y, size)?));
            }
        }
        // Below that, sorting finishes before a thread has woken up.
        if parallel::splits(cells.len(), cells.len() * 64) {
            pool::enter(|| cells.par_sort_unstable())?;
        } else {
            cells.sort_unstable();
        }
        let runs: Vec<((i64, i64), i64)> =
            cells.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as i64)).collect();
        let integers = |of: fn(&((i64, i64), i64)) -> i64| {
            Values::BigInt(runs.iter().map(|run| Some(of(run))).collect())
        };
        let middle = |cell: i64| Some((cell as f64 + 0.5) * size);
        Ok(Output {
            columns: vec![
                integers(|run| run.0.0),
                integers(|run| run.0.1),
                Values::Float(runs.iter().map(|run| middle(run.0.0)).collect()),
                Values::Float(runs.iter().map(|run| middle(run.0.1)).collect()),
                integers(|run| run.1),
                Values::Float(runs.iter().map(|run| Some(run.1 as f64 / size / size)).collect()),
            ],
            picked: None,
        })
    },
};
