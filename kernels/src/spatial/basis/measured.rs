//! Measures a basis on a sample: the bounds of its coordinates, and the share of its variance that they keep.

use crate::column::vectors::{Vectors, decode};
use crate::error::Error;
use crate::number::element::Width;
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Accumulate;
use crate::parallel;
use crate::spatial::basis::Basis;
use crate::spatial::basis::project::{Projection, check_finite, project_with};

impl Basis {
    /// The same basis with the coordinate bounds of a sample; NULL rows are left out.
    ///
    /// # Errors
    ///
    /// As [`project_with`].
    pub fn measured(self, compute: Compute, sample: &Vectors<'_>, pad: bool) -> Result<Basis, Error> {
        let mut measuring = Measuring::new(compute, self, pad);
        measuring.add(sample)?;
        Ok(measuring.finish())
    }
}

/// A basis that is measured on a sample in parts, so that not all rows need to be in memory.
///
/// NULL rows are left out. The bounds are those of [`Basis::measured`] on all rows, with the same bits for any parts in
/// any order.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Vectors, spatial};
/// let basis = spatial::Basis::landmarks(&Vectors::matrix(&[1.0, 0.0], 2)?)?;
/// let mut measuring = spatial::Measuring::new(Compute::new(), basis, false);
/// measuring.add(&Vectors::matrix(&[3.0, 0.0, 5.0, 1.0], 2)?)?;
/// measuring.add(&Vectors::matrix(&[-2.0, 0.0], 2)?)?;
/// let basis = measuring.finish();
/// assert_eq!((basis.sample(), basis.bounds()), (3, &[[-2.0, 5.0]][..]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Measuring {
    compute: Compute,
    basis: Basis,
    pad: bool,
    /// Rows of the parts so far, with and without NULL rows.
    seen: u64,
    rows: u64,
    bounds: Vec<[f64; 2]>,
    /// The spread of the vectors and of their coordinates, if wanted.
    spreads: Option<[Spread; 2]>,
}

impl Measuring {
    /// Starts without rows. With `pad`, vectors may be shorter than the basis's dimension.
    pub fn new(compute: Compute, basis: Basis, pad: bool) -> Measuring {
        let bounds = vec![[f64::INFINITY, f64::NEG_INFINITY]; basis.axes()];
        let compute = compute.accumulate(Accumulate::F64);
        Measuring { compute, basis, pad, seen: 0, rows: 0, bounds, spreads: None }
    }

    /// Measures the variance too, which takes longer. Call before the first part.
    #[must_use]
    pub fn with_variance(mut self) -> Measuring {
        self.spreads = Some(Default::default());
        self
    }

    /// Adds a part.
    ///
    /// # Errors
    ///
    /// As [`project_with`], and [`Error::Value`] where a coordinate is not finite. A row is counted from the start of
    /// the first part.
    pub fn add(&mut self, part: &Vectors<'_>) -> Result<(), Error> {
        self.measure(part).map_err(|error| error.after_rows(self.seen))?;
        self.seen += part.len() as u64;
        Ok(())
    }

    fn measure(&mut self, part: &Vectors<'_>) -> Result<(), Error> {
        let points = project_with(self.compute, &self.basis, part, self.pad)?;
        for row in 0..part.len() {
            let Some(point) = points.point(row) else { continue };
            check_finite(part.place(), row, point)?;
            self.rows += 1;
            for ([least, greatest], value) in self.bounds.iter_mut().zip(point) {
                // The order of all bits: min and max leave open which zero they return.
                if value.total_cmp(least).is_lt() {
                    *least = *value;
                }
                if value.total_cmp(greatest).is_gt() {
                    *greatest = *value;
                }
            }
        }
        if let Some([vectors, kept]) = &mut self.spreads {
            let [more, more_kept] = spreads(&self.basis, part, &points)?;
            vectors.add(more);
            kept.add(more_kept);
        }
        Ok(())
    }

