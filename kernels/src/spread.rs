//! Dot products and distances of all pairs of many queries and a panel of rows, one lane of the definition after the other: of
//! singles, in double precision.
//!
//! A register holds the same lane's sum for one row and as many queries as it has places, so that a sum stays there for the whole
//! length of the vectors, and the lanes of all pairs are added to each other side by side. The vectors are copied into the order in
//! which their numbers are read: one lane after the other, within a lane block by block, within a block one vector after the other.
//! With single-precision lanes, of which a register holds twice as many, tiles are as fast (`benches/README.md`).
//! The bits are those of [`crate::reduce::dot`] and [`crate::reduce::euclidean`].

use std::marker::PhantomData;

use crate::arch::{F32_BLOCK, LANES, Simd};
use crate::reduce::Widened;
use crate::tiles::{Ahead, Asks, PANEL, Sum};

/// Where each lane comes in the order in which the definition's tree adds them: a lane follows the one that it is added to.
const PLACES: [usize; LANES] = {
    let mut places = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        places[lane] = lane.reverse_bits() >> (usize::BITS - LEVELS as u32);
        lane += 1;
    }
    places
};
/// Levels of the tree.
const LEVELS: usize = LANES.ilog2() as usize;
/// Vectors that are copied at once.
const GROUP: usize = 8;
/// Vectors of fewer blocks take longer so than in tiles: a lane's sums start and are added too often.
const FEWEST_BLOCKS: usize = 40;

/// Queries, ready for panels of rows. All vectors are equally long.
pub(crate) struct Spread<S: Simd> {
    blocks: usize,
    /// As many of them as a register has places, one such group after the other.
    packed: Vec<f64>,
    rows: Vec<f64>,
    /// Sums of the pairs of a group and the panel, at each level of the tree behind the first.
    nodes: Vec<f64>,
    level: PhantomData<S>,
}

impl<S: Simd> Spread<S> {
    /// Places of a register.
    const fn width() -> usize {
        size_of::<S::R64>() / size_of::<f64>()
    }

    /// The queries, where they are worth taking so: where they are long, and the places of the last register that stay empty are few
    /// beside them.
    #[inline(always)]
    pub(crate) fn new(simd: S, queries: &[&[u8]]) -> Option<Self> {
        let width = Self::width();
        let groups = queries.len().div_ceil(width);
        let blocks = queries.first().map_or(0, |query| query.len().div_ceil(F32_BLOCK));
        let empty = groups * width - queries.len();
        if !S::WIDE_TILE || blocks < FEWEST_BLOCKS || 8 * empty > queries.len() {
            return None;
        }
        let size = LANES * blocks * width;
        let mut packed = vec![0.0; groups * size];
        for (queries, packed) in queries.chunks(width).zip(packed.chunks_exact_mut(size)) {
            pack(simd, queries, width, packed);
        }
        let nodes = vec![0.0; LEVELS * width * PANEL];
        Some(Spread { blocks, packed, rows: Vec::new(), nodes, level: PhantomData })
    }

    /// How often [`Spread::sums`] asks for what lies ahead.
    pub(crate) fn calls(&self) -> usize {
        self.packed.len() / (self.blocks * Self::width())
    }

    /// The sums of a panel's rows with the `queries` that this was made of, [`PANEL`] places for each query.
    #[inline(always)]
    pub(crate) fn sums<F: Sum>(
        &mut self,
        simd: S,
        queries: &[&[u8]],
        panel: &[(usize, &[u8])],
        ahead: &mut Ahead<'_>,
        out: &mut [f64],
    ) {
        if panel.is_empty() {
            return;
        }
        let mut rows: [&[u8]; PANEL] = [&[]; PANEL];
        for (place, (_, row)) in rows.iter_mut().zip(panel) {
            *place = row;
        }
        let rows = &rows[..panel.len()];
        // Missing rows cost as much as others: a short panel does with fewer places.
        let stride = if panel.len() > GROUP { PANEL } else { GROUP };
        self.rows.resize(LANES * self.blocks * stride, 0.0);
        pack(simd, rows, stride, &mut self.rows);
        let width = Self::width();
        let groups = self.packed.chunks_exact(LANES * self.blocks * width);
        for ((packed, queries), out) in groups.zip(queries.chunks(width)).zip(out.chunks_mut(width * PANEL)) {
            let nodes = &mut self.nodes[..];
            if stride == PANEL {
                lanes::<F, S, PANEL>(simd, packed, &self.rows, self.blocks, nodes, ahead);
            } else {
                lanes::<F, S, GROUP>(simd, packed, &self.rows, self.blocks, nodes, ahead);
            }
            let sums = &nodes[(LEVELS - 1) * width * stride..];
            for ((row, sums), n) in rows.iter().zip(sums.chunks_exact(width)).zip(0..) {
                for ((query, sum), out) in queries.iter().zip(sums).zip(out[n..].iter_mut().step_by(PANEL)) {
                    *out = F::checked::<Widened, S>(simd, *sum, query, row);
                }
            }
        }
    }
}

