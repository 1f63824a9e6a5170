//! Serialized values to ISO WKB.

use super::from_wkb::{POINT, POINT_WKB, SOURCE, WKB};
use crate::contract::shared::ID;
use crate::contract::{Cell, Example, Family, Kernel, Output, RowShape, Streaming, Values};
use crate::spatial::columns::{self, GEOMETRY, ORDINATES, TYPE};
use crate::spatial::geometry::wkb;

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_to_wkb",
    family: Family::Spatial,
    summary: "ISO WKB of serialized geometry or geography, with Z and M.",
    details: "Little-endian. An empty point is written as an empty MULTIPOINT; a Z or M that only some positions have is NaN in the others. For geography x is the longitude, as \
              in all WKB. Curves have the codes 8 to 10, FULLGLOBE 126.",
    inputs: &[ID, GEOMETRY],
    optional: &[],
    params: &[TYPE, ORDINATES],
    outputs: &[ID, WKB],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: "Empty shapes are kept as such, but for an empty point, which becomes an empty MULTIPOINT.",
    nan: columns::NAN,
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes. As AsBinaryZM(), or with ordinates = xy as STAsBinary().",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(POINT)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(POINT_WKB)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let rows = columns::map_shapes(call, columns::type_of(call)?, |_, shape| {
            wkb::write(&columns::with_ordinates(call, shape)).map(Some)
        })?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
