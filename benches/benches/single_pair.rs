//! One pair of vectors in the first-level cache: products and distances on every level, beside the peers.
#![allow(missing_docs)]

mod peers;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hart_benches::data::Placed;
use hart_benches::{data, oracle};
use hart_kernels::{Accumulate, Compute, Error, Level, Metric, vector};
use ndarray::ArrayView1;
use numkong::Dot;

/// Dimensions, and by how many elements the second vector lies off the start of a cache line. Rows of 1998 singles in a
/// matrix lie at every multiple of eight bytes.
const SHAPES: [(usize, usize); 5] = [(384, 0), (768, 0), (1536, 0), (1998, 0), (1998, 2)];

fn label(dimensions: usize, offset: usize) -> String {
    if offset == 0 { dimensions.to_string() } else { format!("{dimensions}, {} bytes off", offset * 4) }
}

fn pairs(c: &mut Criterion) {
    peers::print_capabilities();
    type Kernel = fn(Compute, &[f32], &[f32]) -> Result<f64, Error>;
    let kernels: [(Metric, Kernel); 3] = [
        (Metric::Dot, |compute, a, b| vector::dot_product_with(compute, a, b)),
        (Metric::Cosine, |compute, a, b| vector::cosine_similarity_with(compute, a, b)),
        (Metric::Euclidean, |compute, a, b| vector::euclidean_distance_with(compute, a, b)),
    ];
    for (metric, kernel) in kernels {
        let name = peers::name(metric);
        let mut group = c.benchmark_group(format!("single pair, {name}"));
        for (dimensions, offset) in SHAPES {
            let (a, b) = (Placed::new(1, dimensions, 0), Placed::new(2, dimensions, offset));
            let (a, b) = (a.get(), b.get());
            let label = label(dimensions, offset);
            group.throughput(Throughput::Elements(dimensions as u64));
            let expected = match metric {
                Metric::Dot => oracle::dot(a, b),
                Metric::Euclidean => oracle::euclidean(a, b),
                _ => oracle::cosine(a, b),
            };
            let distance = oracle::distance(metric, a, b);

            let mut entries = Vec::new();
            for (suffix, accumulate) in [("", Accumulate::F32), (" f64", Accumulate::F64)] {
                let best = Compute::new().accumulate(accumulate);
                entries.push((format!("hart{suffix}"), best, accumulate));
                for level in Level::available() {
                    if level != Level::current() {
                        entries.push((
                            format!("hart{suffix}, {}", level.name()),
                            best.level(level),
                            accumulate,
                        ));
                    }
                }
            }
            for (who, compute, accumulate) in entries {
                let tolerance =
                    if accumulate == Accumulate::F64 { 1e-11 } else { oracle::tolerance(dimensions) };
                oracle::check(&who, kernel(compute, a, b).unwrap(), expected, tolerance);
                group.bench_function(BenchmarkId::new(who, &label), |bench| {
                    bench.iter(|| kernel(compute, black_box(a), black_box(b)));
                });
            }
            for (who, function, tolerance) in [
                ("simsimd", peers::simsimd(metric), oracle::tolerance(dimensions)),
                ("numkong", peers::numkong(metric), 1e-11),
            ] {
                oracle::check(who, function(a, b), distance, tolerance);
                group.bench_function(BenchmarkId::new(who, &label), |bench| {
                    bench.iter(|| function(black_box(a), black_box(b)));
                });
            }
            if metric == Metric::Dot {
                let (x, y) = (ArrayView1::from(a), ArrayView1::from(b));
                oracle::check("ndarray", x.dot(&y).into(), expected, oracle::tolerance(dimensions));
                group.bench_function(BenchmarkId::new("ndarray", &label), |bench| {
                    bench.iter(|| black_box(&x).dot(black_box(&y)));
                });
            }
        }
        group.finish();
    }
}

