//! Random axes.

use crate::error::Error;
use crate::memory::room;
use crate::number::random::SplitMix;
use crate::vector::orthonormal::orthonormalized;

/// At most `dimension` orthonormal axes.
pub(super) fn axes(dimension: usize, axes: usize, seed: u64) -> Result<Vec<Vec<f64>>, Error> {
    // The axes exist in several copies at a time; the system may refuse the memory here.
    drop(room::<f64>("the axes", dimension.saturating_mul(axes).saturating_mul(3))?);
    let mut random = SplitMix(seed);
    let rows: Vec<Vec<f64>> = (0..axes).map(|_| random.row(dimension)).collect();
    // As many random vectors as dimensions may be dependent, though only in tiny dimensions: such a row is drawn again.
    Ok(orthonormalized(rows, &mut random))
}
