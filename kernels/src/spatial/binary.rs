//! Serialized values from and to ISO WKB.

use super::columns::{self, GEOMETRY, ORDINATES, RESULT_GEOMETRY, SRID, TYPE, VALIDITY};
use super::geometry::interchange;
use crate::registry::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::vector::rows::ID;

const WKB: Column =
    Column { name: "wkb", kind: Kind::Binary, unit: "ISO WKB", summary: "The shape as well-known binary." };
const POINT: &[u8] = &[
    0, 0, 0, 0, 1, 0x0D, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 8, 0x40,
];
const POINT_WKB: &[u8] =
    &[1, 0xE9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 8, 0x40];
const SOURCE: &str = "OGC 06-103r4 and ISO 13249-3, by the crate wkb; Microsoft's documentation of STGeomFromWKB, STAsBinary and AsBinaryZM.";

pub(crate) static READ: Kernel = Kernel {
    name: "spatial_from_wkb",
    family: Family::Spatial,
    summary: "Serialized geometry or geography from ISO WKB, with Z and M.",
    details: "Reads both byte orders, of which each member may have its own, and the codes +1000 (Z), +2000 (M) and +3000 (both). A point whose coordinates are NaN is empty, NaN in Z or M is missing. \
              EWKB (PostGIS's codes with high bits), which the server refuses as well, and curves are errors. With @type = geography x is the longitude, the rings are kept as they run, and \
              @srid must be one of the server's, such as 4326; only points and what @validity calls valid are flagged so.",
    inputs: &[ID, WKB],
    params: &[SRID, TYPE, VALIDITY],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "Empty shapes are kept as such; no bytes are an error.",
    nan: columns::NAN,
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(POINT_WKB)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let values = call.binary(WKB.name);
        let kind = columns::type_of(call)?;
        let rows = columns::map(
            call,
            WKB.name,
            |row| values[row].map(<[u8]>::len),
            |row| {
                let shape = interchange::from_wkb(values[row].unwrap_or_default())?;
                columns::serialize(call, kind, shape).map(Some)
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};

pub(crate) static WRITE: Kernel = Kernel {
    name: "spatial_to_wkb",
    family: Family::Spatial,
    summary: "ISO WKB of serialized geometry or geography, with Z and M.",
    details: "Little-endian, as AsBinaryZM() on the server, or with @ordinates = xy as STAsBinary(). An empty point is written as an empty \
              MULTIPOINT, as the server does; a Z or M that only some positions have is NaN in the others. For geography x is the longitude, as \
              in all WKB. Curves are errors that name their type.",
    inputs: &[ID, GEOMETRY],
    params: &[TYPE, ORDINATES],
    outputs: &[ID, WKB],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: "Empty shapes are kept as such, but for an empty point, which becomes an empty MULTIPOINT.",
    nan: columns::NAN,
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(POINT_WKB)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let rows = columns::map_shapes(call, columns::type_of(call)?, |_, shape| {
            interchange::to_wkb(&columns::with_ordinates(call, shape)).map(Some)
        })?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
