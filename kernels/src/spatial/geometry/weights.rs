//! Vectors as lines, and back.

use crate::column::vectors::decode;
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::element::{Element, Width};
use crate::spatial::columns::{self, GEOMETRY, RESULT_GEOMETRY, SRID, Size};
use crate::spatial::geometry::series;

const POINTS_PER_LINE: Param = Param {
    name: "points_per_line",
    kind: ParamKind::Int { min: 3, max: i32::MAX as i64 },
    default: Some("2147483647"),
    summary: "Positions of a line at most; longer vectors become a MULTILINESTRING.",
};
const RESULT_ELEMENT: Param = Param {
    name: "element",
    kind: ParamKind::Choice(&["f32", "f64"]),
    default: Some("f32"),
    summary: "Element type of the result.",
};
const RESULT: Column =
    Column { name: "weights", kind: Kind::Binary, unit: "1", summary: "The packed little-endian elements." };
const LINE: &[u8] = &[
    0, 0, 0, 0, 1, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,
    0, 0, 0, 0, 0, 0, 0, 0xC0,
];
const SOURCE: &str =
    "The functions CreateLineStringFromWeights and CreateMultiLineStringFromWeights that it replaces.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_weights",
    family: Family::Spatial,
    summary: "Vectors as serialized LINESTRINGs through (index, value).",
    details: "Position i is (i, vᵢ), with nothing left out. Vectors of more than points_per_line elements become a MULTILINESTRING whose x numbers on; \
              a last line of one position takes another from the line before. A vector of one element is a POINT, the empty vector \
              LINESTRING EMPTY. The value is flagged valid, which it is. 2 GiB hold 134 million elements.",
    inputs: &[ID, V],
    params: &[SRID, POINTS_PER_LINE, ELEMENT],
    outputs: &[ID, RESULT_GEOMETRY],
    rows: RowShape::Same,
    nulls: columns::NULLS,
    empty: "The empty vector gives LINESTRING EMPTY.",
    nan: "NaN and infinities are errors: the server takes no such coordinate.",
    accuracy: columns::EXACT,
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, -2.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Binary(LINE)]],
    },
    run: |call| {
        let v = call.vectors(0);
        let element = if v.width() == Width::F64 { Element::F64 } else { Element::F32 };
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

pub(crate) static INVERSE: Kernel = Kernel {
    name: "spatial_weights_inverse",
    family: Family::Spatial,
    summary: "The values of serialized lines through (index, value), as packed vectors.",
    details: "The y of all positions in stored order, rounded to the element type. x is not looked at. Curves are errors: spatial_weights writes none.",
    inputs: &[ID, GEOMETRY],
    params: &[RESULT_ELEMENT],
    outputs: &[ID, RESULT],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: "Empty shapes give an empty vector.",
    nan: "A y that f32 cannot hold is an error.",
    accuracy: "Exact for vectors that spatial_weights has written, but for −0, which comes back as 0.",
    streaming: Streaming::Rows,
    source: SOURCE,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(LINE)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[
            &[Cell::Int(1), Cell::Binary(&[0, 0, 0, 0x3F, 0, 0, 0, 0xC0])],
            &[Cell::Int(2), Cell::Null],
        ],
    },
    run: |call| {
        let values = call.binary(GEOMETRY.name);
        let single = call.params.word(RESULT_ELEMENT.name) == "f32";
        let rows = columns::map(
            call,
            GEOMETRY.name,
            |row| values[row].map(Size::binary),
            |row| {
                let Some(y) = series::decode(values[row].unwrap_or_default())? else { return Ok(None) };
                if !single {
                    return Ok(Some(bytemuck::cast_slice(&y).to_vec()));
                }
                if let Some(large) = y.iter().find(|y| !(**y as f32).is_finite()) {
                    return Err(Error::Value {
                        column: String::new(),
                        row: 0,
                        found: format!("y {large:?}"),
                        expected: "values that f32 holds, or @element = f64".into(),
                    });
                }
                Ok(Some(y.iter().flat_map(|y| (*y as f32).to_le_bytes()).collect()))
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
