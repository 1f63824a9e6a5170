//! Serialized values from ISO WKB.

use crate::contract::shared::ID;
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::spatial::columns::{self, RESULT_GEOMETRY, SRID_READ, Size, TYPE, VALIDITY};
use crate::spatial::geometry::{srid_of, wkb};

pub(super) const WKB: Column =
    Column { name: "wkb", kind: Kind::Binary, unit: "WKB", summary: "The shape as well-known binary." };
pub(super) const POINT: &[u8] = &[
    0, 0, 0, 0, 1, 0x0D, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 8, 0x40,
];
pub(super) const POINT_WKB: &[u8] =
    &[1, 0xE9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 8, 0x40];
pub(super) const SOURCE: &str =
    "OGC 06-103r4 and ISO 13249-3; PostGIS's documentation of EWKB; [MS-SSCLRT] for FULLGLOBE.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_from_wkb",
    family: Family::Spatial,
    summary: "Serialized geometry or geography from WKB, with Z and M.",
    details: "Reads both byte orders, of which each member may have its own, and ISO's codes: 1 to 10 (8, 9 and 10 are curves), plus 1000 for Z, 2000 for M or 3000 for both, and 126 for FULLGLOBE. \
              Reads also EWKB, which PostGIS and shapely write for Z and M, with its SRID. A point whose coordinates are NaN is empty, NaN in Z or M is missing. \
              With type = geography x is the longitude, the rings are kept as they run, and the SRID must be one for the globe, such as 4326; \
              only points, FULLGLOBE and what `validity` calls valid are flagged so.",
    inputs: &[ID, WKB],
    optional: &[],
    params: &[SRID_READ, TYPE, VALIDITY],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "Empty shapes are kept as such; no bytes are an error.",
    nan: columns::NAN,
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: "CAST(geometry AS GEOMETRY) takes the bytes. The server itself refuses EWKB. Bytes of CAST(g AS varbinary(max)) are no WKB: STAsBinary() and AsBinaryZM() give it. Where the flag of validity is not set, most methods raise error 24144 until MakeValid() has been called.",
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
            |row| values[row].map(Size::binary),
            |row| {
                let (own, shape) = wkb::read_extended(values[row].unwrap_or_default())?;
                let srid = srid_of(columns::srid_of(call), own)?;
                columns::serialize(call, kind, srid, shape).map(Some)
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
