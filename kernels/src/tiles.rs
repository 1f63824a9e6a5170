//! Dot products of all pairs of two sets of vectors, many pairs at once.
//!
//! A register of lanes is never added to another one before the end, so the lanes of a block may be taken one register after
//! the other: each pair of a tile then needs a single register for its sum, a tile has four times as many pairs, and every
//! number that is loaded serves that many more products. The vectors are copied into the order in which a tile reads them,
//! at whole cache lines (Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"). The bits are those of
//! [`reduce::dot`].

use crate::arch::Simd;
use crate::reduce::{self, Mode};

/// Rows that are taken at once: copied, they stay in the second-level cache. Divisible by the rows of every tile.
pub(crate) const PANEL: usize = 24;
/// Fewer queries than this go alone: a single stream is what the memory delivers fastest.
const FEWEST: usize = 3;

/// Room for the copies of vectors, kept from panel to panel.
pub(crate) struct Tiles<M: Mode, S: Simd> {
    rows: Vec<M::Register<S>>,
    queries: Vec<M::Register<S>>,
}

impl<M: Mode, S: Simd> Tiles<M, S> {
    pub(crate) fn new() -> Self {
        Tiles { rows: Vec::new(), queries: Vec::new() }
    }

    /// Dot products of a panel's rows with all queries, [`PANEL`] places for each query. All vectors are equally long.
    #[inline(always)]
    pub(crate) fn dots(&mut self, simd: S, queries: &[&[u8]], panel: &[(usize, &[u8])], out: &mut [f64]) {
        if queries.len() < FEWEST || queries[0].is_empty() {
            for (query, out) in queries.iter().zip(out.chunks_exact_mut(PANEL)) {
                for ((_, row), out) in panel.iter().zip(out) {
                    *out = reduce::stream_dot::<M, S>(simd, query, row);
                }
            }
        } else if S::WIDE_TILE {
            self.tiles::<6, 4>(simd, queries, panel, out);
        } else {
            self.tiles::<4, 3>(simd, queries, panel, out);
        }
    }

    /// Tiles of up to `Q` queries, with `R` rows.
    #[inline(always)]
    fn tiles<const Q: usize, const R: usize>(
        &mut self,
        simd: S,
        queries: &[&[u8]],
        panel: &[(usize, &[u8])],
        out: &mut [f64],
    ) {
        self.rows.clear();
        for rows in panel.chunks(R) {
            let mut tile: [&[u8]; R] = [&[]; R];
            for (place, (_, row)) in tile.iter_mut().zip(rows) {
                *place = row;
            }
            pack::<M, S, R>(simd, &tile[..rows.len()], &mut self.rows);
        }
        for (queries, out) in queries.chunks(Q).zip(out.chunks_mut(Q * PANEL)) {
            match queries.len() {
                0..=2 => self.column::<2, R>(simd, queries, panel, out),
                3..=4 => self.column::<4, R>(simd, queries, panel, out),
                _ => self.column::<Q, R>(simd, queries, panel, out),
            }
        }
    }

    /// Up to `Q` queries with all rows of the panel.
    #[inline(always)]
    fn column<const Q: usize, const R: usize>(
        &mut self,
        simd: S,
        queries: &[&[u8]],
        panel: &[(usize, &[u8])],
        out: &mut [f64],
    ) {
        self.queries.clear();
        pack::<M, S, Q>(simd, queries, &mut self.queries);
        let zero = M::zero(simd);
        let registers = M::registers::<S>(&zero).len();
        let blocks = self.queries.len() / (Q * registers);
        for (r, rows) in self.rows.chunks_exact(registers * blocks * R).enumerate() {
            let mut sums = [[zero; R]; Q];
            let parts = self.queries.chunks_exact(blocks * Q).zip(rows.chunks_exact(blocks * R));
            for (part, (queries, rows)) in parts.enumerate() {
                let tile = tile::<M, S, Q, R>(simd, queries, rows, M::registers::<S>(&zero)[0]);
                for q in 0..Q {
                    for r in 0..R {
                        M::registers_mut::<S>(&mut sums[q][r])[part] = tile[q][r];
                    }
                }
            }
            let rows = &panel[r * R..];
            for ((query, out), sums) in queries.iter().zip(out.chunks_exact_mut(PANEL)).zip(sums) {
                for (((_, row), out), sum) in rows.iter().zip(&mut out[r * R..]).zip(sums) {
                    *out = reduce::checked_dot::<M, S>(simd, M::sum(simd, sum), query, row);
                }
            }
        }
    }
}

/// Appends up to `W` vectors: the first registers of all their blocks, then the second ones, and so on; within a block one
/// vector after the other. Vectors that are missing are zero.
#[inline(always)]
fn pack<M: Mode, S: Simd, const W: usize>(simd: S, vectors: &[&[u8]], packed: &mut Vec<M::Register<S>>) {
    let zero = M::zero(simd);
    let registers = M::registers::<S>(&zero).len();
    let blocks = vectors[0].len().div_ceil(M::BLOCK);
    let start = packed.len();
    packed.resize(start + registers * blocks * W, M::registers::<S>(&zero)[0]);
    let packed = &mut packed[start..];
    for (w, vector) in vectors.iter().enumerate() {
        for (b, block) in vector.chunks(M::BLOCK).enumerate() {
            let block = reduce::load_part::<M, S>(simd, block);
            for (part, register) in M::registers::<S>(&block).iter().enumerate() {
                packed[(part * blocks + b) * W + w] = *register;
            }
        }
    }
}

/// One register of the sums of `Q` × `R` pairs. The loops have constant lengths, so that the sums stay in registers.
#[inline(always)]
fn tile<M: Mode, S: Simd, const Q: usize, const R: usize>(
    simd: S,
    queries: &[M::Register<S>],
    rows: &[M::Register<S>],
    zero: M::Register<S>,
) -> [[M::Register<S>; R]; Q] {
    let mut sums = [[zero; R]; Q];
    for (queries, rows) in queries.as_chunks::<Q>().0.iter().zip(rows.as_chunks::<R>().0) {
        for q in 0..Q {
            for r in 0..R {
                sums[q][r] = M::dot_register(simd, queries[q], rows[r], sums[q][r]);
            }
        }
    }
    sums
}
