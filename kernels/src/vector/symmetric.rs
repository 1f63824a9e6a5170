//! All eigenvectors of a symmetric matrix.

use crate::number::range;
use crate::vector::orthonormal::dot;

/// Rows up to which Jacobi rotations are used: they give small eigenvalues digits of their own, but take several times as
/// long as a tridiagonal form where there are many rows.
const FEW: usize = 64;
/// Steps for each eigenvalue, at most; two or three do.
const STEPS: usize = 60;

/// A square that is nothing in a matrix whose largest number is between 1 and 2.
const NOTHING: f64 = 1e-200;

/// The matrix of `n` rows that changes none.
pub(super) fn identity(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

/// Eigenvalues, descending, and eigenvectors of a symmetric matrix.
pub(super) fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (values, mut vectors) = if a.len() <= FEW { jacobi(&mut a) } else { tridiagonal(a) };
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*j].total_cmp(&values[*i]));
    let sorted = order.iter().map(|i| values[*i]).collect();
    (sorted, order.iter().map(|i| std::mem::take(&mut vectors[*i])).collect())
}

/// Eigenvalues and eigenvectors by cyclic Jacobi rotations (Golub and Van Loan 2013, section 8.5.3).
fn jacobi(a: &mut [Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut vectors = identity(n);
    let scale: f64 = a.iter().flatten().map(|v| v * v).sum();
    for _ in 0..50 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
        if off <= scale * 1e-30 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(a, &mut vectors, p, q);
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), vectors)
}

