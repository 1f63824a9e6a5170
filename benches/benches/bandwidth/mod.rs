//! The read bandwidth, measured beside the contestants.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId};
use hart_benches::{limit, oracle};

type Limit = fn(&[f32]) -> f64;

/// Reads all values and does nothing but add them up. A shared machine's bandwidth drifts, so this stands before the
/// contestants and, with `when`, after them.
pub fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    when: &str,
    (threads, pool): &(usize, rayon::ThreadPool),
    values: &[f32],
) {
    let total: f64 = values.iter().map(|v| f64::from(*v)).sum();
    let limits: [(&str, Limit); 2] =
        [("1 stream", limit::sum_one_stream), ("4 streams", limit::sum_four_streams)];
    for (name, sum) in limits {
        let who = format!("limit: sum, {name}{when}");
        oracle::check(&who, pool.install(|| sum(values)), total, 1e-6 * values.len() as f64);
        group.bench_function(BenchmarkId::new(who, limit::label(*threads)), |bench| {
            bench.iter(|| pool.install(|| sum(black_box(values))));
        });
    }
}
