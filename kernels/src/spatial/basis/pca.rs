//! Principal axes of a sample.

use super::{Basis, BasisKind, check_shape, orthonormal};
use crate::arch::{Simd, Task};
use crate::compute::Compute;
use crate::error::Error;
use crate::parallel;
use crate::random::SplitMix;
use crate::reduce::{Accumulate, with_mode};
use crate::tiles::{PANEL, Tiles};
use crate::vectors::{Vectors, Width, decode};

/// Directions beyond the wanted ones: they take up what varies almost as much, so that the wanted ones settle sooner.
const SPARE: usize = 16;
/// Steps between two looks at how far the axes still move.
const STEPS: usize = 5;
/// Looks at most.
const ROUNDS: usize = 60;
/// ‖C·a − λ·a‖ as a part of the largest variance.
const SETTLED: f64 = 1e-6;

pub(super) fn basis(
    compute: Compute,
    sample: &Vectors<'_>,
    axes: usize,
    limit: usize,
) -> Result<Basis, Error> {
    let there: Vec<usize> = (0..sample.len()).filter(|i| sample.row(*i).is_some()).collect();
    let taken = there.len().min(limit.max(1));
    // Evenly spaced: row ⌊i·n/taken⌋. The product of two counts of rows in memory fits 128 bits.
    let place = |i: usize| (i as u128 * there.len() as u128 / taken as u128) as usize;
    let picked: Vec<usize> = (0..taken).map(|i| there[place(i)]).collect();
    let dimension = picked.first().and_then(|row| sample.dimensions(*row)).unwrap_or(0);
    if taken < axes.saturating_add(1) {
        return Err(Error::Value {
            column: sample.name().into(),
            row: 0,
            found: format!("{taken} vectors"),
            expected: format!("more than {axes}, the number of axes, to find how they vary"),
        });
    }
    check_shape(sample.name(), dimension, axes)?;
    let covariance = covariance(compute, sample, &picked, dimension)?;
    let axes = principal_axes(compute, &covariance, dimension, axes)?;
    Ok(Basis { sample: taken as u64, ..Basis::of_axes(BasisKind::Pca, dimension, &axes)? })
}

/// The covariance matrix of the picked rows, row-major; sums of double precision.
fn covariance(
    compute: Compute,
    sample: &Vectors<'_>,
    picked: &[usize],
    dimension: usize,
) -> Result<Vec<f64>, Error> {
    let (size, count) = (sample.width().bytes(), picked.len());
    let mut columns = vec![0u8; dimension * count * size];
    for (i, row) in picked.iter().enumerate() {
        let bytes = sample.row(*row).unwrap_or_default();
        if bytes.len() != dimension * size {
            return Err(sample.mismatch(*row, format!("row {}", picked[0] + 1), dimension));
        }
        if !decode(sample.wide_element(), bytes).iter().all(|v| v.is_finite()) {
            return Err(Error::Value {
                column: sample.name().into(),
                row: *row as u64 + 1,
                found: "a number that is not finite".into(),
                expected: "a vector of finite numbers".into(),
            });
        }
        for (j, element) in bytes.chunks_exact(size).enumerate() {
            columns[(j * count + i) * size..][..size].copy_from_slice(element);
        }
    }
    let means: Vec<f64> = columns
        .chunks(count * size)
        .map(|column| decode(sample.wide_element(), column).iter().sum::<f64>() / count as f64)
        .collect();
    let mut products = products(compute, sample.width(), &columns, &columns, count)?;
    for (i, row) in products.chunks_mut(dimension).enumerate() {
        for (product, mean) in row.iter_mut().zip(&means) {
            *product = *product / count as f64 - means[i] * mean;
        }
    }
    if !products.iter().all(|v| v.is_finite()) {
        return Err(Error::Value {
            column: sample.name().into(),
            row: 0,
            found: "vectors whose squares exceed what a double can hold".into(),
            expected: "vectors with a finite variance".into(),
        });
    }
    Ok(products)
}

/// All dot products of the rows of two packed row-major matrices with `n` columns; row-major, `a`'s rows first.
fn products(compute: Compute, width: Width, a: &[u8], b: &[u8], n: usize) -> Result<Vec<f64>, Error> {
    let row = n * width.bytes();
    let (queries, rows): (Vec<&[u8]>, Vec<&[u8]>) = (a.chunks(row).collect(), b.chunks(row).collect());
    let panels: Vec<Vec<(usize, &[u8])>> =
        rows.chunks(PANEL).map(|panel| panel.iter().copied().enumerate().collect()).collect();
    // Work grows with both matrices, so the blocks are cut as if there were that many bytes.
    let work = a.len().saturating_mul(panels.len());
    let blocks = parallel::blocks(panels.len(), work, |range| {
        Ok(compute.level.run(Products { width, queries: &queries, panels: &panels[range] }))
    })?;
    let mut out = vec![0.0; queries.len() * rows.len()];
    for (p, found) in blocks.into_iter().flatten().enumerate() {
        for (out, found) in out.chunks_mut(rows.len()).zip(found.chunks(PANEL)) {
            let out = &mut out[p * PANEL..];
            let length = out.len().min(PANEL);
            out[..length].copy_from_slice(&found[..length]);
        }
    }
    Ok(out)
}

struct Products<'a> {
    width: Width,
    queries: &'a [&'a [u8]],
    panels: &'a [Vec<(usize, &'a [u8])>],
}

/// Queries that are copied at once: few enough to stay in the caches.
const QUERIES: usize = 96;

