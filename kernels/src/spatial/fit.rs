//! A basis from vectors.

use std::ops::Range;

use crate::error::Error;
use crate::parallel;
use crate::reduce::Accumulate;
use crate::registry::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Values,
};
use crate::spatial::basis::{Basis, BasisKind, MAX_AXES};
use crate::spatial::params::{PAD, WHOLE, pad_of};
use crate::vector::rows::{ELEMENT, ID, V};
use crate::vectors::{Vectors, decode};

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let vectors = call.vectors(0);
    let kind = BasisKind::parse(call.params.word(KIND.name)).unwrap_or(BasisKind::Pca);
    let axes = call.params.int(AXES.name) as usize;
    let limit = call.params.int(SAMPLE.name) as usize;
    let dimension = match call.params.int(DIMENSION.name) as usize {
        0 => (0..vectors.len()).find_map(|i| vectors.dimensions(i)).unwrap_or(0),
        given => given,
    };
    // Axes stand as doubles, as singles and as bytes; for PCA there are the sample's columns and two square matrices as well.
    let (n, k, rows) = (dimension as u64, axes as u64, call.rows as u64);
    let matrices = if kind == BasisKind::Pca { 8 * n * (rows.min(limit as u64) + 2 * n) } else { 0 };
    call.check_memory("the basis", matrices.saturating_add(40 * n * k))?;
    call.check_memory("the coordinates of the sample", 8 * (k + 1).saturating_mul(rows))?;

    let compute = call.compute.accumulate(Accumulate::F64);
    let order = || {
        let mut order: Vec<usize> = (0..vectors.len()).collect();
        if let Some(ids) = call.keys() {
            order.sort_by_key(|row| (ids[*row].is_none(), ids[*row]));
        }
        order
    };
    let basis = match kind {
        BasisKind::ClrV1 => Basis::clr_v1(),
        BasisKind::Random => Basis::random(dimension, axes, call.params.int(SEED.name) as u64)?,
        BasisKind::Pca => Basis::pca(compute, vectors, axes, limit)?,
        BasisKind::Landmarks => Basis::landmarks_in(vectors, &order())?,
        BasisKind::Trilateration => Basis::trilateration_in(compute, vectors, &order())?,
    };
    // Landmarks and anchors are no sample: they say what the axes are, not where the data lie.
    let (basis, variance) = match kind {
        BasisKind::Landmarks | BasisKind::Trilateration => (basis, None),
        _ => {
            let basis = basis.measured(compute, vectors, pad_of(call))?;
            let variance = variance(&basis, vectors)?;
            (basis, variance)
        }
    };
    let bound = |axis: usize, side: usize| {
        let bounds = basis.bounds();
        // A coordinate that the basis does not have is 0 everywhere.
        let bound = bounds.get(axis).map_or(0.0, |b| b[side]);
        Values::Float(vec![Some(bound).filter(|_| !bounds.is_empty())])
    };
    let checksum = i64::from(basis.checksum());
    Ok(Output {
        columns: vec![
            Values::Text(vec![Some(kind.name().into())]),
            Values::Int(vec![Some(basis.dimension() as i32)]),
            Values::Int(vec![Some(basis.axes() as i32)]),
            Values::BigInt(vec![Some(basis.sample() as i64)]),
            Values::Float(vec![variance]),
            bound(0, 0),
            bound(0, 1),
            bound(1, 0),
            bound(1, 1),
            bound(2, 0),
            bound(2, 1),
            Values::BigInt(vec![Some(checksum)]),
            Values::Binary(vec![Some(basis.to_bytes())]),
        ],
        picked: None,
    })
}

/// The share of the vectors' variance that the coordinates keep; `None` where there is no variance.
fn variance(basis: &Basis, vectors: &Vectors<'_>) -> Result<Option<f64>, Error> {
    let total = moments(vectors, basis.dimension(), |row, out| out.copy_from_slice(row))?;
    let axes: Vec<Vec<f64>> =
        (0..basis.axes()).map(|a| basis.axis(a).iter().map(|v| f64::from(*v)).collect()).collect();
    let kept = moments(vectors, axes.len(), |row, out| {
        for (out, axis) in out.iter_mut().zip(&axes) {
            *out = row.iter().zip(axis).map(|(v, a)| v * a).sum();
        }
    })?;
    Ok(Some(kept / total).filter(|share| share.is_finite()).map(|share| share.min(1.0)))
}

