//! Hilbert and Morton keys and GEOMETRY points of whole columns, beside the crates that compute the same keys and
//! beside a plain copy of as many bytes.
//!
//! The peers compute one key at a time, in one thread.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hart_benches::data::singles;
use hart_benches::limit;
use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::{SpatialType, points, wkt};
use hart_kernels::spatial::{hilbert, morton, morton::BitOrder};
use rayon::prelude::*;

/// Points: more than caches hold, or few where the bench is only tested (`--test`).
fn count() -> usize {
    if std::env::args().any(|argument| argument == "--test") { 1000 } else { 4_000_000 }
}

fn column(seed: u64) -> Vec<f64> {
    singles(seed, count()).into_iter().map(f64::from).collect()
}

/// The cells that the grid of 21 bits between −1 and 1 gives.
fn cells(columns: [&[f64]; 3]) -> Vec<[u32; 3]> {
    let cell = |v: f64| ((v + 1.0) / 2.0 * f64::from(1 << 21)).floor() as u32;
    (0..columns[0].len()).map(|i| columns.map(|c| cell(c[i]))).collect()
}

/// lindel's keys are of 32 bits an axis; 11 is not a multiple of 3 short of that, but 33 bits above are zero.
fn lindel_hilbert(cell: &[u32; 3]) -> i64 {
    (lindel::hilbert_encode(cell.map(|c| c << 11)) >> 33) as i64
}

fn hilbert_crate(cell: &[u32; 3]) -> i64 {
    let key = ::hilbert::fast_hilbert::hilbert_index(cell, 21, None);
    key.iter_u64_digits().next().unwrap_or(0) as i64
}

fn curves(c: &mut Criterion) {
    let [x, y, z] = [1, 2, 3].map(column);
    let grid = Grid::new([-1.0; 3], [1.0; 3], 21, Outside::Error).unwrap();
    let cells = cells([&x, &y, &z]);
    let keys = hilbert::keys(&grid, &x, &y, &z).unwrap();
    let lowest = morton::keys(&grid, BitOrder::XLowest, &x, &y, &z).unwrap();
    let highest = morton::keys(&grid, BitOrder::XHighest, &x, &y, &z).unwrap();
    for (i, cell) in cells.iter().enumerate().step_by(97) {
        assert_eq!((lindel_hilbert(cell), hilbert_crate(cell)), (keys[i], keys[i]), "{cell:?}");
        assert_eq!(lindel::morton_encode(*cell) as i64, highest[i], "{cell:?}");
        assert_eq!(zorder::index_of(*cell) as i64, lowest[i], "{cell:?}");
    }

    let mut group = c.benchmark_group("Hilbert and Morton keys, 21 bits an axis");
    group.throughput(Throughput::Elements(count() as u64));
    for (threads, pool) in &limit::pools() {
        let label = limit::label(*threads);
        group.bench_function(BenchmarkId::new("hart, hilbert", &label), |b| {
            b.iter(|| pool.install(|| hilbert::keys(&grid, black_box(&x), &y, &z).unwrap()));
        });
        group.bench_function(BenchmarkId::new("hart, hilbert inverse", &label), |b| {
            b.iter(|| pool.install(|| hilbert::positions(&grid, black_box(&keys)).unwrap()));
        });
        group.bench_function(BenchmarkId::new("hart, morton", &label), |b| {
            b.iter(|| {
                pool.install(|| morton::keys(&grid, BitOrder::XLowest, black_box(&x), &y, &z).unwrap())
            });
        });
        group.bench_function(BenchmarkId::new("hart, morton inverse", &label), |b| {
            b.iter(|| {
                pool.install(|| morton::positions(&grid, BitOrder::XLowest, black_box(&lowest)).unwrap())
            });
        });
    }
    // The peers get cells, so that their time is that of the curve alone.
    let mut out = vec![0i64; cells.len()];
    let mut peer = |name: &str, key: &dyn Fn(&[u32; 3]) -> i64, every: usize| {
        group.throughput(Throughput::Elements((cells.len() / every) as u64));
        group.bench_function(BenchmarkId::new(name, limit::label(1)), |b| {
            b.iter(|| {
                for (out, cell) in out.iter_mut().zip(black_box(&cells)).take(cells.len() / every) {
                    *out = key(cell);
                }
            });
        });
    };
    peer("lindel, hilbert", &lindel_hilbert, 10);
    peer("crate hilbert, hilbert", &hilbert_crate, 100);
    peer("zorder, morton", &|cell| zorder::index_of(*cell) as i64, 1);
    peer("lindel, morton", &|cell| lindel::morton_encode(*cell) as i64, 1);
    group.finish();
}

fn geometry(c: &mut Criterion) {
    let [x, y, z, m] = [1, 2, 3, 4].map(column);
    let mut group = c.benchmark_group("GEOMETRY points");
    for (name, z, m) in [("x y", None, None), ("x y z", Some(&z), None), ("x y z m", Some(&z), Some(&m))] {
        let points = points::Points { x: &x, y: &y, z: z.map(Vec::as_slice), m: m.map(Vec::as_slice) };
        let mut out = vec![0u8; count() * points.stride()];
        points::encode(points, 0, SpatialType::Geometry, &mut out).unwrap();
        let shape =
            hart_kernels::spatial::geometry::Geometry::decode(&out[..points.stride()], SpatialType::Geometry);
        assert_eq!(
            wkt::write(&shape.unwrap().unwrap().shape).unwrap().split(' ').count(),
            1 + name.split(' ').count()
        );
        group.throughput(Throughput::Elements(count() as u64));
        for (threads, pool) in &limit::pools() {
            let input = format!("{name}, {}", limit::label(*threads));
            group.bench_function(BenchmarkId::new("hart", &input), |b| {
                b.iter(|| {
                    let out = black_box(&mut out);
                    pool.install(|| points::encode(points, 0, SpatialType::Geometry, out).unwrap());
                });
            });
            // The same bytes: what memory allows.
            group.bench_function(BenchmarkId::new("limit: plain write", &input), |b| {
                let share = out.len().div_ceil(*threads);
                b.iter(|| {
                    pool.install(|| out.par_chunks_mut(share).for_each(|part| part.fill(black_box(7))))
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
    targets = curves, geometry
}
criterion_main!(benches);
