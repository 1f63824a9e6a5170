//! Exact search around a peer's distance function, so that a peer without a search of its own does the same work.

use rayon::prelude::*;

/// Bytes of one block of rows.
const BLOCK: usize = 1 << 20;

/// The `k` nearest rows as (distance, row), nearest first, in the current thread pool.
pub fn top_k(
    rows: &[f32],
    query: &[f32],
    k: usize,
    distance: impl Fn(&[f32], &[f32]) -> f64 + Sync,
) -> Vec<(f64, usize)> {
    let dimensions = query.len();
    let step = (BLOCK / 4 / dimensions).max(1);
    let scan = |(block, rows): (usize, &[f32])| {
        let mut best: Vec<(f64, usize)> = Vec::with_capacity(k + 1);
        for (i, row) in rows.chunks_exact(dimensions).enumerate() {
            offer(&mut best, k, (distance(query, row), block * step + i));
        }
        best
    };
    let blocks: Vec<_> = rows.par_chunks(step * dimensions).enumerate().map(scan).collect();
    let mut best = Vec::with_capacity(k + 1);
    for candidate in blocks.into_iter().flatten() {
        offer(&mut best, k, candidate);
    }
    best
}

/// Inserts the candidate into the sorted list if it is among the best `k`.
fn offer(best: &mut Vec<(f64, usize)>, k: usize, candidate: (f64, usize)) {
    if best.len() == k && best.last().is_some_and(|worst| candidate.0 >= worst.0) {
        return;
    }
    let place = best.partition_point(|b| b.0 <= candidate.0);
    best.insert(place, candidate);
    best.truncate(k);
}

/// Checks a list of nearest rows against all true distances.
///
/// # Panics
///
/// Where a reported distance, or the true distance at a rank, is off by more than `tolerance`.
pub fn check(who: &str, found: &[(f64, usize)], distances: &[f64], k: usize, tolerance: f64) {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    assert_eq!(found.len(), k.min(sorted.len()), "{who}: number of rows found");
    for ((distance, row), expected) in found.iter().zip(sorted) {
        crate::oracle::check(who, *distance, distances[*row], tolerance);
        crate::oracle::check(who, distances[*row], expected, tolerance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_rows() {
        let rows = crate::data::singles(3, 3000 * 200);
        let query = crate::data::singles(4, 200);
        let distances: Vec<f64> = rows.chunks(200).map(|row| crate::oracle::euclidean(&query, row)).collect();
        let found = top_k(&rows, &query, 7, crate::oracle::euclidean);
        check("top_k", &found, &distances, 7, 0.0);
    }
}
