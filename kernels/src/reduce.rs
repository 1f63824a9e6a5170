//! Sums over pairs of vectors: the shared body of dot products, norms, distances and similarities.
//!
//! A *mode* says which numbers are loaded and in which precision they are accumulated; a *form* says what is summed.
//! Both are resolved at compile time, inside the function that enables a level's instructions.

use bytemuck::Pod;

use crate::arch::{F32_BLOCK, F64_BLOCK, LANES, Simd};
use crate::vectors::Width;

/// Precision in which a kernel adds up single-precision vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accumulate {
    /// 32 single-precision lanes with fused multiply-add, added in double precision at the end.
    ///
    /// A sum that overflows, or is so small that its terms may have underflowed (below 2⁻¹⁰⁰), is computed again in
    /// double precision, so that finite vectors never give an infinite or vanishing result.
    #[default]
    F32,
    /// 32 double-precision lanes: the products of singles are exact.
    F64,
}

impl Accumulate {
    /// `f32` or `f64`.
    pub fn parse(name: &str) -> Option<Accumulate> {
        match name {
            "f32" => Some(Accumulate::F32),
            "f64" => Some(Accumulate::F64),
            _ => None,
        }
    }
}

/// How packed bytes become lanes.
pub(crate) trait Mode: Copy {
    /// A block of lanes.
    type Vec<S: Simd>: Copy;
    /// The part of a block that is one register.
    type Register<S: Simd>: Pod;
    /// What a vector holds.
    type Number: Pod + Default;
    /// What a lane holds.
    type Lane: Pod + Default + From<Self::Number>;
    /// Bytes of one block of lanes.
    const BLOCK: usize;
    /// Whether a step of a dot product is one instruction.
    const FUSED: bool = true;

    fn zero<S: Simd>(simd: S) -> Self::Vec<S>;
    /// `bytes.len() == BLOCK`.
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> Self::Vec<S>;
    /// `bytes.len() < BLOCK`.
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> Self::Vec<S>;
    fn dot<S: Simd>(simd: S, a: Self::Vec<S>, b: Self::Vec<S>, acc: Self::Vec<S>) -> Self::Vec<S>;
    fn square_of_difference<S: Simd>(
        simd: S,
        a: Self::Vec<S>,
        b: Self::Vec<S>,
        acc: Self::Vec<S>,
    ) -> Self::Vec<S>;
    fn sum<S: Simd>(simd: S, acc: Self::Vec<S>) -> f64;
    /// The registers of a block, in the order of their lanes.
    fn registers<S: Simd>(block: &Self::Vec<S>) -> &[Self::Register<S>];
    fn registers_mut<S: Simd>(block: &mut Self::Vec<S>) -> &mut [Self::Register<S>];
    /// One register of [`Mode::dot`].
    fn dot_register<S: Simd>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        acc: Self::Register<S>,
    ) -> Self::Register<S>;
    /// One register of [`Mode::square_of_difference`].
    fn square_of_difference_register<S: Simd>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        acc: Self::Register<S>,
    ) -> Self::Register<S>;
    /// The same number in every lane of a register.
    fn splat<S: Simd>(simd: S, number: Self::Number) -> Self::Register<S>;
    /// A block of lanes, widened.
    fn widen<S: Simd>(simd: S, lanes: &[Self::Lane; LANES]) -> S::F64;
    /// Whether the sum may have left the range of its lanes.
    fn suspect(sum: f64) -> bool;
}

/// Single-precision vectors, single-precision lanes.
#[derive(Clone, Copy)]
pub(crate) struct Single;
/// Single-precision vectors, double-precision lanes.
#[derive(Clone, Copy)]
pub(crate) struct Widened;
/// Double-precision vectors and lanes.
#[derive(Clone, Copy)]
pub(crate) struct Double;

#[inline(always)]
fn block<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes.try_into().expect("a block of lanes")
}

