//! The owned index beside a search of the same rows in one matrix: what segments, removed rows and a filter cost, and
//! what additions do.
#![allow(missing_docs)]

mod embeddings;

use std::hint::black_box;
use std::time::Duration;

use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use hart_benches::{data, limit};
use hart_kernels::vector::{self, Neighbour};
use hart_kernels::{Index, Metric, TopK, Vectors};

const K: usize = 10;
const DIMENSIONS: usize = embeddings::DIMENSIONS;
const METRIC: Metric = Metric::Cosine;

fn filled(index: Index, rows: &[f32]) -> Index {
    let ids: Vec<i64> = (0..).take(rows.len() / DIMENSIONS).collect();
    index.add_all(&ids, rows).unwrap();
    index
}

fn without_every_tenth(index: &Index) -> Index {
    let fewer = index.clone();
    (0..).step_by(10).take_while(|id| fewer.remove(*id)).for_each(drop);
    fewer
}

fn index(c: &mut Criterion) {
    let (Some(packages), Some(texts)) = (embeddings::read("packages"), embeddings::read("queries")) else {
        println!("the embeddings in ../shared/data are not there: nothing is measured");
        return;
    };
    let count = data::rows(100_000);
    let rows = embeddings::made(&packages, count, DIMENSIONS, 0.4, 1);
    let all = embeddings::made(&texts, 64, DIMENSIONS, 0.1, 2);
    let column = Vectors::matrix(&rows, DIMENSIONS).unwrap();
    let codes = vector::quantize(&column).unwrap();
    let plain = filled(Index::new(DIMENSIONS).unwrap(), &rows);
    let coded = filled(Index::with_codes(DIMENSIONS).unwrap(), &rows);
    let fewer = [&plain, &coded].map(without_every_tenth);
    for (threads, pool) in &limit::pools() {
        let label = limit::label(*threads);
        for queries in [1, 64] {
            let given = Vectors::matrix(&all[..queries * DIMENSIONS], DIMENSIONS).unwrap();
            let top = TopK::new(K).metric(METRIC);
            let expected = top.search(&column, &given).unwrap();
            let same = |found: Vec<Vec<Neighbour>>| {
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    assert_eq!((found.id as usize, found.distance), (expected.row, expected.distance));
                }
            };
            same(plain.search(&given, K, METRIC).unwrap());
            same(coded.search(&given, K, METRIC).unwrap());

            let mut group = c.benchmark_group(format!("index, {DIMENSIONS} dimensions, {queries} queries"));
            group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
            group.throughput(Throughput::Elements((queries * count) as u64));
            for turn in limit::TURNS {
                for (who, search) in [("one matrix", top), ("one matrix, codes", top.codes(&codes))] {
                    group.bench_function(BenchmarkId::new(format!("{who}{turn}"), &label), |bench| {
                        bench.iter(|| pool.install(|| search.search(black_box(&column), &given).unwrap()));
                    });
                }
                for (who, index) in [
                    ("index", &plain),
                    ("index, codes", &coded),
                    ("index, a tenth removed", &fewer[0]),
                    ("index, codes, a tenth removed", &fewer[1]),
                ] {
                    group.bench_function(BenchmarkId::new(format!("{who}{turn}"), &label), |bench| {
                        bench.iter(|| pool.install(|| black_box(index).search(&given, K, METRIC).unwrap()));
                    });
                }
                for (who, index) in [("index, half kept", &plain), ("index, codes, half kept", &coded)] {
                    group.bench_function(BenchmarkId::new(format!("{who}{turn}"), &label), |bench| {
                        bench.iter(|| {
                            let half = |id: i64| id % 2 == 0;
                            pool.install(|| black_box(index).search_where(&given, K, METRIC, half).unwrap())
                        });
                    });
                }
            }
            group.finish();
        }

        let mut group = c.benchmark_group(format!("index, {DIMENSIONS} dimensions, adding"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
        let some = &rows[..rows.len() / 10];
        group.throughput(Throughput::Elements((some.len() / DIMENSIONS) as u64));
        type Empty = fn(usize) -> Result<Index, hart_kernels::Error>;
        for (who, empty) in [("index", Index::new as Empty), ("index, codes", Index::with_codes as Empty)] {
            group.bench_function(BenchmarkId::new(format!("{who}, at once"), &label), |bench| {
                bench.iter(|| pool.install(|| filled(empty(DIMENSIONS).unwrap(), black_box(some))));
            });
            group.bench_function(BenchmarkId::new(format!("{who}, singly"), &label), |bench| {
                bench.iter_batched(
                    || empty(DIMENSIONS).unwrap(),
                    |index| {
                        pool.install(|| {
                            for (id, row) in (0..).zip(some.chunks_exact(DIMENSIONS)) {
                                index.add(id, row).unwrap();
                            }
                        });
                        index
                    },
                    BatchSize::LargeInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, index);
criterion_main!(benches);
