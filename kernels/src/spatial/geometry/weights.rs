//! Vectors as lines.

use crate::column::vectors::decode;
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{Cell, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values};
use crate::spatial::columns::{self, RESULT_GEOMETRY, SRID, Size};
use crate::spatial::geometry::series;

const POINTS_PER_LINE: Param = Param {
    name: "points_per_line",
    kind: ParamKind::Int { min: 3, max: i32::MAX as i64 },
    default: Some("2147483647"),
    summary: "Positions of a line at most; longer vectors become a MULTILINESTRING.",
};
pub(super) const LINE: &[u8] = &[
    0, 0, 0, 0, 1, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,
    0, 0, 0, 0, 0, 0, 0, 0xC0,
];
pub(super) const SOURCE: &str =
    "The functions CreateLineStringFromWeights and CreateMultiLineStringFromWeights that it replaces.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_weights",
    family: Family::Spatial,
    summary: "Vectors as serialized LINESTRINGs through (index, value).",
    details: "Position i is (i, vᵢ), with nothing left out. Vectors of more than points_per_line elements become a MULTILINESTRING whose x numbers on; \
              a last line of one position takes another from the line before. A vector of one element is a POINT, the empty vector \
              LINESTRING EMPTY. The value is flagged valid, which it is. 2 GiB hold 134 million elements.",
    inputs: &[ID, V],
    optional: &[],
    params: &[SRID, POINTS_PER_LINE, ELEMENT],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "The empty vector gives LINESTRING EMPTY.",
    nan: "NaN and infinities are errors: a position has none.",
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: columns::SQL_WRITES,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, -2.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(LINE)]],
    },
    run: |call| {
        let v = call.vectors(0)?;
        let element = v.width().element();
        let most = call.params.int(POINTS_PER_LINE.name) as usize;
        let bytes = v.bytes().len() as u64 / element.size() as u64 * 16;
        call.check_memory("the lines", bytes * 2)?;
        let rows = columns::map(
            call,
            v.name(),
            |row| v.row(row).map(Size::binary),
            |row| {
                let values = decode(element, v.row(row).unwrap_or_default());
                series::encode(&values, most, columns::srid_of(call)).map(Some)
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