    /// The share of the variance of all rows so far that the coordinates keep; `None` if there is no variance, or
    /// without [`Measuring::with_variance`].
    ///
    /// # Accuracy
    ///
    /// Means are subtracted before squares are added. For one part, that of the kernel `spatial_fit`; for p parts, 8·p·2⁻⁵³
    /// more of relative error, which depends on where the parts begin.
    pub fn variance(&self) -> Option<f64> {
        let [total, kept] = self.spreads.as_ref()?;
        Some(kept.variance() / total.variance()).filter(|share| share.is_finite())
    }

    /// The basis with the bounds of all rows, or with those that it had if there were none.
    pub fn finish(self) -> Basis {
        let mut basis = self.basis;
        if self.rows > 0 {
            (basis.sample, basis.bounds) = (self.rows, self.bounds);
        }
        basis
    }
}

/// How rows of numbers spread around their mean.
#[derive(Clone, Debug, Default)]
struct Spread {
    /// The power of two over which the numbers are given.
    unit: f64,
    count: f64,
    mean: Vec<f64>,
    /// Σ‖v − mean‖².
    squares: f64,
}

impl Spread {
    /// The total variance of the components, over the squared unit.
    fn variance(&self) -> f64 {
        self.squares / self.count
    }

    /// Adds the spread of further rows (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance").
    fn add(&mut self, mut other: Spread) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other;
            return;
        }
        let unit = self.unit.max(other.unit);
        self.over(unit);
        other.over(unit);
        let count = self.count + other.count;
        let share = other.count / count;
        let mut apart = 0.0;
        for (mean, other) in self.mean.iter_mut().zip(&other.mean) {
            let difference = other - *mean;
            apart += difference * difference;
            *mean += difference * share;
        }
        self.squares += other.squares + apart * self.count * share;
        self.count = count;
    }

    /// Gives the numbers over a larger power of two.
    fn over(&mut self, unit: f64) {
        let scale = self.unit / unit;
        self.mean.iter_mut().for_each(|mean| *mean *= scale);
        self.squares *= scale * scale;
        self.unit = unit;
    }

    /// The spread of rows, of which `row` returns the numbers over `unit`. Shorter rows are padded with zeros.
    fn of(
        unit: f64,
        rows: usize,
        bytes: usize,
        numbers: usize,
        row: impl Fn(usize) -> Option<Vec<f64>> + Sync + Send,
    ) -> Result<Spread, Error> {
        let sums = parallel::blocks(rows, bytes, |range| {
            let (mut sum, mut count) = (vec![0.0; numbers], 0.0);
            for row in range.filter_map(&row) {
                sum.iter_mut().zip(row.iter()).for_each(|(sum, v)| *sum += v);
                count += 1.0;
            }
            Ok((sum, count))
        })?;
        let (mut mean, mut count) = (vec![0.0; numbers], 0.0);
        for (sum, n) in sums {
            mean.iter_mut().zip(sum).for_each(|(mean, v)| *mean += v);
            count += n;
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        let squares = parallel::blocks(rows, bytes, |range| {
            let square = |row: Vec<f64>| -> f64 {
                let numbers = row.iter().copied().chain(std::iter::repeat(0.0));
                mean.iter().zip(numbers).map(|(mean, v)| (v - mean) * (v - mean)).sum()
            };
            Ok(range.filter_map(&row).map(square).sum::<f64>())
        })?;
        Ok(Spread { unit, count, mean, squares: squares.iter().sum() })
    }
}

/// The spread of vectors and of their coordinates, over one unit.
fn spreads(basis: &Basis, vectors: &Vectors<'_>, points: &Projection) -> Result<[Spread; 2], Error> {
    let bytes = vectors.bytes().len();
    let row = |i| vectors.row(i).map(|row| decode(vectors.wide_element(), row));
    // Squares of singles are in the range of doubles without scaling.
    let unit = match vectors.width() {
        Width::F32 => 1.0,
        Width::F64 => range::unit((0..vectors.len()).filter_map(row).flatten()),
    };
    let over = |row: &[f64]| row.iter().map(|v| v / unit).collect::<Vec<f64>>();
    let total = Spread::of(unit, vectors.len(), bytes, basis.dimension(), |i| row(i).map(|row| over(&row)))?;
    let kept = Spread::of(unit, points.len(), bytes, basis.axes(), |i| points.point(i).map(over))?;
    Ok([total, kept])
}
