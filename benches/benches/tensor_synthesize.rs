//! The weighted sum of atoms beside a plain sum of as many singles: what memory allows where nothing else is done.
#![allow(missing_docs)]

mod bandwidth;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit};
use hart_kernels::tensor::{synthesize, synthesize_with};
use hart_kernels::{Compute, Level};

/// The sum by its definition's formula, in another order.
fn check(coefficients: &[f64], atoms: &[f32], layer: &[f32]) {
    for (j, got) in layer.iter().enumerate() {
        let terms = || coefficients.iter().zip(atoms.iter().skip(j).step_by(layer.len()));
        let expected: f64 = terms().rev().map(|(c, w)| c * f64::from(*w)).sum();
        let size: f64 = terms().map(|(c, w)| (c * f64::from(*w)).abs()).sum();
        let error = (f64::from(*got) - expected).abs();
        assert!(error <= expected.abs() * 6e-8 + size * 1e-12, "element {j}: {got} instead of {expected}");
    }
}

fn layers(c: &mut Criterion) {
    // The usual vectors of the domain, and a layer of 1536 × 384 from the components of a low rank.
    for (count, elements) in [(10_000, 1998), (64, 1536 * 384)] {
        let count = data::rows(count).min(count);
        let atoms = data::singles(1, count * elements);
        let coefficients: Vec<f64> = data::singles(2, count).into_iter().map(f64::from).collect();
        let terms: Vec<(f64, &[f32])> =
            coefficients.iter().copied().zip(atoms.chunks_exact(elements)).collect();
        check(&coefficients, &atoms, &synthesize(&terms).unwrap());

        let mut group = c.benchmark_group(format!("synthesize, {count} atoms of {elements}"));
        group.throughput(Throughput::Bytes(size_of_val(atoms.as_slice()) as u64));
        let current = Level::current();
        for threads in &limit::pools() {
            let (label, pool) = (limit::label(threads.0), &threads.1);
            bandwidth::measure(&mut group, "", threads, &atoms);
            for level in Level::available().into_iter().rev() {
                let compute = Compute::new().level(level);
                let name = format!("hart, {}", level.name());
                let who = if level == current { "hart" } else { &name };
                group.bench_function(BenchmarkId::new(who, &label), |bench| {
                    bench.iter(|| pool.install(|| synthesize_with(compute, black_box(&terms)).unwrap()));
                });
            }
            bandwidth::measure(&mut group, ", again", threads, &atoms);
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = layers
}
criterion_main!(benches);
