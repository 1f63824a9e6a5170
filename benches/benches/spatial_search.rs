//! Projection beside the read bandwidth and the arithmetic peak; the proven sieve beside exact search on real vectors.
#![allow(missing_docs)]

mod bandwidth;
mod embeddings;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use hart_benches::{data, limit, oracle};
use hart_kernels::spatial::{self, Basis, Sieve};
use hart_kernels::{Accumulate, Compute, Metric, Vectors, vector};
use ndarray::ArrayView2;

const DIMENSIONS: usize = 1998;

/// Checks the coordinates of a few rows.
fn check(who: &str, basis: &Basis, rows: &[f32], points: &[f64], tolerance: f64) {
    let n = basis.dimension();
    for (row, point) in rows.chunks(n).zip(points.chunks(basis.axes())).step_by(97) {
        for (axis, got) in point.iter().enumerate() {
            oracle::check(who, *got, oracle::dot(row, basis.axis(axis)), tolerance);
        }
    }
}

/// Measures a projection after a check of its answers. `rows` are those of `column`.
fn projection(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (who, accumulate): (&str, Accumulate),
    turn: &str,
    (threads, pool): &(usize, rayon::ThreadPool),
    basis: &Basis,
    column: &Vectors<'_>,
    rows: &[f32],
) {
    let compute = Compute::new().accumulate(accumulate);
    let mut points = vec![0.0; column.len() * basis.axes()];
    let run = |points: &mut [f64]| {
        let column = black_box(column);
        pool.install(|| spatial::project_into_with(compute, basis, column, false, points).unwrap());
    };
    run(&mut points);
    check(who, basis, rows, &points, oracle::tolerance(DIMENSIONS));
    let id = BenchmarkId::new(format!("{who}{turn}"), limit::label(*threads));
    group.bench_function(id, |bench| bench.iter(|| run(black_box(&mut points))));
}

fn project(c: &mut Criterion) {
    let count = data::rows(100_000);
    let rows = data::singles(20, count * DIMENSIONS);
    let column = Vectors::matrix(&rows, DIMENSIONS).unwrap();
    let pools = limit::pools();

    let mut group = c.benchmark_group("projection, 1998 to 3");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes(rows.len() as u64 * 4));
    let basis = Basis::clr_v1();
    for threads in &pools {
        for turn in limit::TURNS {
            bandwidth::measure(&mut group, turn, threads, &rows);
            for who in [("hart", Accumulate::F64), ("hart f32", Accumulate::F32)] {
                projection(&mut group, who, turn, threads, &basis, &column, &rows);
            }
        }
    }
    let matrix = ArrayView2::from_shape((count, DIMENSIONS), &rows).unwrap();
    let axes: Vec<f32> = (0..3).flat_map(|a| basis.axis(a).to_vec()).collect();
    let axes = ArrayView2::from_shape((3, DIMENSIONS), &axes).unwrap();
    let found: Vec<f64> = matrix.dot(&axes.t()).iter().map(|v| f64::from(*v)).collect();
    check("ndarray", &basis, &rows, &found, oracle::tolerance(DIMENSIONS));
    group.bench_function(BenchmarkId::new("ndarray", limit::label(1)), |bench| {
        bench.iter(|| black_box(&matrix).dot(&axes.t()));
    });
    group.finish();

    // Two operations for each product.
    let part = &rows[..rows.len() / 5 / DIMENSIONS * DIMENSIONS];
    let operations = 2 * part.len() * 64;
    let column = Vectors::matrix(part, DIMENSIONS).unwrap();
    let basis = Basis::random(DIMENSIONS, 64, 1).unwrap();
    let mut group = c.benchmark_group("projection, 1998 to 64");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(operations as u64));
    for threads in &pools {
        for turn in limit::TURNS {
            let id = BenchmarkId::new(format!("limit: multiply-add{turn}"), limit::label(threads.0));
            group.bench_function(id, |bench| {
                bench.iter(|| threads.1.install(|| limit::multiply_add(black_box(operations))));
            });
            for who in [("hart", Accumulate::F32), ("hart f64", Accumulate::F64)] {
                projection(&mut group, who, turn, threads, &basis, &column, part);
            }
        }
    }
    group.finish();
}

fn sieve(c: &mut Criterion) {
    let (Some(values), Some(queries)) = (embeddings::read("packages"), embeddings::read("queries")) else {
        println!("the real vectors are not there: the sieve is not measured");
        return;
    };
    let n = 384;
    let rows = Vectors::matrix(&values, n).unwrap();
    let ids: Vec<i64> = (0..rows.len() as i64).collect();
    let compute = Compute::new();
    let test = std::env::args().any(|argument| argument == "--test");
    let all_axes: &[usize] = if test { &[3, 16] } else { &[3, 16, 64, 128, 192, 256] };
    for count in [1, 200] {
        let queries = Vectors::matrix(&queries[..count * n], n).unwrap();
        let mut group = c.benchmark_group(format!("sieve, 10000 × 384, {count} queries"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        for (threads, pool) in &limit::pools() {
            let label = limit::label(*threads);
            let exact = || pool.install(|| vector::top_k(&rows, &ids, &queries, 10, Metric::Cosine).unwrap());
            let wanted = exact();
            group.bench_function(BenchmarkId::new("exact", &label), |bench| bench.iter(exact));
            for axes in all_axes {
                let basis = Basis::pca(compute, &rows, *axes, 10_000).unwrap();
                let sieve = Sieve::new(&basis, &rows, Metric::Cosine, false).unwrap();
                let run = || pool.install(|| sieve.search(&ids, black_box(&queries), 10).unwrap());
                let found = run();
                assert!(found.iter().map(|f| &f.hits).eq(&wanted), "{axes} axes");
                group.bench_function(BenchmarkId::new(format!("{axes} axes"), &label), |bench| {
                    bench.iter(run)
                });
                if count == 200 {
                    let make = || {
                        pool.install(|| Sieve::new(&basis, black_box(&rows), Metric::Cosine, false).unwrap())
                    };
                    group.bench_function(BenchmarkId::new(format!("make, {axes} axes"), &label), |bench| {
                        bench.iter(make);
                    });
                }
            }
        }
        group.finish();
    }
}

criterion_group!(benches, project, sieve);
criterion_main!(benches);
