//! Hilbert keys back to positions.

use super::hilbert::{Hilbert, SOURCE};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::spatial::curve;

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_hilbert_inverse",
    family: Family::Spatial,
    summary: "The positions of Hilbert keys: the middles of their cells.",
    details: "The inverse of spatial_hilbert with the same bounds and bits: min + (cell + ½) / 2^bits · (max − min) on each axis, of which spatial_hilbert \
              makes the key again. Bounds so near to each other that a cell is narrower than two steps between doubles are errors that give the least distance.",
    inputs: curve::KEY_COLUMNS,
    optional: &[],
    params: &[curve::MIN, curve::MAX, curve::BITS],
    outputs: curve::INPUTS,
    rows: RowShape::Same,
    nulls: "A NULL key gives NULL coordinates.",
    empty: curve::EMPTY,
    nan: "Keys are whole numbers; one that is negative or has more than 3·bits bits is an error.",
    accuracy: curve::MIDDLES,
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: curve::SQL_BOUNDS,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Int(7865)], &[Cell::Int(2), Cell::Int(0)]],
        params: &[("min", Cell::Text("0")), ("max", Cell::Text("32")), ("bits", Cell::Int(5))],
        outputs: &[
            &[Cell::Int(1), Cell::Float(5.5), Cell::Float(10.5), Cell::Float(20.5)],
            &[Cell::Int(2), Cell::Float(0.5), Cell::Float(0.5), Cell::Float(0.5)],
        ],
    },
    run: |call| curve::run_positions(call, Hilbert),
};
