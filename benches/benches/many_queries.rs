//! Many queries against one column: exact search beside a matrix product and the peak of the arithmetic units.
#![allow(missing_docs)]

mod peers;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit, oracle, search};
use hart_kernels::{Accumulate, Compute, Metric, TopK, Vectors};
use ndarray::ArrayView2;
use numkong::{PackedMatrix, Tensor};
use rayon::prelude::*;

const QUERIES: usize = 64;
const K: usize = 10;

fn many_queries(c: &mut Criterion) {
    peers::print_capabilities();
    let count = data::rows(20_000);
    let ids: Vec<i64> = (0..count as i64).collect();
    let pools = limit::pools();
    for dimensions in [768, 1998] {
        let rows = data::singles(20, count * dimensions);
        let packed = data::singles(21, QUERIES * dimensions);
        let column = Vectors::matrix(&rows, dimensions).unwrap();
        let queries = Vectors::matrix(&packed, dimensions).unwrap();
        let tolerance = oracle::tolerance(dimensions);
        for metric in [Metric::Dot, Metric::Cosine, Metric::Euclidean] {
            // All true distances of the queries, one list for each.
            let distances: Vec<Vec<f64>> = packed
                .par_chunks(dimensions)
                .map(|q| rows.chunks(dimensions).map(|row| oracle::distance(metric, q, row)).collect())
                .collect();
            let mut group = c.benchmark_group(format!("64 queries, {}", peers::name(metric)));
            group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
            let operations = 2 * QUERIES * rows.len();
            group.throughput(Throughput::Elements(operations as u64));
            for (threads, pool) in &pools {
                let plural = if *threads == 1 { "" } else { "s" };
                let label = format!("{dimensions}, {threads} thread{plural}");
                for (who, accumulate, tolerance) in
                    [("hart", Accumulate::F32, tolerance), ("hart f64", Accumulate::F64, 1e-11)]
                {
                    let compute = Compute::new().accumulate(accumulate);
                    let run = || {
                        pool.install(|| {
                            let search = TopK::new(K).metric(metric).ids(&ids).compute(compute);
                            search.search(black_box(&column), &queries).unwrap()
                        })
                    };
                    for (hits, distances) in run().iter().zip(&distances) {
                        let found: Vec<_> = hits.iter().map(|hit| (hit.distance, hit.row)).collect();
                        search::check(who, &found, distances, K, tolerance);
                    }
                    group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
                }

                for (who, distance, tolerance) in [
                    ("simsimd", peers::simsimd(metric), tolerance),
                    ("numkong", peers::numkong(metric), 1e-11),
                ] {
                    let run = || {
                        pool.install(|| {
                            let search = |query| search::top_k(black_box(&rows), query, K, distance);
                            packed.par_chunks(dimensions).map(search).collect::<Vec<_>>()
                        })
                    };
                    for (found, distances) in run().iter().zip(&distances) {
                        search::check(who, found, distances, K, tolerance);
                    }
                    group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
                }

                if metric == Metric::Dot {
                    group.bench_function(BenchmarkId::new("limit: multiply-add", &label), |bench| {
                        bench.iter(|| pool.install(|| limit::multiply_add(black_box(operations))));
                    });
                }
                if metric == Metric::Dot && *threads == 1 {
                    products(&mut group, &label, dimensions, &rows, &packed, &distances);
                }
            }
            group.finish();
        }
    }
}

/// Matrix products: all dot products, and no ranking of them.
fn products(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    label: &str,
    dimensions: usize,
    rows: &[f32],
    packed: &[f32],
    distances: &[Vec<f64>],
) {
    let count = rows.len() / dimensions;
    let matrix = ArrayView2::from_shape((count, dimensions), rows).unwrap();
    let queries = ArrayView2::from_shape((QUERIES, dimensions), packed).unwrap();
    let run = || black_box(&queries).dot(&black_box(&matrix).t());
    for ((query, row), dot) in run().indexed_iter() {
        let tolerance = oracle::tolerance(dimensions);
        oracle::check("ndarray", f64::from(*dot), -distances[query][row], tolerance);
    }
    group.bench_function(BenchmarkId::new("ndarray product", label), |bench| bench.iter(run));

    let matrix = Tensor::<f32>::try_from_slice(rows, &[count, dimensions]).unwrap();
    let queries = Tensor::<f32>::try_from_slice(packed, &[QUERIES, dimensions]).unwrap();
    let queries = PackedMatrix::try_pack(&queries).unwrap();
    let run = || black_box(&matrix).dots_packed(black_box(&queries));
    let product = run();
    for (i, dot) in product.as_slice().iter().enumerate() {
        oracle::check("numkong", *dot, -distances[i % QUERIES][i / QUERIES], 1e-10);
    }
    group.bench_function(BenchmarkId::new("numkong product", label), |bench| bench.iter(run));
}

criterion_group!(benches, many_queries);
criterion_main!(benches);