/// The total variance of what `map` makes of each vector, filled up with zeros: Σ‖m‖²/N − ‖Σm/N‖².
fn moments(
    vectors: &Vectors<'_>,
    numbers: usize,
    map: impl Fn(&[f64], &mut [f64]) + Sync + Send,
) -> Result<f64, Error> {
    let blocks = parallel::blocks(vectors.len(), vectors.bytes().len(), |range: Range<usize>| {
        let (mut sum, mut squares, mut count) = (vec![0.0; numbers], 0.0, 0.0);
        let mut mapped = vec![0.0; numbers];
        for row in range.filter_map(|i| vectors.row(i)) {
            let mut row = decode(vectors.wide_element(), row);
            row.resize(row.len().max(numbers), 0.0);
            map(&row, &mut mapped);
            sum.iter_mut().zip(&mapped).for_each(|(sum, v)| *sum += v);
            squares += mapped.iter().map(|v| v * v).sum::<f64>();
            count += 1.0;
        }
        Ok((sum, squares, count))
    })?;
    let (mut sum, mut squares, mut count) = (vec![0.0; numbers], 0.0, 0.0);
    for block in blocks {
        sum.iter_mut().zip(block.0).for_each(|(sum, v)| *sum += v);
        squares += block.1;
        count += block.2;
    }
    Ok((squares - sum.iter().map(|v| v * v).sum::<f64>() / count) / count)
}

const KIND: Param = Param {
    name: "kind",
    kind: ParamKind::Choice(BasisKind::NAMES),
    default: Some("pca"),
    summary: "clr_v1: the three axes of the replaced assembly; landmarks: the rows, orthonormalized by rising id; pca: the principal \
              axes of the rows; random: from @seed; trilateration: distances to the rows as anchors, by rising id.",
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

const fn bound(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit: "that of the vectors", summary }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_fit",
    family: Family::Spatial,
    summary: "Makes a basis, the map from vectors to points, and returns it as bytes.",
    details: "One result row. The axes are orthonormal and stored as singles; trilateration has no axes: its coordinates are the \
              distances to the anchors, divided by the largest distance between two anchors or 1, whichever is greater. \
              The bounds of x, y and z are those of the rows, to be given to the curves' keys; landmarks and anchors are no sample, \
              so there they are NULL. A coordinate beyond the axes is 0. The bytes have a version and a checksum.",
    inputs: &[ID, V],
    params: &[KIND, AXES, DIMENSION, SEED, SAMPLE, PAD, ELEMENT],
    outputs: &[
        Column { name: "kind", kind: Kind::Text, unit: "1", summary: "As @kind." },
        Column {
            name: "dimension",
            kind: Kind::Int,
            unit: "1",
            summary: "Dimension of the vectors that it projects.",
        },
        Column { name: "axes", kind: Kind::Int, unit: "1", summary: "Number of axes or anchors." },
        Column {
            name: "sample_rows",
            kind: Kind::BigInt,
            unit: "rows",
            summary: "Rows that bounds and variance were measured on.",
        },
        Column {
            name: "variance",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "Share of the rows' total variance that the coordinates keep; NULL where there is none.",
        },
        bound("x_min", "Least x of the rows."),
        bound("x_max", "Greatest x."),
        bound("y_min", "Least y."),
        bound("y_max", "Greatest y."),
        bound("z_min", "Least z."),
        bound("z_max", "Greatest z."),
        Column {
            name: "checksum",
            kind: Kind::BigInt,
            unit: "1",
            summary: "CRC-32 of the bytes, which end with it.",
        },
        Column {
            name: "basis",
            kind: Kind::Binary,
            unit: "1",
            summary: "The basis, for the other kernels' @basis.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A NULL vector is left out of samples; as a landmark or an anchor it is an error. A NULL id comes last.",
    empty: "clr_v1 and, with @dimension, random need no rows; the others say what they miss.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Axes are computed in double precision and rounded to singles. pca: until ‖C·a − λ·a‖ ≤ 1e-6·λ₁ for every axis, or 300 \
               steps of subspace iteration; the largest component of each axis is positive. Same bits on every \
               instruction set and for any number of threads.",
    streaming: WHOLE,
    source: "Golub and Van Loan 2013, Matrix Computations, sections 5.2.8 and 8.2.4; clr_v1: SQLCLR class LandmarkProjection.",
    example: Example {
        inputs: &[
            &[Cell::Int(2), Cell::Vector(&[1.0, 1.0])],
            &[Cell::Int(1), Cell::Vector(&[2.0, 0.0])],
        ],
        params: &[("kind", Cell::Text("landmarks"))],
        outputs: &[&[
            Cell::Text("landmarks"),
            Cell::Int(2),
            Cell::Int(2),
            Cell::Int(0),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Int(18651837),
            Cell::Binary(b"HBAS\x01\x00\x01\x00\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x80?\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?\xbd\x9a\x1c\x01"),
        ]],
    },
    run,
};
