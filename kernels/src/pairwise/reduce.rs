//! Sums over pairs of vectors: the shared code of dot products, norms, distances and similarities.
//!
//! A [precision](crate::pairwise::precision) says which numbers are loaded and in which precision they are accumulated;
//! a *form* says what is summed. Both are resolved at compile time, inside the function that enables a level's
//! instructions.

use crate::arch::Simd;
use crate::number::element::Width;
use crate::pairwise::precision::{Accumulate, Double, Precision, with_precision};
use crate::pairwise::scaled;

/// What is computed from a pair of equally long vectors.
pub(crate) trait Form: Copy + Send + Sync {
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64;
}

/// The same for doubles whose sum may leave their range, with scaled sums.
pub(crate) trait AtScale: Copy + Send + Sync {
    fn scaled(self, a: &[u8], b: &[u8]) -> f64;
}

/// Σ aᵢ·bᵢ
#[derive(Clone, Copy)]
pub(crate) struct Dot;
/// √(Σ aᵢ²), whatever the second vector is.
#[derive(Clone, Copy)]
pub(crate) struct Norm;
/// Σ (aᵢ − bᵢ)², and its square root.
#[derive(Clone, Copy)]
pub(crate) struct Euclidean;
/// [`Euclidean`] after the sum overflowed, possibly because differences did.
#[derive(Clone, Copy)]
struct EuclideanOfHalves;
/// Σ |aᵢ − bᵢ|
#[derive(Clone, Copy)]
pub(crate) struct Manhattan;
/// Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²)
#[derive(Clone, Copy)]
pub(crate) struct Cosine;

/// Prefetch distance of a streamed row: enough to hide the memory's latency at its full rate, and so reaching into the
/// next row.
const AHEAD: usize = 16384;

/// Adds `step` over the blocks of both vectors, the last one padded with zeros. `STREAM`: the second vector comes from
/// memory, and the bytes behind it are prefetched.
macro_rules! over_blocks {
    ($mode:ty, $stream:expr, $simd:expr, $a:expr, $b:expr, |$x:ident, $y:ident| $step:expr) => {{
        let (a, b): (&[u8], &[u8]) = ($a, $b);
        let (mut blocks_a, mut blocks_b) = (a.chunks_exact(<$mode>::BLOCK), b.chunks_exact(<$mode>::BLOCK));
        for (block_a, block_b) in (&mut blocks_a).zip(&mut blocks_b) {
            if $stream {
                // A block is two or four cache lines.
                for line in (0..<$mode>::BLOCK).step_by(64) {
                    $simd.prefetch(block_b, AHEAD + line);
                }
            }
            let ($x, $y) = (<$mode>::load($simd, block_a), <$mode>::load($simd, block_b));
            $step;
        }
        let (tail_a, tail_b) = (blocks_a.remainder(), blocks_b.remainder());
        if !tail_a.is_empty() {
            if $stream {
                $simd.prefetch(tail_b, AHEAD);
            }
            let ($x, $y) = (<$mode>::load_tail($simd, tail_a), <$mode>::load_tail($simd, tail_b));
            $step;
        }
    }};
}

#[inline(always)]
fn plain_dot<M: Precision, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    let mut acc = M::zero(simd);
    over_blocks!(M, STREAM, simd, a, b, |x, y| acc = M::dot(simd, x, y, acc));
    M::sum(simd, acc)
}

#[inline(always)]
fn plain_squared_distance<M: Precision, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    let mut acc = M::zero(simd);
    over_blocks!(M, STREAM, simd, a, b, |x, y| acc = M::square_of_difference(simd, x, y, acc));
    M::sum(simd, acc)
}

/// Recomputes a sum that may have left the range of its lanes: for singles in double lanes, for doubles with a scale.
#[inline(always)]
fn again<M: Precision, S: Simd>(simd: S, form: impl Form + AtScale, a: &[u8], b: &[u8]) -> f64 {
    match M::WIDTH {
        Width::F32 => simd.run(Pair { form, width: Width::F32, accumulate: Accumulate::F64, a, b }),
        Width::F64 => simd.run(Scaled { form, a, b }),
    }
}

/// The sum, or the recomputed dot product if the sum may have left the range of its lanes.
#[inline(always)]
pub(crate) fn checked_dot<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
    if M::suspect(sum) { again::<M, S>(simd, Dot, a, b) } else { sum }
}

