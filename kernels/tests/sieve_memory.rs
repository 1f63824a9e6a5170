//! How much memory the proven sieve takes. One test, for the system tells the largest peak of this process.
#![cfg(target_os = "linux")]

#[path = "it/common/mod.rs"]
mod common;

use common::{compute, peak, uniform};
use hart_kernels::spatial::{Basis, Sieve};
use hart_kernels::{Metric, TopK, Vectors};

#[test]
fn memory_does_not_grow_with_queries_times_rows() {
    let n = 4;
    let values: Vec<f32> = (0..2000).flat_map(|i| uniform(i, n)).collect();
    let (rows, ids) = (Vectors::matrix(&values, n).unwrap(), Vec::from_iter(0..2000));
    let queries: Vec<f32> = (0..10_000).flat_map(|i| uniform(100_000 + i, n)).collect();
    let queries = Vectors::matrix(&queries, n).unwrap();
    let basis = Basis::random(n, 2, 1).unwrap();
    let wanted =
        TopK::new(2).metric(Metric::Euclidean).ids(&ids).compute(compute()).search(&rows, &queries).unwrap();
    let sieve = Sieve::with(compute(), &basis, &rows, Metric::Euclidean, false).unwrap();
    let before = peak();
    let found = sieve.search(&ids, &queries, 2).unwrap();
    // The bounds of all queries would be 160 MB.
    assert!(peak() - before < 60.0, "{} MiB", peak() - before);
    assert!(found.iter().map(|found| &found.hits).eq(&wanted));
}
