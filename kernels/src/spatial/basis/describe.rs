//! Describes a basis.

use crate::contract::shared::NO_ROWS;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::spatial::basis::Basis;
use crate::spatial::params::{self, BASIS};

pub(crate) const KIND_OF: Column = Column {
    name: "kind",
    kind: Kind::Text,
    unit: "1",
    summary: "clr_v1, landmarks, pca, random or trilateration.",
};
pub(crate) const DIMENSION_OF: Column = Column {
    name: "dimension",
    kind: Kind::Int,
    unit: "1",
    summary: "Dimension of the vectors that it projects.",
};
pub(crate) const AXES_OF: Column =
    Column { name: "axes", kind: Kind::Int, unit: "1", summary: "Number of axes or anchors." };
pub(crate) const SAMPLE_ROWS: Column = Column {
    name: "sample_rows",
    kind: Kind::BigInt,
    unit: "rows",
    summary: "Rows that the bounds were measured on.",
};
pub(crate) const X_MIN: Column = bound("x_min", "Least x of the rows; NULL where there were none.");
pub(crate) const X_MAX: Column = bound("x_max", "Greatest x.");
pub(crate) const Y_MIN: Column = bound("y_min", "Least y.");
pub(crate) const Y_MAX: Column = bound("y_max", "Greatest y.");
pub(crate) const Z_MIN: Column = bound("z_min", "Least z.");
pub(crate) const Z_MAX: Column = bound("z_max", "Greatest z.");
pub(crate) const CHECKSUM: Column = Column {
    name: "checksum",
    kind: Kind::BigInt,
    unit: "1",
    summary: "CRC-32 of the bytes, which end with it.",
};

const fn bound(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit: "that of the vectors", summary }
}

/// One row with the columns from [`KIND_OF`] to [`CHECKSUM`].
pub(crate) fn described(basis: &Basis) -> Vec<Values> {
    let bounds = basis.bounds();
    let bound = |axis: usize, side: usize| {
        // A coordinate that the basis lacks is 0 everywhere.
        let bound = bounds.get(axis).map_or(0.0, |b| b[side]);
        Values::Float(vec![Some(bound).filter(|_| !bounds.is_empty())])
    };
    vec![
        Values::Text(vec![Some(basis.kind().name().into())]),
        Values::Int(vec![Some(basis.dimension() as i32)]),
        Values::Int(vec![Some(basis.axes() as i32)]),
        Values::BigInt(vec![Some(basis.sample() as i64)]),
        bound(0, 0),
        bound(0, 1),
        bound(1, 0),
        bound(1, 1),
        bound(2, 0),
        bound(2, 1),
        Values::BigInt(vec![Some(i64::from(basis.checksum()))]),
    ]
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    Ok(Output { columns: described(&params::basis_of(call)?), picked: None })
}

/// The basis of the examples with bounds: two landmarks in the plane.
pub(crate) const LANDMARKS: &[u8] = b"HBAS\x01\x00\x01\x01\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x80?\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?\x88\x9a8\x05";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_basis",
    family: Family::Spatial,
    summary: "What a stored basis is: its kind, dimension, axes, bounds and checksum.",
    details: "One result row, with what spatial_fit said of the basis when it made it. The checksum is looked at first, so that this is \
              also the test of whether the bytes are whole. The bounds are those to give to spatial_hilbert and spatial_morton.",
    inputs: &[],
    optional: &[],
    params: &[BASIS],
    outputs: &[
        KIND_OF,
        DIMENSION_OF,
        AXES_OF,
        SAMPLE_ROWS,
        X_MIN,
        X_MAX,
        Y_MIN,
        Y_MAX,
        Z_MIN,
        Z_MAX,
        CHECKSUM,
    ],
    rows: RowShape::Made,
    nulls: "Bounds that nobody measured are NULL.",
    empty: "Needs no input.",
    nan: "A basis with a number that is not finite is an error, as is one whose checksum fails.",
    accuracy: "Exact: what is stored.",
    streaming: Streaming::Parts(NO_ROWS),
    source: "The bytes of spatial_fit.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[],
        params: &[("basis", Cell::Binary(LANDMARKS))],
        outputs: &[&[
            Cell::Text("landmarks"),
            Cell::Int(2),
            Cell::Int(2),
            Cell::Int(2),
            Cell::Float(1.0),
            Cell::Float(2.0),
            Cell::Float(0.0),
            Cell::Float(1.0),
            Cell::Float(0.0),
            Cell::Float(0.0),
            Cell::Int(87595656),
        ]],
    },
    run,
};
