//! How much memory DBSCAN takes. One test, for the system tells the largest peak of this process.
#![cfg(target_os = "linux")]

#[path = "it/common/mod.rs"]
mod common;

use common::{compute, peak};
use hart_kernels::{Metric, Vectors, cluster};

#[test]
fn memory_does_not_grow_with_pairs_of_neighbours() {
    // Core points at one place; each of the others is near to all of them, and far from the rest of its kind.
    let (cores, others) = (6000, 120);
    let row = |i: usize| (0..others).map(move |j| f32::from(u8::from(i == cores + j)));
    let values: Vec<f32> = (0..cores + others).flat_map(row).collect();
    let rows = Vectors::matrix(&values, others).unwrap();
    let before = peak();
    let minimum = cores as u32 + 2;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let found = pool.install(|| cluster::dbscan(compute(), &rows, None, 1.05, minimum, Metric::Euclidean));
    let found = found.unwrap();
    // The rows within the radius of 48 rows would be 9 MB, the pairs of both kinds 11 MB.
    assert!(peak() - before < 6.0, "{} MiB", peak() - before);
    let one = |row: usize| found[row].map(|row| (row.cluster, row.core, row.neighbors));
    assert_eq!(one(0), Some((1, true, (cores + others) as u32)));
    assert_eq!(one(cores), Some((1, false, cores as u32 + 1)));
    assert!(found[..cores].iter().all(|row| *row == found[0]));
    assert!(found[cores..].iter().all(|row| *row == found[cores]));
}