/// Products of bytes, which are whole numbers.
fn bytes(c: &mut Criterion) {
    let mut group = c.benchmark_group("single pair, dot of bytes");
    for dimensions in [384, 768, 1536, 1998] {
        let bytes = |seed| -> Vec<i8> {
            data::singles(seed, dimensions).iter().map(|x| (x * 127.0).round() as i8).collect()
        };
        let (a, b) = (bytes(1), bytes(2));
        let expected: i64 = a.iter().zip(&b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
        assert_eq!(vector::dot_product_i8(&a, &b).unwrap(), expected);
        assert_eq!(i64::from(<i8 as Dot>::dot(&a, &b).unwrap()), expected);
        group.throughput(Throughput::Elements(dimensions as u64));
        group.bench_function(BenchmarkId::new("hart", dimensions), |bench| {
            bench.iter(|| vector::dot_product_i8(black_box(&a), black_box(&b)));
        });
        group.bench_function(BenchmarkId::new("numkong", dimensions), |bench| {
            bench.iter(|| <i8 as Dot>::dot(black_box(&a), black_box(&b)));
        });
    }
    group.finish();
}

/// What a Rust programmer would write first, in single precision.
mod plain {
    pub(super) fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    pub(super) fn normalize(v: &[f32]) -> Vec<f32> {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        v.iter().map(|x| x / norm).collect()
    }

    pub(super) fn softmax(v: &[f32]) -> Vec<f32> {
        let top = v.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut out: Vec<f32> = v.iter().map(|x| (x - top).exp()).collect();
        let total: f32 = out.iter().sum();
        out.iter_mut().for_each(|x| *x /= total);
        out
    }

    pub(super) fn arg_max(v: &[f32]) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (i, x) in v.iter().enumerate() {
            if best.is_none_or(|b| *x > v[b]) {
                best = Some(i);
            }
        }
        best
    }
}

fn check_vector(who: &str, got: &[f32], expected: &[f64], relative: f64) {
    assert_eq!(got.len(), expected.len(), "{who}: length");
    for (got, expected) in got.iter().zip(expected) {
        oracle::check(who, f64::from(*got), *expected, relative * expected.abs());
    }
}

fn algebra(c: &mut Criterion) {
    for (dimensions, offset) in SHAPES {
        let (a, b) = (Placed::new(1, dimensions, 0), Placed::new(2, dimensions, offset));
        let (a, b) = (a.get(), b.get());
        let label = label(dimensions, offset);
        let label = label.as_str();
        let wide = |v: &[f32]| v.iter().copied().map(f64::from).collect::<Vec<f64>>();

        let sums: Vec<f64> = wide(a).into_iter().zip(wide(b)).map(|(a, b)| a + b).collect();
        check_vector("hart add", &vector::add(a, b).unwrap(), &sums, 6e-8);
        check_vector("plain add", &plain::add(a, b), &sums, 6e-8);
        let mut group = c.benchmark_group("one vector, add");
        group.bench_function(BenchmarkId::new("hart", label), |x| {
            x.iter(|| vector::add(black_box(a), black_box(b)));
        });
        group.bench_function(BenchmarkId::new("plain loop", label), |x| {
            x.iter(|| plain::add(black_box(a), black_box(b)));
        });
        group.finish();

        let norm = oracle::dot(b, b).sqrt();
        let units: Vec<f64> = wide(b).into_iter().map(|x| x / norm).collect();
        check_vector("hart normalize", &vector::normalize(b), &units, 1e-6);
        check_vector("plain normalize", &plain::normalize(b), &units, 1e-4);
        let mut group = c.benchmark_group("one vector, normalize");
        group.bench_function(BenchmarkId::new("hart", label), |x| x.iter(|| vector::normalize(black_box(b))));
        group.bench_function(BenchmarkId::new("plain loop", label), |x| {
            x.iter(|| plain::normalize(black_box(b)))
        });
        group.finish();

        let shares = oracle::softmax(b);
        check_vector("hart softmax", &vector::softmax(b), &shares, 1e-7);
        check_vector("plain softmax", &plain::softmax(b), &shares, 1e-4);
        let mut group = c.benchmark_group("one vector, softmax");
        group.bench_function(BenchmarkId::new("hart", label), |x| x.iter(|| vector::softmax(black_box(b))));
        group.bench_function(BenchmarkId::new("plain loop", label), |x| {
            x.iter(|| plain::softmax(black_box(b)))
        });
        group.finish();

        let greatest = wide(b).into_iter().fold(f64::NEG_INFINITY, f64::max);
        let expected = b.iter().position(|x| f64::from(*x) == greatest);
        assert_eq!(vector::arg_max(b), expected, "hart arg_max");
        assert_eq!(plain::arg_max(b), expected, "plain arg_max");
        let mut group = c.benchmark_group("one vector, arg_max");
        group.bench_function(BenchmarkId::new("hart", label), |x| x.iter(|| vector::arg_max(black_box(b))));
        group.bench_function(BenchmarkId::new("plain loop", label), |x| {
            x.iter(|| plain::arg_max(black_box(b)))
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = pairs, bytes, algebra
}
criterion_main!(benches);
