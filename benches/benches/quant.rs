//! Decoding of tensor payloads beside a plain write of as many singles: what memory allows where reading costs nothing.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hart_benches::limit;
use hart_kernels::tensor::quant::{PayloadType, decode_into, decode_into_with};
use hart_kernels::{Compute, Level};
use rayon::prelude::*;

/// Elements of the result: 256 MB, more than caches hold, or little where the bench is only tested (`--test`).
fn elements() -> usize {
    if std::env::args().any(|argument| argument == "--test") { 1 << 16 } else { 1 << 26 }
}

/// Elements of a result that stays in the second-level cache.
const CACHED: usize = 1 << 16;

/// Bytes below 64, the same in every run, so that every scale is an ordinary number.
fn payload(payload_type: PayloadType, elements: usize) -> Vec<u8> {
    let bytes = elements / payload_type.block_elements() * payload_type.block_bytes();
    (0..bytes as u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 26) as u8).collect()
}

/// Writes one number everywhere, each thread of the pool its share. Not zero: that would be a call of `memset`, which writes
/// past the caches, as no code does that has something to compute.
fn fill(out: &mut [f32]) {
    let share = out.len().div_ceil(rayon::current_num_threads());
    out.par_chunks_mut(share).for_each(|part| part.fill(black_box(1.5)));
}

/// Copies, each thread of the pool its share: all that can be done about payloads of singles.
fn copy(values: &[f32], out: &mut [f32]) {
    let share = out.len().div_ceil(rayon::current_num_threads());
    out.par_chunks_mut(share).zip(values.par_chunks(share)).for_each(|(out, part)| out.copy_from_slice(part));
}

fn large(c: &mut Criterion) {
    let mut out = vec![1.0; elements()];
    let values = vec![1.0; out.len()];
    for (threads, pool) in &limit::pools() {
        let mut group = c.benchmark_group(format!("payloads, 256 MB of result, {}", limit::label(*threads)));
        group.throughput(Throughput::Bytes(size_of_val(out.as_slice()) as u64));
        for payload_type in PayloadType::ALL {
            let (name, payload) = (payload_type.name(), payload(payload_type, out.len()));
            // Beside each type, because a shared machine's bandwidth drifts.
            group.bench_function(BenchmarkId::new("limit: plain write", name), |bench| {
                bench.iter(|| pool.install(|| fill(black_box(&mut out))));
            });
            group.bench_function(BenchmarkId::new("hart", name), |bench| {
                let out = &mut out;
                bench.iter(|| {
                    pool.install(|| decode_into(payload_type, black_box(&payload), black_box(out)).unwrap())
                });
            });
        }
        group.bench_function(BenchmarkId::new("limit: copy of singles", "f32"), |bench| {
            bench.iter(|| pool.install(|| copy(black_box(&values), black_box(&mut out))));
        });
        group.finish();
    }
}

fn cached(c: &mut Criterion) {
    let mut out = vec![1.0; CACHED];
    let mut group = c.benchmark_group("payloads, 256 KB of result");
    group.throughput(Throughput::Bytes(size_of_val(out.as_slice()) as u64));
    group.bench_function("plain write", |bench| bench.iter(|| black_box(&mut out).fill(black_box(1.5))));
    for payload_type in PayloadType::ALL {
        let payload = payload(payload_type, out.len());
        for level in Level::available() {
            let compute = Compute::new().level(level);
            group.bench_function(BenchmarkId::new(payload_type.name(), level.name()), |bench| {
                bench.iter(|| {
                    decode_into_with(compute, payload_type, black_box(&payload), black_box(&mut out))
                        .unwrap();
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = large, cached
}
criterion_main!(benches);