impl Mode for Single {
    type Vec<S: Simd> = S::F32;
    type Register<S: Simd> = S::R32;
    type Number = f32;
    type Lane = f32;
    const BLOCK: usize = F32_BLOCK;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F32 {
        simd.zero_f32()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F32 {
        simd.load_f32(block(bytes))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F32 {
        simd.load_f32_tail(bytes)
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F32, b: S::F32, acc: S::F32) -> S::F32 {
        simd.fma_f32(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F32, b: S::F32, acc: S::F32) -> S::F32 {
        let d = simd.sub_f32(a, b);
        simd.fma_f32(d, d, acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F32) -> f64 {
        simd.sum_f32(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F32) -> &[S::R32] {
        S::registers_f32(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F32) -> &mut [S::R32] {
        S::registers_f32_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R32, b: S::R32, acc: S::R32) -> S::R32 {
        simd.fma_r32(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R32, b: S::R32, acc: S::R32) -> S::R32 {
        let d = simd.sub_r32(a, b);
        simd.fma_r32(d, d, acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f32) -> S::R32 {
        simd.splat_r32(number)
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f32; LANES]) -> S::F64 {
        simd.widen(simd.load_f32(bytemuck::cast_ref(lanes)))
    }
    #[inline(always)]
    fn suspect(sum: f64) -> bool {
        // 2⁻¹⁰⁰: a term that underflowed lost less than 2⁻¹⁴⁹, which is nothing beside a sum of this size. NaN is suspect.
        const TINY: f64 = 1.0 / (1u128 << 100) as f64;
        !(TINY..f64::INFINITY).contains(&sum.abs())
    }
}

impl Mode for Widened {
    type Vec<S: Simd> = S::F64;
    type Register<S: Simd> = S::R64;
    type Number = f32;
    type Lane = f64;
    const BLOCK: usize = F32_BLOCK;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F64 {
        simd.zero_f64()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.widen(simd.load_f32(block(bytes)))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.widen(simd.load_f32_tail(bytes))
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        simd.exact_mul_add_f64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        Double::square_of_difference(simd, a, b, acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F64) -> f64 {
        simd.sum_f64(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F64) -> &[S::R64] {
        S::registers_f64(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F64) -> &mut [S::R64] {
        S::registers_f64_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        simd.exact_mul_add_r64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        Double::square_of_difference_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f32) -> S::R64 {
        Double::splat(simd, f64::from(number))
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f64; LANES]) -> S::F64 {
        Double::widen(simd, lanes)
    }
    #[inline(always)]
    fn suspect(_: f64) -> bool {
        false
    }
}

impl Mode for Double {
    type Vec<S: Simd> = S::F64;
    type Register<S: Simd> = S::R64;
    type Number = f64;
    type Lane = f64;
    const BLOCK: usize = F64_BLOCK;
    const FUSED: bool = false;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F64 {
        simd.zero_f64()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.load_f64(block(bytes))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.load_f64_tail(bytes)
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        simd.mul_add_f64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        let d = simd.sub_f64(a, b);
        simd.mul_add_f64(d, d, acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F64) -> f64 {
        simd.sum_f64(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F64) -> &[S::R64] {
        S::registers_f64(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F64) -> &mut [S::R64] {
        S::registers_f64_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        simd.mul_add_r64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        let d = simd.sub_r64(a, b);
        simd.mul_add_r64(d, d, acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f64) -> S::R64 {
        simd.splat_r64(number)
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f64; LANES]) -> S::F64 {
        simd.load_f64(bytemuck::cast_ref(lanes))
    }
    #[inline(always)]
    fn suspect(_: f64) -> bool {
        false
    }
}

/// Runs `$body` with the type `$mode` that the vectors' width and the wanted precision name.
macro_rules! with_mode {
    ($width:expr, $accumulate:expr, $mode:ident => $body:expr) => {
        match ($width, $accumulate) {
            (crate::vectors::Width::F32, crate::reduce::Accumulate::F32) => {
                type $mode = crate::reduce::Single;
                $body
            }
            (crate::vectors::Width::F32, crate::reduce::Accumulate::F64) => {
                type $mode = crate::reduce::Widened;
                $body
            }
            (crate::vectors::Width::F64, _) => {
                type $mode = crate::reduce::Double;
                $body
            }
        }
    };
}
pub(crate) use with_mode;

/// What is computed from one pair of equally long vectors.
pub(crate) trait Form: Copy + Send + Sync {
    fn pair<M: Mode, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64;
}

/// Σ aᵢ·bᵢ
#[derive(Clone, Copy)]
pub(crate) struct Dot;
/// Σ (aᵢ − bᵢ)², and its square root.
#[derive(Clone, Copy)]
pub(crate) struct Euclidean;
/// Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²)
#[derive(Clone, Copy)]
pub(crate) struct Cosine;

/// How far ahead of itself a streamed row is asked for: enough to hide the memory's latency at its full rate, and
/// therefore into the next row too.
const AHEAD: usize = 16384;

/// Adds `step` over the blocks of both vectors, the last one filled up with zeros. `STREAM`: the second vector comes from
/// memory, and what lies behind it is asked for in time.
macro_rules! over_blocks {
    ($mode:ty, $stream:expr, $simd:expr, $a:expr, $b:expr, |$x:ident, $y:ident| $step:expr) => {{
        let (a, b): (&[u8], &[u8]) = ($a, $b);
        let (mut blocks_a, mut blocks_b) = (a.chunks_exact(<$mode>::BLOCK), b.chunks_exact(<$mode>::BLOCK));
        for (block_a, block_b) in (&mut blocks_a).zip(&mut blocks_b) {
            if $stream {
                // A block is two cache lines or four.
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
fn plain_dot<M: Mode, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    let mut acc = M::zero(simd);
    over_blocks!(M, STREAM, simd, a, b, |x, y| acc = M::dot(simd, x, y, acc));
    M::sum(simd, acc)
}

#[inline(always)]
fn plain_squared_distance<M: Mode, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    let mut acc = M::zero(simd);
    over_blocks!(M, STREAM, simd, a, b, |x, y| acc = M::square_of_difference(simd, x, y, acc));
    M::sum(simd, acc)
}

/// The sum, or, where it may have left the range of its lanes, the dot product in doubles' lanes.
#[inline(always)]
pub(crate) fn checked_dot<M: Mode, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
    if M::suspect(sum) { simd.run(Pair::widened(Dot, a, b)) } else { sum }
}

#[inline(always)]
pub(crate) fn dot<M: Mode, S: Simd>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    checked_dot::<M, S>(simd, plain_dot::<M, S, false>(simd, a, b), a, b)
}

/// As [`dot`], for a row that streams from memory.
#[inline(always)]
pub(crate) fn stream_dot<M: Mode, S: Simd>(simd: S, query: &[u8], row: &[u8]) -> f64 {
    checked_dot::<M, S>(simd, plain_dot::<M, S, true>(simd, query, row), query, row)
}

/// `query`·`row` and `row`·`row` in one pass; `STREAM` where the row streams from memory.
#[inline(always)]
pub(crate) fn dot_and_square<M: Mode, S: Simd, const STREAM: bool>(
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

/// Blocks of [`stream_dots_and_squares`] that are read for all registers, while they are in the first-level cache.
const DEPTH: usize = 32;

/// As [`dot_and_square`] of `R` equally long rows that lie one behind the other and stream from memory, each with `Q` queries,
/// on a level with 2 registers for a block of singles and 4 for one of doubles. Each row is read from memory once for all queries,
/// and each query from the cache once for all rows. Without `SQUARES` the rows' squares are 0.
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
#[inline(always)]
pub(crate) fn stream_dots_and_squares<
    M: Mode,
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
    /// Where the next cache line to ask for lies behind the first row's start.
    next: usize,
}

impl<V: Copy, const Q: usize, const R: usize> Sums<V, Q, R> {
    /// Adds what the vectors have for registers `FIRST` and `FIRST` + 1 of a block. The other registers of what is loaded are not
    /// used, so the compiler leaves them out. The loops have constant lengths, so that the sums stay in registers.
    #[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
    #[inline(always)]
    fn add_registers<M: Mode<Vec<S> = V>, S: Simd, const FIRST: usize, const SQUARES: bool>(
        &mut self,
        simd: S,
        queries: [&[u8]; Q],
        rows: [&[u8]; R],
        first: &[u8],
    ) {
        let zero = M::registers::<S>(&M::zero(simd))[0];
        let (mut dots, mut squares) = ([[[zero; 2]; R]; Q], [[zero; 2]; R]);
        // As many lines are asked for as are read, in two passes half of them each.
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
pub(crate) fn euclidean<M: Mode, S: Simd, const STREAM: bool>(simd: S, a: &[u8], b: &[u8]) -> f64 {
    distance_of_sum::<M, S>(simd, plain_squared_distance::<M, S, STREAM>(simd, a, b), a, b)
}

/// The root of the sum or, where that may have left the range of its lanes, of the sum in doubles' lanes.
#[inline(always)]
pub(crate) fn distance_of_sum<M: Mode, S: Simd>(simd: S, sum: f64, a: &[u8], b: &[u8]) -> f64 {
    if M::suspect(sum) { simd.run(Pair::widened(Euclidean, a, b)) } else { sum.sqrt() }
}

#[inline(always)]
pub(crate) fn load_part<M: Mode, S: Simd>(simd: S, part: &[u8]) -> M::Vec<S> {
    if part.len() == M::BLOCK { M::load(simd, part) } else { M::load_tail(simd, part) }
}

/// Cosine similarity from the three sums. A zero vector has similarity 0 with every finite vector.
#[inline(always)]
pub(crate) fn cosine_of_sums(ab: f64, aa: f64, bb: f64) -> f64 {
    // √(x·x) is exactly x, so a vector and itself have similarity 1, not almost 1. Sums of singles cannot leave the
    // range of this product; those of doubles can.
    let product = aa * bb;
    let scale = if product.is_normal() {
        product.sqrt()
    } else if aa == bb {
        aa
    } else {
        aa.sqrt() * bb.sqrt()
    };
    if scale == 0.0 { 0.0 } else { (ab / scale).clamp(-1.0, 1.0) }
}

impl Form for Dot {
    #[inline(always)]
    fn pair<M: Mode, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        dot::<M, S>(simd, a, b)
    }
}

impl Form for Euclidean {
    #[inline(always)]
    fn pair<M: Mode, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        euclidean::<M, S, false>(simd, a, b)
    }
}

impl Form for Cosine {
    #[inline(always)]
    fn pair<M: Mode, S: Simd>(self, simd: S, a: &[u8], b: &[u8]) -> f64 {
        let (mut ab, mut aa, mut bb) = (M::zero(simd), M::zero(simd), M::zero(simd));
        over_blocks!(M, false, simd, a, b, |x, y| {
            ab = M::dot(simd, x, y, ab);
            aa = M::dot(simd, x, x, aa);
            bb = M::dot(simd, y, y, bb);
        });
        cosine_of_sums(
            checked_dot::<M, S>(simd, M::sum(simd, ab), a, b),
            checked_dot::<M, S>(simd, M::sum(simd, aa), a, a),
            checked_dot::<M, S>(simd, M::sum(simd, bb), b, b),
        )
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

impl<'a, F> Pair<'a, F> {
    /// A pair of singles whose sum is computed again: the sums of others are never suspect.
    fn widened(form: F, a: &'a [u8], b: &'a [u8]) -> Self {
        Pair { form, width: Width::F32, accumulate: Accumulate::F64, a, b }
    }
}

impl<F: Form> crate::arch::Task for Pair<'_, F> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        with_mode!(self.width, self.accumulate, M => self.form.pair::<M, S>(simd, self.a, self.b))
    }
}
