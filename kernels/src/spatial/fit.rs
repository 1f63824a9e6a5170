//! A basis from vectors.

use crate::error::Error;
use crate::reduce::Accumulate;
use crate::registry::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Values,
};
use crate::spatial::basis::{Basis, BasisKind, MAX_AXES};
use crate::spatial::params::{PAD, WHOLE, pad_of};
use crate::spatial::project;
use crate::vector::rows::{ELEMENT, ID, V};
use crate::vectors::{Vectors, decode};

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let vectors = call.vectors(0);
    let kind = BasisKind::parse(call.params.word(KIND.name)).unwrap_or(BasisKind::Pca);
    let axes = call.params.int(AXES.name) as usize;
    let dimension = match call.params.int(DIMENSION.name) as usize {
        0 => (0..vectors.len()).find_map(|i| vectors.dimensions(i)).unwrap_or(0),
        given => given,
    };
    // The axes as doubles while they are made, as singles and as bytes; PCA has the sample's columns and two square matrices.
    let limit = call.params.int(SAMPLE.name) as usize;
    let (n, k, rows) = (dimension as u64, axes as u64, call.rows.min(limit) as u64);
    let matrices = if kind == BasisKind::Pca { 8 * n * (rows + 2 * n) } else { 0 };
    call.check_memory("the basis", matrices.saturating_add(40 * n * k))?;
    call.check_memory("the coordinates of the sample", 8 * (k + 1) * call.rows as u64)?;

    let compute = call.compute.accumulate(Accumulate::F64);
    let pad = pad_of(call);
    let (basis, sample) = match kind {
        BasisKind::ClrV1 => (Basis::clr_v1(), true),
        BasisKind::Random => (Basis::random(dimension, axes, call.params.int(SEED.name) as u64)?, true),
        BasisKind::Pca => (Basis::pca(compute, vectors, axes, limit)?, true),
        // Landmarks are no sample: they say what the axes are, not where the data lie.
        BasisKind::Landmarks => (Basis::landmarks(&in_order(call, vectors)?)?, false),
        BasisKind::Trilateration => (Basis::trilateration(compute, &in_order(call, vectors)?)?, false),
    };
    let (basis, variance) = if sample && vectors.bytes().is_empty() {
        (basis, None)
    } else {
        let variance =
            if kind == BasisKind::Trilateration { None } else { share(call, &basis, vectors, pad)? };
        (basis.measured(compute, vectors, pad)?, variance)
    };
    let bound = |axis: usize, side: usize| {
        let bounds = basis.bounds();
        // A coordinate that the basis does not have is 0 everywhere.
        if bounds.is_empty() { None } else { Some(bounds.get(axis).map_or(0.0, |b| b[side])) }
    };
    let bytes = basis.to_bytes();
    let float = |v: Option<f64>| Values::Float(vec![v]);
    Ok(Output {
        columns: vec![
            Values::Text(vec![Some(kind.name().into())]),
            Values::Int(vec![Some(basis.dimension() as i32)]),
            Values::Int(vec![Some(basis.axes() as i32)]),
            Values::BigInt(vec![Some(basis.sample() as i64)]),
            float(variance),
            float(bound(0, 0)),
            float(bound(0, 1)),
            float(bound(1, 0)),
            float(bound(1, 1)),
            float(bound(2, 0)),
            float(bound(2, 1)),
            Values::BigInt(vec![Some(i64::from(basis.checksum()))]),
            Values::Binary(vec![Some(bytes)]),
        ],
        picked: None,
    })
}

/// The vectors by rising id, because rows of a query come in no order; in the order of the input where ids are no integers.
fn in_order(call: &Call<'_>, vectors: &Vectors<'_>) -> Result<PackedRows, Error> {
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    if let Some(ids) = call.keys() {
        order.sort_by_key(|row| (ids[*row].is_none(), ids[*row]));
    }
    PackedRows::new(vectors, &order)
}
