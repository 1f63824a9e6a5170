//! The read bandwidth, measured beside the contestants.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId};
use hart_benches::{limit, oracle};

/// Reads all values and does nothing but add them up. A shared machine's bandwidth drifts, so this stands before the
/// contestants and, with `when`, after them.
pub fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    when: &str,
    (threads, pool): &(usize, rayon::ThreadPool),
    values: &[f32],
) {
    let total: f64 = values.iter().map(|v| f64::from(*v)).sum();
    let who = format!("limit: sum, 1 stream{when}");
    oracle::check(&who, pool.install(|| limit::sum(values)), total, 1e-6 * values.len() as f64);
    group.bench_function(BenchmarkId::new(who, limit::label(*threads)), |bench| {
        bench.iter(|| pool.install(|| limit::sum(black_box(values))));
    });
}