#[inline(always)]
pub(crate) fn dot<M: Precision, S: Simd>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    checked_dot::<M, S>(simd, plain_dot::<M, S, false>(simd, a, b), a, b)
}

/// As [`dot`], for a row that streams from memory.
#[inline(always)]
pub(crate) fn stream_dot<M: Precision, S: Simd>(simd: S, query: &[u8], row: &[u8]) -> f64 {
    checked_dot::<M, S>(simd, plain_dot::<M, S, true>(simd, query, row), query, row)
}

/// `query`·`row` and `row`·`row` in one pass; `STREAM` where the row streams from memory.
#[inline(always)]
pub(crate) fn dot_and_square<M: Precision, S: Simd, const STREAM: bool>(
    simd: S,
    query: &[u8],
    row: &[u8],
) -> (f64, f64) {
    let (mut dot, mut square) = (M::zero(simd), M::zero(simd));
    over_blocks!(M, STREAM, simd, query, row, |x, y| {
        dot = M::dot(simd, x, y, dot);
        square = M::dot(simd, y, y, square);
    });
    (
        checked_dot::<M, S>(simd, M::sum(simd, dot), query, row),
        checked_dot::<M, S>(simd, M::sum(simd, square), row, row),
    )
}

/// The norm of doubles as a number and a power of two.
#[inline(always)]
pub(crate) fn scaled_norm<S: Simd>(simd: S, v: &[u8]) -> scaled::Scaled {
    let sum = plain_dot::<Double, S, false>(simd, v, v);
    let sum = if Double::suspect(sum) { scaled::dot(v, v) } else { scaled::Scaled { sum, exponent: 0 } };
    sum.root()
}

/// Blocks of [`stream_dots_and_squares`] that are processed for all registers while they are in the L1 cache.
const DEPTH: usize = 32;

/// [`dot_and_square`] of `R` equally long consecutive rows that stream from memory, each with `Q` queries, on a level
/// with 2 registers per block of singles and 4 per block of doubles. Each row is read from memory once for all queries,
/// and each query from the cache once for all rows. Without `SQUARES` the rows' squares are 0.
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
#[inline(always)]
pub(crate) fn stream_dots_and_squares<
    M: Precision,
    S: Simd,
    const Q: usize,
    const R: usize,
    const SQUARES: bool,
>(
    simd: S,
    queries: [&[u8]; Q],
    rows: [&[u8]; R],
) -> [([f64; Q], f64); R] {
    let zero = M::zero(simd);
    let registers = M::registers::<S>(&zero).len();
    debug_assert!(registers == 2 || registers == 4);
    let mut sums =
        Sums { dots: [[zero; R]; Q], squares: [zero; R], next: (2 * AHEAD).max(R * rows[0].len()) };
    for start in (0..rows[0].len()).step_by(DEPTH * M::BLOCK) {
        let end = rows[0].len().min(start + DEPTH * M::BLOCK);
        let (queries, parts) = (queries.map(|query| &query[start..end]), rows.map(|row| &row[start..end]));
        sums.add_registers::<M, S, 0, SQUARES>(simd, queries, parts, rows[0]);
        if registers == 4 {
            sums.add_registers::<M, S, 2, SQUARES>(simd, queries, parts, rows[0]);
        }
    }
    let mut out = [([0.0; Q], 0.0); R];
    for r in 0..R {
        for q in 0..Q {
            out[r].0[q] = checked_dot::<M, S>(simd, M::sum(simd, sums.dots[q][r]), queries[q], rows[r]);
        }
        if SQUARES {
            out[r].1 = checked_dot::<M, S>(simd, M::sum(simd, sums.squares[r]), rows[r], rows[r]);
        }
    }
    out
}

/// The lanes of [`stream_dots_and_squares`].
struct Sums<V, const Q: usize, const R: usize> {
    dots: [[V; R]; Q],
    squares: [V; R],
    /// Offset, from the first row's start, of the next cache line to prefetch.
    next: usize,
}

