//! Exact sums by component, fast for numbers of ordinary spread.
//!
//! # Why the order of the rows does not matter
//!
//! A component's window is a range of magnitudes, 2^(bound − span) ≤ |t| < 2^bound. A term in the window is cut at fixed places into
//! bins (Demmel and Nguyen 2015, "Parallel reproducible summation"; Rump, Ogita and Oishi 2008, "Accurate floating-point
//! summation"): h = fl(fl(t + C) − C) with C = 3·2^(k + 51) is t rounded to a multiple of 2^k, and t − h is exact. The
//! first bin has multiples of 2^(bound − 39), each further one of numbers 2⁻⁴⁰ times as small, and the last one takes the
//! rest as it is: the span is such that it is a multiple of the last bin's unit. A bin sums at most 2¹⁴ numbers of at
//! most 2³⁹ units, so it stays below 2⁵³ units: **every addition is exact**. Then the bins go into digits
//! ([`crate::number::exact`]), where terms outside of the window go at once. So each sum is exact, whatever the window,
//! the order and the grouping, and it is rounded once when it is read.

// Loops over lanes and bins by number are those that the compiler turns into registers.
#![allow(clippy::needless_range_loop)]

use crate::arch::Simd;
use crate::number::element::Width;
use crate::number::exact::{self, DIGITS};
use crate::number::range;

/// Rows of a group that are added together, while a bin's numbers stay in registers.
pub(crate) const STRIP: usize = 8;
/// Terms that a bin takes between two transfers.
const ROOM: u32 = 1 << 14;
/// Powers of two that a window reaches beyond the first rows' greatest magnitude.
const HEADROOM: i32 = 8;
/// Windows beyond this power of two, up or down, would overflow or lose bits: such terms go into digits at once.
const FARTHEST: i32 = 800;
/// Factors of a product are below this.
pub(crate) const LARGEST_FACTOR: f64 = f64::from_bits((1023 + 470) << 52);

/// What is added up of each number x of a row with weight w.
pub(crate) trait Term: Copy + Send + Sync {
    /// Bins.
    const BINS: usize;
    /// Significant bits that a term, with its second part, has below its leading one.
    const BITS: i32;
    /// Whether terms have a second part: the rounding error of the first.
    const PAIR: bool;
    /// The power of a number that its term is, where weights do not matter.
    const POWER: i32 = 1;

    fn first(x: f64, w: f64) -> f64;
    fn second(x: f64, w: f64) -> f64;
    /// Adds the whole term to digits.
    fn exactly(digits: &mut [i64], x: f64, w: f64);
}

/// Numbers of `BINS` bins, with 24 (2 bins) or 53 (3 bins) significant bits.
#[derive(Clone, Copy)]
pub(crate) struct Plain<const BINS: usize>;

