//! Lines back to vectors.

use super::weights::{LINE, SOURCE};
use crate::contract::shared::ID;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::spatial::columns::{self, GEOMETRY, Size};
use crate::spatial::geometry::{problem, series};

const RESULT_ELEMENT: Param = Param {
    name: "element",
    kind: ParamKind::Choice(&["f32", "f64"]),
    default: Some("f32"),
    summary: "Element type of the result.",
};

const RESULT: Column =
    Column { name: "weights", kind: Kind::Binary, unit: "1", summary: "The packed little-endian elements." };

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_weights_inverse",
    family: Family::Spatial,
    summary: "The values of serialized lines through (index, value), as packed vectors.",
    details: "The y of all positions in stored order, rounded to the element type. x is not looked at. Curves are errors: spatial_weights writes none.",
    inputs: &[ID, GEOMETRY],
    optional: &[],
    params: &[RESULT_ELEMENT],
    outputs: &[ID, RESULT],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: "Empty shapes give an empty vector.",
    nan: "A y that f32 cannot hold is an error.",
    accuracy: "Exact for vectors that spatial_weights has written, but for −0, which comes back as 0.",
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes.",
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
                    return Err(problem(format!("y {large:?}"), "values that f32 holds, or element = f64"));
                }
                Ok(Some(y.iter().flat_map(|y| (*y as f32).to_le_bytes()).collect()))
            },
        )?;
        Ok(Output::same(Values::Packed(columns::pack(rows))))
    },
};