impl<V: Copy, const Q: usize, const R: usize> Sums<V, Q, R> {
    /// Adds the vectors' contributions to registers `FIRST` and `FIRST` + 1 of a block. The other loaded registers are
    /// unused, so the compiler omits their loads. The loops have constant lengths, so the sums stay in registers.
    #[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
    #[inline(always)]
    fn add_registers<M: Precision<Vec<S> = V>, S: Simd, const FIRST: usize, const SQUARES: bool>(
        &mut self,
        simd: S,
        queries: [&[u8]; Q],
        rows: [&[u8]; R],
        first: &[u8],
    ) {
        let zero = M::registers::<S>(&M::zero(simd))[0];
        let (mut dots, mut squares) = ([[[zero; 2]; R]; Q], [[zero; 2]; R]);
        // As many lines are prefetched as are read; with two passes, half of them in each.
        let (mut next, lines) = (self.next, R * M::BLOCK / 64 * 2 / M::registers::<S>(&M::zero(simd)).len());
        for r in 0..R {
            for n in 0..2 {
                squares[r][n] = M::registers::<S>(&self.squares[r])[FIRST + n];
                for q in 0..Q {
                    dots[q][r][n] = M::registers::<S>(&self.dots[q][r])[FIRST + n];
                }
            }
        }
        let mut start = 0;
        while start < rows[0].len() {
            let end = rows[0].len().min(start + M::BLOCK);
            for _ in 0..lines {
                simd.prefetch(first, next);
                next += 64;
            }
            let mut blocks = [M::zero(simd); R];
            for r in 0..R {
                blocks[r] = load_part::<M, S>(simd, &rows[r][start..end]);
                for n in 0..2 {
                    if SQUARES {
                        let x = M::registers::<S>(&blocks[r])[FIRST + n];
                        squares[r][n] = M::dot_register(simd, x, x, squares[r][n]);
                    }
                }
            }
            for q in 0..Q {
                let query = load_part::<M, S>(simd, &queries[q][start..end]);
                for r in 0..R {
                    for n in 0..2 {
                        let (x, y) =
                            (M::registers::<S>(&query)[FIRST + n], M::registers::<S>(&blocks[r])[FIRST + n]);
                        dots[q][r][n] = M::dot_register(simd, x, y, dots[q][r][n]);
                    }
                }
            }
            start = end;
        }
        self.next = next;
        for r in 0..R {
            for n in 0..2 {
                M::registers_mut::<S>(&mut self.squares[r])[FIRST + n] = squares[r][n];
                for q in 0..Q {
                    M::registers_mut::<S>(&mut self.dots[q][r])[FIRST + n] = dots[q][r][n];
                }
            }
        }
    }
}

/// Euclidean distance; `STREAM` where `b` streams from memory.
#[inline(always)]
pub(crate) fn euclidean<M: Precision, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    distance_of_sum::<M, S>(simd, plain_squared_distance::<M, S, STREAM>(simd, a, b), a, b)
}

/// The root of the sum, recomputed first if the sum may have left the range of its lanes.
#[inline(always)]
pub(crate) fn distance_of_sum<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
    if !M::suspect(sum) {
        sum.sqrt()
    } else if M::WIDTH == Width::F64 && !sum.is_finite() {
        simd.run(Scaled { form: EuclideanOfHalves, a, b })
    } else {
        again::<M, S>(simd, Euclidean, a, b)
    }
}

/// Manhattan distance.
#[inline(always)]
pub(crate) fn manhattan<M: Precision, S: Simd>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    let mut acc = M::zero(simd);
    over_blocks!(M, false, simd, a, b, |x, y| acc = M::absolute_difference(simd, x, y, acc));
    checked_manhattan::<M, S>(simd, M::sum(simd, acc), a, b)
}

/// The sum, recomputed in double lanes if it overflowed in single ones. A small sum has lost nothing: no term is a
/// product. A sum of doubles overflows only where the distance itself does.
#[inline(always)]
pub(crate) fn checked_manhattan<M: Precision, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
    if M::WIDTH == Width::F32 && M::suspect(sum) && !sum.is_finite() {
        simd.run(Pair { form: Manhattan, width: Width::F32, accumulate: Accumulate::F64, a, b })
    } else {
        sum
    }
}

#[inline(always)]
fn load_part<M: Precision, S: Simd>(simd: S, part: &[u8]) -> M::Vec<S> {
    if part.len() == M::BLOCK { M::load(simd, part) } else { M::load_tail(simd, part) }
}

/// Cosine similarity from the three sums, whose squares are 0 or within 2⁻⁴⁸⁰ and 2⁴⁸⁰. A zero vector has similarity 0
/// with every finite vector.
#[inline(always)]
pub(crate) fn cosine_of_sums(ab: f64, aa: f64, bb: f64) -> f64 {
    // √(x·x) is exactly x, so a vector has similarity exactly 1 with itself.
    let scale = (aa * bb).sqrt();
    if scale == 0.0 { 0.0 } else { (ab / scale).clamp(-1.0, 1.0) }
}

