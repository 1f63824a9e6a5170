//! Matrices from their components.

use rayon::prelude::*;

use crate::arch::{F32_BLOCK, LANES, Simd, Task};
use crate::compute::Compute;
use crate::error::Error;
use crate::tensor::svd::Svd;

/// The matrix that the components make up, row after row: x = Σₖ σₖ·uₖ·vₖᵀ.
///
/// # Shapes
///
/// Any number k of components, also none, which is the zero matrix; rows × columns singles.
///
/// # Errors
///
/// [`Error::Value`] where `u` and `v` have not k × rows and k × columns elements; [`Error::Setting`] as [`Compute::new`].
///
/// # Accuracy
///
/// σₖ·uᵢₖ is computed in double precision and rounded to single; an element starts at +0 and takes its k products with vⱼₖ in
/// ascending order, by one fused multiply-add in single precision each. The bits are the same on every level and for any
/// number of threads. Each of the k roundings is within half a unit in the last place of the sum so far.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::{SvdOptions, reconstruct, svd};
///
/// let factors = svd(&[0.0, 3.0, 4.0, 0.0], 2, 2, &SvdOptions { rank: 1, ..SvdOptions::default() })?;
/// assert_eq!(reconstruct(&factors)?, [0.0, 0.0, 4.0, 0.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn reconstruct(components: &Svd) -> Result<Vec<f32>, Error> {
    reconstruct_with(Compute::new()?, components)
}

/// As [`reconstruct`], on the instruction-set level of `compute`, which never changes a result.
///
/// # Errors
///
/// As [`reconstruct`].
pub fn reconstruct_with(compute: Compute, components: &Svd) -> Result<Vec<f32>, Error> {
    let Svd { rows, columns, singular_values, u, v, .. } = components;
    for (name, vectors, length) in [("u", u, *rows), ("v", v, *columns)] {
        if length.checked_mul(singular_values.len()) != Some(vectors.len()) {
            return Err(Error::Value {
                column: name.into(),
                row: 0,
                found: format!("{} elements", vectors.len()),
                expected: format!("{} vectors of {length} elements", singular_values.len()),
            });
        }
    }
    let mut out = vec![0.0; rows * columns];
    if out.is_empty() || singular_values.is_empty() {
        return Ok(out);
    }
    let right = pack_right(v, *columns);
    let block = BLOCK_ROWS * columns;
    let rank = singular_values.len();
    let work = |(i, out): (usize, &mut [f32])| {
        let right = &right;
        compute.level.run(Block { components, right, rank, first: i * BLOCK_ROWS, out });
    };
    // Fewer multiplications than this are done before another thread has woken up.
    if rows * columns * rank < 1 << 20 {
        out.chunks_mut(block).enumerate().for_each(work);
    } else {
        out.par_chunks_mut(block).enumerate().for_each(work);
    }
    Ok(out)
}

/// Rows that one task computes: divisible by the rows of every tile. With [`DEPTH`] components they stay in the second-level cache.
const BLOCK_ROWS: usize = 96;
/// Components that are added before the next tile of the matrix: 32 columns of them fit the first-level cache.
const DEPTH: usize = 256;

/// The right vectors in panels of 32 columns, a panel's columns one component after the other, filled up with zeros.
fn pack_right(v: &[f32], columns: usize) -> Vec<f32> {
    let depth = v.len() / columns;
    let mut packed = vec![0.0; columns.div_ceil(LANES) * LANES * depth];
    packed.par_chunks_mut(LANES * depth).enumerate().for_each(|(panel, packed)| {
        let start = panel * LANES;
        let width = LANES.min(columns - start);
        for (packed, v) in packed.chunks_exact_mut(LANES).zip(v.chunks_exact(columns)) {
            packed[..width].copy_from_slice(&v[start..start + width]);
        }
    });
    packed
}

/// A block of rows of the matrix.
struct Block<'a> {
    components: &'a Svd,
    right: &'a [f32],
    rank: usize,
    /// First row.
    first: usize,
    out: &'a mut [f32],
}

impl Task for Block<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // As many rows as the registers hold sums of.
        if S::WIDE_TILE { self.tiles::<S, 12>(simd) } else { self.tiles::<S, 3>(simd) }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const R: usize>(self, simd: S) {
        let Block { components: Svd { columns, .. }, right, rank, out, .. } = self;
        let rows = out.len() / columns;
        let mut left = vec![[0.0; R]; rows.div_ceil(R) * DEPTH.min(rank)];
        for start in (0..rank).step_by(DEPTH) {
            let depth = DEPTH.min(rank - start);
            let left = &mut left[..rows.div_ceil(R) * depth];
            pack_left(self.components, start, self.first, rows, left);
            for (panel, right) in right.chunks_exact(LANES * rank).enumerate() {
                let right = right[start * LANES..][..depth * LANES].as_chunks().0;
                let column = panel * LANES;
                for (panel, left) in left.chunks_exact(depth).enumerate() {
                    let tile = &mut out[panel * R * columns..];
                    add_tile(simd, left, right, tile, *columns, column, start == 0);
                }
            }
        }
    }
}

/// The left vectors of components from `start` times their singular values, in panels of `R` rows, a panel's rows one
/// component after the other. Rows that are missing in the last panel keep what they are.
#[inline(always)]
fn pack_left<const R: usize>(
    components: &Svd,
    start: usize,
    first: usize,
    rows: usize,
    packed: &mut [[f32; R]],
) {
    let depth = packed.len() / rows.div_ceil(R);
    for k in 0..depth {
        let sigma = components.singular_values[start + k];
        let u = &components.u[(start + k) * components.rows + first..][..rows];
        for (u, packed) in u.chunks(R).zip(packed.chunks_exact_mut(depth)) {
            for (packed, u) in packed[k].iter_mut().zip(u) {
                *packed = (sigma * f64::from(*u)) as f32;
            }
        }
    }
}

/// Adds the components' products to a tile of `R` rows and 32 columns, from `column`, of the matrix that begins with the
/// tile's first row and may end before its last one. `fresh`: the tile is zero.
#[inline(always)]
fn add_tile<S: Simd, const R: usize>(
    simd: S,
    left: &[[f32; R]],
    right: &[[f32; LANES]],
    out: &mut [f32],
    columns: usize,
    column: usize,
    fresh: bool,
) {
    let width = LANES.min(columns - column);
    let row = |r: usize| {
        let start = r * columns + column;
        start..start + width
    };
    // The loops over rows have a constant length, so that the sums stay in registers.
    let mut sums = [simd.zero_f32(); R];
    if !fresh {
        for (r, sum) in sums.iter_mut().enumerate() {
            if let Some(part) = out.get(row(r)) {
                let part = bytemuck::cast_slice(part);
                *sum = match part.try_into() {
                    Ok(block) => simd.load_f32(block),
                    Err(_) => simd.load_f32_tail(part),
                };
            }
        }
    }
    for (left, right) in left.iter().zip(right) {
        let right = simd.load_f32(bytemuck::cast_ref(right));
        for r in 0..R {
            sums[r] = simd.fma_f32(simd.splat_f32(left[r]), right, sums[r]);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        if let Some(part) = out.get_mut(row(r)) {
            let part: &mut [u8] = bytemuck::cast_slice_mut(part);
            match (&mut *part).try_into() {
                Ok(block) => simd.store_f32(sum, block),
                Err(_) => {
                    let mut block = [0; F32_BLOCK];
                    simd.store_f32(sum, &mut block);
                    part.copy_from_slice(&block[..part.len()]);
                }
            }
        }
    }
}
