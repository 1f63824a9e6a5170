//! Positions of serialized values as rows.

use crate::contract::shared::ID;
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::parallel;
use crate::spatial::columns::{self, GEOMETRY, TYPE};
use crate::spatial::curve::{X, Y, Z};
use crate::spatial::geometry::{self, Position, Wire};

const POINT: Column = Column {
    name: "point",
    kind: Kind::Int,
    unit: "index from 0",
    summary: "Number of the position in stored order.",
};
const M: Column = Column { name: "m", kind: Kind::Float, unit: "1", summary: "M; NULL where it has none." };

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_coordinates",
    family: Family::Spatial,
    summary: "The positions of serialized geometry or geography, one row each.",
    details: "All positions in stored order: members one after the other, a polygon's rings as they are stored, closing positions repeated. For geography x is the longitude. Of a curve these are the positions that its arcs go through, one where two parts meet. The tables of the value are checked; \
              whether lines and rings are proper is not looked at.",
    inputs: &[ID, GEOMETRY],
    optional: &[],
    params: &[TYPE],
    outputs: &[ID, POINT, X, Y, Column { summary: "Z; NULL where it has none.", ..Z }, M],
    rows: RowShape::Picked,
    nulls: "NULL and the null instance give no rows.",
    empty: "Empty shapes give no rows.",
    nan: columns::NAN,
    accuracy: "Exact.",
    streaming: Streaming::Rows,
    source: columns::FORMAT,
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes. Positions within a line are counted as STPointN does.",
    example: Example {
        inputs: &[
            &[
                Cell::Int(7),
                Cell::Binary(&[
                    0, 0, 0, 0, 1, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF8, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0x40,
                ]),
            ],
            &[Cell::Int(8), Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(7), Cell::Int(0), Cell::Float(0.0), Cell::Float(0.0), Cell::Null, Cell::Null],
            &[Cell::Int(7), Cell::Int(1), Cell::Float(0.0), Cell::Float(1.0), Cell::Float(2.0), Cell::Null],
        ],
    },
    run: |call| {
        let kind = columns::type_of(call)?;
        let values = call.binary(GEOMETRY.name);
        let bytes: usize = values.iter().flatten().map(|v| v.len()).sum();
        // At most one position per 16 bytes; a row takes 8 bytes for its number, 4 for its index and 16 for each
        // ordinate, and its block exists beside the whole.
        call.check_memory("the positions", bytes as u64 / 16 * 140)?;
        let blocks = parallel::blocks(call.rows, bytes, |range| {
            let mut out: Vec<(usize, i32, Position)> = Vec::new();
            for row in range {
                let read = |bytes| {
                    let Some(wire) = Wire::read(bytes, kind)? else { return Ok(()) };
                    for i in 0..wire.len() {
                        out.push((row, i as i32, wire.position(i)?));
                    }
                    Ok(())
                };
                values[row].map_or(Ok(()), read).map_err(|error| geometry::at(error, GEOMETRY.name, row))?;
            }
            Ok(out)
        })?;
        let all: Vec<_> = blocks.into_iter().flatten().collect();
        let floats =
            |of: fn(&Position) -> Option<f64>| Values::Float(all.iter().map(|(_, _, p)| of(p)).collect());
        Ok(Output {
            columns: vec![
                Values::Int(all.iter().map(|(_, i, _)| Some(*i)).collect()),
                floats(|p| Some(p.x)),
                floats(|p| Some(p.y)),
                floats(|p| p.z),
                floats(|p| p.m),
            ],
            picked: Some(all.iter().map(|(row, _, _)| *row).collect()),
        })
    },
};
