//! Cells of a given size.

use crate::contract::shared::ID;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::spatial::curve::{self, AXES};

/// The cell ⌊v / size⌋ of a coordinate; `None` where it is not finite or is 2⁵³ cells or more from 0, where doubles no
/// longer distinguish neighbouring cells.
pub fn cell(v: f64, size: f64) -> Option<i64> {
    let cell = (v / size).floor();
    (cell.abs() < 9_007_199_254_740_992.0).then_some(cell as i64)
}

pub(crate) const CELL_SIZE: Param = Param {
    name: "cell_size",
    kind: ParamKind::Float { min: f64::MIN_POSITIVE, max: f64::MAX },
    default: None,
    summary: "Length of a cell's edges, in the unit of the coordinates.",
};
const LEVELS: Param = Param {
    name: "levels",
    kind: ParamKind::Int { min: 1, max: 32 },
    default: Some("1"),
    summary: "Levels: cells of level l have edges of cell_size · 2^l.",
};

/// The cell, or an error that names the column and row.
pub(crate) fn cell_at(column: &str, row: usize, v: f64, size: f64) -> Result<i64, Error> {
    cell(v, size).ok_or_else(|| Error::Value {
        place: column.into(),
        row: row as u64 + 1,
        found: format!("{v:?}"),
        expected: format!("a finite number, less than 2⁵³ cells of {size:?} from 0"),
    })
}

const fn bucket(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::BigInt, unit: "cells", summary }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_buckets",
    family: Family::Spatial,
    summary: "The cells of positions in a grid of a stated size, and in coarser ones.",
    details: "⌊v / cell_size⌋ on each axis; negative coordinates round down, too, so that no cell is larger than others. One row for each level: a cell of \
              level l + 1 holds eight of level l (its numbers are theirs halved and rounded down).",
    inputs: curve::INPUTS,
    optional: &[],
    params: &[CELL_SIZE, LEVELS],
    outputs: &[
        ID,
        Column {
            name: "level", kind: Kind::Int, unit: "1", summary: "0 for cell_size, 1 for twice that, …"
        },
        bucket("bucket_x", "Number of the cell along x."),
        bucket("bucket_y", "Number of the cell along y."),
        bucket("bucket_z", "Number of the cell along z."),
    ],
    rows: RowShape::Picked,
    nulls: "NULL in a coordinate gives NULL in its bucket.",
    empty: curve::EMPTY,
    nan: "NaN, infinities and coordinates 2⁵³ cells or more from 0 are errors.",
    accuracy: "The quotient is rounded to double precision before it is rounded down; the same on every machine.",
    streaming: Streaming::Rows,
    source: "The columns SpatialBucketX, SpatialBucketY and SpatialBucketZ of the original's tables, which truncated towards 0.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Float(0.25), Cell::Float(-0.05), Cell::Null]],
        params: &[("cell_size", Cell::Float(0.125)), ("levels", Cell::Int(2))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(0), Cell::Int(2), Cell::Int(-1), Cell::Null],
            &[Cell::Int(1), Cell::Int(1), Cell::Int(1), Cell::Int(-1), Cell::Null],
        ],
    },
    run: |call| {
        let (size, levels) = (call.params.float(CELL_SIZE.name), call.params.int(LEVELS.name) as usize);
        call.check_memory("the buckets", (call.rows as u64 * levels as u64).saturating_mul(64))?;
        let mut columns = Vec::with_capacity(4);
        let level = |_| (0..levels as i32).map(Some);
        columns.push(Values::Int((0..call.rows).flat_map(level).collect()));
        for name in AXES {
            let mut out = Vec::with_capacity(call.rows * levels);
            for (row, v) in call.floats(name).iter().enumerate() {
                let cell = v.map(|v| cell_at(name, row, v, size)).transpose()?;
                out.extend((0..levels).map(|level| cell.map(|c| c >> level)));
            }
            columns.push(Values::BigInt(out));
        }
        Ok(Output {
            columns,
            picked: Some((0..call.rows).flat_map(|row| std::iter::repeat_n(row, levels)).collect()),
        })
    },
};
