//! Singular value decomposition of a matrix.

mod exact;
mod kernel;
mod randomized;

use crate::error::Error;

pub(super) use exact::decompose;
pub(crate) use kernel::KERNEL;

/// The leading part of a singular value decomposition, A ≈ Σₖ σₖ·uₖ·vₖᵀ.
///
/// The vectors are orthonormal to single precision. Where singular values are equal or nearly so, the vectors of the group
/// are one of many equally good choices.
#[derive(Clone, Debug, PartialEq)]
pub struct Svd {
    /// Rows m of the matrix.
    pub rows: usize,
    /// Columns n of the matrix.
    pub columns: usize,
    /// Singular values, largest first.
    pub singular_values: Vec<f64>,
    /// Left vectors one after the other: vector k is `u[k * rows..][..rows]`. Its largest entry by magnitude, of equals the
    /// first one, is positive.
    pub u: Vec<f32>,
    /// Right vectors one after the other: vector k is `v[k * columns..][..columns]`.
    pub v: Vec<f32>,
    /// Squared Frobenius norm of the whole matrix: the sum of the squares of all singular values, also of those left out.
    pub energy: f64,
}

impl Svd {
    /// Share of the energy that component `k`, counted from 0, explains: σₖ² / energy. 0 for a zero matrix, and for a
    /// component that is not there.
    pub fn explained(&self, k: usize) -> f64 {
        let square = self.singular_values.get(k).map_or(0.0, |s| s * s);
        if self.energy > 0.0 { square / self.energy } else { 0.0 }
    }

    /// Share of the energy that the components from 0 to `k` explain together, at most 1. 1 for a zero matrix, of which
    /// nothing is left to explain.
    pub fn cumulative(&self, k: usize) -> f64 {
        if self.energy > 0.0 {
            (kept(self.singular_values.iter().take(k.saturating_add(1))) / self.energy).min(1.0)
        } else {
            1.0
        }
    }

    /// Relative Frobenius error of the truncation, ‖A − Σₖ σₖ·uₖ·vₖᵀ‖ / ‖A‖ = √(1 − Σₖ σₖ² / energy), without the rounding
    /// of the vectors to single precision.
    ///
    /// It holds for both methods, because a randomized decomposition is the projection of the matrix on the space that it
    /// found. The difference of two nearly equal sums in double precision cannot tell errors below about 1e-7 from 0.
    pub fn error(&self) -> f64 {
        if self.energy > 0.0 {
            (1.0 - kept(self.singular_values.iter()) / self.energy).max(0.0).sqrt()
        } else {
            0.0
        }
    }
}

/// Sum of the squares, smallest first, so that little is lost.
fn kept<'a>(values: impl DoubleEndedIterator<Item = &'a f64>) -> f64 {
    values.rev().map(|s| s * s).sum()
}

/// Most power iterations of the randomized method: many more than change anything.
pub const MAX_POWER_ITERATIONS: usize = 100;

/// How to decompose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SvdMethod {
    /// By the shape and the rank: randomized for a low rank of a large matrix, else exact.
    #[default]
    Auto,
    /// Bidiagonalization and divide and conquer in double precision.
    Exact,
    /// Projection on the range of a random sample (Halko, Martinsson and Tropp 2011). It needs a rank.
    Randomized,
}

/// What to compute.
#[derive(Clone, Debug, PartialEq)]
pub struct SvdOptions {
    /// Largest number of components; 0 is all, min(rows, columns).
    pub rank: usize,
    /// Take no more components than bring the relative Frobenius error down to this; 0 is no target.
    pub error: f64,
    /// Take no more components than explain this share of the energy; 1 is all.
    pub energy: f64,
    /// The method.
    pub method: SvdMethod,
    /// Seed of the randomized method.
    pub seed: u64,
    /// Random directions of the randomized method beyond the rank; 0 is half of the rank, but at least 16.
    pub oversampling: usize,
    /// Power iterations of the randomized method, at most [`MAX_POWER_ITERATIONS`].
    pub power_iterations: usize,
}

