//! Serialized values from and to WKT.

use super::columns::{self, DIALECT, GEOMETRY, ORDINATES, RESULT_GEOMETRY, SRID, TYPE, VALIDITY};
use super::geometry::wkt;
use crate::registry::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::vector::rows::ID;

const WKT: Column =
    Column { name: "wkt", kind: Kind::LongText, unit: "text", summary: "The shape as well-known text." };
const POINT: &[u8] = &[
    0, 0, 0, 0, 1, 0x0E, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0x10,
    0x40,
];
const SOURCE: &str = "Microsoft's documentation of STGeomFromText, STAsText and AsTextZM; OGC 06-103r4 and ISO 13249-3 for iso.";

pub(crate) static READ: Kernel = Kernel {
    name: "spatial_from_wkt",
    family: Family::Spatial,
    summary: "Serialized geometry or geography from WKT, with Z and M.",
    details: "Reads what STGeomFromText reads (POINT (1 2 3 4), NULL for a missing Z or M, both forms of MULTIPOINT) or, with @dialect = iso, \
              tagged WKT (POINT ZM (1 2 3 4)), which the server refuses. Collections may be nested 100 deep. Curves, lines of one position \
              and rings that are not closed are errors. With @type = geography x is the longitude, the rings are kept as they run, and \
              @srid must be one of the server's, such as 4326; only points, FULLGLOBE and what @validity calls valid are flagged so.",
    inputs: &[ID, WKT],
    params: &[SRID, TYPE, DIALECT, VALIDITY],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "EMPTY shapes are kept as such; the empty text is an error.",
    nan: "Texts of NaN and infinities are errors.",
    accuracy: "Every number is rounded once to the nearest double.",
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Text("POINT (1 2 NULL 4)")], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let texts = call.texts(WKT.name);
        let kind = columns::type_of(call)?;
        let read = match call.params.word(DIALECT.name) {
            "iso" => wkt::read_iso,
            _ => wkt::read,
        };
        let rows = columns::map(
            call,
            WKT.name,
            |row| texts[row].as_ref().map(String::len),
            |row| {
                let shape = read(texts[row].as_deref().unwrap_or_default())?;
                columns::serialize(call, kind, shape).map(Some)
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};

pub(crate) static WRITE: Kernel = Kernel {
    name: "spatial_to_wkt",
    family: Family::Spatial,
    summary: "WKT of serialized geometry or geography, with Z and M.",
    details: "Writes what ToString() and AsTextZM() write on the server or, with @dialect = iso, tagged WKT (POINT Z (1 2 3)), where a Z or M that \
              only some positions have is an error. For geography x is the longitude, as in all WKT. Curves are errors that \
              name their type.",
    inputs: &[ID, GEOMETRY],
    params: &[TYPE, DIALECT, ORDINATES],
    outputs: &[ID, WKT],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: columns::EMPTY,
    nan: "NaN in Z or M counts as missing; an infinite one, for which text has no word, is an error.",
    accuracy: "The text gives the same doubles back: 15 digits where those do, else 17.",
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Text("POINT (1 2 NULL 4)")], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let iso = call.params.word(DIALECT.name) == "iso";
        let rows = columns::map_shapes(call, columns::type_of(call)?, |_, shape| {
            let shape = columns::with_ordinates(call, shape);
            let text = if iso { wkt::write_iso(&shape) } else { wkt::write(&shape) };
            text.map(Some)
        })?;
        Ok(Output::same(Values::Text(rows)))
    },
};
