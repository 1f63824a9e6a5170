//! Products of matrices in double precision.
//!
//! They are made in blocks of rows of a fixed size, each by one thread, so the bits do not depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::error::Error;
use crate::parallel;

/// Puts a·b into `out`, or adds it, `block` rows at a time.
pub(super) fn multiply(
    out: MatMut<'_, f64>,
    accum: Accum,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
    block: usize,
) -> Result<(), Error> {
    let mut pieces = Vec::new();
    let (mut rest, mut start) = (out, 0);
    while rest.nrows() > 0 {
        let rows = block.min(rest.nrows());
        let (piece, behind) = rest.split_at_row_mut(rows);
        pieces.push((start, piece));
        (rest, start) = (behind, start + rows);
    }
    parallel::each(pieces, a.nrows() * a.ncols() * size_of::<f64>(), |(start, piece)| {
        let a = a.subrows(start, piece.nrows());
        matmul(piece, accum, a, b, 1.0, Par::Seq);
        Ok(())
    })
}
