//! The machine's limits: what memory can deliver and what the arithmetic units can do, measured beside the kernels.
//!
//! The loops are plain Rust, compiled for the widest registers of the machine at hand.

use std::hint::black_box;

use multiversion::multiversion;
use multiversion::target::match_target;
use rayon::prelude::*;

/// Sums side by side: enough that no addition waits for the one before.
const SUMS: usize = 64;

/// Adds up all numbers front to back. Nothing else is done with what is read, so the time is that of reading.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn add_up(values: &[f32]) -> f64 {
    let (groups, tail) = values.as_chunks::<SUMS>();
    let mut sums = [0f32; SUMS];
    for group in groups {
        for (sum, value) in sums.iter_mut().zip(group) {
            *sum += value;
        }
    }
    sums.iter().chain(tail).map(|value| f64::from(*value)).sum()
}

/// What is added to a contestant's name in each turn: a shared machine's speed drifts, so who is compared comes twice.
pub const TURNS: [&str; 2] = ["", ", again"];

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
pub fn sum(values: &[f32]) -> f64 {
    let share = values.len().div_ceil(rayon::current_num_threads()).max(1);
    values.par_chunks(share).map(add_up).sum()
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
    let (factor, term) = (black_box(0.5f32), black_box(1.0f32));
    // One array: in an array for each chain, the compiler gathers lanes of several chains.
    let mut chains = [0f32; CHAINS * LANES];
    // A fused multiply-add counts as two operations in each lane.
    for _ in 0..operations.div_ceil(2 * CHAINS * LANES) {
        for lane in &mut chains {
            *lane = lane.mul_add(factor, term);
        }
    }
    chains.iter().sum()
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
            assert_eq!(sum(&values), expected, "{n}");
        }
    }

    #[test]
    fn multiplies_and_adds() {
        // Every chain runs to the fixed point of x·0.5 + 1.
        let lanes = multiply_add(1 << 20) / 2.0;
        assert!(lanes >= CHAINS as f32 && lanes % CHAINS as f32 == 0.0, "{lanes}");
    }
}