/// Cosine similarity from the three sums, or from scaled sums where the product of the squares would leave the range of
/// doubles.
#[inline(always)]
pub(crate) fn checked_cosine<M: Precision, S: Simd>(simd: S, sums: [f64; 3], a: &[u8], b: &[u8]) -> f64 {
    let [ab, aa, bb] = sums;
    if M::strays(aa) || M::strays(bb) {
        again::<M, S>(simd, Cosine, a, b)
    } else {
        cosine_of_sums(ab, aa, bb)
    }
}

impl Form for Dot {
    #[inline(always)]
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        dot::<M, S>(simd, a, b)
    }
}

impl AtScale for Dot {
    #[inline(always)]
    fn scaled(self, a: &[u8], b: &[u8]) -> f64 {
        scaled::dot(a, b).value()
    }
}

impl Form for Norm {
    #[inline(always)]
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], _: &[u8]) -> f64 {
        let sum = plain_dot::<M, S, false>(simd, a, a);
        if M::suspect(sum) { again::<M, S>(simd, Norm, a, a) } else { sum.sqrt() }
    }
}

impl AtScale for Norm {
    #[inline(always)]
    fn scaled(self, a: &[u8], _: &[u8]) -> f64 {
        scaled::dot(a, a).root().value()
    }
}

impl Form for Euclidean {
    #[inline(always)]
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        euclidean::<M, S, false>(simd, a, b)
    }
}

impl AtScale for Euclidean {
    #[inline(always)]
    fn scaled(self, a: &[u8], b: &[u8]) -> f64 {
        scaled::squared_distance(a, b, 1.0).root().value()
    }
}

impl Form for Manhattan {
    #[inline(always)]
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        manhattan::<M, S>(simd, a, b)
    }
}

impl AtScale for EuclideanOfHalves {
    #[inline(always)]
    fn scaled(self, a: &[u8], b: &[u8]) -> f64 {
        let half = scaled::squared_distance(a, b, 0.5).root();
        scaled::times_power(half.sum, half.exponent + 1)
    }
}

impl Form for Cosine {
    #[inline(always)]
    fn pair<M: Precision, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        let (mut ab, mut aa, mut bb) = (M::zero(simd), M::zero(simd), M::zero(simd));
        over_blocks!(M, false, simd, a, b, |x, y| {
            ab = M::dot(simd, x, y, ab);
            aa = M::dot(simd, x, x, aa);
            bb = M::dot(simd, y, y, bb);
        });
        let sums = [
            checked_dot::<M, S>(simd, M::sum(simd, ab), a, b),
            checked_dot::<M, S>(simd, M::sum(simd, aa), a, a),
            checked_dot::<M, S>(simd, M::sum(simd, bb), b, b),
        ];
        checked_cosine::<M, S>(simd, sums, a, b)
    }
}

impl AtScale for Cosine {
    #[inline(always)]
    fn scaled(self, a: &[u8], b: &[u8]) -> f64 {
        let (ab, aa, bb) = (scaled::dot(a, b), scaled::dot(a, a), scaled::dot(b, b));
        let scale = (aa.sum * bb.sum).sqrt();
        if scale == 0.0 {
            return 0.0;
        }
        let exponent = ab.exponent - aa.exponent / 2 - bb.exponent / 2;
        scaled::times_power(ab.sum / scale, exponent).clamp(-1.0, 1.0)
    }
}

/// One pair, as a task for a level.
pub(crate) struct Pair<'a, F> {
    pub(crate) form: F,
    pub(crate) width: Width,
    pub(crate) accumulate: Accumulate,
    pub(crate) a: &'a [u8],
    pub(crate) b: &'a [u8],
}

/// One pair of doubles with scaled sums, as a task for a level.
struct Scaled<'a, F> {
    form: F,
    a: &'a [u8],
    b: &'a [u8],
}

impl<F: AtScale> crate::arch::Task for Scaled<'_, F> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        self.form.scaled(self.a, self.b)
    }
}

impl<F: Form> crate::arch::Task for Pair<'_, F> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        with_precision!(self.width, self.accumulate, M => self.form.pair::<M, S>(simd, self.a, self.b))
    }
}
