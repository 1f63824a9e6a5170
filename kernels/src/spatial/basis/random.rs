//! Random axes.

use super::orthonormal;
use crate::random::SplitMix;

/// At most `dimension` orthonormal axes.
pub(super) fn axes(dimension: usize, axes: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = SplitMix(seed);
    let mut rows: Vec<Vec<f64>> = (0..axes).map(|_| random.row(dimension)).collect();
    loop {
        match orthonormal::gram_schmidt(rows.clone()) {
            Ok(axes) => return axes,
            // As many random vectors as dimensions may be dependent, if only in tiny dimensions: such a row is drawn again.
            Err(collinear) => rows[collinear.row] = random.row(dimension),
        }
    }
}
