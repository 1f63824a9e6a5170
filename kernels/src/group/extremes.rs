//! What minima and maxima share.

use super::aggregate::{self, Aggregate, Source};
use super::sums::{Row, STRIP, Unfit};
use super::{By, Grouped};
use crate::arch::{Level, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::number::element::{Width, doubles};

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
    fn run<S: Simd>(self, _: S) -> Self::Output {
        for (i, (row, _)) in self.rows.iter().enumerate() {
            let mut largest = 0f64;
            let mut sum_of_nan = 0f64;
            for (least, (block, count)) in self.least.chunks_mut(32).zip(doubles(self.width, row, 0.0)) {
                for (least, v) in least.iter_mut().zip(&block[..count]) {
                    // Zeros of either sign are one number: +0.
                    let v = v * self.sign + 0.0;
                    *least = if v < *least { v } else { *least };
                    largest = if v.abs() > largest { v.abs() } else { largest };
                    sum_of_nan += v * 0.0;
                }
            }
            if largest.is_infinite() || sum_of_nan.is_nan() {
                return Err(Unfit(i));
            }
        }
        Ok(())
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