impl Default for SvdOptions {
    fn default() -> SvdOptions {
        SvdOptions {
            rank: 0,
            error: 0.0,
            energy: 1.0,
            method: SvdMethod::Auto,
            seed: 0,
            oversampling: 0,
            power_iterations: 3,
        }
    }
}

impl SvdOptions {
    /// The same with at most so many components; 0 is all.
    #[must_use]
    pub fn rank(self, rank: usize) -> SvdOptions {
        SvdOptions { rank, ..self }
    }

    /// The same with no more components than bring the relative Frobenius error down to that; 0 is no target.
    #[must_use]
    pub fn error(self, error: f64) -> SvdOptions {
        SvdOptions { error, ..self }
    }

    /// The same with no more components than explain that share of the energy; 1 is all.
    #[must_use]
    pub fn energy(self, energy: f64) -> SvdOptions {
        SvdOptions { energy, ..self }
    }

    /// The same by another method.
    #[must_use]
    pub fn method(self, method: SvdMethod) -> SvdOptions {
        SvdOptions { method, ..self }
    }

    /// The same with another seed of the randomized method.
    #[must_use]
    pub fn seed(self, seed: u64) -> SvdOptions {
        SvdOptions { seed, ..self }
    }

    /// The method for a matrix with so many singular values: of `Auto`, that which is faster.
    fn chosen(&self, full: usize) -> SvdMethod {
        // The randomized path takes time with its sample, the exact one with all vectors, and each of these is cheaper there.
        let low = self.rank > 0 && self.sample(full).saturating_mul(LOW) <= full;
        match self.method {
            SvdMethod::Auto if low => SvdMethod::Randomized,
            SvdMethod::Auto => SvdMethod::Exact,
            method => method,
        }
    }

    /// Directions of the randomized method for a matrix with so many singular values.
    fn sample(&self, full: usize) -> usize {
        // A fixed number of directions loses more, measured by the optimum, the more of a flat spectrum the rank takes.
        let beyond = if self.oversampling == 0 { (self.rank / 2).max(16) } else { self.oversampling };
        self.rank.saturating_add(beyond).min(full)
    }

    /// Bytes that [`svd`] takes beside its input.
    pub(crate) fn memory(&self, rows: usize, columns: usize) -> u64 {
        let full = rows.min(columns);
        match self.chosen(full) {
            SvdMethod::Randomized => randomized::memory(rows, columns, self.sample(full)),
            SvdMethod::Auto | SvdMethod::Exact => exact::memory(rows, columns),
        }
    }
}

/// A sample is small where the matrix has so many times as many singular values.
const LOW: usize = 3;

/// Singular value decomposition of a row-major matrix, truncated as the options say.
///
/// Where an error and an energy are asked for, there are enough components for both, but never more than the rank. A matrix
/// with an element has at least one component, even where it is zero.
///
/// # Shapes
///
/// `matrix`: rows × columns singles, row after row. k components, at most min(rows, columns).
///
/// # Errors
///
/// [`Error::Value`] where the matrix has not rows × columns elements or one of them is NaN or infinite (the first is named);
/// [`Error::ParameterValue`] where an option is out of range.
///
/// # Accuracy
///
/// Computed in double precision; the vectors are rounded to single precision. At full rank, the factors give the matrix back
/// with a relative Frobenius error below 1e-7. The bits are the same for any number of threads. Between processors the last
/// digits may differ.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::{SvdOptions, svd};
///
/// let factors = svd(&[0.0, 3.0, 4.0, 0.0], 2, 2, &SvdOptions::default())?;
/// assert!((factors.singular_values[0] - 4.0).abs() < 1e-12 && (factors.singular_values[1] - 3.0).abs() < 1e-12);
/// assert_eq!(factors.u[..2], [0.0, 1.0]);
///
/// let truncated = svd(&[0.0, 3.0, 4.0, 0.0], 2, 2, &SvdOptions::default().rank(1))?;
/// assert!((truncated.error() - 0.6).abs() < 1e-12);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn svd(matrix: &[f32], rows: usize, columns: usize, options: &SvdOptions) -> Result<Svd, Error> {
    let full = rows.min(columns);
    check(matrix, rows, columns, options)?;
    let energy = matrix.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    if full == 0 {
        return Ok(Svd { rows, columns, singular_values: Vec::new(), u: Vec::new(), v: Vec::new(), energy });
    }
    let factors = match options.chosen(full) {
        SvdMethod::Randomized => randomized::factors(matrix, rows, columns, options)?,
        SvdMethod::Auto | SvdMethod::Exact => exact::factors(matrix, rows, columns)?,
    };
    Ok(factors.truncated(rows, columns, energy, options))
}

