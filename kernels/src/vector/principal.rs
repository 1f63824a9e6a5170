//! Principal axes of a sample.

use super::centred::{Centred, centred};
use super::symmetric::{eigen, identity};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::number::random::SplitMix;
use crate::pairwise::compute::Compute;
use crate::pairwise::products::products;
use crate::vector::orthonormal::{self, orthonormalized};

/// Directions beyond the wanted ones: they absorb what varies almost as much, so that the wanted ones converge sooner.
const SPARE: usize = 16;
/// Iterations between two convergence checks.
const STEPS: usize = 5;
/// Checks, at most, before more directions are taken, twice as many each time.
const ROUNDS: usize = 12;
/// A block of at least this part of all directions there are is made all of them: one decomposition of the whole matrix
/// takes less time than many steps with a large part of it.
const PART: usize = 4;
/// Variances below this share of the largest are held to the tolerance of this share.
const SMALLEST: f64 = 1e-12;

/// Called before that many bytes are allocated.
pub(crate) type Take<'a> = &'a dyn Fn(u64) -> Result<(), Error>;

/// The principal axes of some rows.
pub(crate) struct Principal {
    /// By descending variance; the largest component of each, the first among equals, is positive.
    pub(crate) axes: Vec<Vec<f64>>,
    /// The variance along each, divided by the number of rows.
    pub(crate) variances: Vec<f64>,
    /// The share of each in the sum of the variances along all axes that there are; NaN where nothing varies.
    pub(crate) shares: Vec<f64>,
    pub(crate) mean: Vec<f64>,
}

/// The error for fewer rows than axes and one.
pub(crate) fn too_few(place: &Place, rows: usize, axes: usize) -> Error {
    Error::Value {
        place: place.clone(),
        row: 0,
        found: format!("{rows} vectors"),
        expected: format!("more than {axes}, the number of axes, to find how they vary"),
    }
}

/// How axes are searched for.
pub(crate) struct Search<'a> {
    pub(crate) compute: Compute,
    /// The tolerance for ‖C·a − λ·a‖, as a share of the largest variance.
    pub(crate) tolerance: f64,
    pub(crate) take: Take<'a>,
}

impl Search<'_> {
    /// The first `wanted` axes of the picked rows, none of which is NULL: more than `wanted` rows of at least as many
    /// dimensions.
    ///
    /// # Errors
    ///
    /// [`Error::Dimensions`]; [`Error::Value`] for a number that is not finite, and for axes that do not converge;
    /// [`Error::Memory`].
    pub(crate) fn axes(
        &self,
        sample: &Vectors<'_>,
        picked: &[usize],
        wanted: usize,
    ) -> Result<Principal, Error> {
        let (taken, dimension) = (picked.len(), sample.dimensions(picked[0]).unwrap_or(0));
        let Search { compute, tolerance, take } = *self;
        // The sample, and the products of its smaller side in parts and as a whole.
        let side = dimension.min(taken) as u64;
        take((8 * dimension as u64).saturating_mul(taken as u64).saturating_add(side * side * 16))?;
        let by_row = taken < dimension;
        let Centred { numbers, mean, unit } = centred(sample, picked, dimension, by_row)?;
        let total = numbers.iter().map(|v| v * v).sum::<f64>() / taken as f64;
        let problem = Problem { compute, tolerance, place: sample.place(), take };
        let found = if by_row {
            by_rows(&problem, &numbers, dimension, wanted)?
        } else {
            by_columns(&problem, numbers, dimension, wanted)?
        };
        let values: Vec<f64> = found.values.into_iter().map(|v| v.max(0.0)).collect();
        Ok(Principal {
            variances: values.iter().map(|v| v * unit * unit).collect(),
            shares: values.iter().map(|v| v / total).collect(),
            axes: found.axes,
            mean,
        })
    }
}

/// The axes where there are no fewer rows than dimensions, from the covariance matrix.
fn by_columns(
    problem: &Problem<'_>,
    columns: Vec<f64>,
    dimension: usize,
    wanted: usize,
) -> Result<Found, Error> {
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
fn by_rows(problem: &Problem<'_>, rows: &[f64], dimension: usize, wanted: usize) -> Result<Found, Error> {
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
    tolerance: f64,
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
    /// Their variances.
    values: Vec<f64>,
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
    /// 8.2.4), from fixed random directions if none are given; or, where many are wanted, all eigenvectors at once.
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
            let whole = most == n && block >= n.div_ceil(PART);
            block = if whole { n } else { block };
            // A matrix, eight blocks of rows (axes and images, before and after a rotation, and copies for
            // multiplication), and two small matrices.
            let (rows, width) = (block as u64, n as u64);
            (self.take)(8 * (width * most as u64 + rows * (8 * width + 2 * rows)))?;
            if whole {
                return all_axes(n, wanted, times);
            }
            axes.extend((axes.len()..block).map(|_| random.row(n)));
            axes = orthonormalized(axes, &mut random);
            let (mut values, mut off) = (Vec::new(), f64::INFINITY);
            for round in 1..=ROUNDS {
                for _ in 0..std::mem::replace(&mut steps, STEPS) {
                    axes = orthonormalized(times(&axes)?, &mut random);
                }
                let before = off;
                (axes, values, off) = turned(&axes, &times(&axes)?, wanted, strict);
                if off <= self.tolerance {
                    return Ok(Found { axes, values, off });
                }
                // At the rate of the last round the rest may not do: then they would be in vain.
                if (round..ROUNDS).fold(off, |left, _| left * (off / before)) > self.tolerance {
                    break;
                }
            }
            if block == most {
                return Ok(Found { axes, values, off });
            }
            block = (wanted + 2 * (block - wanted)).min(most);
        }
    }

    /// The wanted axes, if they have converged.
    fn settled(&self, mut found: Found, wanted: usize) -> Result<Found, Error> {
        let off = found.off;
        if off > self.tolerance {
            return Err(Error::Value {
                place: self.place.clone(),
                row: 0,
                found: format!("principal axes that are still {off:.1e} of the largest variance off"),
                expected: format!("at most {:.0e}", self.tolerance),
            });
        }
        found.axes.truncate(wanted);
        found.values.truncate(wanted);
        found.axes.iter_mut().for_each(|axis| point_forwards(axis));
        Ok(found)
    }
}