/// Writes up to `stride` vectors, a multiple of [`GROUP`], in the order in which their numbers are read. In the place of one that is
/// missing comes some other one.
#[inline(always)]
fn pack<S: Simd>(simd: S, vectors: &[&[u8]], stride: usize, packed: &mut [f64]) {
    let length = vectors[0].len();
    let (whole, blocks) = (length / F32_BLOCK, length.div_ceil(F32_BLOCK));
    let count = vectors.len().next_multiple_of(GROUP);
    let packed = packed.as_chunks_mut::<GROUP>().0;
    let mut starts = PLACES;
    for start in &mut starts {
        *start *= blocks * stride / GROUP;
    }
    let zero = [0; F32_BLOCK];
    let mut parts = [&zero; PANEL];
    for b in 0..whole {
        for v in 0..count {
            let vector = vectors[v.min(vectors.len() - 1)];
            parts[v] = &vector.as_chunks().0[b];
        }
        pack_block(simd, &parts, count, &starts, b * stride / GROUP, packed);
    }
    if whole < blocks {
        // What is missing of the last block is +0.
        let mut ends = [zero; PANEL];
        for (end, vector) in ends.iter_mut().zip(vectors) {
            let rest = &vector[whole * F32_BLOCK..];
            end[..rest.len()].copy_from_slice(rest);
        }
        for (part, end) in parts.iter_mut().zip(&ends) {
            *part = end;
        }
        pack_block(simd, &parts, count, &starts, whole * stride / GROUP, packed);
    }
}

/// Writes a block of the first `count` vectors, `b` groups behind each lane's start.
#[inline(always)]
fn pack_block<S: Simd>(
    simd: S,
    parts: &[&[u8; F32_BLOCK]; PANEL],
    count: usize,
    starts: &[usize; LANES],
    b: usize,
    packed: &mut [[f64; GROUP]],
) {
    for (quarter, starts) in starts.as_chunks::<GROUP>().0.iter().enumerate() {
        for (g, group) in parts.as_chunks::<GROUP>().0.iter().enumerate().take(count / GROUP) {
            let mut parts = [&[0; 32]; GROUP];
            for v in 0..GROUP {
                parts[v] = &group[v].as_chunks().0[quarter];
            }
            let numbers = simd.transpose(parts);
            for n in 0..GROUP {
                packed[starts[n] + b + g] = numbers[n];
            }
        }
    }
}

/// Computes all lanes of the pairs of `R` rows and a group of queries, and adds them: the result is at the last level of `nodes`.
#[inline(always)]
fn lanes<F: Sum, S: Simd, const R: usize>(
    simd: S,
    queries: &[f64],
    rows: &[f64],
    blocks: usize,
    nodes: &mut [f64],
    ahead: &mut Ahead<'_>,
) {
    let width = Spread::<S>::width();
    let size = width * R;
    let pairs = queries.chunks_exact(2 * blocks * width).zip(rows.chunks_exact(2 * blocks * R));
    for (place, (queries, rows)) in pairs.enumerate() {
        let (first, second) = queries.split_at(blocks * width);
        let (rows, second_rows) = rows.as_chunks::<R>().0.split_at(blocks);
        let first = lane::<F, S, R>(simd, first, rows, ahead.next(blocks));
        let second = lane::<F, S, R>(simd, second, second_rows, ahead.next(blocks));
        let (first, _) = bytemuck::cast_slice::<_, f64>(&first).as_chunks::<GROUP>();
        let (second, _) = bytemuck::cast_slice::<_, f64>(&second).as_chunks::<GROUP>();
        // As a binary counter carries: two lanes are added to the two before, their sum to that of the four before, and so on.
        let levels = place.trailing_ones() as usize;
        let (done, rest) = nodes.split_at_mut(levels * size);
        for (n, ((first, second), out)) in
            first.iter().zip(second).zip(rest.as_chunks_mut::<GROUP>().0).enumerate()
        {
            let mut total = [0.0; GROUP];
            for k in 0..GROUP {
                total[k] = first[k] + second[k];
            }
            for before in done.as_chunks::<GROUP>().0.iter().skip(n).step_by(size / GROUP) {
                for k in 0..GROUP {
                    total[k] += before[k];
                }
            }
            *out = total;
        }
    }
}

/// One lane of the sums of `R` rows and a group of queries. The loops over rows have a constant length, so that the sums stay in
/// registers.
#[inline(always)]
fn lane<F: Sum, S: Simd, const R: usize>(
    simd: S,
    queries: &[f64],
    rows: &[[f64; R]],
    mut asks: Asks<'_>,
) -> [S::R64; R] {
    let mut sums = [simd.splat_r64(0.0); R];
    for (query, row) in queries.chunks_exact(Spread::<S>::width()).zip(rows) {
        asks.ask(simd);
        let query = bytemuck::pod_read_unaligned(bytemuck::cast_slice(query));
        for r in 0..R {
            sums[r] = F::add_register::<Widened, S>(simd, query, simd.splat_r64(row[r]), sums[r]);
        }
    }
    sums
}
