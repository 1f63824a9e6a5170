//! Sums of a few vectors with the rows of a panel that stream from memory.
//!
//! Several rows are read at once, side by side: memory then delivers more than a single stream front to back gets, because the
//! processor prefetches within pages and each of the streams is in another one. Each row is read once for all queries, whose sums
//! stay in registers. The bits are those of [`crate::pairwise::reduce`].

use std::marker::PhantomData;

use crate::arch::{Part, Simd};
use crate::pairwise::precision::Precision;
use crate::pairwise::reduce;
use crate::pairwise::sum::Sum;
use crate::parallel::PANEL;

/// Least prefetch distance: what memory delivers while it answers one request.
const AHEAD: usize = 16384;
/// Bytes from which on a row is a stream of its own.
const LONG: usize = 4096;
/// Blocks per pass over registers.
const DEPTH: usize = 32;
/// Most queries of a pass: a register of each of their sums with four rows, and what is multiplied, fill 32.
const MOST: usize = 6;

/// A panel of rows with queries, all of the same length. `out` has [`PANEL`] places a query; `squares`, where it is there, one
/// place a row for its dot product with itself.
pub(crate) struct Streams<'a, F, M> {
    pub(crate) queries: &'a [&'a [u8]],
    pub(crate) panel: &'a [(usize, &'a [u8])],
    pub(crate) out: &'a mut [f64],
    pub(crate) squares: Option<&'a mut [f64; PANEL]>,
    pub(crate) mode: PhantomData<(F, M)>,
}

/// Whether so many queries are few enough: with more of them tiles are faster. Without wide registers there is room for the sums of
/// one only.
#[inline(always)]
pub(crate) fn suits<M: Precision, S: Simd>(simd: S, queries: usize) -> bool {
    let passes = if M::registers::<S>(&M::zero(simd)).len() > 2 { 1 } else { 2 };
    queries <= if S::WIDE_TILE { passes * MOST } else { 2 }
}

impl<F: Sum, M: Precision, S: Simd> Part<S> for Streams<'_, F, M> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let Streams { mut queries, panel, mut out, mut squares, mode } = self;
        // Of nearly equal numbers of queries; the first, to which the rows come from memory, has no more than the others.
        let passes = queries.len().div_ceil(if S::WIDE_TILE { MOST } else { 1 });
        for i in 0..passes {
            let count = queries.len() / (passes - i);
            let own;
            (own, queries) = queries.split_at(count);
            let places = out.split_off_mut(..count * PANEL).expect("places of all queries");
            let squares = squares.take();
            let streams = i == 0;
            macro_rules! pass {
                ($q:literal, $r:literal) => {
                    simd.run(Pass::<F, M, $q, $r> {
                        queries: own,
                        panel,
                        out: places,
                        squares,
                        streams,
                        mode,
                    })
                };
            }
            match count {
                1 if S::WIDE_TILE => pass!(1, 4),
                1 => pass!(1, 2),
                2 if S::WIDE_TILE => pass!(2, 4),
                3..=4 if S::WIDE_TILE => pass!(4, 4),
                5..=MOST if S::WIDE_TILE => pass!(6, 4),
                _ => unreachable!("{count} queries in a pass"),
            }
        }
    }
}

/// Up to `Q` queries with all rows of a panel, `R` at a time.
struct Pass<'a, F, M, const Q: usize, const R: usize> {
    queries: &'a [&'a [u8]],
    panel: &'a [(usize, &'a [u8])],
    out: &'a mut [f64],
    squares: Option<&'a mut [f64; PANEL]>,
    /// Whether the rows come from memory.
    streams: bool,
    mode: PhantomData<(F, M)>,
}

