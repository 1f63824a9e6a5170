//! Products of matrices in double precision.
//!
//! They are made in blocks of rows of a fixed size, each by one thread, so the bits do not depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::error::Error;
use crate::parallel;

/// Pieces of `block` rows, each with the number of its first one.
fn pieces(out: MatMut<'_, f64>, block: usize) -> Vec<(usize, MatMut<'_, f64>)> {
    let mut pieces = Vec::new();
    let (mut rest, mut start) = (out, 0);
    while rest.nrows() > 0 {
        let rows = block.min(rest.nrows());
        let (piece, behind) = rest.split_at_row_mut(rows);
        pieces.push((start, piece));
        (rest, start) = (behind, start + rows);
    }
    pieces
}

/// Puts a·b into `out`, or adds it, `block` rows at a time.
pub(super) fn multiply(
    out: MatMut<'_, f64>,
    accum: Accum,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
    block: usize,
) -> Result<(), Error> {
    parallel::each(pieces(out, block), a.nrows() * a.ncols() * size_of::<f64>(), |(start, piece)| {
        let a = a.subrows(start, piece.nrows());
        matmul(piece, accum, a, b, 1.0, Par::Seq);
        Ok(())
    })
}

/// aᵀ·a.
pub(super) fn gram(a: MatRef<'_, f64>) -> Result<Mat<f64>, Error> {
    /// Columns of `a` that one piece takes; of the symmetric product, what lies on and below the diagonal is computed.
    const SIDE: usize = 128;
    let mut out: Mat<f64> = Mat::zeros(a.ncols(), a.ncols());
    parallel::each(pieces(out.as_mut(), SIDE), a.nrows() * a.ncols() * size_of::<f64>(), |(start, rows)| {
        let own = a.subcols(start, rows.nrows());
        let (before, diagonal) = rows.subcols_mut(0, start + own.ncols()).split_at_col_mut(start);
        matmul(before, Accum::Replace, own.transpose(), a.subcols(0, start), 1.0, Par::Seq);
        let all = BlockStructure::Rectangular;
        let lower = BlockStructure::TriangularLower;
        triangular::matmul(diagonal, lower, Accum::Replace, own.transpose(), all, own, all, 1.0, Par::Seq);
        Ok(())
    })?;
    for column in 1..out.ncols() {
        for row in 0..column {
            out[(row, column)] = out[(column, row)];
        }
    }
    Ok(out)
}
