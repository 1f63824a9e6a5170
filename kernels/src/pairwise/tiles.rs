//! Dot products and distances of every query with every row, a tile of pairs at a time.
//!
//! The registers of a block are added to each other only at the end, so a tile processes a block one register at a
//! time. Each pair then needs one register for its sum, a tile holds as many pairs as there are registers, and every
//! loaded number serves many products. Vectors are packed in the order in which a tile reads them, aligned to cache
//! lines (Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"). The bits are those of
//! [`reduce::dot`], [`reduce::euclidean`] and [`reduce::manhattan`].

use std::marker::PhantomData;

use crate::arch::{Part, Simd};
use crate::pairwise::lane_major::{LaneMajor, Packed};
use crate::pairwise::one_to_many::OneToMany;
use crate::pairwise::precision::Precision;
use crate::pairwise::prefetch::{Ahead, Asks, LINE};
use crate::pairwise::reduce::{self, Dot};
use crate::pairwise::streams::{self, Streams};
use crate::pairwise::sum::Sum;
use crate::parallel::PANEL;

/// Blocks per pass of a tile. One register of each block of queries and rows then fits the L1 cache, where the queries
/// stay while the rows pass.
const DEPTH: usize = 32;
/// Cache lines to prefetch of a scattered row; the hardware prefetcher gets the rest.
const LINES_AHEAD: usize = 4;
/// With scattered rows, fewer queries than this go one by one.
const FEWEST: usize = 3;

/// Register products per row block from which we prefetch into L1 rather than L2.
const MUCH: usize = 32;

/// Queries packed for panels of rows. All vectors have the same length.
pub(crate) struct Tiles<'a, M: Precision, S: Simd> {
    queries: &'a [&'a [u8]],
    /// Whether the rows are consecutive in memory, not scattered.
    streams: bool,
    /// Replaces tiles for dot products where the queries fill registers.
    spread: Option<LaneMajor<'a, M, S>>,
    /// The packed queries, tile by tile.
    packed: Vec<Vec<M::Register<S>>>,
    rows: Vec<M::Register<S>>,
    /// Sums of one tile of queries with the panel.
    sums: Vec<M::Vec<S>>,
    squares: [f64; PANEL],
}

impl<'a, M: Precision, S: Simd> Tiles<'a, M, S> {
    /// `packed` serves repeated [`Tiles::dots`] for the same queries; all threads of a call share it.
    #[inline(always)]
    pub(crate) fn new(simd: S, queries: &'a [&'a [u8]], packed: Option<&'a Packed>) -> Self {
        simd.run(New::<M> { queries, packed, mode: PhantomData })
    }

    /// For scattered rows: prefetch the next rows of the panel, not the memory behind a row.
    pub(crate) fn scattered(self) -> Self {
        Tiles { streams: false, ..self }
    }

    fn are_tiled(queries: &[&[u8]]) -> bool {
        queries.len() >= FEWEST && !queries[0].is_empty()
    }

    /// Whether arithmetic dominates memory, so that L1's few outstanding misses suffice.
    #[inline(always)]
    fn asks_near(simd: S, queries: &[&[u8]]) -> bool {
        queries.len() * M::registers::<S>(&M::zero(simd)).len() >= MUCH
    }

    /// Queries per tile.
    const fn width() -> usize {
        if S::WIDE_TILE { 6 } else { 4 }
    }

    /// Each row's dot product with itself, from the last call of [`Tiles::dots`] with `squares`.
    pub(crate) fn squares(&self) -> &[f64; PANEL] {
        &self.squares
    }

    /// Dot products of a panel's rows with all queries, [`PANEL`] places per query. `squares`: also each row's with
    /// itself.
    #[inline(always)]
    pub(crate) fn dots(&mut self, simd: S, panel: &[(usize, &[u8])], squares: bool, out: &mut [f64]) {
        simd.run(Panel { tiles: self, panel, squares, out, sum: PhantomData::<Dot> });
    }

    /// Distances of a panel's rows from all queries, [`PANEL`] places per query.
    #[inline(always)]
    pub(crate) fn distances<F: Sum>(&mut self, simd: S, panel: &[(usize, &[u8])], out: &mut [f64]) {
        simd.run(Panel { tiles: self, panel, squares: false, out, sum: PhantomData::<F> });
    }

    /// Takes the queries one by one, for scattered rows.
    #[inline(always)]
    fn alone<F: Sum>(&mut self, simd: S, panel: &[(usize, &[u8])], squares: bool, out: &mut [f64]) {
        for (_, row) in panel {
            for line in 0..LINES_AHEAD {
                simd.prefetch(row, LINE * line);
            }
        }
        for (n, (query, out)) in self.queries.iter().zip(out.chunks_exact_mut(PANEL)).enumerate() {
            let wanted = F::wanted(squares && n == 0);
            simd.run(OneToMany::<M>::new((query, panel), wanted, out, &mut self.squares));
        }
    }

    /// Tiles with `R` rows.
    #[inline(always)]
    fn tiles<F: Sum, const R: usize>(
        &mut self,
        simd: S,
        panel: &[(usize, &[u8])],
        wants_squares: bool,
        out: &mut [f64],
    ) {
        for ((n, rows), squares) in panel.chunks(R).enumerate().zip(self.squares.chunks_exact_mut(R)) {
            let mut tile: [&[u8]; R] = [&[]; R];
            for (place, (_, row)) in tile.iter_mut().zip(rows) {
                *place = row;
            }
            let (vectors, squares) = (&tile[..rows.len()], wants_squares.then_some(squares));
            simd.run(Pack::<M, S, R> { vectors, packed: &mut self.rows, n, tiles: PANEL / R, squares });
        }
        let width = Self::width();
        let depths = self.queries[0].len().div_ceil(M::BLOCK).div_ceil(DEPTH);
        let registers = M::registers::<S>(&M::zero(simd)).len();
        let calls = panel.len().div_ceil(R) * self.packed.len() * registers * depths;
        let mut ahead = Ahead::new(panel, calls, Self::asks_near(simd, self.queries));
        macro_rules! column {
            ($q:literal, $queries:ident, $packed:ident, $out:ident) => {
                simd.run(Column::<F, M, S, $q, R> {
                    queries: $queries,
                    packed: $packed,
                    panel,
                    rows: &self.rows,
                    sums: &mut self.sums,
                    ahead: &mut ahead,
                    out: $out,
                    sum: PhantomData,
                })
            };
        }
        let tiles = self.packed.iter().zip(self.queries.chunks(width)).zip(out.chunks_mut(width * PANEL));
        for ((packed, queries), out) in tiles {
            match queries.len() {
                0..=2 => column!(2, queries, packed, out),
                5.. if S::WIDE_TILE => column!(6, queries, packed, out),
                _ => column!(4, queries, packed, out),
            }
        }
    }
}

