//! Principal axes of a sample.

use super::{Basis, BasisKind, check_dimension, check_shape, orthonormal};
use crate::column::vectors::{Vectors, decode};
use crate::error::{Error, Place};
use crate::number::random::SplitMix;
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::pairwise::products::products;

/// Directions beyond the wanted ones: they absorb what varies almost as much, so that the wanted ones converge sooner.
const SPARE: usize = 16;
/// Iterations between two convergence checks.
const STEPS: usize = 5;
/// Checks before more directions are taken, twice as many each time; with all dimensions the axes are exact at once.
const ROUNDS: usize = 12;
/// The tolerance for ‖C·a − λ·a‖, as a share of the largest variance.
const SETTLED: f64 = 1e-6;
/// Variances below this share of the largest are held to the tolerance of this share.
const SMALLEST: f64 = 1e-12;

/// Called before that many bytes are allocated.
pub(crate) type Take<'a> = &'a dyn Fn(u64) -> Result<(), Error>;

pub(super) fn basis(
    compute: Compute,
    sample: &Vectors<'_>,
    axes: usize,
    limit: usize,
    take: Take<'_>,
) -> Result<Basis, Error> {
    let there: Vec<usize> = (0..sample.len()).filter(|i| sample.row(*i).is_some()).collect();
    let taken = there.len().min(limit.max(1));
    // Evenly spaced: row ⌊i·n/taken⌋. The product of two row counts in memory fits 128 bits.
    let place = |i: usize| (i as u128 * there.len() as u128 / taken as u128) as usize;
    let picked: Vec<usize> = (0..taken).map(|i| there[place(i)]).collect();
    let dimension = picked.first().and_then(|row| sample.dimensions(*row)).unwrap_or(0);
    if taken < axes.saturating_add(1) {
        return Err(Error::Value {
            place: sample.place().clone(),
            row: 0,
            found: format!("{taken} vectors"),
            expected: format!("more than {axes}, the number of axes, to find how they vary"),
        });
    }
    check_dimension(sample.place(), dimension)?;
    check_shape("dimension", dimension, axes)?;
    // The sample, and the products of its smaller side in parts and as a whole.
    let side = dimension.min(taken) as u64;
    take((8 * dimension as u64).saturating_mul(taken as u64).saturating_add(side * side * 16))?;
    let by_row = taken < dimension;
    let numbers = centred(sample, &picked, dimension, by_row)?;
    let problem = Problem { compute, place: sample.place(), take };
    let axes = if by_row {
        by_rows(&problem, &numbers, dimension, axes)?
    } else {
        by_columns(&problem, numbers, dimension, axes)?
    };
    Ok(Basis { sample: taken as u64, ..Basis::of_axes(BasisKind::Pca, dimension, &axes)? })
}

/// The picked rows minus their mean, row-major or column-major, over a power of two that scales the largest number to
/// between 1 and 2, so that no square leaves the range of doubles and no axis depends on the unit of the vectors.
fn centred(
    sample: &Vectors<'_>,
    picked: &[usize],
    dimension: usize,
    by_row: bool,
) -> Result<Vec<f64>, Error> {
    let count = picked.len();
    let mut out = vec![0.0; dimension * count];
    for (i, row) in picked.iter().enumerate() {
        if sample.dimensions(*row) != Some(dimension) {
            return Err(sample.mismatch(*row, Place::Whole(format!("row {}", picked[0] + 1)), dimension));
        }
        let values = decode(sample.wide_element(), sample.row(*row).unwrap_or_default());
        if !values.iter().all(|v| v.is_finite()) {
            return Err(Error::Value {
                place: sample.place().clone(),
                row: *row as u64 + 1,
                found: "a number that is not finite".into(),
                expected: "a vector of finite numbers".into(),
            });
        }
        for (j, v) in values.into_iter().enumerate() {
            out[if by_row { i * dimension + j } else { j * count + i }] = v;
        }
    }
    let unit = range::unit(out.iter().copied());
    out.iter_mut().for_each(|v| *v /= unit);
    // Centred before multiplying: for vectors far from the origin a difference of products would be rounding errors
    // alone.
    if by_row {
        let mut mean = vec![0.0; dimension];
        for row in out.chunks(dimension) {
            mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        for row in out.chunks_mut(dimension) {
            row.iter_mut().zip(&mean).for_each(|(v, mean)| *v -= mean);
        }
    } else {
        for column in out.chunks_mut(count) {
            let mean = column.iter().sum::<f64>() / count as f64;
            column.iter_mut().for_each(|v| *v -= mean);
        }
    }
    Ok(out)
}

/// The axes where there are no fewer rows than dimensions, from the covariance matrix.
fn by_columns(
    problem: &Problem<'_>,
    columns: Vec<f64>,
    dimension: usize,
    wanted: usize,
) -> Result<Vec<Vec<f64>>, Error> {
    let count = columns.len() / dimension;
    let covariance = problem.squares(&columns, count, count)?;
    drop(columns);
    let start = Start { axes: Vec::new(), most: dimension, strict: false };
    let found = problem.principal_axes(dimension, wanted, start, |axes| {
        problem.products(&axes.concat(), &covariance, dimension)
    })?;
    problem.settled(found, wanted)
}

/// The axes where there are fewer rows than dimensions: the eigenvectors of the rows' products with each other are the
/// weights with which the rows add up to eigenvectors of the covariance matrix XᵀX, which is never formed. Convergence
/// is still measured by XᵀX.
fn by_rows(
    problem: &Problem<'_>,
    rows: &[f64],
    dimension: usize,
    wanted: usize,
) -> Result<Vec<Vec<f64>>, Error> {
    let count = rows.len() / dimension;
    let gram = problem.squares(rows, dimension, count)?;
    let start = Start { axes: Vec::new(), most: count, strict: true };
    let mut weights = problem
        .principal_axes(count, wanted, start, |axes| problem.products(&axes.concat(), &gram, count))?
        .axes;
    drop(gram);
    weights.truncate(wanted + SPARE);
    let start = Start { axes: combine(&weights, rows, dimension), most: count, strict: false };
    let found = problem.principal_axes(dimension, wanted, start, |axes| {
        let mut weights = problem.products(&axes.concat(), rows, dimension)?;
        weights.iter_mut().flatten().for_each(|weight| *weight /= count as f64);
        Ok(combine(&weights, rows, dimension))
    })?;
    problem.settled(found, wanted)
}

/// State shared by the steps of one search for axes.
struct Problem<'a> {
    compute: Compute,
    /// The column.
    place: &'a Place,
    take: Take<'a>,
}

