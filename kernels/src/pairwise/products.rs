//! All dot products of two sets of vectors of doubles.

use crate::arch::{Simd, Task};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Double;
use crate::pairwise::tiles::Tiles;
use crate::parallel;
use crate::parallel::PANEL;

/// All dot products of the rows of two row-major matrices of packed doubles with `n` columns; row-major, rows of `a`
/// first.
pub(crate) fn products(compute: Compute, a: &[u8], b: &[u8], n: usize) -> Result<Vec<f64>, Error> {
    let row = n * size_of::<f64>();
    let (queries, rows): (Vec<&[u8]>, Vec<&[u8]>) = (a.chunks(row).collect(), b.chunks(row).collect());
    let panels: Vec<Vec<(usize, &[u8])>> =
        rows.chunks(PANEL).map(|panel| panel.iter().copied().enumerate().collect()).collect();
    // Work grows with both matrices, so blocks are cut as if the input had that many bytes.
    let work = a.len().saturating_mul(panels.len());
    let blocks = parallel::blocks(panels.len(), work, |range| {
        Ok(compute.level.run(Products { queries: &queries, panels: &panels[range] }))
    })?;
    let mut out = vec![0.0; queries.len() * rows.len()];
    for (p, found) in blocks.into_iter().flatten().enumerate() {
        for (out, found) in out.chunks_mut(rows.len()).zip(found.chunks(PANEL)) {
            let out = &mut out[p * PANEL..];
            let length = out.len().min(PANEL);
            out[..length].copy_from_slice(&found[..length]);
        }
    }
    Ok(out)
}

struct Products<'a> {
    queries: &'a [&'a [u8]],
    panels: &'a [Vec<(usize, &'a [u8])>],
}

/// Queries copied at once: few enough to stay in the caches.
const QUERIES: usize = 96;

impl Task for Products<'_> {
    type Output = Vec<Vec<f64>>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<Vec<f64>> {
        let mut out = vec![vec![0.0; self.queries.len() * PANEL]; self.panels.len()];
        for (n, queries) in self.queries.chunks(QUERIES).enumerate() {
            let mut tiles = Tiles::<Double, S>::new(simd, queries, None);
            for (panel, out) in self.panels.iter().zip(&mut out) {
                tiles.dots(simd, panel, false, &mut out[n * QUERIES * PANEL..][..queries.len() * PANEL]);
            }
        }
        out
    }
}