impl Task for Products<'_> {
    type Output = Vec<Vec<f64>>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<Vec<f64>> {
        let mut out = vec![vec![0.0; self.queries.len() * PANEL]; self.panels.len()];
        with_mode!(self.width, Accumulate::F64, M => {
            for (n, queries) in self.queries.chunks(QUERIES).enumerate() {
                let mut tiles = Tiles::<M, S>::new(simd, queries);
                for (panel, out) in self.panels.iter().zip(&mut out) {
                    tiles.dots(simd, panel, &mut out[n * QUERIES * PANEL..][..queries.len() * PANEL]);
                }
            }
        });
        out
    }
}

/// The first eigenvectors of a symmetric matrix by falling eigenvalue: subspace iteration with Rayleigh–Ritz steps (Golub and
/// Van Loan 2013, "Matrix Computations", section 8.2.4), from fixed random directions.
fn principal_axes(compute: Compute, matrix: &[f64], n: usize, wanted: usize) -> Result<Vec<Vec<f64>>, Error> {
    let block = (wanted + SPARE).min(n);
    let bytes: &[u8] = bytemuck::cast_slice(matrix);
    let times = |rows: &[Vec<f64>]| -> Result<Vec<Vec<f64>>, Error> {
        let flat = rows.concat();
        let out = products(compute, Width::F64, bytemuck::cast_slice(&flat), bytes, n)?;
        Ok(out.chunks(n).map(<[f64]>::to_vec).collect())
    };
    let mut random = SplitMix(0x5eed);
    let mut axes = orthonormalized((0..block).map(|_| random.row(n)).collect(), &mut random);
    for _ in 0..ROUNDS {
        for _ in 0..STEPS {
            axes = orthonormalized(times(&axes)?, &mut random);
        }
        let images = times(&axes)?;
        let mut small: Vec<Vec<f64>> =
            axes.iter().map(|a| images.iter().map(|i| orthonormal::dot(a, i)).collect()).collect();
        let (values, vectors) = jacobi(&mut small);
        let (turned, turned_images) = (combine(&vectors, &axes), combine(&vectors, &images));
        let off = |k: usize| -> f64 {
            let rest: Vec<f64> =
                turned_images[k].iter().zip(&turned[k]).map(|(image, a)| image - values[k] * a).collect();
            orthonormal::dot(&rest, &rest).sqrt()
        };
        let settled = (0..wanted).all(|k| off(k) <= SETTLED * values[0].abs());
        axes = turned;
        if settled {
            break;
        }
    }
    axes.truncate(wanted);
    axes.iter_mut().for_each(|axis| point_forwards(axis));
    Ok(axes)
}

/// Orthonormal rows that span the same, where a row without a part of its own is drawn anew: the matrix has a smaller rank.
fn orthonormalized(mut rows: Vec<Vec<f64>>, random: &mut SplitMix) -> Vec<Vec<f64>> {
    loop {
        match orthonormal::gram_schmidt(rows.clone()) {
            Ok(axes) => return axes,
            Err(collinear) => {
                let n = rows[collinear.row].len();
                rows[collinear.row] = random.row(n);
            }
        }
    }
}

/// Turns the axis so that its largest component, the first of equals, is positive.
fn point_forwards(axis: &mut [f64]) {
    let largest = axis.iter().fold(0.0f64, |largest, v| if v.abs() > largest.abs() { *v } else { largest });
    if largest < 0.0 {
        axis.iter_mut().for_each(|v| *v = -*v);
    }
}

/// Sums of the rows with the weights of each row of `weights`.
fn combine(weights: &[Vec<f64>], rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let one = |weights: &Vec<f64>| {
        let mut sum = vec![0.0; rows[0].len()];
        for (weight, row) in weights.iter().zip(rows) {
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * v);
        }
        sum
    };
    weights.iter().map(one).collect()
}

/// Eigenvalues, falling, and eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan 2013,
/// section 8.5.3).
fn jacobi(a: &mut [Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
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
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[*j][*j].total_cmp(&a[*i][*i]));
    let values = order.iter().map(|i| a[*i][*i]).collect();
    (values, order.iter().map(|i| vectors[*i].clone()).collect())
}

/// One rotation that makes `a[p][q]` zero; the rows of `vectors` turn along.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_of_a_known_matrix() {
        // 2·I + J of three rows: eigenvalues 5, 2, 2; the first eigenvector is (1, 1, 1)/√3.
        let mut a = vec![vec![3.0, 1.0, 1.0], vec![1.0, 3.0, 1.0], vec![1.0, 1.0, 3.0]];
        let (values, vectors) = jacobi(&mut a);
        for (value, expected) in values.iter().zip([5.0, 2.0, 2.0]) {
            assert!((value - expected).abs() < 1e-14, "{values:?}");
        }
        let third = 1.0 / 3f64.sqrt();
        assert!(vectors[0].iter().all(|v| (v.abs() - third).abs() < 1e-14), "{vectors:?}");
    }

    #[test]
    fn a_matrix_of_small_rank_has_axes_all_the_same() {
        let n = 40;
        let mut matrix = vec![0.0; n * n];
        (matrix[0], matrix[n + 1]) = (4.0, 9.0);
        let axes = principal_axes(Compute::new().unwrap(), &matrix, n, 4).unwrap();
        assert!((axes[0][1] - 1.0).abs() < 1e-12 && (axes[1][0] - 1.0).abs() < 1e-12, "{axes:?}");
        assert!(axes.iter().all(|a| (orthonormal::dot(a, a) - 1.0).abs() < 1e-12));
    }
}
