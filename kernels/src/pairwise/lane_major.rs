//! Dot products of many vectors with a panel of rows, one lane of the definition at a time.
//!
//! A register holds the same lane's sum of one row with as many queries as the register has lanes, so the lanes of all
//! pairs are added side by side. Rows are read in place: each of their numbers is broadcast to a register. Only the
//! queries are copied, into the order in which they are read. The tile of rows by registers is that of Van Zee and van
//! de Geijn 2015, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality". The bits are those of
//! [`crate::pairwise::reduce::dot`].

use std::marker::PhantomData;
use std::sync::OnceLock;

use bytemuck::{Pod, Zeroable};

use crate::arch::{LANES, Part, Simd};
use crate::pairwise::precision::Precision;
use crate::pairwise::prefetch::{Ahead, Asks};
use crate::pairwise::reduce;
use crate::parallel::PANEL;

/// Rows per tile.
const ROWS: usize = 6;
/// Registers of queries per tile. They and the sums of all rows with them stay in registers.
const GROUPS: usize = 4;
/// Blocks per pass. One lane's numbers of queries and rows then stay in the L1 cache.
const DEPTH: usize = 32;
/// Below this many blocks tiles are faster: a lane's sums would start and end too often.
const FEWEST_BLOCKS: usize = 6;

/// Queries in the order in which they are read, shared by all threads of a call: by set, then by part of the blocks, by
/// lane, by block.
#[derive(Default)]
pub(crate) struct Packed(OnceLock<Vec<Line>>);

/// A cache line of lanes. Loads from memory aligned to it never cross two lines.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// The lines that hold `lanes` lanes.
fn lines<L: Pod>(lanes: usize) -> Vec<Line> {
    vec![Line::zeroed(); (lanes * size_of::<L>()).div_ceil(size_of::<Line>())]
}

/// Queries packed for panels of rows. All vectors have the same length.
pub(crate) struct LaneMajor<'a, M: Precision, S: Simd> {
    /// Numbers of a vector.
    length: usize,
    packed: &'a [M::Lane],
    /// Buffer for copies of misaligned rows.
    room: Vec<M::Number>,
    /// The sums of [`ROWS`] rows with a set, lane by lane.
    sums: Vec<Line>,
    /// The same sums after all lanes are added.
    totals: Vec<f64>,
    level: PhantomData<S>,
}

impl<'a, M: Precision, S: Simd> LaneMajor<'a, M, S> {
    /// Lanes of a register.
    const WIDTH: usize = size_of::<M::Register<S>>() / size_of::<M::Lane>();
    /// Whether registers are wide and many, and a step of a sum is one instruction; with two instructions tiles are
    /// faster.
    pub(crate) const SUITS: bool = S::WIDE_TILE && M::FUSED;

    /// Packs the queries if lane-major is faster for them: they are long enough, and few lanes of the last register
    /// stay empty.
    #[inline(always)]
    pub(crate) fn new(queries: &[&[u8]], packed: &'a Packed) -> Option<Self> {
        let empty = queries.len().next_multiple_of(Self::WIDTH) - queries.len();
        let length = queries.first().map_or(0, |query| query.len() / size_of::<M::Number>());
        let short = length.div_ceil(LANES) < FEWEST_BLOCKS;
        if !Self::SUITS || short || 6 * empty > queries.len() {
            return None;
        }
        let packed = packed.0.get_or_init(|| Self::pack(queries, length));
        let packed = bytemuck::cast_slice(packed);
        let most = (ROWS * GROUPS * Self::WIDTH).next_multiple_of(LANES);
        let (sums, totals) = (lines::<M::Lane>(LANES * most), vec![0.0; most]);
        let room = vec![M::Number::default(); ROWS * length];
        Some(LaneMajor { length, packed, room, sums, totals, level: PhantomData })
    }

    fn pack(queries: &[&[u8]], length: usize) -> Vec<Line> {
        let per_query = length.next_multiple_of(LANES);
        let lanes = queries.len().next_multiple_of(Self::WIDTH) * per_query;
        let mut lines = lines::<M::Lane>(lanes);
        let mut packed: &mut [M::Lane] = bytemuck::cast_slice_mut(&mut lines);
        let mut room = vec![M::Number::default(); length];
        for set in Self::sets(queries) {
            let width = set.len().next_multiple_of(Self::WIDTH);
            let own = packed.split_off_mut(..per_query * width).expect("places of all queries");
            for (q, query) in set.iter().enumerate() {
                let numbers = numbers(query, &mut room);
                for (first, count) in parts(length) {
                    let own = &mut own[first * LANES * width..];
                    let numbers = &numbers[first * LANES..length.min((first + count) * LANES)];
                    for (b, block) in numbers.chunks(LANES).enumerate() {
                        let lanes = own[b * width + q..].iter_mut().step_by(count * width);
                        for (place, number) in lanes.zip(block) {
                            *place = (*number).into();
                        }
                    }
                }
            }
        }
        lines
    }

