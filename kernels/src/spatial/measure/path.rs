//! Paths from positions with times.

use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::spatial::columns::{self, RESULT_GEOMETRY, SRID, VALIDITY};
use crate::spatial::curve::{X, Y, Z};
use crate::spatial::geometry::{Position, Shape, SpatialType};
use crate::spatial::measure;

const TIME: Column = Column {
    name: "time",
    kind: Kind::Float,
    unit: "any",
    summary: "When the position was taken, in any unit, such as seconds since 1970; it becomes M.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_path",
    family: Family::Spatial,
    summary: "The line through positions in the order of their times.",
    details: "One row: a LINESTRING through the positions by time, which is their M, with Z where they have one. Equal times are ordered by x, y and z, so that the order of the rows does not matter. One position \
              gives a POINT. The line is flagged valid where no two parts of it lie on one another: a way back along the same line is not valid.",
    inputs: &[TIME, X, Y, Column { summary: "Z; NULL for none.", ..Z }],
    optional: &[],
    params: &[SRID, VALIDITY],
    outputs: &[
        RESULT_GEOMETRY,
        Column { name: "points", kind: Kind::Int, unit: "1", summary: "Number of positions." },
        Column {
            name: "length",
            kind: Kind::Float,
            unit: "length",
            summary: "Length in space; Z counts between two positions that have it.",
        },
    ],
    rows: RowShape::Made,
    nulls: "Rows with NULL in time, x or y are left out.",
    empty: "No positions give one row of NULL, 0 and NULL.",
    nan: "Times, x and y that are not finite are errors.",
    accuracy: "The positions are exact. The length of s segments has a relative error of at most 5·2⁻⁵³ + s²·2⁻¹⁰⁶, for coordinates of any size; one that leaves the range of doubles is infinite. Same bits on every machine.",
    streaming: Streaming::Whole("all rows"),
    source: "The aggregate agg_BuildPathFromAtoms, which it replaces.",
    elements: "",
    sql: "CAST(geometry AS GEOMETRY) takes the bytes. Where the flag of validity is not set, most methods raise error 24144 until MakeValid() has been called.",
    example: Example {
        inputs: &[
            &[Cell::Float(20.0), Cell::Float(3.0), Cell::Float(4.0), Cell::Null],
            &[Cell::Float(10.0), Cell::Float(0.0), Cell::Float(0.0), Cell::Null],
        ],
        params: &[],
        outputs: &[&[
            Cell::Binary(&[
                0, 0, 0, 0, 1, 0x16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8,
                0x40, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0, 0, 0, 0, 0, 0, 0x24, 0x40, 0, 0, 0, 0, 0, 0, 0x34,
                0x40,
            ]),
            Cell::Int(2),
            Cell::Float(5.0),
        ]],
    },
    run: |call| {
        // The positions, sorted in place, and their bytes.
        call.check_memory("the path", call.rows as u64 * (48 + 48 + 32))?;
        let [time, x, y, z] = [TIME.name, "x", "y", "z"].map(|name| call.floats(name));
        let mut path = Vec::with_capacity(call.rows);
        for row in 0..call.rows {
            let (Some(m), Some(x), Some(y)) = (time[row], x[row], y[row]) else { continue };
            for (column, v) in [(TIME.name, m), ("x", x), ("y", y)] {
                columns::check_finite(column, row, v)?;
            }
            path.push(Position { x: x + 0.0, y: y + 0.0, z: z[row].map(|z| z + 0.0), m: Some(m + 0.0) });
        }
        let key = |p: &Position| [p.m.unwrap_or(0.0), p.x, p.y, p.z.unwrap_or(f64::NEG_INFINITY)];
        path.sort_unstable_by(|a, b| {
            let pairs = key(a).into_iter().zip(key(b));
            pairs.fold(std::cmp::Ordering::Equal, |order, (a, b)| order.then(a.total_cmp(&b)))
        });
        let points = path.len();
        let length = (points > 0).then(|| measure::length(&path, true));
        let shape = match path[..] {
            [] => None,
            [point] => Some(Shape::Point(Some(point))),
            _ => Some(Shape::LineString(path)),
        };
        let bytes = shape.map(|s| columns::serialize(call, SpatialType::Geometry, columns::srid_of(call), s));
        Ok(Output {
            columns: vec![
                Values::Binary(vec![bytes.transpose()?]),
                Values::Int(vec![Some(i32::try_from(points).unwrap_or(i32::MAX))]),
                Values::Float(vec![length]),
            ],
            picked: None,
        })
    },
};
