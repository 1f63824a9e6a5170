//! One query against a column that does not fit any cache: exact search beside the peers and the read bandwidth.
#![allow(missing_docs)]

mod bandwidth;
mod peers;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit, oracle, search};
use hart_kernels::{Accumulate, Compute, Element, Metric, TopK, Vectors, text};

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
    let pools = limit::pools();

    for metric in [Metric::Dot, Metric::Cosine, Metric::Euclidean] {
        let distances: Vec<f64> =
            rows.chunks(DIMENSIONS).map(|row| oracle::distance(metric, &query, row)).collect();
        let mut group = c.benchmark_group(format!("one query, {}", peers::name(metric)));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
        group.throughput(Throughput::Bytes(rows.len() as u64 * 4));
        for threads in &pools {
            let (label, pool) = (limit::label(threads.0), &threads.1);
            bandwidth::measure(&mut group, "", threads, &rows);
            for (who, accumulate) in [("hart", Accumulate::F32), ("hart f64", Accumulate::F64)] {
                let compute = Compute::new().accumulate(accumulate);
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
            bandwidth::measure(&mut group, ", again", threads, &rows);
        }
        group.finish();
    }
}

/// The same with rows of narrower elements, beside rows of singles.
fn narrow_rows(c: &mut Criterion) {
    let count = data::rows(100_000);
    let singles = data::singles(10, count * DIMENSIONS);
    let bytes: Vec<f32> = singles.iter().map(|x| (x * 127.0).round_ties_even()).collect();
    let pools = limit::pools();
    for metric in [Metric::Dot, Metric::Cosine, Metric::Euclidean] {
        let mut group = c.benchmark_group(format!("one query of narrow rows, {}", peers::name(metric)));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            let values = if element == Element::I8 { &bytes } else { &singles };
            let rows = text::pack(element, values);
            let column = Vectors::packed_matrix("rows", element, &rows, DIMENSIONS).unwrap();
            let query = Vectors::matrix(&values[..DIMENSIONS], DIMENSIONS).unwrap();
            group.throughput(Throughput::Elements(values.len() as u64));
            let search = TopK::new(K).metric(metric);
            assert_eq!(search.search(&column, &query).unwrap()[0][0].row, 0, "{element:?}");
            for threads in &pools {
                let label = limit::label(threads.0);
                group.bench_function(BenchmarkId::new(element.name(), &label), |bench| {
                    bench.iter(|| threads.1.install(|| search.search(black_box(&column), &query).unwrap()));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, one_query, narrow_rows);
criterion_main!(benches);