    /// The queries in sets of up to [`GROUPS`] registers, of nearly equal size.
    fn sets<'q>(mut queries: &'q [&'q [u8]]) -> impl Iterator<Item = &'q [&'q [u8]]> {
        let groups = queries.len().div_ceil(Self::WIDTH);
        let sets = groups.div_ceil(GROUPS);
        (0..sets).map(move |i| {
            let count = (groups + i) / sets * Self::WIDTH;
            let set;
            (set, queries) = queries.split_at(count.min(queries.len()));
            set
        })
    }

    /// How many times [`LaneMajor::dots`] prefetches.
    pub(crate) fn calls(&self, queries: &[&[u8]], rows: usize) -> usize {
        parts(self.length).count() * LANES * Self::sets(queries).count() * rows.div_ceil(ROWS)
    }

    /// Dot products of a panel's rows with the packed `queries`, [`PANEL`] places per query.
    #[inline(always)]
    pub(crate) fn dots(
        &mut self,
        simd: S,
        queries: &[&[u8]],
        panel: &[(usize, &[u8])],
        ahead: &mut Ahead<'_>,
        mut out: &mut [f64],
    ) {
        let mut packed = self.packed;
        for set in Self::sets(queries) {
            let out = out.split_off_mut(..set.len() * PANEL).expect("places of all queries");
            let width = set.len().next_multiple_of(Self::WIDTH);
            let size = self.length.next_multiple_of(LANES) * width;
            let own = packed.split_off(..size).expect("as many as were packed");
            // All sums of a lane, padded to a block.
            let step = (ROWS * width).next_multiple_of(LANES);
            for (rows, first) in panel.chunks(ROWS).zip((0..).step_by(ROWS)) {
                let sums = &mut bytemuck::cast_slice_mut(&mut self.sums)[..LANES * step];
                let room = &mut self.room[..];
                match width / Self::WIDTH {
                    1 => simd.run(Lanes::<M, 1> { packed: own, rows, room, ahead, sums }),
                    2 => simd.run(Lanes::<M, 2> { packed: own, rows, room, ahead, sums }),
                    3 => simd.run(Lanes::<M, 3> { packed: own, rows, room, ahead, sums }),
                    _ => simd.run(Lanes::<M, 4> { packed: own, rows, room, ahead, sums }),
                }
                for (block, totals) in self.totals[..step].chunks_exact_mut(LANES).enumerate() {
                    let block = tree::<M, S>(simd, sums, step, block * LANES);
                    totals.copy_from_slice(bytemuck::cast_slice(S::registers_f64(&block)));
                }
                for (((_, row), totals), n) in rows.iter().zip(self.totals.chunks_exact(width)).zip(first..) {
                    checked::<M, S>(simd, set, row, totals, &mut out[n..]);
                }
            }
        }
    }
}

/// The numbers of packed bytes: in place if aligned, else copied into `room`, which is large enough.
#[inline(always)]
fn numbers<'a, N: Pod>(bytes: &'a [u8], room: &'a mut [N]) -> &'a [N] {
    bytemuck::try_cast_slice(bytes).unwrap_or_else(|_| {
        bytemuck::cast_slice_mut(room).copy_from_slice(bytes);
        room
    })
}

/// The parts in which blocks are processed: the first block and the number of blocks of each.
fn parts(length: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = length.div_ceil(LANES);
    let depth = blocks.div_ceil(blocks.div_ceil(DEPTH));
    (0..blocks).step_by(depth).map(move |first| (first, depth.min(blocks - first)))
}

/// All lanes of the sums of up to [`ROWS`] rows with `G` registers of queries.
struct Lanes<'l, 'a, M: Precision, const G: usize> {
    packed: &'l [M::Lane],
    rows: &'l [(usize, &'l [u8])],
    room: &'l mut [M::Number],
    ahead: &'l mut Ahead<'a>,
    sums: &'l mut [M::Lane],
}

