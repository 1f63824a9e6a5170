//! Aggregates by group beside the read bandwidth, and k-means beside as many multiply-adds in registers alone.
#![allow(missing_docs)]

mod bandwidth;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit, oracle};
use hart_kernels::Vectors;
use hart_kernels::cluster::KMeans;
use hart_kernels::group::{self, By, Divisor};

const DIMENSIONS: usize = 384;
const CLUSTERS: usize = 64;
const STEPS: u32 = 10;

fn groups(c: &mut Criterion) {
    let count = data::rows(400_000);
    let rows = data::singles(20, count * DIMENSIONS);
    let vectors = Vectors::matrix(&rows, DIMENSIONS).unwrap();
    let mean =
        |j: usize| rows.iter().skip(j).step_by(DIMENSIONS).map(|v| f64::from(*v)).sum::<f64>() / count as f64;
    let one: Vec<Option<i64>> = vec![None; count];
    let tens: Vec<Option<i64>> = (0..count as i64).map(|i| Some(i / 10)).collect();
    for (name, keys) in [("one group", &one), ("groups of 10", &tens)] {
        let mut group = c.benchmark_group(format!("aggregates, {name}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
        group.throughput(Throughput::Bytes(rows.len() as u64 * 4));
        for threads in &limit::pools() {
            let (label, pool) = (limit::label(threads.0), &threads.1);
            bandwidth::measure(&mut group, "", threads, &rows);
            let average =
                || pool.install(|| group::average(&By::new(keys).as_input(), black_box(&vectors)).unwrap());
            if keys[0].is_none() {
                let found = average().results[0].row(0).unwrap();
                (0..3).for_each(|j| oracle::check("average", found[j], mean(j), 1e-6));
            }
            group.bench_function(BenchmarkId::new("average", &label), |bench| bench.iter(average));
            let variance = || {
                let by = By::new(keys).as_input();
                pool.install(|| group::variance(&by, black_box(&vectors), Divisor::Sample).unwrap())
            };
            group.bench_function(BenchmarkId::new("variance", &label), |bench| bench.iter(variance));
            bandwidth::measure(&mut group, ", again", threads, &rows);
        }
        group.finish();
    }
}

fn kmeans(c: &mut Criterion) {
    let count = data::rows(100_000);
    let rows = data::singles(21, count * DIMENSIONS);
    let vectors = Vectors::matrix(&rows, DIMENSIONS).unwrap();
    let start = Vectors::matrix(&rows[..CLUSTERS * DIMENSIONS], DIMENSIONS).unwrap();
    let mut group = c.benchmark_group("k-means, 64 clusters, 10 steps");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    for (threads, pool) in &limit::pools() {
        let label = limit::label(*threads);
        let search = KMeans::new(CLUSTERS).start(&start).iterations(STEPS);
        let found = search.fit(&vectors).unwrap();
        assert_eq!(found.members.iter().sum::<i64>(), count as i64);
        let run = || pool.install(|| search.fit(black_box(&vectors)).unwrap());
        group.bench_function(BenchmarkId::new("hart", &label), |bench| bench.iter(run));
        // A subtraction and a multiply-add for each component of each pair, in every step.
        let operations = 3 * count * CLUSTERS * DIMENSIONS * STEPS as usize;
        group.bench_function(BenchmarkId::new("limit: multiply-add", &label), |bench| {
            bench.iter(|| pool.install(|| limit::multiply_add(black_box(operations))));
        });
    }
    group.finish();
}

criterion_group!(benches, groups, kmeans);
criterion_main!(benches);