impl<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize> Part<S> for Pass<'_, F, M, Q, R> {
    type Output = ();
    #[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
    #[inline(always)]
    fn run(self, simd: S) {
        let Pass { queries, panel, out, mut squares, streams, .. } = self;
        // The last query stands in for missing ones.
        let mut vectors: [&[u8]; Q] = [queries[queries.len() - 1]; Q];
        vectors[..queries.len()].copy_from_slice(queries);
        let length = queries[0].len();
        // Rows side by side are neighbours if each is a stream of its own; short ones are far apart, each the first of several.
        let groups = panel.len().div_ceil(R);
        let (row_step, group_step) = if length < LONG { (groups, 1) } else { (1, R) };
        // The same place in the panel after this one, or in the group after so many that memory has the time to answer.
        let ahead = match (streams, length < LONG) {
            (false, _) => 0,
            (true, true) => PANEL * length,
            (true, false) => AHEAD.next_multiple_of(R * length),
        };
        for n in 0..groups {
            let place = |r: usize| n * group_step + r * row_step;
            // The last row stands in for missing ones.
            let mut rows: [&[u8]; R] = [panel[panel.len() - 1].1; R];
            for r in 0..R {
                if let Some((_, row)) = panel.get(place(r)) {
                    rows[r] = row;
                }
            }
            let mut sums = [[M::zero(simd); R]; Q];
            let mut own = [M::zero(simd); R];
            match (Q > 2, squares.is_some()) {
                (false, true) => add::<F, M, S, Q, R, true>(simd, vectors, rows, ahead, &mut sums, &mut own),
                (false, false) => {
                    add::<F, M, S, Q, R, false>(simd, vectors, rows, ahead, &mut sums, &mut own)
                }
                (true, true) => {
                    add_parts::<F, M, S, Q, R, true>(simd, vectors, rows, ahead, &mut sums, &mut own)
                }
                (true, false) => {
                    add_parts::<F, M, S, Q, R, false>(simd, vectors, rows, ahead, &mut sums, &mut own)
                }
            }
            for r in 0..R {
                let i = place(r);
                if i >= panel.len() {
                    continue;
                }
                for (q, query) in queries.iter().enumerate() {
                    let sum = M::sum(simd, sums[q][r]);
                    out[q * PANEL + i] = F::checked::<M, S>(simd, sum, query, rows[r]);
                }
                if let Some(squares) = &mut squares {
                    let sum = M::sum(simd, own[r]);
                    squares[i] = reduce::checked_dot::<M, S>(simd, sum, rows[r], rows[r]);
                }
            }
        }
    }
}

/// Adds all blocks of `R` rows to their sums with `Q` queries and, with `SQUARES`, with themselves.
#[inline(always)]
fn add<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize, const SQUARES: bool>(
    simd: S,
    queries: [&[u8]; Q],
    rows: [&[u8]; R],
    ahead: usize,
    sums: &mut [[M::Vec<S>; R]; Q],
    squares: &mut [M::Vec<S>; R],
) {
    let (mut all, mut own) = (*sums, *squares);
    let whole = rows[0].len() / M::BLOCK * M::BLOCK;
    let mut at = 0;
    while at < whole {
        let mut blocks = [M::zero(simd); R];
        for r in 0..R {
            let row = &rows[r][at..at + M::BLOCK];
            if ahead > 0 {
                for line in (0..M::BLOCK).step_by(64) {
                    simd.prefetch(row, ahead + line);
                }
            }
            blocks[r] = M::load(simd, row);
        }
        step::<F, M, S, Q, R, SQUARES>(
            simd,
            |q| M::load(simd, &queries[q][at..at + M::BLOCK]),
            &blocks,
            &mut all,
            &mut own,
        );
        at += M::BLOCK;
    }
    if whole < rows[0].len() {
        let mut blocks = [M::zero(simd); R];
        for r in 0..R {
            if ahead > 0 {
                simd.prefetch(&rows[r][whole..], ahead);
            }
            blocks[r] = M::load_tail(simd, &rows[r][whole..]);
        }
        step::<F, M, S, Q, R, SQUARES>(
            simd,
            |q| M::load_tail(simd, &queries[q][whole..]),
            &blocks,
            &mut all,
            &mut own,
        );
    }
    (*sums, *squares) = (all, own);
}