/// [`Tiles`] of queries.
struct New<'a, M> {
    queries: &'a [&'a [u8]],
    packed: Option<&'a Packed>,
    mode: PhantomData<M>,
}

impl<'a, M: Precision, S: Simd> Part<S> for New<'a, M> {
    type Output = Tiles<'a, M, S>;
    #[inline(always)]
    fn run(self, simd: S) -> Tiles<'a, M, S> {
        let queries = self.queries;
        let spread = self.packed.and_then(|packed| LaneMajor::new(queries, packed));
        let mut packed = Vec::new();
        if Tiles::<M, S>::are_tiled(queries) && spread.is_none() {
            for tile in queries.chunks(Tiles::<M, S>::width()) {
                let mut registers = Vec::new();
                let to = &mut registers;
                match tile.len() {
                    0..=2 => simd.run(Pack::<M, S, 2>::alone(tile, to)),
                    // Compiled only for levels with tiles of this width.
                    5.. if S::WIDE_TILE => simd.run(Pack::<M, S, 6>::alone(tile, to)),
                    _ => simd.run(Pack::<M, S, 4>::alone(tile, to)),
                }
                packed.push(registers);
            }
        }
        Tiles {
            queries,
            streams: true,
            spread,
            packed,
            rows: Vec::new(),
            sums: vec![M::zero(simd); 6 * PANEL],
            squares: [0.0; PANEL],
        }
    }
}

/// A panel of rows with all queries.
struct Panel<'t, 'a, F, M: Precision, S: Simd> {
    tiles: &'t mut Tiles<'a, M, S>,
    panel: &'t [(usize, &'t [u8])],
    squares: bool,
    out: &'t mut [f64],
    sum: PhantomData<F>,
}

impl<F: Sum, M: Precision, S: Simd> Part<S> for Panel<'_, '_, F, M, S> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let Panel { tiles, panel, squares, out, .. } = self;
        let queries = tiles.queries;
        // The constants keep this out of builds where it never applies.
        if F::IS_LANE_MAJOR
            && LaneMajor::<M, S>::SUITS
            && let Some(spread) = &mut tiles.spread
        {
            let calls = spread.calls(queries, panel.len());
            let near = Tiles::<M, S>::asks_near(simd, queries);
            spread.dots(simd, queries, panel, &mut Ahead::new(panel, calls, near), out);
            if squares {
                for (square, (_, row)) in tiles.squares.iter_mut().zip(panel) {
                    *square = reduce::dot::<M, S>(simd, row, row);
                }
            }
        } else if tiles.streams && streams::suits::<M, S>(simd, queries.len()) {
            let squares = squares.then_some(&mut tiles.squares);
            simd.run(Streams::<F, M> { queries, panel, out, squares, mode: PhantomData });
        } else if !Tiles::<M, S>::are_tiled(queries) {
            tiles.alone::<F>(simd, panel, squares, out);
        } else if S::WIDE_TILE {
            tiles.tiles::<F, 4>(simd, panel, squares, out);
        } else {
            tiles.tiles::<F, 3>(simd, panel, squares, out);
        }
    }
}

/// A tile of up to `Q` queries with all rows of the panel.
struct Column<'c, 'a, F, M: Precision, S: Simd, const Q: usize, const R: usize> {
    queries: &'c [&'c [u8]],
    packed: &'c [M::Register<S>],
    panel: &'c [(usize, &'c [u8])],
    rows: &'c [M::Register<S>],
    sums: &'c mut [M::Vec<S>],
    ahead: &'c mut Ahead<'a>,
    out: &'c mut [f64],
    sum: PhantomData<F>,
}

