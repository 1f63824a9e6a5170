//! Lengths of lines.

use crate::contract::shared::ID;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::spatial::columns::{self, GEOMETRY};
use crate::spatial::geometry::SpatialType;
use crate::spatial::measure::{self, Sum};

pub(super) const DIMENSIONS: Param = Param {
    name: "dimensions",
    kind: ParamKind::Int { min: 2, max: 3 },
    default: Some("3"),
    summary: "3 for distances in space, 2 for the plane. Z counts between two positions that have it.",
};
pub(super) const LINE: &[u8] = &[
    0, 0, 0, 0, 1, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x40, 0, 0, 0,
    0, 0, 0, 0x10, 0x40,
];
pub(super) const OVERFLOW: &str =
    "x and y that are not finite are errors. A result that leaves the range of doubles is infinite.";

pub(super) fn spatial(dimensions: i64) -> bool {
    dimensions == 3
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_length",
    family: Family::Spatial,
    summary: "The length of lines and outlines, in space.",
    details: "The sum over all segments of lines and rings of the value; points have length 0. Arcs are errors that name their type.",
    inputs: &[ID, GEOMETRY],
    optional: &[],
    params: &[DIMENSIONS],
    outputs: &[
        ID,
        Column {
            name: "length",
            kind: Kind::Float,
            unit: "length",
            summary: "Length of all lines and rings.",
        },
    ],
    rows: RowShape::Same,
    nulls: columns::NULL_INSTANCES,
    empty: "Empty shapes have length 0. No rows give no rows.",
    nan: OVERFLOW,
    accuracy: "Of s segments a relative error of at most 5·2⁻⁵³ + s²·2⁻¹⁰⁶, for coordinates of any size; below the range of normal doubles each segment may be off by half a unit in the last place. Same bits on every machine.",
    streaming: Streaming::Rows,
    source: "Euclid; the sum is compensated (Neumaier 1974).",
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes. STLength() is that of dimensions = 2. STCurveToLine() makes straight segments of arcs.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Binary(LINE)], &[Cell::Int(2), Cell::Null]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Float(5.0)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let spatial = spatial(call.params.int(DIMENSIONS.name));
        let rows = columns::map_shapes(call, SpatialType::Geometry, |_, shape| {
            let (mut lines, mut sum) = (Vec::new(), Sum::default());
            measure::lines(&shape, &mut lines)?;
            lines.iter().for_each(|line| sum.add(measure::length(line, spatial)));
            Ok(Some(sum.value()))
        })?;
        Ok(Output::same(Values::Float(rows)))
    },
};