/// The first eigenvectors of a symmetric matrix of `n` rows that is given by its product with rows, from all of them.
fn all_axes(
    n: usize,
    wanted: usize,
    times: impl Fn(&[Vec<f64>]) -> Result<Vec<Vec<f64>>, Error>,
) -> Result<Found, Error> {
    let (mut values, mut axes) = eigen(times(&identity(n))?);
    axes.truncate(wanted + SPARE);
    values.truncate(wanted + SPARE);
    let off = farthest(&axes, &times(&axes[..wanted])?, &values, wanted, false);
    Ok(Found { axes, values, off })
}

/// The axes, rotated within their span so that the matrix with these images of them is diagonal, by descending
/// eigenvalue; these eigenvalues; and the largest ‖C·a − λ·a‖ of the first `wanted` as a share of the largest eigenvalue, 0 for a zero
/// matrix. `strict`: as a share of the geometric mean of that and the axis's own.
fn turned(
    axes: &[Vec<f64>],
    images: &[Vec<f64>],
    wanted: usize,
    strict: bool,
) -> (Vec<Vec<f64>>, Vec<f64>, f64) {
    let n = axes[0].len();
    let small: Vec<Vec<f64>> =
        axes.iter().map(|a| images.iter().map(|i| orthonormal::dot(a, i)).collect()).collect();
    let (values, vectors) = eigen(small);
    let (axes, images) = (combine(&vectors, &axes.concat(), n), combine(&vectors, &images.concat(), n));
    let off = farthest(&axes, &images, &values, wanted, strict);
    (axes, values, off)
}

/// The largest ‖C·a − λ·a‖ of the first `wanted` axes with these images and eigenvalues: see [`turned`].
fn farthest(axes: &[Vec<f64>], images: &[Vec<f64>], values: &[f64], wanted: usize, strict: bool) -> f64 {
    let off = |k: usize| -> f64 {
        let rest: Vec<f64> = images[k].iter().zip(&axes[k]).map(|(i, a)| i - values[k] * a).collect();
        let length = orthonormal::dot(&rest, &rest).sqrt();
        // An axis made with such weights has a proportionally larger error.
        let share = if strict { (values[k] / values[0]).max(SMALLEST).sqrt() } else { 1.0 };
        length / share
    };
    let largest = (0..wanted).map(off).fold(0.0, f64::max);
    if largest == 0.0 { 0.0 } else { largest / values[0].abs() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn axes_of(matrix: &[f64], n: usize, wanted: usize) -> Vec<Vec<f64>> {
        let place = "v".into();
        let compute = Compute::new();
        let problem = Problem { compute, tolerance: 1e-6, place: &place, take: &|_| Ok(()) };
        let start = Start { axes: Vec::new(), most: n, strict: false };
        let times = |axes: &[Vec<f64>]| problem.products(&axes.concat(), matrix, n);
        problem.settled(problem.principal_axes(n, wanted, start, times).unwrap(), wanted).unwrap().axes
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

    /// A matrix with eigenvalues 1, 0.9999, 0.9998, … along fixed random axes, and those.
    fn hardly_different(n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let mut random = SplitMix(1);
        let frame = orthonormalized((0..n).map(|_| random.row(n)).collect(), &mut random);
        let mut matrix = vec![0.0; n * n];
        for (k, axis) in frame.iter().enumerate() {
            for (place, out) in matrix.iter_mut().enumerate() {
                *out += (1.0 - 1e-4 * k as f64) * axis[place / n] * axis[place % n];
            }
        }
        (matrix, frame)
    }

    #[test]
    fn steps_that_do_not_converge_are_not_taken() {
        let (place, compute) = ("v".into(), Compute::new());
        // So many of them that all are computed at once; and few, for which a narrow subspace would need thousands of
        // steps, as its first ones show.
        for (n, wanted, most) in [(90, 10, 2), (90, 80, 2), (150, 3, 30)] {
            let (matrix, frame) = hardly_different(n);
            let problem = Problem { compute, tolerance: 1e-9, place: &place, take: &|_| Ok(()) };
            let count = std::cell::Cell::new(0);
            let start = Start { axes: Vec::new(), most: n, strict: false };
            let found = problem.principal_axes(n, wanted, start, |axes| {
                count.set(count.get() + 1);
                problem.products(&axes.concat(), &matrix, n)
            });
            let found = found.unwrap();
            assert!(count.get() <= most, "{n}, {wanted}: {} products", count.get());
            for (axis, expected) in found.axes.iter().zip(&frame).take(wanted) {
                let along = orthonormal::dot(axis, expected).abs();
                assert!(along > 1.0 - 1e-9, "{n}, {wanted}: {along}");
            }
        }
    }

    #[test]
    fn axes_that_hardly_differ_settle_all_the_same() {
        let n = 60;
        let (matrix, frame) = hardly_different(n);
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
