//! What minima and maxima share.

use super::aggregate::{self, Aggregate, Source, is_finite};
use super::sums::{Row, STRIP, Unfit, number};
use super::{By, Grouped};
use crate::arch::{Level, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::number::element::Width;

/// The least or the greatest numbers of each group's vectors, by component.
pub(super) fn extremes(by: &By<'_>, vectors: &Vectors<'_>, greatest: bool) -> Result<Grouped, Error> {
    aggregate::run(&Source::new(by, vectors, None)?, &Extremes { greatest })
}

struct Extremes {
    greatest: bool,
}

/// Rows' numbers against the extremes so far. Maxima are minima of the negated numbers.
pub(super) struct Update<'a> {
    pub(super) least: &'a mut [f64],
    pub(super) sign: f64,
    pub(super) width: Width,
    pub(super) rows: &'a [Row<'a>],
}

impl Task for Update<'_> {
    type Output = Result<(), Unfit>;
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Self::Output {
        let n = self.least.len();
        let mut at = 0;
        let mut finite = true;
        while at < n {
            let columns = if n - at >= BLOCK { BLOCK } else { 1 };
            finite &= match (columns, self.width) {
                (BLOCK, Width::F32) => self.block::<S, BLOCK, 4>(simd, at),
                (BLOCK, Width::F64) => self.block::<S, BLOCK, 8>(simd, at),
                (_, Width::F32) => self.block::<S, 1, 4>(simd, at),
                (_, Width::F64) => self.block::<S, 1, 8>(simd, at),
            };
            at += columns;
        }
        if finite {
            return Ok(());
        }
        // The state is thrown away.
        let bad = self.rows.iter().position(|(row, _)| !is_finite(self.width, row));
        Err(Unfit(bad.unwrap_or(0)))
    }
}

/// Columns compared together.
const BLOCK: usize = 16;

impl Update<'_> {
    /// `N` columns of all rows; whether their numbers are finite.
    #[inline(always)]
    fn block<S: Simd, const N: usize, const SIZE: usize>(&mut self, simd: S, at: usize) -> bool {
        let mut least = [0.0; N];
        least.copy_from_slice(&self.least[at..][..N]);
        // 0 times what is not finite is NaN.
        let mut zeros = [0.0; N];
        for (row, _) in self.rows {
            let source = &row[at * SIZE..][..N * SIZE];
            simd.prefetch_near(source, STRIP * row.len());
            for l in 0..N {
                // Zeros of either sign are one number: +0.
                let v = number::<SIZE>(source, l) * self.sign + 0.0;
                zeros[l] += v * 0.0;
                least[l] = if v < least[l] { v } else { least[l] };
            }
        }
        self.least[at..][..N].copy_from_slice(&least);
        zeros.iter().sum::<f64>() == 0.0
    }
}

impl Aggregate for Extremes {
    type State = Vec<f64>;
    const RESULTS: usize = 1;

    fn state(&self, n: usize) -> Vec<f64> {
        vec![f64::INFINITY; n]
    }

    fn bytes(&self, n: usize) -> u64 {
        8 * n as u64
    }

    fn clear(&self, state: &mut Vec<f64>, n: usize) {
        state.clear();
        state.resize(n, f64::INFINITY);
    }

    fn add(&self, level: Level, state: &mut Vec<f64>, width: Width, rows: &[Row<'_>]) -> Result<(), Unfit> {
        debug_assert!(rows.len() <= STRIP);
        let sign = if self.greatest { -1.0 } else { 1.0 };
        level.run(Update { least: state, sign, width, rows })
    }

    fn merge(&self, mut a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = if b < *a { b } else { *a });
        a
    }

    fn finish(&self, state: &mut Vec<f64>, _: u64, results: &mut [Vec<f64>]) -> bool {
        let sign = if self.greatest { -1.0 } else { 1.0 };
        results[0].iter_mut().zip(state).for_each(|(out, v)| *out = *v * sign + 0.0);
        true
    }
}
