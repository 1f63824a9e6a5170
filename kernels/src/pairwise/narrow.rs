//! Sums of a vector of singles with a row of narrower elements, which become singles in registers.
//!
//! The bits are those of the sums with the row as singles. A sum that may have left the range of its lanes is the caller's
//! to compute again.

use crate::arch::{F32_BLOCK, HALF_BLOCK, LANES, Simd, padded};
use crate::pairwise::one_to_many::Wanted;
use crate::pairwise::precision::{Precision, Single, Widened};

/// Prefetch distance: as much as hides the memory's latency, and so reaching into the next row.
const AHEAD: usize = 8192;

/// Elements narrower than singles.
pub(crate) trait Narrow {
    /// Bytes of a block of lanes.
    const BLOCK: usize;
    /// `block.len() == BLOCK`.
    fn load<S: Simd>(simd: S, block: &[u8]) -> S::F32;
    /// A last, incomplete block; missing lanes are 0.
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, tail: &[u8]) -> S::F32 {
        Self::load(simd, &padded::<HALF_BLOCK>(tail)[..Self::BLOCK])
    }
}

/// IEEE 754 half precision.
pub(crate) struct Half;
/// The upper halves of singles.
pub(crate) struct Brain;
/// Signed bytes.
pub(crate) struct Byte;

impl Narrow for Half {
    const BLOCK: usize = HALF_BLOCK;
    #[inline(always)]
    fn load<S: Simd>(simd: S, block: &[u8]) -> S::F32 {
        simd.load_f16(block.try_into().expect("a block of halves"))
    }
}

impl Narrow for Brain {
    const BLOCK: usize = HALF_BLOCK;
    #[inline(always)]
    fn load<S: Simd>(simd: S, block: &[u8]) -> S::F32 {
        simd.load_bf16(block.try_into().expect("a block of halves"))
    }
}

impl Narrow for Byte {
    const BLOCK: usize = LANES;
    #[inline(always)]
    fn load<S: Simd>(simd: S, block: &[u8]) -> S::F32 {
        simd.load_i8(block.try_into().expect("a block of bytes"))
    }
}

/// A precision of vectors of singles.
pub(crate) trait OfSingles: Precision {
    fn of<S: Simd>(simd: S, singles: S::F32) -> Self::Vec<S>;
}

impl OfSingles for Single {
    #[inline(always)]
    fn of<S: Simd>(_: S, singles: S::F32) -> S::F32 {
        singles
    }
}

impl OfSingles for Widened {
    #[inline(always)]
    fn of<S: Simd>(simd: S, singles: S::F32) -> S::F64 {
        simd.widen(singles)
    }
}

/// Adds `step` over the blocks of the query and of a row that comes from memory. The last one is padded with zeros.
macro_rules! over_blocks {
    ($simd:expr, $query:expr, $row:expr, |$x:ident, $y:ident| $step:expr) => {{
        let (mut blocks, mut row_blocks) = ($query.chunks_exact(F32_BLOCK), $row.chunks_exact(N::BLOCK));
        for (block, row_block) in (&mut blocks).zip(&mut row_blocks) {
            $simd.prefetch(row_block, AHEAD);
            let ($x, $y) = (M::load($simd, block), M::of($simd, N::load($simd, row_block)));
            $step;
        }
        let (tail, row_tail) = (blocks.remainder(), row_blocks.remainder());
        if !tail.is_empty() {
            let ($x, $y) = (M::load_tail($simd, tail), M::of($simd, N::load_tail($simd, row_tail)));
            $step;
        }
    }};
}

/// The sum of the query with the row, and the row's dot product with itself for [`Wanted::DotAndSquare`]. Of a Euclidean
/// distance the sum is that of squares. The vectors have as many elements.
#[inline(always)]
pub(crate) fn sums<M: OfSingles, N: Narrow, S: Simd>(
    simd: S,
    wanted: Wanted,
    query: &[u8],
    row: &[u8],
) -> [f64; 2] {
    let (mut sum, mut square) = (M::zero(simd), M::zero(simd));
    match wanted {
        Wanted::Dot => over_blocks!(simd, query, row, |x, y| sum = M::dot(simd, x, y, sum)),
        Wanted::DotAndSquare => over_blocks!(simd, query, row, |x, y| {
            sum = M::dot(simd, x, y, sum);
            square = M::dot(simd, y, y, square);
        }),
        Wanted::EuclideanDistance => {
            over_blocks!(simd, query, row, |x, y| sum = M::square_of_difference(simd, x, y, sum));
        }
        Wanted::ManhattanDistance => {
            over_blocks!(simd, query, row, |x, y| sum = M::absolute_difference(simd, x, y, sum));
        }
    }
    [M::sum(simd, sum), M::sum(simd, square)]
}
