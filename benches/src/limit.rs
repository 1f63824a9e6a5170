//! The machine's limits: what memory can deliver and what the arithmetic units can do, measured beside the kernels.
//!
//! The loops are plain Rust, compiled for the widest registers of the machine at hand.

use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::match_target;
use rayon::prelude::*;

/// Sums of each stream side by side: enough that no addition waits for the one before.
const SUMS: usize = 32;

/// Adds up all numbers, reading `STREAMS` places of the slice at the same time. Nothing else is done with what is read, so
/// the time is that of reading.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
fn add_up<const STREAMS: usize>(values: &[f32]) -> f64 {
    let length = values.len() / STREAMS / SUMS * SUMS;
    let (whole, tail) = values.split_at(STREAMS * length);
    let streams: [&[[f32; SUMS]]; STREAMS] =
        std::array::from_fn(|s| whole[s * length..(s + 1) * length].as_chunks().0);
    let mut sums = [[0.0; SUMS]; STREAMS];
    for i in 0..length / SUMS {
        for s in 0..STREAMS {
            for (sum, value) in sums[s].iter_mut().zip(&streams[s][i]) {
                *sum += value;
            }
        }
    }
    sums.as_flattened().iter().chain(tail).map(|value| f64::from(*value)).sum()
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
    values.par_chunks(share).map(add_up::<STREAMS>).sum()
}

/// Independent chains: the latency (four to five cycles) times the units (two), and some.
const CHAINS: usize = 12;

/// Multiplies and adds in registers alone.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn in_registers(operations: usize) -> f32 {
    /// Numbers in a register.
    const LANES: usize = match_target! {
        "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma" => 16,
        "x86_64+avx2+fma" => 8,
        _ => 4,
    };
    let (factor, term) = ([black_box(0.5f32); LANES], [black_box(1.0f32); LANES]);
    let mut chains = [[0f32; LANES]; CHAINS];
    // A fused multiply-add counts as two operations in each lane.
    for _ in 0..operations.div_ceil(2 * CHAINS * LANES) {
        for chain in &mut chains {
            for lane in 0..LANES {
                chain[lane] = chain[lane].mul_add(factor[lane], term[lane]);
            }
        }
    }
    chains.as_flattened().iter().sum()
}

/// Does a number of single-precision operations, shared among the threads of the current pool.
pub fn multiply_add(operations: usize) -> f32 {
    let threads = rayon::current_num_threads();
    let share = operations.div_ceil(threads);
    (0..threads).into_par_iter().map(|_| in_registers(share)).sum()
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