/// Adds one block of each row.
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
#[inline(always)]
fn step<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize, const SQUARES: bool>(
    simd: S,
    query: impl Fn(usize) -> M::Vec<S>,
    blocks: &[M::Vec<S>; R],
    sums: &mut [[M::Vec<S>; R]; Q],
    squares: &mut [M::Vec<S>; R],
) {
    if SQUARES {
        for r in 0..R {
            squares[r] = M::dot(simd, blocks[r], blocks[r], squares[r]);
        }
    }
    for q in 0..Q {
        let query = query(q);
        for r in 0..R {
            sums[q][r] = F::add::<M, S>(simd, query, blocks[r], sums[q][r]);
        }
    }
}

/// As [`add`], a register of all blocks after the other: the sums of more pairs then have room. Blocks are few enough to stay in the
/// L1 cache meanwhile.
#[inline(always)]
fn add_parts<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize, const SQUARES: bool>(
    simd: S,
    queries: [&[u8]; Q],
    rows: [&[u8]; R],
    ahead: usize,
    sums: &mut [[M::Vec<S>; R]; Q],
    squares: &mut [M::Vec<S>; R],
) {
    let registers = M::registers::<S>(&squares[0]).len();
    for start in (0..rows[0].len()).step_by(DEPTH * M::BLOCK) {
        let end = rows[0].len().min(start + DEPTH * M::BLOCK);
        let (queries, rows) = (queries.map(|query| &query[start..end]), rows.map(|row| &row[start..end]));
        part::<F, M, S, Q, R, SQUARES, 0>(simd, queries, rows, ahead, sums, squares);
        part::<F, M, S, Q, R, SQUARES, 1>(simd, queries, rows, 0, sums, squares);
        if registers == 4 {
            part::<F, M, S, Q, R, SQUARES, 2>(simd, queries, rows, 0, sums, squares);
            part::<F, M, S, Q, R, SQUARES, 3>(simd, queries, rows, 0, sums, squares);
        }
    }
}

/// Adds register `N` of some blocks.
#[inline(always)]
fn part<
    F: Sum,
    M: Precision,
    S: Simd,
    const Q: usize,
    const R: usize,
    const SQUARES: bool,
    const N: usize,
>(
    simd: S,
    queries: [&[u8]; Q],
    rows: [&[u8]; R],
    ahead: usize,
    sums: &mut [[M::Vec<S>; R]; Q],
    squares: &mut [M::Vec<S>; R],
) {
    let zero = M::registers::<S>(&M::zero(simd))[0];
    let (mut all, mut own) = ([[zero; R]; Q], [zero; R]);
    for r in 0..R {
        own[r] = M::registers::<S>(&squares[r])[N];
        for q in 0..Q {
            all[q][r] = M::registers::<S>(&sums[q][r])[N];
        }
    }
    let mut at = 0;
    while at < rows[0].len() {
        let end = rows[0].len().min(at + M::BLOCK);
        let mut own_block = [zero; R];
        for r in 0..R {
            let row = &rows[r][at..end];
            if ahead > 0 {
                for line in (0..M::BLOCK).step_by(64) {
                    simd.prefetch(row, ahead + line);
                }
            }
            own_block[r] = M::registers::<S>(&load_part::<M, S>(simd, row))[N];
            if SQUARES {
                own[r] = M::dot_register(simd, own_block[r], own_block[r], own[r]);
            }
        }
        for q in 0..Q {
            let query = M::registers::<S>(&load_part::<M, S>(simd, &queries[q][at..end]))[N];
            for r in 0..R {
                all[q][r] = F::add_register::<M, S>(simd, query, own_block[r], all[q][r]);
            }
        }
        at = end;
    }
    for r in 0..R {
        M::registers_mut::<S>(&mut squares[r])[N] = own[r];
        for q in 0..Q {
            M::registers_mut::<S>(&mut sums[q][r])[N] = all[q][r];
        }
    }
}

#[inline(always)]
fn load_part<M: Precision, S: Simd>(simd: S, part: &[u8]) -> M::Vec<S> {
    if part.len() == M::BLOCK { M::load(simd, part) } else { M::load_tail(simd, part) }
}
