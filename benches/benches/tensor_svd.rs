//! Singular value decomposition, all components and the leading 64, beside that of NumPy with OpenBLAS.
//!
//! `HART_BENCH_PYTHON` names a Python that has NumPy; without it the peer is left out, with a notice.
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use hart_benches::data;
use hart_kernels::tensor::{Svd, SvdMethod, SvdOptions, reconstruct, svd};

const PYTHON_VARIABLE: &str = "HART_BENCH_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/numpy_svd.py");

/// A process that decomposes one matrix as often as it is asked to, and says how long it took.
struct Numpy {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    singular_values: Vec<f64>,
}

impl Numpy {
    fn start(matrix: &[f32], rows: usize, columns: usize, threads: usize) -> Option<Numpy> {
        let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
            println!("NOTICE: {PYTHON_VARIABLE} is not set; NumPy is left out");
            return None;
        };
        let mut child = Command::new(python)
            .args([SCRIPT, &rows.to_string(), &columns.to_string()])
            .env("OPENBLAS_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut orders = child.stdin.take().unwrap();
        let bytes: Vec<u8> = matrix.iter().flat_map(|x| x.to_le_bytes()).collect();
        orders.write_all(&bytes).unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut packed = vec![0; rows.min(columns) * 8];
        answers.read_exact(&mut packed).unwrap();
        let singular_values = packed.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        Some(Numpy { child, orders: Some(orders), answers, singular_values })
    }

    fn run(&mut self, times: u64) -> Duration {
        writeln!(self.orders.as_mut().unwrap(), "{times}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        Duration::from_secs_f64(line.trim().parse().unwrap())
    }
}

impl Drop for Numpy {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.orders = None;
        self.child.wait().unwrap();
    }
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
    let pools = [1, 2].map(|n| (n, rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap()));
    for (rows, columns) in [(768, 768), (1536, 384)] {
        let matrix = data::singles(30, rows * columns);
        let mut group = c.benchmark_group(format!("svd, {rows} × {columns}"));
        group.sample_size(20).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(8));
        let all = svd(&matrix, rows, columns, &SvdOptions::default()).unwrap();
        for (threads, pool) in &pools {
            let label = format!("{threads} thread{}", if *threads == 1 { "" } else { "s" });
            for (who, rank, method) in
                [("hart", 0, SvdMethod::Exact), ("hart, rank 64", 64, SvdMethod::Randomized)]
            {
                let options = SvdOptions { rank, method, ..SvdOptions::default() };
                let run = || pool.install(|| svd(black_box(&matrix), rows, columns, &options).unwrap());
                check(&matrix, &run(), &all);
                group.bench_function(BenchmarkId::new(who, &label), |bench| bench.iter(run));
            }
            if let Some(mut numpy) = Numpy::start(&matrix, rows, columns, *threads) {
                for (ours, theirs) in all.singular_values.iter().zip(&numpy.singular_values) {
                    // NumPy computes in double precision and rounds to single.
                    assert!((ours - theirs).abs() <= 1e-7 * theirs, "{ours}; NumPy: {theirs}");
                }
                group.bench_function(BenchmarkId::new("numpy", &label), |bench| {
                    bench.iter_custom(|times| numpy.run(times));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, decompositions);
criterion_main!(benches);