/// The start of subspace iteration.
struct Start {
    /// Initial directions; further ones are random.
    axes: Vec<Vec<f64>>,
    /// Maximum number of directions.
    most: usize,
    /// Whether small variances must converge relative to their own size.
    strict: bool,
}

/// The end of subspace iteration.
struct Found {
    /// All directions, by descending variance.
    axes: Vec<Vec<f64>>,
    /// How far the wanted ones are from convergence, as a share of the largest variance.
    off: f64,
}

impl Problem<'_> {
    /// All dot products of rows of `n` numbers, over `count`.
    fn squares(&self, rows: &[f64], n: usize, count: usize) -> Result<Vec<f64>, Error> {
        let bytes = bytemuck::cast_slice(rows);
        let mut out = products(self.compute, bytes, bytes, n)?;
        out.iter_mut().for_each(|product| *product /= count as f64);
        Ok(out)
    }

    /// For each row of `n` numbers of `a` its dot products with all rows of `b`.
    fn products(&self, a: &[f64], b: &[f64], n: usize) -> Result<Vec<Vec<f64>>, Error> {
        let out = products(self.compute, bytemuck::cast_slice(a), bytemuck::cast_slice(b), n)?;
        Ok(out.chunks(b.len() / n).map(<[f64]>::to_vec).collect())
    }

    /// The first eigenvectors, by descending eigenvalue, of a symmetric matrix of `n` rows that is given by its product
    /// with rows: subspace iteration with Rayleigh–Ritz steps (Golub and Van Loan 2013, "Matrix Computations", section
    /// 8.2.4), from fixed random directions if none are given.
    fn principal_axes(
        &self,
        n: usize,
        wanted: usize,
        start: Start,
        times: impl Fn(&[Vec<f64>]) -> Result<Vec<Vec<f64>>, Error>,
    ) -> Result<Found, Error> {
        let Start { mut axes, most, strict } = start;
        let mut block = (wanted + SPARE).min(most).max(axes.len());
        // Given axes may already be good.
        let mut steps = if axes.is_empty() { STEPS } else { 0 };
        let mut random = SplitMix(0x5eed);
        loop {
            // A matrix, eight blocks of rows (axes and images, before and after a rotation, and copies for
            // multiplication), and two small matrices.
            let (rows, width) = (block as u64, n as u64);
            (self.take)(8 * (width * most as u64 + rows * (8 * width + 2 * rows)))?;
            axes.extend((axes.len()..block).map(|_| random.row(n)));
            axes = orthonormalized(axes, &mut random);
            let mut off = f64::INFINITY;
            for _ in 0..ROUNDS {
                for _ in 0..std::mem::replace(&mut steps, STEPS) {
                    axes = orthonormalized(times(&axes)?, &mut random);
                }
                (axes, off) = turned(&axes, &times(&axes)?, wanted, strict);
                if off <= SETTLED {
                    return Ok(Found { axes, off });
                }
            }
            if block == most {
                return Ok(Found { axes, off });
            }
            block = (wanted + 2 * (block - wanted)).min(most);
        }
    }

    /// The wanted axes, if they have converged.
    fn settled(&self, found: Found, wanted: usize) -> Result<Vec<Vec<f64>>, Error> {
        let Found { mut axes, off } = found;
        if off > SETTLED {
            return Err(Error::Value {
                place: self.place.clone(),
                row: 0,
                found: format!("principal axes that are still {off:.1e} of the largest variance off"),
                expected: format!("at most {SETTLED:.0e}"),
            });
        }
        axes.truncate(wanted);
        axes.iter_mut().for_each(|axis| point_forwards(axis));
        Ok(axes)
    }
}