impl<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize> Part<S>
    for Column<'_, '_, F, M, S, Q, R>
{
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let Column { queries, packed, panel, rows, sums, ahead, out, .. } = self;
        let zero = M::zero(simd);
        let registers = M::registers::<S>(&zero).len();
        let blocks = packed.len() / (Q * registers);
        let depth = blocks.div_ceil(blocks.div_ceil(DEPTH));
        let parts = packed.chunks_exact(blocks * Q).zip(rows.chunks_exact(blocks * PANEL));
        for (part, (packed, rows)) in parts.enumerate() {
            let (queries, rows) = (packed.as_chunks::<Q>().0, rows.as_chunks::<R>().0);
            for start in (0..blocks).step_by(depth) {
                let taken = start..blocks.min(start + depth);
                let rows = rows.chunks_exact(blocks).take(panel.len().div_ceil(R));
                for (rows, sums) in rows.zip(sums.chunks_exact_mut(Q * R)) {
                    let (queries, rows) = (&queries[taken.clone()], &rows[taken.clone()]);
                    tile::<F, M, S, Q, R>(
                        simd,
                        queries,
                        rows,
                        part,
                        start == 0,
                        sums,
                        ahead.next(taken.len()),
                    );
                }
            }
        }
        for (((_, row), sums), n) in panel.iter().zip(sums.chunks_exact(Q)).zip(0..) {
            for ((query, sum), out) in queries.iter().zip(sums).zip(out[n..].iter_mut().step_by(PANEL)) {
                *out = F::checked::<M, S>(simd, M::sum(simd, *sum), query, row);
            }
        }
    }
}

/// Packs up to `W` vectors of the same length as tile `n`: the first registers of all their blocks, then the second
/// ones, and so on; within a block vector by vector. Missing vectors are zero.
struct Pack<'p, M: Precision, S: Simd, const W: usize> {
    vectors: &'p [&'p [u8]],
    packed: &'p mut Vec<M::Register<S>>,
    n: usize,
    tiles: usize,
    /// Receives each vector's dot product with itself, if present.
    squares: Option<&'p mut [f64]>,
}

impl<'p, M: Precision, S: Simd, const W: usize> Pack<'p, M, S, W> {
    /// The only tile.
    fn alone(vectors: &'p [&'p [u8]], packed: &'p mut Vec<M::Register<S>>) -> Self {
        Pack { vectors, packed, n: 0, tiles: 1, squares: None }
    }
}

impl<M: Precision, S: Simd, const W: usize> Part<S> for Pack<'_, M, S, W> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let Pack { vectors, packed, n, tiles, mut squares } = self;
        let zero = M::zero(simd);
        let registers = M::registers::<S>(&zero).len();
        let blocks = vectors[0].len().div_ceil(M::BLOCK);
        let size = tiles * blocks * W;
        if packed.len() != registers * size {
            packed.resize(registers * size, M::registers::<S>(&zero)[0]);
        }
        for w in 0..W {
            let vector = vectors.get(w).copied().unwrap_or_default();
            let mut square = zero;
            for b in 0..blocks {
                let bytes = vector.get(b * M::BLOCK..).unwrap_or_default();
                let block = match bytes.get(..M::BLOCK) {
                    Some(block) => M::load(simd, block),
                    None => M::load_tail(simd, bytes),
                };
                if squares.is_some() {
                    square = M::dot(simd, block, block, square);
                }
                for (part, register) in M::registers::<S>(&block).iter().enumerate() {
                    packed[part * size + (n * blocks + b) * W + w] = *register;
                }
            }
            if let Some(squares) = &mut squares {
                squares[w] = reduce::checked_dot::<M, S>(simd, M::sum(simd, square), vector, vector);
            }
        }
    }
}

/// Adds some blocks to register `part` of the sums of `Q` × `R` pairs, or starts them. The loops have constant lengths,
/// so the sums stay in registers.
#[inline(always)]
fn tile<F: Sum, M: Precision, S: Simd, const Q: usize, const R: usize>(
    simd: S,
    queries: &[[M::Register<S>; Q]],
    rows: &[[M::Register<S>; R]],
    part: usize,
    start: bool,
    out: &mut [M::Vec<S>],
    mut asks: Asks<'_>,
) {
    let mut sums = [[M::registers::<S>(&M::zero(simd))[0]; R]; Q];
    if !start {
        for r in 0..R {
            for q in 0..Q {
                sums[q][r] = M::registers::<S>(&out[r * Q + q])[part];
            }
        }
    }
    for (queries, rows) in queries.iter().zip(rows) {
        asks.ask(simd);
        for q in 0..Q {
            for r in 0..R {
                sums[q][r] = F::add_register::<M, S>(simd, queries[q], rows[r], sums[q][r]);
            }
        }
    }
    for r in 0..R {
        for q in 0..Q {
            M::registers_mut::<S>(&mut out[r * Q + q])[part] = sums[q][r];
        }
    }
}
