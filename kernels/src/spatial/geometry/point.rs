//! Points from coordinates.

use crate::contract::shared::ID;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, PackedBytes, RowShape, Streaming, Values,
};
use crate::spatial::columns::{self, RESULT_GEOMETRY, SRID, TYPE};
use crate::spatial::curve::{X, Y, Z};
use crate::spatial::geometry::points;

const M: Column = Column { name: "m", kind: Kind::Float, unit: "1", summary: "M, a measure; NULL for none." };

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_point",
    family: Family::Spatial,
    summary: "Serialized points from coordinates, with Z and M where they are not NULL.",
    details: "The compact form of 22, 30 or 38 bytes, always flagged valid. With type = geography, x is the longitude and y the latitude.",
    inputs: &[ID, X, Y, Column { summary: "Z; NULL for none.", ..Z }, M],
    optional: &[],
    params: &[SRID, TYPE],
    outputs: &[ID, Column { kind: Kind::Point, ..RESULT_GEOMETRY }],
    rows: RowShape::Same,
    nulls: "NULL in x or y gives NULL; NULL in z or m gives a point without it.",
    empty: "No rows give no rows.",
    nan: columns::NAN,
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: columns::FORMAT,
    elements: "",
    sql: "CAST(geometry AS GEOMETRY) takes the bytes, which are those that the server writes. geometry::Point has no Z.",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(1.0), Cell::Float(2.0), Cell::Float(3.0), Cell::Null],
            &[Cell::Int(2), Cell::Float(1.0), Cell::Null, Cell::Float(3.0), Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Binary(&[
                    0, 0, 0, 0, 1, 0x0D, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0,
                    0, 0, 8, 0x40,
                ]),
            ],
            &[Cell::Int(2), Cell::Null],
        ],
    },
    run: |call| {
        let [x, y, z, m] = ["x", "y", "z", "m"].map(|name| call.floats(name));
        // The blocks exist beside the whole for a moment.
        call.check_memory("the points", 2 * 42 * call.rows as u64)?;
        let (bytes, lengths) =
            points::encode_columns([x, y, z, m], columns::srid_of(call), columns::type_of(call)?)?;
        Ok(Output::same(Values::Packed(PackedBytes { bytes, lengths })))
    },
};
