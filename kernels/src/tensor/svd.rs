//! Singular value decomposition of a matrix.

mod exact;
mod kernel;
mod randomized;

use faer::Mat;

use crate::error::Error;
use crate::tensor::numbers::{self, Sum};

pub(super) use exact::{decompose, memory, room, tasks};
pub(crate) use kernel::KERNEL;

/// The leading part of a singular value decomposition, A ≈ Σₖ σₖ·uₖ·vₖᵀ.
///
/// The vectors are orthonormal to single precision. Where singular values are equal or nearly so, the vectors of the
/// group are one of many equally good choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Svd {
    /// Rows m of the matrix.
    pub rows: usize,
    /// Columns n of the matrix.
    pub columns: usize,
    /// Singular values, largest first.
    pub singular_values: Vec<f64>,
    /// Left vectors one after the other: vector k is `u[k * rows..][..rows]`. Its largest entry by magnitude, the first
    /// among equals, is positive.
    pub u: Vec<f32>,
    /// Right vectors one after the other: vector k is `v[k * columns..][..columns]`.
    pub v: Vec<f32>,
    /// Squared Frobenius norm of the whole matrix: the sum of the squares of all singular values, omitted ones
    /// included.
    pub energy: f64,
    /// Squared Frobenius norm of the remainder, A − Σₖ σₖ·uₖ·vₖᵀ, without the rounding of the vectors to single
    /// precision.
    pub left_out: f64,
    /// The omitted singular values, as far as they are known: all with the exact method, none with the randomized one.
    pub further: Vec<f64>,
}

impl Svd {
    /// Share of the energy that component `k`, counted from 0, explains: σₖ² / energy. 0 for a zero matrix, and for a
    /// component that does not exist.
    pub fn explained(&self, k: usize) -> f64 {
        let square = self.singular_values.get(k).map_or(0.0, |s| s * s);
        if self.energy > 0.0 { square / self.energy } else { 0.0 }
    }

    /// Share of the energy that the components 0 to `k` explain together, at most 1. 1 for a zero matrix, which leaves
    /// nothing to explain.
    pub fn cumulative(&self, k: usize) -> f64 {
        if self.energy > 0.0 {
            // Smallest first, to lose little to rounding.
            let kept = self.singular_values.iter().take(k.saturating_add(1)).rev().map(|s| s * s);
            (kept.sum::<f64>() / self.energy).min(1.0)
        } else {
            1.0
        }
    }

    /// Relative Frobenius error of the truncation, ‖A − Σₖ σₖ·uₖ·vₖᵀ‖ / ‖A‖ = √(left out / energy), without the
    /// rounding of the vectors to single precision, which adds some 1e-7.
    ///
    /// With the exact method it is computed from the omitted singular values, and accurate however small it is. With
    /// the randomized method, which projects the matrix onto the subspace it found, it is computed from the difference
    /// between the energies of the matrix and of the projection, and cannot distinguish errors below about 3e-8 from 0.
    pub fn error(&self) -> f64 {
        if self.energy > 0.0 { (self.left_out / self.energy).sqrt() } else { 0.0 }
    }
}

/// Maximum power iterations of the randomized method: many more than change anything.
pub const MAX_POWER_ITERATIONS: usize = 100;

/// How to decompose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SvdMethod {
    /// Bidiagonalization and divide and conquer in double precision.
    #[default]
    Exact,
    /// Projection onto the range of a random sample (Halko, Martinsson and Tropp 2011), several times faster for a low
    /// rank of a large matrix, and approximate: [`svd`] states the error. It needs a rank.
    Randomized,
}

/// What to compute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SvdOptions {
    /// Maximum number of components; 0 means all, min(rows, columns).
    pub rank: usize,
    /// Take only as many components as reduce the relative Frobenius error to this; 0 means no target.
    pub error: f64,
    /// Take only as many components as explain this share of the energy; 1 means all.
    pub energy: f64,
    /// The method.
    pub method: SvdMethod,
    /// Seed of the randomized method.
    pub seed: u64,
    /// Random directions of the randomized method beyond the rank; 0 means a quarter of the rank, but at least 16.
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
            method: SvdMethod::Exact,
            seed: 0,
            oversampling: 0,
            power_iterations: 4,
        }
    }
}

impl SvdOptions {
    /// The same with at most `rank` components; 0 means all.
    #[must_use]
    pub fn rank(self, rank: usize) -> SvdOptions {
        SvdOptions { rank, ..self }
    }

    /// The same with only as many components as reduce the relative Frobenius error to `error`; 0 means no target.
    #[must_use]
    pub fn error(self, error: f64) -> SvdOptions {
        SvdOptions { error, ..self }
    }

    /// The same with only as many components as explain the share `energy`; 1 means all.
    #[must_use]
    pub fn energy(self, energy: f64) -> SvdOptions {
        SvdOptions { energy, ..self }
    }

    /// The same with another method.
    #[must_use]
    pub fn method(self, method: SvdMethod) -> SvdOptions {
        SvdOptions { method, ..self }
    }

    /// The same with another seed of the randomized method.
    #[must_use]
    pub fn seed(self, seed: u64) -> SvdOptions {
        SvdOptions { seed, ..self }
    }

    /// The same with another number of random directions of the randomized method beyond the rank; 0 means a quarter of
    /// the rank, but at least 16.
    #[must_use]
    pub fn oversampling(self, oversampling: usize) -> SvdOptions {
        SvdOptions { oversampling, ..self }
    }

    /// The same with another number of power iterations of the randomized method, at most [`MAX_POWER_ITERATIONS`].
    #[must_use]
    pub fn power_iterations(self, power_iterations: usize) -> SvdOptions {
        SvdOptions { power_iterations, ..self }
    }

