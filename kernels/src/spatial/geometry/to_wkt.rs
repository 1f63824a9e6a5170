//! Serialized values to WKT.

use super::from_wkt::{POINT, SOURCE, WKT};
use crate::contract::shared::ID;
use crate::contract::{Cell, Example, Family, Kernel, Output, RowShape, Streaming, Values};
use crate::spatial::columns::{self, DIALECT, GEOMETRY, ORDINATES, TYPE};
use crate::spatial::geometry::wkt;

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_to_wkt",
    family: Family::Spatial,
    summary: "WKT of serialized geometry or geography, with Z and M.",
    details: "Writes up to four numbers a position without a tag (POINT (1 2 3)) or, with dialect = iso, tagged WKT (POINT Z (1 2 3)), where a Z or M that \
              only some positions have is an error. For geography x is the longitude, as in all WKT. Curves are written as such; FULLGLOBE is an error with dialect = iso, which has no word for it.",
    inputs: &[ID, GEOMETRY],
    optional: &[],
    params: &[TYPE, DIALECT, ORDINATES],
    outputs: &[ID, WKT],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: columns::EMPTY,
    nan: "NaN in Z or M counts as missing; an infinite one, for which text has no word, is an error.",
    accuracy: "The text gives the same doubles back: 15 digits where those do, else 17.",
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes. As ToString() and AsTextZM(), or with ordinates = xy as STAsText().",
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