/// One rotation that makes `a[p][q]` zero; the rows of `vectors` rotate too.
fn rotate(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in a.iter_mut() {
        let (x, y) = (row[p], row[q]);
        (row[p], row[q]) = (c * x - s * y, s * x + c * y);
    }
    for rows in [&mut *a, vectors] {
        let (low, high) = rows.split_at_mut(q);
        for (x, y) in low[p].iter_mut().zip(high[0].iter_mut()) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

/// Eigenvalues and eigenvectors by Householder reflections to a tridiagonal matrix, and implicit QR steps with Wilkinson's
/// shift (Golub and Van Loan 2013, sections 8.3.1 and 8.3.5). Eigenvalues are off by roundings of the largest one.
fn tridiagonal(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    // So that no square leaves the range of doubles.
    let unit = range::unit(a.iter().flatten().copied());
    a.iter_mut().flatten().for_each(|v| *v /= unit);
    let (mut diagonal, mut beside, reflections) = reduced(&mut a);
    // The reflections' product, transposed: its rows become the eigenvectors.
    let mut vectors = identity(n);
    for (k, scale) in reflections.into_iter().enumerate().rev() {
        let reflection = &a[k][k + 1..];
        for row in &mut vectors[k + 1..] {
            let row = &mut row[k + 1..];
            let part = scale * dot(row, reflection);
            row.iter_mut().zip(reflection).for_each(|(v, r)| *v -= part * r);
        }
    }
    drop(a);
    diagonalize(&mut diagonal, &mut beside, &mut vectors);
    diagonal.iter_mut().for_each(|v| *v *= unit);
    (diagonal, vectors)
}

/// Makes a symmetric matrix tridiagonal: its diagonal and the numbers beside it. Row k of `a` is left with the vector v of
/// reflection k, 1 − s·v·vᵀ, from place k + 1 on; the numbers s are returned too.
fn reduced(a: &mut [Vec<f64>]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let n = a.len();
    let (mut beside, mut scales) = (Vec::with_capacity(n - 1), Vec::with_capacity(n - 1));
    for k in 0..n - 1 {
        let (done, rest) = a.split_at_mut(k + 1);
        let v = &mut done[k][k + 1..];
        let rest_square = dot(&v[1..], &v[1..]);
        if rest_square < NOTHING {
            beside.push(v[0]);
            scales.push(0.0);
            continue;
        }
        let length = (v[0] * v[0] + rest_square).sqrt();
        let image = if v[0] > 0.0 { -length } else { length };
        let scale = 1.0 / (length * (length + v[0].abs()));
        v[0] -= image;
        beside.push(image);
        scales.push(scale);
        // Both sides at once: A − v·wᵀ − w·vᵀ with p = s·A·v, w = p − (s·pᵀ·v/2)·v.
        let mut w: Vec<f64> = rest.iter().map(|row| scale * dot(&row[k + 1..], v)).collect();
        let half = scale * dot(&w, v) / 2.0;
        w.iter_mut().zip(&*v).for_each(|(w, v)| *w -= half * v);
        for (row, (v_row, w_row)) in rest.iter_mut().zip(v.iter().zip(&w)) {
            for (out, (v, w)) in row[k + 1..].iter_mut().zip(v.iter().zip(&w)) {
                *out -= v_row * w + w_row * v;
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), beside, scales)
}

/// Makes a tridiagonal matrix diagonal; the rows of `vectors` rotate too.
fn diagonalize(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [Vec<f64>]) {
    let mut end = diagonal.len();
    let mut steps = STEPS * end;
    while end > 1 && steps > 0 {
        let is_zero = |i: usize| {
            let size = diagonal[i].abs() + diagonal[i + 1].abs();
            beside[i].abs() <= f64::EPSILON / 2.0 * size || beside[i] * beside[i] < NOTHING
        };
        if is_zero(end - 2) {
            beside[end - 2] = 0.0;
            end -= 1;
            continue;
        }
        // The part that does not fall apart.
        let start = (0..end - 2).rev().find(|i| is_zero(*i)).map_or(0, |i| i + 1);
        if start > 0 {
            beside[start - 1] = 0.0;
        }
        step(diagonal, beside, start, end - 1, vectors);
        steps -= 1;
    }
}

/// One implicit QR step on the rows from `first` to `last`.
fn step(diagonal: &mut [f64], beside: &mut [f64], first: usize, last: usize, vectors: &mut [Vec<f64>]) {
    let b = beside[last - 1];
    let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
    let root = (half * half + b * b).sqrt();
    let shift = diagonal[last] - b * (b / (half + if half < 0.0 { -root } else { root }));
    let (mut x, mut z) = (diagonal[first] - shift, beside[first]);
    for k in first..last {
        let length = (x * x + z * z).sqrt();
        let (c, s) = if length == 0.0 { (1.0, 0.0) } else { (x / length, z / length) };
        if k > first {
            beside[k - 1] = length;
        }
        let (p, q, r) = (diagonal[k], beside[k], diagonal[k + 1]);
        diagonal[k] = c * c * p + 2.0 * c * s * q + s * s * r;
        diagonal[k + 1] = s * s * p - 2.0 * c * s * q + c * c * r;
        beside[k] = c * s * (r - p) + (c * c - s * s) * q;
        if k + 1 < last {
            (x, z) = (beside[k], s * beside[k + 1]);
            beside[k + 1] *= c;
        }
        let (low, high) = vectors.split_at_mut(k + 1);
        for (u, v) in low[k].iter_mut().zip(high[0].iter_mut()) {
            (*u, *v) = (c * *u + s * *v, c * *v - s * *u);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::random::SplitMix;

    #[test]
    fn eigenvectors_of_a_known_matrix() {
        // 2·I + J of three rows: eigenvalues 5, 2, 2; the first eigenvector is (1, 1, 1)/√3.
        let mut a = vec![vec![3.0, 1.0, 1.0], vec![1.0, 3.0, 1.0], vec![1.0, 1.0, 3.0]];
        for (values, vectors) in [eigen(a.clone()), sorted(tridiagonal(a.clone()))] {
            for (value, expected) in values.iter().zip([5.0, 2.0, 2.0]) {
                assert!((value - expected).abs() < 1e-14, "{values:?}");
            }
            let third = 1.0 / 3f64.sqrt();
            assert!(vectors[0].iter().all(|v| (v.abs() - third).abs() < 1e-14), "{vectors:?}");
        }
        a.iter_mut().flatten().for_each(|v| *v = 0.0);
        assert_eq!(tridiagonal(a).0, [0.0; 3]);
    }

    fn sorted((values, vectors): (Vec<f64>, Vec<Vec<f64>>)) -> (Vec<f64>, Vec<Vec<f64>>) {
        let mut both: Vec<_> = values.into_iter().zip(vectors).collect();
        both.sort_by(|a, b| b.0.total_cmp(&a.0));
        both.into_iter().unzip()
    }

    #[test]
    fn both_ways_find_the_eigenvectors_of_any_matrix() {
        let mut random = SplitMix(11);
        for (n, slope) in [(1, 1.0), (2, 1.0), (3, 0.0), (30, 1.0), (70, 0.7), (70, 0.0), (120, 1e-3)] {
            // A graded matrix, and blocks that are 0 in one of three.
            let mut a = vec![vec![0.0; n]; n];
            let grade = |i: usize| f64::powi(slope, i.min(20) as i32);
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let v = if (i + j) % 3 == 0 { 0.0 } else { random.symmetric() * grade(i) * grade(j) };
                let more = if i == j { 1e-9 } else { 0.0 };
                (a[i][j], a[j][i]) = (v + more, v + more);
            }
            for (values, vectors) in [jacobi(&mut a.clone()), tridiagonal(a.clone())] {
                let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                for (k, vector) in vectors.iter().enumerate() {
                    for (i, row) in a.iter().enumerate() {
                        let off = dot(row, vector) - values[k] * vector[i];
                        assert!(off.abs() <= 1e-13 * largest, "{n}, {slope}: {off:e} of {largest}");
                    }
                    for (j, other) in vectors.iter().enumerate() {
                        let expected = f64::from(u8::from(j == k));
                        assert!((dot(vector, other) - expected).abs() < 1e-12, "{n}, {slope}");
                    }
                }
            }
        }
    }
}
