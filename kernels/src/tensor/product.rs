//! Matrix products in double precision.
//!
//! They are computed in blocks of a fixed number of rows, each by one thread, so the bits do not depend on the number
//! of threads.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::arch;
use crate::error::Error;
use crate::parallel;

/// Rows of a result that one thread computes.
const BLOCK: usize = 128;

/// A zero matrix, in huge pages where available.
pub(super) fn zeros(rows: usize, columns: usize) -> Mat<f64> {
    let mut out = Mat::with_capacity(rows, columns);
    arch::prefer_large(out.as_ptr(), rows * columns);
    out.resize_with(rows, columns, |_, _| 0.0);
    out
}

/// Blocks of consecutive rows, each with the index of its first row.
fn pieces(out: MatMut<'_, f64>) -> Vec<(usize, MatMut<'_, f64>)> {
    let mut pieces = Vec::new();
    let (mut rest, mut start) = (out, 0);
    while rest.nrows() > 0 {
        let rows = BLOCK.min(rest.nrows());
        let (piece, behind) = rest.split_at_row_mut(rows);
        pieces.push((start, piece));
        (rest, start) = (behind, start + rows);
    }
    pieces
}

/// a·b.
pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Result<Mat<f64>, Error> {
    let mut out = zeros(a.nrows(), b.ncols());
    parallel::each(pieces(out.as_mut()), a.nrows() * a.ncols() * size_of::<f64>(), |(start, piece)| {
        let a = a.subrows(start, piece.nrows());
        matmul(piece, Accum::Replace, a, b, 1.0, Par::Seq);
        Ok(())
    })?;
    Ok(out)
}

/// aᵀ·a.
pub(super) fn gram(a: MatRef<'_, f64>) -> Result<Mat<f64>, Error> {
    let mut out = zeros(a.ncols(), a.ncols());
    parallel::each(pieces(out.as_mut()), a.nrows() * a.ncols() * size_of::<f64>(), |(start, rows)| {
        let own = a.subcols(start, rows.nrows());
        let (before, diagonal) = rows.subcols_mut(0, start + own.ncols()).split_at_col_mut(start);
        matmul(before, Accum::Replace, own.transpose(), a.subcols(0, start), 1.0, Par::Seq);
        let all = BlockStructure::Rectangular;
        let lower = BlockStructure::TriangularLower;
        triangular::matmul(diagonal, lower, Accum::Replace, own.transpose(), all, own, all, 1.0, Par::Seq);
        Ok(())
    })?;
    // The half that was not computed.
    for column in 1..out.ncols() {
        for row in 0..column {
            out[(row, column)] = out[(column, row)];
        }
    }
    Ok(out)
}