impl<const BINS: usize> Term for Plain<BINS> {
    const BINS: usize = BINS;
    const BITS: i32 = if BINS == 2 { 23 } else { 52 };
    const PAIR: bool = false;
    #[inline(always)]
    fn first(x: f64, _: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn second(_: f64, _: f64) -> f64 {
        0.0
    }
    fn exactly(digits: &mut [i64], x: f64, _: f64) {
        exact::add(digits, x);
    }
}

/// Numbers of `BINS` bins times 1 or −1, their row's weight.
#[derive(Clone, Copy)]
pub(crate) struct Signed<const BINS: usize>;

impl<const BINS: usize> Term for Signed<BINS> {
    const BINS: usize = BINS;
    const BITS: i32 = Plain::<BINS>::BITS;
    const PAIR: bool = false;
    #[inline(always)]
    fn first(x: f64, w: f64) -> f64 {
        x * w
    }
    #[inline(always)]
    fn second(_: f64, _: f64) -> f64 {
        0.0
    }
    fn exactly(digits: &mut [i64], x: f64, w: f64) {
        exact::add(digits, x * w);
    }
}

/// Squares of singles.
#[derive(Clone, Copy)]
pub(crate) struct SquareOfSingle;

impl Term for SquareOfSingle {
    const BINS: usize = 3;
    const BITS: i32 = 47;
    const PAIR: bool = false;
    const POWER: i32 = 2;
    #[inline(always)]
    fn first(x: f64, _: f64) -> f64 {
        x * x
    }
    #[inline(always)]
    fn second(_: f64, _: f64) -> f64 {
        0.0
    }
    fn exactly(digits: &mut [i64], x: f64, _: f64) {
        exact::add_product(digits, x, x);
    }
}

/// Squares of doubles.
#[derive(Clone, Copy)]
pub(crate) struct SquareOfDouble;

impl Term for SquareOfDouble {
    const BINS: usize = 4;
    const BITS: i32 = 105;
    const PAIR: bool = true;
    #[inline(always)]
    fn first(x: f64, _: f64) -> f64 {
        x * x
    }
    #[inline(always)]
    fn second(x: f64, _: f64) -> f64 {
        range::exact_product(x, x).1
    }
    fn exactly(digits: &mut [i64], x: f64, _: f64) {
        exact::add_product(digits, x, x);
    }
}

/// Numbers times their row's weight.
#[derive(Clone, Copy)]
pub(crate) struct Weighted;

impl Term for Weighted {
    const BINS: usize = 4;
    const BITS: i32 = 105;
    const PAIR: bool = true;
    #[inline(always)]
    fn first(x: f64, w: f64) -> f64 {
        x * w
    }
    #[inline(always)]
    fn second(x: f64, w: f64) -> f64 {
        range::exact_product(x, w).1
    }
    fn exactly(digits: &mut [i64], x: f64, w: f64) {
        exact::add_product(digits, x, w);
    }
}

/// A row's numbers and its weight.
pub(crate) type Row<'a> = (&'a [u8], f64);

/// A number that is not finite, or too large for a product, at that row of a strip.
#[derive(Debug)]
pub(crate) struct Unfit(pub usize);

/// The sums of `n` components.
pub(crate) struct Sums<T> {
    n: usize,
    /// `T::BINS` times `n` numbers.
    bins: Vec<f64>,
    /// `DIGITS` for each component; empty until they are needed.
    digits: Vec<i64>,
    windows: Windows,
    /// Terms that the bins still take.
    room: u32,
    /// Terms that the digits still take before a carry.
    carry: u32,
    term: std::marker::PhantomData<T>,
}

/// The components' windows, in the forms that the loops need.
#[derive(Default)]
struct Windows {
    /// Powers of two at the upper ends.
    bounds: Vec<i32>,
    /// The least and the first too large magnitude of a term.
    ends: [Vec<f64>; 2],
    /// The bits of the least single other than 0 that fits, less one, and of the first too large one.
    bits: (Vec<u32>, Vec<i32>),
    /// The numbers C of the bins, but the last: `T::BINS - 1` times `n`.
    cuts: Vec<f64>,
}

/// 2^`power`, of a normal number.
fn power(power: i32) -> f64 {
    f64::from_bits(((1023 + power) as u64) << 52)
}

/// Exponents that lie in a window.
const fn span<T: Term>() -> i32 {
    39 + 40 * (T::BINS as i32 - 1) - T::BITS
}

impl Windows {
    /// Moves a component's window.
    fn set<T: Term>(&mut self, j: usize, bound: i32) {
        self.bounds[j] = bound;
        let low = bound - span::<T>();
        (self.ends[0][j], self.ends[1][j]) = (power(low), power(bound));
        self.bits.0[j] = bits_of_power((low + T::POWER - 1).div_euclid(T::POWER)) - 1;
        self.bits.1[j] = bits_of_power(bound.div_euclid(T::POWER)) as i32;
        let n = self.bounds.len();
        for b in 0..T::BINS - 1 {
            self.cuts[b * n + j] = 1.5 * power(bound - 39 - 40 * b as i32 + 52);
        }
    }
}

impl<T: Term> Sums<T> {
    pub(crate) fn new(n: usize) -> Sums<T> {
        let (term, windows) = (std::marker::PhantomData, Windows::default());
        let mut sums = Sums {
            n: 0,
            bins: Vec::new(),
            digits: Vec::new(),
            windows,
            room: ROOM,
            carry: exact::TERMS,
            term,
        };
        sums.clear(n);
        sums
    }

