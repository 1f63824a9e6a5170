//! One query against a column that does not fit any cache: exact search beside the peers and the read bandwidth.
#![allow(missing_docs)]

mod peers;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit, oracle, search};
use hart_kernels::{Accumulate, Compute, Metric, TopK, Vectors};

const DIMENSIONS: usize = 1998;
const K: usize = 10;

fn one_query(c: &mut Criterion) {
    peers::print_capabilities();
    let count = data::rows(100_000);
    let rows = data::singles(10, count * DIMENSIONS);
    let query = data::singles(11, DIMENSIONS);
    let ids: Vec<i64> = (0..count as i64).collect();
    let column = Vectors::matrix(&rows, DIMENSIONS).unwrap();
    let queries = Vectors::matrix(&query, DIMENSIONS).unwrap();
    let total: f64 = rows.iter().map(|v| f64::from(*v)).sum();
    let pools = [1, 2].map(|n| (n, rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap()));

    for metric in [Metric::Dot, Metric::Cosine, Metric::Euclidean] {
        let distances: Vec<f64> =
            rows.chunks(DIMENSIONS).map(|row| oracle::distance(metric, &query, row)).collect();
        let mut group = c.benchmark_group(format!("one query, {}", peers::name(metric)));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
        group.throughput(Throughput::Bytes(rows.len() as u64 * 4));
        for (threads, pool) in &pools {
            let label = if *threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
            // The limit is measured before and after the contestants, because a shared machine's bandwidth drifts.
            measure_limit(&mut group, "", &label, pool, &rows, total);
            for (who, accumulate) in [("hart", Accumulate::F32), ("hart f64", Accumulate::F64)] {
                let compute = Compute::new().unwrap().accumulate(accumulate);
                let run = || {
                    pool.install(|| {
                        let search = TopK::new(K).metric(metric).ids(&ids).compute(compute);
                        search.search(black_box(&column), &queries).unwrap()
                    })
                };
                let found: Vec<_> = run()[0].iter().map(|hit| (hit.distance, hit.row)).collect();
                let tolerance =
                    if accumulate == Accumulate::F64 { 1e-11 } else { oracle::tolerance(DIMENSIONS) };
                search::check(who, &found, &distances, K, tolerance);
                group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
            }
            for (who, distance, tolerance) in [
                ("simsimd", peers::simsimd(metric), oracle::tolerance(DIMENSIONS)),
                ("numkong", peers::numkong(metric), 1e-11),
            ] {
                let run = || pool.install(|| search::top_k(black_box(&rows), &query, K, distance));
                search::check(who, &run(), &distances, K, tolerance);
                group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
            }
            measure_limit(&mut group, ", again", &label, pool, &rows, total);
        }
        group.finish();
    }
}

/// Reads all rows and does nothing but add them up.
fn measure_limit(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    when: &str,
    label: &str,
    pool: &rayon::ThreadPool,
    rows: &[f32],
    total: f64,
) {
    type Limit = fn(&[f32]) -> f64;
    let limits: [(&str, Limit); 2] =
        [("1 stream", limit::sum_one_stream), ("4 streams", limit::sum_four_streams)];
    for (name, sum) in limits {
        let who = format!("limit: sum, {name}{when}");
        oracle::check(&who, pool.install(|| sum(rows)), total, 1e-6 * rows.len() as f64);
        group.bench_function(BenchmarkId::new(who, label), |bench| {
            bench.iter(|| pool.install(|| sum(black_box(rows))));
        });
    }
}

criterion_group!(benches, one_query);
criterion_main!(benches);
