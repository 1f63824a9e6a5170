//! Singular value decomposition, all components and the leading 64, beside that of NumPy with OpenBLAS.
//!
//! `HART_BENCH_PYTHON` names a Python that has NumPy; without it the peer is left out, with a notice.
#![allow(missing_docs)]

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use hart_benches::peer::Peer;
use hart_benches::{data, limit};
use hart_kernels::tensor::{Svd, SvdMethod, SvdOptions, reconstruct, svd};

const PYTHON_VARIABLE: &str = "HART_BENCH_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/numpy_svd.py");

/// NumPy with one matrix, and its singular values.
fn numpy(matrix: &[f32], rows: usize, columns: usize, threads: usize) -> Option<(Peer, Vec<f64>)> {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        println!("NOTICE: {PYTHON_VARIABLE} is not set; NumPy is left out");
        return None;
    };
    let mut command = Command::new(python);
    command
        .args([SCRIPT, &rows.to_string(), &columns.to_string()])
        .env("OPENBLAS_NUM_THREADS", threads.to_string());
    let bytes: Vec<u8> = matrix.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut peer = Peer::start(&mut command, &bytes);
    let packed = peer.preface(rows.min(columns) * 8);
    let singular_values = packed.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
    Some((peer, singular_values))
}

/// That the components give the matrix back as far as they promise, and that no others would do so by 1 % better.
fn check(matrix: &[f32], factors: &Svd, all: &Svd) {
    let square = |x: f64| x * x;
    let off = reconstruct(factors).unwrap();
    let off: f64 = off.iter().zip(matrix).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let error = (off / all.energy).sqrt();
    let left: f64 = all.singular_values[factors.singular_values.len()..].iter().map(|s| s * s).sum();
    let optimum = (left / all.energy).sqrt();
    assert!(error <= optimum * 1.01 + 1e-6, "relative error {error}; the optimum is {optimum}");
}

fn decompositions(c: &mut Criterion) {
    let pools = limit::pools();
    for (rows, columns) in [(768, 768), (1536, 384)] {
        let matrix = data::singles(30, rows * columns);
        let mut group = c.benchmark_group(format!("svd, {rows} × {columns}"));
        group.sample_size(20).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(8));
        let all = svd(&matrix, rows, columns, &SvdOptions::default()).unwrap();
        for (threads, pool) in &pools {
            let label = limit::label(*threads);
            for (who, rank, method) in
                [("hart", 0, SvdMethod::Exact), ("hart, rank 64", 64, SvdMethod::Randomized)]
            {
                let options = SvdOptions::default().rank(rank).method(method);
                let run = || pool.install(|| svd(black_box(&matrix), rows, columns, &options).unwrap());
                check(&matrix, &run(), &all);
                group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
            }
            if let Some((mut numpy, singular_values)) = numpy(&matrix, rows, columns, *threads) {
                for (ours, theirs) in all.singular_values.iter().zip(&singular_values) {
                    // NumPy computes in double precision and rounds to single.
                    assert!((ours - theirs).abs() <= 1e-7 * theirs, "{ours}; NumPy: {theirs}");
                }
                group.bench_function(BenchmarkId::new("numpy", &label), |bench| {
                    bench.iter_custom(|times| numpy.run(&times.to_string()));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, decompositions);
criterion_main!(benches);