    /// Back to sums of nothing, of `n` components; windows are kept where the number is the same.
    pub(crate) fn clear(&mut self, n: usize) {
        if self.windows.bounds.len() != n {
            let singles = (vec![0; n], vec![0; n]);
            let (ends, cuts) = ([vec![0.0; n], vec![0.0; n]], vec![0.0; n * (T::BINS - 1)]);
            self.windows = Windows { bounds: vec![0; n], ends, bits: singles, cuts };
            (0..n).for_each(|j| self.windows.set::<T>(j, 0));
        }
        self.n = n;
        self.bins.clear();
        self.bins.resize(T::BINS * n, 0.0);
        self.digits.clear();
        self.room = ROOM;
    }

    /// Bytes for sums of `n` components, digits included.
    pub(crate) fn bytes(n: usize) -> u64 {
        n as u64 * 8 * (2 * T::BINS + 4 + DIGITS) as u64
    }

    /// Components.
    pub(crate) fn dimensions(&self) -> usize {
        self.n
    }

    /// Adds at most [`STRIP`] rows; `next` are those that come next, where they do not follow in memory.
    #[inline(always)]
    pub(crate) fn add<S: Simd>(
        &mut self,
        simd: S,
        width: Width,
        rows: &[Row<'_>],
        next: &[Row<'_>],
    ) -> Result<(), Unfit> {
        debug_assert!(rows.len() <= STRIP);
        let terms = rows.len() as u32 * (1 + u32::from(T::PAIR));
        if self.room < terms {
            self.transfer();
        }
        self.room -= terms;
        let mut at = 0;
        while at < self.n {
            // As many columns as the registers hold bins of.
            let columns = match self.n - at {
                16.. if S::WIDE_TILE => 16,
                8.. => 8,
                _ => 1,
            };
            let fits = match (columns, width) {
                (16, Width::F32) => self.block::<S, 16, 4>(simd, rows, next, at),
                (16, Width::F64) => self.block::<S, 16, 8>(simd, rows, next, at),
                (8, Width::F32) => self.block::<S, 8, 4>(simd, rows, next, at),
                (8, Width::F64) => self.block::<S, 8, 8>(simd, rows, next, at),
                (_, Width::F32) => self.block::<S, 1, 4>(simd, rows, next, at),
                (_, Width::F64) => self.block::<S, 1, 8>(simd, rows, next, at),
            };
            if !fits {
                self.outside(width, rows, at, columns)?;
            }
            at += columns;
        }
        Ok(())
    }

    /// Adds `N` columns of the rows to the bins, or nothing if a term lies outside of the window.
    #[inline(always)]
    fn block<S: Simd, const N: usize, const SIZE: usize>(
        &mut self,
        simd: S,
        rows: &[Row<'_>],
        next: &[Row<'_>],
        at: usize,
    ) -> bool {
        let n = self.n;
        let (mut bins, mut cuts) = ([[0.0; N]; 4], [[0.0; N]; 3]);
        for b in 0..T::BINS {
            bins[b].copy_from_slice(&self.bins[b * n + at..][..N]);
        }
        for b in 0..T::BINS - 1 {
            cuts[b].copy_from_slice(&self.windows.cuts[b * n + at..][..N]);
        }
        let [low, high] = self.windows.ends.each_ref().map(|ends| &ends[at..][..N]);
        // Singles are compared as integers, which takes fewer steps than as doubles.
        let by_bits = SIZE == 4 && !T::PAIR;
        let mut outside = [0u64; N];
        let (mut greatest, mut least) = ([0i32; N], [u32::MAX; N]);
        for (row, _) in next {
            simd.prefetch_near(&row[at * SIZE..], 0);
        }
        for (row, weight) in rows {
            let source = &row[at * SIZE..][..N * SIZE];
            if next.is_empty() {
                simd.prefetch_near(source, STRIP * row.len());
            }
            let mut x = [0.0; N];
            for (l, x) in x.iter_mut().enumerate() {
                *x = number::<SIZE>(source, l);
            }
            if by_bits {
                for l in 0..N {
                    let size = bits_of(source, l) & 0x7fff_ffff;
                    greatest[l] = greatest[l].max(size as i32);
                    // Zero becomes the greatest of all.
                    least[l] = least[l].min(size.wrapping_sub(1));
                }
            }
            let mut rest = [0.0; N];
            for l in 0..N {
                rest[l] = T::first(x[l], *weight);
            }
            if !by_bits {
                for l in 0..N {
                    let size = rest[l].abs();
                    outside[l] |= u64::from(!((size < high[l]) & ((size >= low[l]) | (size == 0.0))));
                }
            }
            cut_into::<T, N>(&mut bins, &cuts, rest);
            if T::PAIR {
                for l in 0..N {
                    rest[l] = T::second(x[l], *weight);
                }
                cut_into::<T, N>(&mut bins, &cuts, rest);
            }
        }
        if by_bits {
            let (least_bits, end_bits) = (&self.windows.bits.0[at..][..N], &self.windows.bits.1[at..][..N]);
            for l in 0..N {
                outside[l] = u64::from((greatest[l] >= end_bits[l]) | (least[l] < least_bits[l]));
            }
        }
        if outside.iter().fold(0, |all, one| all | one) != 0 {
            return false;
        }
        for b in 0..T::BINS {
            self.bins[b * n + at..][..N].copy_from_slice(&bins[b]);
        }
        true
    }

    /// Adds columns of which terms lie outside of their windows: with other windows, or into digits.
    #[cold]
    #[inline(never)]
    fn outside(&mut self, width: Width, rows: &[Row<'_>], at: usize, columns: usize) -> Result<(), Unfit> {
        let number = |row: &[u8], j: usize| match width {
            Width::F32 => number::<4>(row, j),
            Width::F64 => number::<8>(row, j),
        };
        for j in at..at + columns {
            let mut largest = 0f64;
            for (i, (row, weight)) in rows.iter().enumerate() {
                let x = number(row, j);
                if !x.is_finite() || (T::BINS == 4 && x.abs() >= LARGEST_FACTOR) {
                    return Err(Unfit(i));
                }
                largest = largest.max(T::first(x, *weight).abs());
            }
            let wanted = (exponent(largest) + 1 + HEADROOM).clamp(-FARTHEST, FARTHEST);
            if largest > 0.0 && (wanted - self.windows.bounds[j]).abs() > HEADROOM {
                self.empty(j);
                self.windows.set::<T>(j, wanted);
            }
            for (row, weight) in rows {
                self.one(j, number(row, j), *weight);
            }
        }
        Ok(())
    }

    /// Moves one component's bins into its digits.
    fn empty(&mut self, j: usize) {
        if (0..T::BINS).any(|b| self.bins[b * self.n + j] != 0.0) {
            self.need_digits();
            self.spend(T::BINS as u32);
            for b in 0..T::BINS {
                let bin = std::mem::take(&mut self.bins[b * self.n + j]);
                exact::add(&mut self.digits[j * DIGITS..][..DIGITS], bin);
            }
        }
    }

    /// Adds one number, in the window or not.
    fn one(&mut self, j: usize, x: f64, weight: f64) {
        let first = T::first(x, weight);
        let size = first.abs();
        let [low, high] = self.windows.ends.each_ref().map(|ends| ends[j]);
        if size < high && (size >= low || size == 0.0) {
            let n = self.n;
            let (mut bins, mut cuts) = ([[0.0; 1]; 4], [[0.0; 1]; 3]);
            for b in 0..T::BINS - 1 {
                cuts[b] = [self.windows.cuts[b * n + j]];
            }
            cut_into::<T, 1>(&mut bins, &cuts, [first]);
            if T::PAIR {
                cut_into::<T, 1>(&mut bins, &cuts, [T::second(x, weight)]);
            }
            for b in 0..T::BINS {
                self.bins[b * n + j] += bins[b][0];
            }
            return;
        }
        self.need_digits();
        self.spend(1);
        T::exactly(&mut self.digits[j * DIGITS..][..DIGITS], x, weight);
    }

    fn need_digits(&mut self) {
        if self.digits.is_empty() {
            self.digits.resize(self.n * DIGITS, 0);
            self.carry = exact::TERMS;
        }
    }

    /// Makes room for that many more terms in each component's digits.
    fn spend(&mut self, terms: u32) {
        if self.carry < terms {
            self.digits.chunks_mut(DIGITS).for_each(exact::carry);
            self.carry = exact::TERMS;
        }
        self.carry -= terms;
    }

    /// Moves all bins into the digits.
    fn transfer(&mut self) {
        self.need_digits();
        self.spend(T::BINS as u32);
        for (j, digits) in self.digits.chunks_mut(DIGITS).enumerate() {
            for b in 0..T::BINS {
                let bin = &mut self.bins[b * self.n + j];
                if *bin != 0.0 {
                    exact::add(digits, *bin);
                    *bin = 0.0;
                }
            }
        }
        self.room = ROOM;
    }

    /// All sums as carried digits.
    pub(crate) fn into_digits(mut self) -> Vec<i64> {
        self.settle();
        self.digits
    }

    /// Brings all of the sums into carried digits.
    fn settle(&mut self) {
        self.transfer();
        self.digits.chunks_mut(DIGITS).for_each(exact::carry);
        self.carry = exact::TERMS;
    }

    /// Both sums added.
    pub(crate) fn merged(mut self, mut other: Sums<T>) -> Sums<T> {
        self.settle();
        other.settle();
        for (own, other) in self.digits.chunks_mut(DIGITS).zip(other.digits.chunks(DIGITS)) {
            exact::merge(own, other);
        }
        self
    }

    /// Calls `take` with each component's sum, as its nearest double and the double nearest to the rest.
    pub(crate) fn read(&mut self, mut take: impl FnMut(usize, (f64, f64))) {
        let n = self.n;
        if self.digits.is_empty() && T::BINS == 2 {
            let (first, second) = self.bins.split_at(n);
            for (j, (a, b)) in first.iter().zip(second).enumerate() {
                take(j, exact::two_sum(*a, *b));
            }
            return;
        }
        if self.digits.is_empty() && T::BINS == 3 {
            for j in 0..n {
                take(j, exact::split_three([0, 1, 2].map(|b| self.bins[b * n + j])));
            }
            return;
        }
        self.settle();
        for (j, digits) in self.digits.chunks(DIGITS).enumerate() {
            take(j, exact::split(digits));
        }
    }

    /// Component `j` over 2⁶⁴, of sums that have been read as infinite.
    pub(crate) fn scaled(&self, j: usize) -> f64 {
        exact::rounded(&self.digits[j * DIGITS..][..DIGITS], -64)
    }
}

/// The exponent of a number's leading bit; that of subnormal numbers is lower than it need be.
fn exponent(value: f64) -> i32 {
    (value.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// The bits of the single 2^`power`, or of the first beyond it that there is: subnormal, or infinite.
fn bits_of_power(power: i32) -> u32 {
    match power {
        ..-149 => 1,
        -149..-126 => 1 << (power + 149),
        -126..128 => ((power + 127) as u32) << 23,
        _ => 0x7f80_0000,
    }
}

/// The bits of single `i`.
#[inline(always)]
fn bits_of(bytes: &[u8], i: usize) -> u32 {
    let at = &bytes[4 * i..][..4];
    u32::from_le_bytes([at[0], at[1], at[2], at[3]])
}

#[inline(always)]
pub(super) fn number<const SIZE: usize>(bytes: &[u8], i: usize) -> f64 {
    let mut one = [0; SIZE];
    one.copy_from_slice(&bytes[i * SIZE..][..SIZE]);
    match one.as_slice() {
        [a, b, c, d] => f64::from(f32::from_le_bytes([*a, *b, *c, *d])),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => unreachable!("numbers have 4 or 8 bytes"),
    }
}

/// Cuts terms into bins.
#[inline(always)]
fn cut_into<T: Term, const N: usize>(bins: &mut [[f64; N]; 4], cuts: &[[f64; N]; 3], mut rest: [f64; N]) {
    for b in 0..T::BINS - 1 {
        for l in 0..N {
            let part = (rest[l] + cuts[b][l]) - cuts[b][l];
            bins[b][l] += part;
            rest[l] -= part;
        }
    }
    for l in 0..N {
        bins[T::BINS - 1][l] += rest[l];
    }
}
