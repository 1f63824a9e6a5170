//! Search over 8-bit codes beside the same search without them, the peers' distances and the read bandwidth, on real
//! embeddings.
#![allow(missing_docs)]

mod bandwidth;
mod embeddings;
mod peers;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit, oracle, search};
use hart_kernels::{Metric, TopK, Vectors, vector};

const K: usize = 10;
const QUERIES: [usize; 5] = [1, 4, 16, 64, 256];

/// Search over codes that exclude nothing beside search without them: rows that differ by less than a step of their codes.
fn near(c: &mut Criterion) {
    let count = data::rows(100_000);
    let base = data::singles(3, 1998);
    for dimensions in [embeddings::DIMENSIONS, 1998] {
        let mut rows = data::singles(4, count * dimensions);
        for row in rows.chunks_exact_mut(dimensions) {
            row.iter_mut().zip(&base).for_each(|(x, b)| *x = b * (1.0 + 1e-6 * *x));
        }
        let column = Vectors::matrix(&rows, dimensions).unwrap();
        let codes = vector::quantize(&column).unwrap();
        for queries in [1, 64] {
            let matrix = Vectors::matrix(&rows[..queries * dimensions], dimensions).unwrap();
            let mut group =
                c.benchmark_group(format!("codes, rows alike, {dimensions} dimensions, {queries} queries"));
            group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
            let plain = TopK::new(K);
            let found = plain.search(&column, &matrix).unwrap();
            assert_eq!(plain.codes(&codes).search(&column, &matrix).unwrap(), found);
            for both in &limit::pools() {
                for turn in limit::TURNS {
                    for (who, search) in [("hart", plain), ("hart, codes", plain.codes(&codes))] {
                        let id = BenchmarkId::new(format!("{who}{turn}"), limit::label(both.0));
                        group.bench_function(id, |bench| {
                            bench.iter(|| {
                                both.1.install(|| search.search(black_box(&column), &matrix).unwrap())
                            });
                        });
                    }
                }
            }
            group.finish();
        }
    }
}

fn codes(c: &mut Criterion) {
    peers::print_capabilities();
    let (Some(packages), Some(texts)) = (embeddings::read("packages"), embeddings::read("queries")) else {
        println!("the embeddings in ../shared/data are not there: nothing is measured");
        return;
    };
    let count = data::rows(100_000);
    for dimensions in [embeddings::DIMENSIONS, 1998] {
        let rows = embeddings::made(&packages, count, dimensions, 0.4, 1);
        let all = embeddings::made(&texts, QUERIES[4], dimensions, 0.1, 2);
        let column = Vectors::matrix(&rows, dimensions).unwrap();
        for both in &limit::pools() {
            let (threads, pool) = both;
            let codes = pool.install(|| vector::quantize(&column)).unwrap();

            let mut group = c.benchmark_group(format!("codes, {dimensions} dimensions, making them"));
            group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
            group.throughput(Throughput::Bytes(rows.len() as u64 * 4));
            for turn in limit::TURNS {
                let id = BenchmarkId::new(format!("hart{turn}"), limit::label(*threads));
                group.bench_function(id, |bench| {
                    bench.iter(|| pool.install(|| vector::quantize(black_box(&column)).unwrap()));
                });
                bandwidth::measure(&mut group, turn, both, &rows);
            }
            group.finish();

            for (metric, queries) in [Metric::Cosine, Metric::Dot, Metric::Euclidean]
                .into_iter()
                .flat_map(|metric| QUERIES.map(|queries| (metric, queries)))
            {
                // One metric shows how time grows with the queries.
                if metric != Metric::Cosine && ![1, 64].contains(&queries) {
                    continue;
                }
                let given = &all[..queries * dimensions];
                let matrix = Vectors::matrix(given, dimensions).unwrap();
                let title =
                    format!("codes, {dimensions} dimensions, {}, {queries} queries", peers::name(metric));
                let mut group = c.benchmark_group(title);
                group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
                group.throughput(Throughput::Elements((queries * count) as u64));
                let plain = TopK::new(K).metric(metric);
                let found = plain.search(&column, &matrix).unwrap();
                assert_eq!(plain.codes(&codes).search(&column, &matrix).unwrap(), found);
                for turn in limit::TURNS {
                    for (who, search) in [("hart", plain), ("hart, codes", plain.codes(&codes))] {
                        let id = BenchmarkId::new(format!("{who}{turn}"), limit::label(*threads));
                        group.bench_function(id, |bench| {
                            bench.iter(|| {
                                pool.install(|| search.search(black_box(&column), &matrix).unwrap())
                            });
                        });
                    }
                    if queries > 1 {
                        continue;
                    }
                    let distances: Vec<f64> =
                        rows.chunks(dimensions).map(|row| oracle::distance(metric, given, row)).collect();
                    for (who, distance, tolerance) in [
                        ("simsimd", peers::simsimd(metric), oracle::tolerance(dimensions)),
                        ("numkong", peers::numkong(metric), 1e-11),
                    ] {
                        let run = || pool.install(|| search::top_k(black_box(&rows), given, K, distance));
                        search::check(who, &run(), &distances, K, tolerance);
                        let id = BenchmarkId::new(format!("{who}{turn}"), limit::label(*threads));
                        group.bench_function(id, |bench| bench.iter(run));
                    }
                }
                group.finish();
            }
        }
    }
}

criterion_group!(benches, codes, near);
criterion_main!(benches);
