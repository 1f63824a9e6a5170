//! Serialized values from WKT.

use crate::contract::shared::ID;
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::spatial::columns::{self, DIALECT_READ, RESULT_GEOMETRY, SRID_READ, Size, TYPE, VALIDITY};
use crate::spatial::geometry::{srid_of, wkt};

pub(super) const WKT: Column =
    Column { name: "wkt", kind: Kind::LongText, unit: "text", summary: "The shape as well-known text." };
pub(super) const POINT: &[u8] = &[
    0, 0, 0, 0, 1, 0x0E, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0x10,
    0x40,
];
pub(super) const SOURCE: &str = "OGC 06-103r4 and ISO 13249-3; [MS-SSCLRT] for FULLGLOBE.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_from_wkt",
    family: Family::Spatial,
    summary: "Serialized geometry or geography from WKT, with Z and M.",
    details: "Reads POINT (1 2 3 4), NULL for a missing Z or M, both forms of MULTIPOINT, curves (CIRCULARSTRING, COMPOUNDCURVE, CURVEPOLYGON), \
              FULLGLOBE. Reads also the tags of ISO, apart or joined (POINT Z (1 2 3), PointZM (1 2 3 4)), NaN for a missing Z or M, \
              and a SRID before the shape (SRID=4326;POINT (1 2)). Collections may be nested 100 deep. Lines of one position, \
              rings that are not closed and curves with gaps are errors. With type = geography x is the longitude, the rings are kept as they run, and \
              the SRID must be one for the globe, such as 4326; only points, FULLGLOBE and what `validity` calls valid are flagged so.",
    inputs: &[ID, WKT],
    optional: &[],
    params: &[SRID_READ, TYPE, DIALECT_READ, VALIDITY],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "EMPTY shapes are kept as such; the empty text is an error.",
    nan: "NaN in Z or M counts as missing. Other texts of NaN and infinities are errors.",
    accuracy: "Every number is rounded once to the nearest double.",
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: "CAST(geometry AS GEOMETRY) takes the bytes. The server's STGeomFromText refuses tags, NaN and a SRID before the shape. Where the flag of validity is not set, most methods raise error 24144 until MakeValid() has been called.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Text("POINT (1 2 NULL 4)")], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let texts = call.texts(WKT.name);
        let kind = columns::type_of(call)?;
        let dialect = call.chosen(&DIALECT_READ, wkt::Dialect::parse)?;
        let rows = columns::map(
            call,
            WKT.name,
            |row| texts[row].as_deref().map(Size::text),
            |row| {
                let text = texts[row].as_deref().unwrap_or_default();
                let (own, shape) = wkt::read_extended(text, dialect)?;
                let srid = srid_of(columns::srid_of(call), own)?;
                columns::serialize(call, kind, srid, shape).map(Some)
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