impl<M: Precision, S: Simd, const G: usize> Part<S> for Lanes<'_, '_, M, G> {
    type Output = ();
    #[inline(always)]
    fn run(self, simd: S) {
        let width = G * LaneMajor::<'_, M, S>::WIDTH;
        let length = self.room.len() / ROWS;
        let mut all: [&[M::Number]; ROWS] = [&[]; ROWS];
        for ((r, row), room) in all.iter_mut().enumerate().zip(self.room.chunks_exact_mut(length)) {
            // The last row stands in for missing ones.
            *row = numbers(self.rows[r.min(self.rows.len() - 1)].1, room);
        }
        let step = self.sums.len() / LANES;
        for (first, count) in parts(length) {
            let packed = &self.packed[first * LANES * width..][..count * LANES * width];
            let lanes = packed.chunks_exact(count * width).zip(self.sums.chunks_exact_mut(step));
            for (lane, (queries, sums)) in lanes.enumerate() {
                let mut rows = all;
                for row in &mut rows {
                    // The last block may be too short for the lane.
                    *row = row.get(first * LANES + lane..).unwrap_or_default();
                }
                let there = count.min(rows[0].len().div_ceil(LANES));
                let asks = self.ahead.next(count);
                add::<M, S, G>(simd, &queries[..there * width], rows, first == 0, sums, asks);
            }
        }
    }
}

/// Adds some blocks to one lane of the sums of [`ROWS`] rows with `G` registers of queries, or starts these sums.
/// `rows` begin with the lane's first number. Loops over rows and registers have constant lengths, so the sums stay in
/// registers.
#[inline(always)]
fn add<M: Precision, S: Simd, const G: usize>(
    simd: S,
    queries: &[M::Lane],
    mut rows: [&[M::Number]; ROWS],
    start: bool,
    out: &mut [M::Lane],
    mut asks: Asks<'_>,
) {
    let width = LaneMajor::<'_, M, S>::WIDTH;
    let load = |lanes: &[M::Lane]| bytemuck::pod_read_unaligned(bytemuck::cast_slice(lanes));
    let mut sums = [[M::splat(simd, M::Number::default()); G]; ROWS];
    if !start {
        for r in 0..ROWS {
            for g in 0..G {
                sums[r][g] = load(&out[(r * G + g) * width..][..width]);
            }
        }
    }
    // Makes one bounds check serve all rows.
    let length = rows[0].len();
    for row in &mut rows {
        *row = &row[..length];
    }
    for (b, queries) in queries.chunks_exact(G * width).enumerate() {
        asks.ask(simd);
        let mut registers = sums[0];
        for g in 0..G {
            registers[g] = load(&queries[g * width..][..width]);
        }
        for r in 0..ROWS {
            let number = M::splat(simd, rows[r][b * LANES]);
            for g in 0..G {
                sums[r][g] = M::dot_register(simd, registers[g], number, sums[r][g]);
            }
        }
    }
    for r in 0..ROWS {
        for g in 0..G {
            out[(r * G + g) * width..][..width].copy_from_slice(bytemuck::cast_slice(&[sums[r][g]]));
        }
    }
}

/// Adds the lanes of [`LANES`] pairs as the definition's tree does. Lanes are `step` apart.
#[inline(always)]
fn tree<M: Precision, S: Simd>(simd: S, lanes: &[M::Lane], step: usize, first: usize) -> S::F64 {
    // The tree's strides, last one first.
    macro_rules! added {
        ($lane:expr) => {
            M::widen(simd, lanes[first + $lane * step..].first_chunk().expect("sums that fill blocks"))
        };
        ($lane:expr, $stride:literal $(, $more:literal)*) => {
            simd.add_f64(added!($lane $(, $more)*), added!($lane + $stride $(, $more)*))
        };
    }
    added!(0, 1, 2, 4, 8, 16)
}

/// Writes the sums of a row, [`PANEL`] places apart. A sum that may have left the range of its lanes is recomputed; one
/// test covers all sums of the row.
#[inline(always)]
fn checked<M: Precision, S: Simd>(simd: S, queries: &[&[u8]], row: &[u8], sums: &[f64], out: &mut [f64]) {
    let mut suspect = false;
    for sum in &sums[..queries.len()] {
        suspect |= M::suspect(*sum);
    }
    for ((query, sum), place) in queries.iter().zip(sums).zip(out.iter_mut().step_by(PANEL)) {
        *place = if suspect { reduce::checked_dot::<M, S>(simd, *sum, query, row) } else { *sum };
    }
}