    /// Directions of the randomized method for a matrix with `full` singular values.
    fn sample(&self, full: usize) -> usize {
        // With a fixed number of directions the loss, relative to the optimum, grows with the share of a flat spectrum
        // that the rank takes.
        let beyond = if self.oversampling == 0 { (self.rank / 4).max(16) } else { self.oversampling };
        self.rank.saturating_add(beyond).min(full)
    }

    /// Maximum bytes that [`svd`] of a matrix of that shape takes beside its input.
    pub fn memory(&self, rows: usize, columns: usize) -> u64 {
        match self.method {
            SvdMethod::Randomized => randomized::memory(rows, columns, self),
            SvdMethod::Exact => exact::memory(rows, columns),
        }
    }
}

/// Singular value decomposition of a row-major matrix, truncated as the options say.
///
/// If an error and an energy are both requested, there are enough components for both, but never more than the rank. A
/// matrix with an element has at least one component, even if it is zero.
///
/// # Shapes
///
/// `matrix`: rows × columns singles, row-major. Returns k components, at most min(rows, columns).
///
/// # Errors
///
/// [`Error::Value`] where the matrix does not have rows × columns elements or one of them is NaN or infinite (the first
/// is named); [`Error::ParameterValue`] where an option is out of range.
///
/// # Accuracy
///
/// Computed in double precision; the vectors are rounded to single precision. At full rank, the factors multiplied in
/// double precision reproduce the matrix with a relative Frobenius error below 1e-7;
/// [`reconstruct`](super::reconstruct()), whose sums are singles, adds its own error, on weights about 2e-8 · √rank.
/// The exact method's singular values have an error of at most (rows + columns)·2⁻⁵² of the largest one. The randomized
/// method's are never too large beyond that, but too small by what the sample misses, and nothing bounds that for a
/// single matrix. With the default options, on weights and noise the first was too small by up to 1 %, the last by up
/// to 5 %, and the error up to 1 % above the optimum; on the hardest spectra found (a level of 1, then one of 0.6 to
/// 0.95, up to 2,000 values) it was 11 %, 21 % and 2 %. More power iterations reduce this. The bits are the same for
/// any number of threads; the last digits may differ between processors.
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
    if full == 0 {
        return Ok(Svd { rows, columns, ..Svd::default() });
    }
    let mut squares = numbers::squares(matrix);
    let energy = squares.value();
    let out = Svd { rows, columns, energy, ..Svd::default() };
    if options.method == SvdMethod::Randomized {
        let factors = randomized::factors(matrix, rows, columns, options)?;
        // The energy outside the sample's directions: a difference of large numbers, so it is taken before they are
        // rounded.
        factors.singular_values.iter().for_each(|s| squares.add(-s * s));
        return Ok(Svd { further: Vec::new(), ..factors.truncated(out, squares, options) });
    }
    Ok(exact::factors(matrix, rows, columns)?.truncated(out, Sum::default(), options))
}

/// Factors in double precision, one vector per column.
pub(super) struct Factors {
    pub(super) singular_values: Vec<f64>,
    pub(super) u: Mat<f64>,
    pub(super) v: Mat<f64>,
}

impl Factors {
    /// The components that the options request, rounded and with the sign of the definition. `outside` is the energy
    /// that none of the factors has.
    fn truncated(mut self, of: Svd, outside: Sum, options: &SvdOptions) -> Svd {
        let (rows, columns) = (of.rows, of.columns);
        // The energy left out with 0, 1, 2, … components, summed from the smallest to lose little to rounding.
        let mut tails = vec![outside.value().max(0.0); self.singular_values.len() + 1];
        for (k, sigma) in self.singular_values.iter().enumerate().rev() {
            tails[k] = tails[k + 1] + sigma * sigma;
        }
        let rank = components(&tails, of.energy, options);
        let further = self.singular_values.split_off(rank);
        let (mut u, mut v) = (singles(&self.u, rank), singles(&self.v, rank));
        for (u, v) in u.chunks_exact_mut(rows).zip(v.chunks_exact_mut(columns)) {
            let largest = u.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
            if largest.is_some_and(|x| x < 0.0) {
                u.iter_mut().chain(v).for_each(|x| *x = -*x);
            }
        }
        Svd { singular_values: self.singular_values, u, v, left_out: tails[rank], further, ..of }
    }
}

/// The first columns, one after the other.
fn singles(vectors: &Mat<f64>, count: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(vectors.nrows() * count);
    vectors.col_iter().take(count).for_each(|column| out.extend(column.iter().map(|x| *x as f32)));
    out
}

/// The number of components to take; `tails` holds the energy left out with 0, 1, 2, … of them.
fn components(tails: &[f64], energy: f64, options: &SvdOptions) -> usize {
    let all = tails.len() - 1;
    let most = if options.rank == 0 { all } else { options.rank.min(all) };
    let no_target = options.error == 0.0 && options.energy >= 1.0;
    if no_target {
        return most;
    }
    let by_error = if options.error > 0.0 { options.error * options.error * energy } else { f64::INFINITY };
    let by_energy = if options.energy < 1.0 { (1.0 - options.energy) * energy } else { f64::INFINITY };
    let allowed = by_error.min(by_energy);
    (1..most).find(|k| tails[*k] <= allowed).unwrap_or(most)
}

fn check(matrix: &[f32], rows: usize, columns: usize, options: &SvdOptions) -> Result<(), Error> {
    let wrong = |name: &str, value: String, expected: String| {
        Err(Error::ParameterValue { name: name.into(), value, expected })
    };
    let value =
        |found: String, expected: String| Error::Value { place: "matrix".into(), row: 0, found, expected };
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