/// The axes, rotated within their span so that the matrix with these images of them is diagonal, by descending
/// eigenvalue; and the largest ‖C·a − λ·a‖ of the first `wanted` as a share of the largest eigenvalue, 0 for a zero
/// matrix. `strict`: as a share of the geometric mean of that and the axis's own.
fn turned(axes: &[Vec<f64>], images: &[Vec<f64>], wanted: usize, strict: bool) -> (Vec<Vec<f64>>, f64) {
    let n = axes[0].len();
    let mut small: Vec<Vec<f64>> =
        axes.iter().map(|a| images.iter().map(|i| orthonormal::dot(a, i)).collect()).collect();
    let (values, vectors) = jacobi(&mut small);
    let (axes, images) = (combine(&vectors, &axes.concat(), n), combine(&vectors, &images.concat(), n));
    let off = |k: usize| -> f64 {
        let rest: Vec<f64> = images[k].iter().zip(&axes[k]).map(|(i, a)| i - values[k] * a).collect();
        let length = orthonormal::dot(&rest, &rest).sqrt();
        // An axis made with such weights has a proportionally larger error.
        let share = if strict { (values[k] / values[0]).max(SMALLEST).sqrt() } else { 1.0 };
        length / share
    };
    let largest = (0..wanted).map(off).fold(0.0, f64::max);
    (axes, if largest == 0.0 { 0.0 } else { largest / values[0].abs() })
}

/// Orthonormal rows with the same span; a row that depends on the others is drawn anew (the matrix has a smaller rank).
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

/// Flips the axis so that its largest component, the first among equals, is positive.
fn point_forwards(axis: &mut [f64]) {
    let largest = axis.iter().fold(0.0f64, |largest, v| if v.abs() > largest.abs() { *v } else { largest });
    if largest < 0.0 {
        axis.iter_mut().for_each(|v| *v = -*v);
    }
}

/// Sums of rows of `n` numbers with the weights of each row of `weights`.
fn combine(weights: &[Vec<f64>], rows: &[f64], n: usize) -> Vec<Vec<f64>> {
    let one = |weights: &Vec<f64>| {
        let mut sum = vec![0.0; n];
        for (weight, row) in weights.iter().zip(rows.chunks(n)) {
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * v);
        }
        sum
    };
    weights.iter().map(one).collect()
}

/// Eigenvalues, descending, and eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan
/// 2013, section 8.5.3).
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

    fn axes_of(matrix: &[f64], n: usize, wanted: usize) -> Vec<Vec<f64>> {
        let problem = Problem { compute: Compute::new(), place: &"v".into(), take: &|_| Ok(()) };
        let start = Start { axes: Vec::new(), most: n, strict: false };
        let times = |axes: &[Vec<f64>]| problem.products(&axes.concat(), matrix, n);
        problem.settled(problem.principal_axes(n, wanted, start, times).unwrap(), wanted).unwrap()
    }

    #[test]
    fn a_matrix_of_small_rank_has_axes_all_the_same() {
        let n = 40;
        let mut matrix = vec![0.0; n * n];
        (matrix[0], matrix[n + 1]) = (4.0, 9.0);
        let axes = axes_of(&matrix, n, 4);
        assert!((axes[0][1] - 1.0).abs() < 1e-12 && (axes[1][0] - 1.0).abs() < 1e-12, "{axes:?}");
        assert!(axes.iter().all(|a| (orthonormal::dot(a, a) - 1.0).abs() < 1e-12));
    }

    #[test]
    fn axes_that_hardly_differ_settle_all_the_same() {
        // Eigenvalues 1, 0.9999, 0.9998, … along fixed random axes: a narrow subspace would need thousands of steps.
        let n = 60;
        let mut random = SplitMix(1);
        let frame = orthonormalized((0..n).map(|_| random.row(n)).collect(), &mut random);
        let mut matrix = vec![0.0; n * n];
        for (k, axis) in frame.iter().enumerate() {
            for (place, out) in matrix.iter_mut().enumerate() {
                *out += (1.0 - 1e-4 * k as f64) * axis[place / n] * axis[place % n];
            }
        }
        let axes = axes_of(&matrix, n, 3);
        for (axis, wanted) in axes.iter().zip(&frame) {
            let along = orthonormal::dot(axis, wanted).abs();
            assert!(along > 1.0 - 1e-3, "{along}");
        }
        // For a zero matrix any directions will do.
        let none = axes_of(&vec![0.0; n * n], n, 3);
        assert_eq!(none.len(), 3);
    }
}
