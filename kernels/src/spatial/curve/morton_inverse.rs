//! Morton keys back to positions.

use super::morton::{Morton, ORDER, SOURCE, order_of};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::spatial::curve;

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_morton_inverse",
    family: Family::Spatial,
    summary: "The positions of Morton keys: the middles of their cells.",
    details: "The inverse of spatial_morton with the same bounds, bits and order: min + (cell + ½) / 2^bits · (max − min) on each axis, \
              of which spatial_morton makes the key again. Bounds so near to each other that a cell is narrower than two steps between doubles are errors that give the least distance.",
    inputs: curve::KEY_COLUMNS,
    optional: &[],
    params: &[curve::MIN, curve::MAX, curve::BITS, ORDER],
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
        inputs: &[&[Cell::Int(1), Cell::Int(53)], &[Cell::Int(2), Cell::Null]],
        params: &[("min", Cell::Text("0")), ("max", Cell::Text("32")), ("bits", Cell::Int(5))],
        outputs: &[
            &[Cell::Int(1), Cell::Float(1.5), Cell::Float(2.5), Cell::Float(3.5)],
            &[Cell::Int(2), Cell::Null, Cell::Null, Cell::Null],
        ],
    },
    run: |call| curve::run_positions(call, Morton(order_of(call.params.word(ORDER.name)))),
};
