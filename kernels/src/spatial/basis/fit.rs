//! Fits a basis to vectors.

use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::precision::Accumulate;
use crate::spatial::basis::describe::{
    AXES_OF, CHECKSUM, DIMENSION_OF, KIND_OF, LANDMARKS, SAMPLE_ROWS, X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX,
    Z_MIN, described,
};
use crate::spatial::basis::measured::Measuring;
use crate::spatial::basis::{Basis, BasisKind, MAX_AXES};
use crate::spatial::params::{self, PAD};

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let vectors = call.vectors(0)?;
    let kind = call.chosen(&KIND, BasisKind::parse)?;
    let limit = call.params.int(SAMPLE.name) as usize;
    let of_rows = (0..vectors.len()).find_map(|i| vectors.dimensions(i));
    let dimension = match call.params.int(DIMENSION.name) as usize {
        0 => of_rows.unwrap_or(0),
        given => given,
    };
    if kind == BasisKind::Random && dimension == 0 && of_rows.is_none() {
        return Err(Error::Value {
            place: vectors.place().clone(),
            row: 0,
            found: "no vectors".into(),
            expected: "a row with a vector, or dimension above 0".into(),
        });
    }
    let axes = match kind {
        // More rows are rejected before they are read.
        BasisKind::Landmarks | BasisKind::Trilateration => call.rows.min(MAX_AXES),
        BasisKind::ClrV1 => 3,
        BasisKind::Pca | BasisKind::Random => call.params.int(AXES.name) as usize,
    };
    // Axes exist as doubles, as singles and as bytes; coordinates while they are computed and when they are merged.
    let (n, k, rows) = (dimension as u64, axes as u64, call.rows as u64);
    call.check_memory("the basis", (40 * n).saturating_mul(k))?;
    call.check_memory("the coordinates of the sample", 16 * (k + 1).saturating_mul(rows))?;
    let take = |bytes| call.check_memory("the principal axes", bytes);

    let compute = call.compute.accumulate(Accumulate::F64);
    let basis = match kind {
        BasisKind::ClrV1 => Basis::clr_v1(),
        BasisKind::Random => Basis::random(dimension, axes, call.params.int(SEED.name) as u64)?,
        BasisKind::Pca => Basis::pca_within(compute, vectors, axes, limit, &take)?,
        BasisKind::Landmarks => Basis::landmarks_in(vectors, &call.by_id())?,
        BasisKind::Trilateration => Basis::trilateration_in(compute, vectors, &call.by_id())?,
    };
    let mut measuring = Measuring::new(compute, basis, params::pad_of(call));
    // Landmarks and anchors define the axes; they do not describe the data's variance.
    if !matches!(kind, BasisKind::Landmarks | BasisKind::Trilateration) {
        measuring = measuring.with_variance();
    }
    measuring.add(vectors)?;
    let variance = measuring.variance();
    let basis = measuring.finish();
    let mut columns = described(&basis);
    // After the number of rows.
    columns.insert(4, Values::Float(vec![variance]));
    columns.push(Values::Binary(vec![Some(basis.to_bytes())]));
    Ok(Output { columns, picked: None })
}

const KIND: Param = Param {
    name: "kind",
    kind: ParamKind::Choice(BasisKind::NAMES),
    default: Some("pca"),
    summary: "clr_v1: the three axes of the replaced assembly; landmarks: the rows, orthonormalized by rising id; pca: the principal \
              axes of the rows; random: from `seed`; trilateration: distances to the rows as anchors, by rising id.",
};
const AXES: Param = Param {
    name: "axes",
    kind: ParamKind::Int { min: 1, max: MAX_AXES as i64 },
    default: Some("3"),
    summary: "Axes of pca and random. Landmarks and trilateration have one for each row, clr_v1 has three.",
};
const DIMENSION: Param = Param {
    name: "dimension",
    kind: ParamKind::Int { min: 0, max: 1 << 20 },
    default: Some("0"),
    summary: "Dimension of a random basis; 0: that of the rows.",
};
const SEED: Param = Param {
    name: "seed",
    kind: ParamKind::Int { min: 0, max: i64::MAX },
    default: Some("42"),
    summary: "Seed of a random basis.",
};
const SAMPLE: Param = Param {
    name: "sample",
    kind: ParamKind::Int { min: 2, max: 1 << 24 },
    default: Some("10000"),
    summary: "Rows that pca looks at, at most: of more, evenly spaced ones.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_fit",
    family: Family::Spatial,
    summary: "Makes a basis, the map from vectors to points, and returns it as bytes.",
    details: "One result row. The axes are orthonormal and stored as singles; trilateration has no axes: its coordinates are the \
              distances to the anchors, divided by the largest distance between two anchors or 1, whichever is greater. \
              The bounds of x, y and z are those of the rows, to be given to the curves' keys; with landmarks and trilateration the rows \
              are the landmarks or anchors, so that other vectors may lie outside. A coordinate beyond the axes is 0. The bytes have \
              a version, the bounds of all axes and a checksum.",
    inputs: &[ID, V],
    optional: &[],
    params: &[KIND, AXES, DIMENSION, SEED, SAMPLE, PAD, ELEMENT],
    outputs: &[
        KIND_OF,
        DIMENSION_OF,
        AXES_OF,
        SAMPLE_ROWS,
        Column {
            name: "variance",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "Share of the rows' total variance that the coordinates keep, which rounding may take past 1; NULL where the rows do \
                      not vary, and for landmarks and trilateration.",
        },
        X_MIN,
        X_MAX,
        Y_MIN,
        Y_MAX,
        Z_MIN,
        Z_MAX,
        CHECKSUM,
        Column {
            name: "basis",
            kind: Kind::Binary,
            unit: "1",
            summary: "The basis, for the other kernels' parameter `basis`.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A NULL vector is left out of samples; as a landmark or an anchor it is an error. A NULL id comes last.",
    empty: "clr_v1 and, with `dimension`, random need no rows, and then have no bounds; the others say what they miss.",
    nan: "A vector that is not finite is an error that names its row, and so is an anchor that f32 cannot hold.",
    accuracy: "Axes are computed in double precision and rounded to singles. pca: ‖C·a − λ·a‖ ≤ 1e-6·λ₁ for every axis before it is rounded, by subspace \
               iteration on the centred rows, with a wider subspace where axes do not settle; the largest component of each axis is positive. That axes of larger variance have not \
               been missed is made likely by random directions beyond the wanted ones, and is proven by no residual. variance, of n rows of dimension d, where r is the root mean square of their \
               lengths over the root of their total variance, is off by at most (n + d + 16)·2⁻⁵² + (d/16 + 16)·√axes·2⁻⁵³·r + (n·2⁻⁵²·r)². Same bits on every \
               instruction set and for any number of threads.",
    streaming: Streaming::Whole("all rows"),
    source: "Golub and Van Loan 2013, Matrix Computations, sections 5.2.8 and 8.2.4; clr_v1: the class LandmarkProjection of the replaced assembly.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(2), Cell::Vector(&[1.0, 1.0])], &[Cell::Int(1), Cell::Vector(&[2.0, 0.0])]],
        params: &[("kind", Cell::Text("landmarks"))],
        outputs: &[&[
            Cell::Text("landmarks"),
            Cell::Int(2),
            Cell::Int(2),
            Cell::Int(2),
            Cell::Null,
            Cell::Float(1.0),
            Cell::Float(2.0),
            Cell::Float(0.0),
            Cell::Float(1.0),
            Cell::Float(0.0),
            Cell::Float(0.0),
            Cell::Int(87595656),
            Cell::Binary(LANDMARKS),
        ]],
    },
    run,
};