/// Factors in double precision, the vectors one after the other.
pub(super) struct Factors {
    pub(super) singular_values: Vec<f64>,
    pub(super) u: Vec<f64>,
    pub(super) v: Vec<f64>,
}

impl Factors {
    /// The components that the options ask for, rounded and with the sign of the definition.
    fn truncated(mut self, rows: usize, columns: usize, energy: f64, options: &SvdOptions) -> Svd {
        let rank = components(&self.singular_values, energy, options);
        self.singular_values.truncate(rank);
        let mut u: Vec<f32> = self.u[..rank * rows].iter().map(|x| *x as f32).collect();
        let mut v: Vec<f32> = self.v[..rank * columns].iter().map(|x| *x as f32).collect();
        for (u, v) in u.chunks_exact_mut(rows).zip(v.chunks_exact_mut(columns)) {
            let largest = u.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
            if largest.is_some_and(|x| x < 0.0) {
                u.iter_mut().chain(v).for_each(|x| *x = -*x);
            }
        }
        Svd { rows, columns, singular_values: self.singular_values, u, v, energy }
    }
}

/// How many of the components to take.
fn components(singular_values: &[f64], energy: f64, options: &SvdOptions) -> usize {
    let most = if options.rank == 0 { usize::MAX } else { options.rank }.min(singular_values.len());
    let no_target = options.error == 0.0 && options.energy >= 1.0;
    if no_target {
        return most;
    }
    let by_error = if options.error > 0.0 { (1.0 - options.error * options.error) * energy } else { 0.0 };
    let by_energy = if options.energy < 1.0 { options.energy * energy } else { 0.0 };
    let wanted = by_error.max(by_energy);
    let mut sum = 0.0;
    let enough = singular_values.iter().position(|s| {
        sum += s * s;
        sum >= wanted
    });
    enough.map_or(most, |last| (last + 1).min(most))
}

fn check(matrix: &[f32], rows: usize, columns: usize, options: &SvdOptions) -> Result<(), Error> {
    let wrong = |name: &str, value: String, expected: String| {
        Err(Error::ParameterValue { name: name.into(), value, expected })
    };
    let value =
        |found: String, expected: String| Error::Value { column: "matrix".into(), row: 0, found, expected };
    if rows.checked_mul(columns) != Some(matrix.len()) {
        return Err(value(format!("{} elements", matrix.len()), format!("{rows} rows of {columns}")));
    }
    let full = rows.min(columns);
    if options.rank > full {
        return wrong(
            "rank",
            options.rank.to_string(),
            format!("at most {full} for {rows} × {columns}, or 0 for all"),
        );
    }
    if options.rank == 0 && options.method == SvdMethod::Randomized && full > 0 {
        return wrong("rank", "0".into(), format!("from 1 to {full} with the randomized method"));
    }
    if options.power_iterations > MAX_POWER_ITERATIONS {
        let given = options.power_iterations.to_string();
        return wrong("power_iterations", given, format!("at most {MAX_POWER_ITERATIONS}"));
    }
    if !(0.0..1.0).contains(&options.error) {
        return wrong("error", options.error.to_string(), "a number from 0 to below 1".into());
    }
    if !(options.energy > 0.0 && options.energy <= 1.0) {
        return wrong("energy", options.energy.to_string(), "a number above 0 and at most 1".into());
    }
    match matrix.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, column) = (at / columns + 1, at % columns + 1);
            Err(value(format!("{} in row {row}, column {column}", matrix[at]), "finite numbers".into()))
        }
    }
}
