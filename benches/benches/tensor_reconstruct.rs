//! A matrix from its components, beside as many multiply-adds in registers alone.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit};
use hart_kernels::tensor::{Svd, reconstruct_with};
use hart_kernels::{Compute, Level};

/// Some elements by the definition's formula in double precision.
fn check(components: &Svd, matrix: &[f32]) {
    let Svd { rows, columns, singular_values, u, v, .. } = components;
    for at in (0..matrix.len()).step_by(997) {
        let (i, j) = (at / columns, at % columns);
        let term =
            |(k, sigma): (usize, &f64)| sigma * f64::from(u[k * rows + i]) * f64::from(v[k * columns + j]);
        let expected: f64 = singular_values.iter().enumerate().map(term).sum();
        let size: f64 = singular_values.iter().enumerate().map(|t| term(t).abs()).sum();
        let tolerance = size * singular_values.len() as f64 * f64::from(f32::EPSILON);
        let error = (f64::from(matrix[at]) - expected).abs();
        assert!(error <= tolerance, "row {i}, column {j}: {} instead of {expected}", matrix[at]);
    }
}

fn matrices(c: &mut Criterion) {
    let pools = limit::pools();
    for (rows, columns, rank) in [(1536, 384, 384), (768, 768, 768), (1536, 384, 64)] {
        let components = Svd {
            rows,
            columns,
            singular_values: (0..rank).map(|k| 1.0 / (1.0 + k as f64)).collect(),
            u: data::singles(31, rows * rank),
            v: data::singles(32, columns * rank),
            ..Svd::default()
        };
        let mut group = c.benchmark_group(format!("reconstruct, {rows} × {columns} from {rank} components"));
        group.sample_size(20).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
        let operations = 2 * rows * columns * rank;
        group.throughput(Throughput::Elements(operations as u64));
        for (threads, pool) in &pools {
            let label = limit::label(*threads);
            let current = Level::current();
            for level in Level::available().into_iter().rev() {
                let compute = Compute::new().level(level);
                let run = || pool.install(|| reconstruct_with(compute, black_box(&components)).unwrap());
                check(&components, &run());
                let name = format!("hart, {}", level.name());
                let who = if level == current { "hart" } else { &name };
                group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
            }
            group.bench_function(BenchmarkId::new("limit: multiply-add", &label), |bench| {
                bench.iter(|| pool.install(|| limit::multiply_add(black_box(operations))));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, matrices);
criterion_main!(benches);
