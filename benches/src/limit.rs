//! The machine's limits: what memory can deliver and what the arithmetic units can do, measured beside the kernels.
//!
//! The loops are plain Rust over `pulp`, which compiles them for the widest registers of the machine at hand.

use std::hint::black_box;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Adds up all numbers, reading `STREAMS` places of the slice at the same time. Nothing else is done with what is read, so
/// the time is that of reading.
struct Sum<'a, const STREAMS: usize>(&'a [f32]);

/// Sums of each stream: enough that no addition waits for the one before.
const SUMS: usize = 4;

impl<const STREAMS: usize> WithSimd for Sum<'_, STREAMS> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (registers, tail) = S::as_simd_f32s(self.0);
        let length = registers.len() / STREAMS / SUMS * SUMS;
        let streams: [&[S::f32s]; STREAMS] =
            std::array::from_fn(|s| &registers[s * length..(s + 1) * length]);
        let mut sums = [[simd.splat_f32s(0.0); SUMS]; STREAMS];
        let mut i = 0;
        while i < length {
            for s in 0..STREAMS {
                let group = &streams[s][i..i + SUMS];
                for j in 0..SUMS {
                    sums[s][j] = simd.add_f32s(sums[s][j], group[j]);
                }
            }
            i += SUMS;
        }
        let mut total = f64::from(tail.iter().sum::<f32>());
        for sum in sums.as_flattened().iter().chain(&registers[STREAMS * length..]) {
            total += f64::from(simd.reduce_sum_f32s(*sum));
        }
        total
    }
}

/// Pools of one and of two threads, which every comparison with a limit is made in.
///
/// # Panics
///
/// Where the system gives no threads.
pub fn pools() -> [(usize, rayon::ThreadPool); 2] {
    [1, 2].map(|n| (n, rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads")))
}

/// What a pool of that size is called in the tables.
pub fn label(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

/// The sum of all numbers, each thread of the current pool reading its share front to back.
pub fn sum_one_stream(values: &[f32]) -> f64 {
    sum::<1>(values)
}

/// The sum of all numbers, each thread of the current pool reading its share at four places at once.
pub fn sum_four_streams(values: &[f32]) -> f64 {
    sum::<4>(values)
}

fn sum<const STREAMS: usize>(values: &[f32]) -> f64 {
    let share = values.len().div_ceil(rayon::current_num_threads()).max(1);
    values.par_chunks(share).map(|part| Arch::new().dispatch(Sum::<STREAMS>(part))).sum()
}

/// Multiplies and adds in registers alone.
struct Fma {
    operations: usize,
}

/// Independent chains: the latency (four to five cycles) times the units (two), and some.
const CHAINS: usize = 12;

impl WithSimd for Fma {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let factor = simd.splat_f32s(black_box(0.5));
        let term = simd.splat_f32s(black_box(1.0));
        let mut chains = [simd.splat_f32s(0.0); CHAINS];
        // A fused multiply-add counts as two operations in each lane.
        let step = 2 * CHAINS * S::F32_LANES;
        for _ in 0..self.operations.div_ceil(step) {
            for chain in &mut chains {
                *chain = simd.mul_add_f32s(*chain, factor, term);
            }
        }
        chains.into_iter().map(|c| simd.reduce_sum_f32s(c)).sum()
    }
}

/// Does a number of single-precision operations, shared among the threads of the current pool.
pub fn multiply_add(operations: usize) -> f32 {
    let threads = rayon::current_num_threads();
    let share = operations.div_ceil(threads);
    (0..threads).into_par_iter().map(|_| Arch::new().dispatch(Fma { operations: share })).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_every_number_once() {
        for n in [0, 1, 63, 64, 1000, 12_345] {
            let values: Vec<f32> = (0..n).map(|i| (i % 17) as f32).collect();
            let expected: f64 = values.iter().map(|v| f64::from(*v)).sum();
            assert_eq!((sum_one_stream(&values), sum_four_streams(&values)), (expected, expected), "{n}");
        }
    }

    #[test]
    fn multiplies_and_adds() {
        // Every chain runs to the fixed point of x·0.5 + 1.
        let lanes = multiply_add(1 << 20) / 2.0;
        assert!(lanes >= CHAINS as f32 && lanes % CHAINS as f32 == 0.0, "{lanes}");
    }
}
