//! A lossless sieve: a proven lower bound of the distance to every row, from a few coordinates.
//!
//! # The bound
//!
//! Let A have the n × k axes as columns, G = AᵀA, and Π = A·G⁻¹·Aᵀ the orthogonal projection onto their span. For
//! vectors a and b, with c = Aᵀa, u = (G^(−½)·c, ‖a − Πa‖) and likewise for b,
//!
//! > ‖a − b‖² = ‖Π(a − b)‖² + ‖(a − Πa) − (b − Πb)‖² ≥ ‖G^(−½)(c − c')‖² + (‖a − Πa‖ − ‖b − Πb‖)² = ‖u − u'‖²,
//!
//! because a projection never lengthens and by the triangle inequality; in the same way a·b ≤ u·u', and ‖u‖ = ‖a‖. So
//! k + 1 numbers per vector bound its Euclidean distance from below and its dot product from above; divided by ‖a‖ they
//! do so for cosine.
//!
//! # Rounding
//!
//! The stored value is û: c, not G^(−½)·c, and √(‖a‖² − ‖c‖²), all rounded to single precision. With ε an upper bound
//! of ‖G − I‖ ([`Basis::defect`]), u₁ = 2⁻²⁴ and η a bound of the relative errors of the double-precision sums, η =
//! ((⌈n/32⌉ + 8)(1 + 3√k) + k + 8)·2⁻⁵²:
//!
//! - ‖G^(−½)c − c‖ ≤ ε·‖c‖ ≤ 2ε·‖a‖ for ε ≤ ¼, and the computed c is off by at most η·‖a‖;
//! - ‖a − Πa‖² = ‖a‖² − cᵀG⁻¹c differs from the computed ‖a‖² − ‖c‖² by at most τ = (2ε + η)·‖a‖², so that the root
//!   differs by at most min(√τ, τ / root);
//! - rounding to singles changes ‖û‖ by at most 2u₁·‖a‖, and by 2⁻¹⁴⁹ for each number that underflows.
//!
//! The sum e of these is stored with each row, so that ‖û − û'‖ − e − e' ≤ ‖u − u'‖. The sum of the k + 1 squares or
//! products in singles has a relative error of γ(k + 4), plus 2⁻⁷⁴ for each square that underflows. Finally, exact
//! search does not find the true distance, but one within the bound g of the [module](crate::vector#accuracy): a
//! relative g for Euclidean distances, g·‖a‖·‖b‖ for dot products, 3g for cosines. All steps in double precision
//! together have a relative error of 2⁻⁴⁸ at most; margins are widened by 2⁻⁴⁰ and more.
//!
//! A row for which this proves nothing (not finite, longer than 2⁵⁰, of length zero where the metric is cosine) has the
//! bound −∞ and is always examined. A row is skipped only if its bound is greater than the k-th distance found so far,
//! so the result, ties included, has the bits of [`crate::vector::top_k()`].

use std::ops::Range;

use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Accumulate;
use crate::parallel;
use crate::parallel::PANEL;
use crate::spatial::basis::project::{self, Projection};
use crate::spatial::basis::{Basis, BasisKind};
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::{self, Best, Candidate, Key};
use crate::vector::top_k::{self, Hit};

/// The result of a sifted search for one query.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sifted {
    /// The nearest rows, nearest first: those of [`crate::vector::top_k()`], with the same bits.
    pub hits: Vec<Hit>,
    /// Rows whose exact distance was computed.
    pub examined: usize,
}

/// Coordinates of a column of vectors, for searches that examine few vectors and yet miss none.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, spatial::{Basis, Sieve}, vector};
///
/// let values: Vec<f32> = (0..4000u32).map(|i| (i.wrapping_mul(2654435761) >> 20) as f32 / 4096.0).collect();
/// let (rows, ids) = (Vectors::matrix(&values, 8)?, Vec::from_iter(0..500));
/// let basis = Basis::random(8, 5, 42)?;
/// let sieve = Sieve::new(&basis, &rows, Metric::Euclidean, false)?;
/// let query = Vectors::matrix(&values[80..88], 8)?;
/// let found = sieve.search(&ids, &query, 3)?;
/// assert_eq!(found[0].hits, vector::top_k(&rows, &ids, &query, 3, Metric::Euclidean)?[0]);
/// assert!(found[0].examined < 250);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Debug)]
pub struct Sieve<'a> {
    basis: &'a Basis,
    rows: &'a Vectors<'a>,
    metric: Metric,
    pad: bool,
    compute: Compute,
    rounding: Rounding,
    /// Per block of rows the numbers of û, one after the other, each for all rows of the block.
    blocks: Vec<[f32; LANES]>,
    /// How far û may be from u; infinite where nothing is known, NaN where the row is NULL.
    slack: Vec<f64>,
    /// An upper bound of ‖û‖.
    length: Vec<f64>,
}

/// Bounds of rounding errors for one shape of vectors and basis.
#[derive(Clone, Copy, Debug)]
struct Rounding {
    /// ε
    defect: f64,
    /// η
    sums: f64,
    /// γ(k + 4) of single precision.
    index: f64,
    /// g
    search: f64,
    /// k + 1
    numbers: f64,
}

/// û of one vector.
struct Point {
    numbers: Vec<f32>,
    slack: f64,
    length: f64,
}

impl Rounding {
    fn new(
        basis: &Basis,
        width: Width,
        dimension: usize,
        accumulate: Accumulate,
        metric: Metric,
    ) -> Rounding {
        let (n, k) = (dimension as f64, basis.axes() as f64);
        let steps = (n / LANES as f64).ceil();
        let unit = match (width, accumulate) {
            (Width::F32, Accumulate::F32) => f64::from(f32::EPSILON) / 2.0,
            _ => f64::EPSILON / 2.0,
        };
        let gamma = |steps: f64, unit: f64| {
            let product = steps * unit;
            // Beyond a hundredth the formula would need more care, so no bound is claimed there.
            if product > 0.01 { f64::INFINITY } else { product / (1.0 - product) }
        };
        // Terms that underflow in single precision lose less than n·2⁻⁴⁹ of a sum that is kept.
        let rest = 7.0 * f64::EPSILON + n * (-49f64).exp2();
        let search = gamma(steps + 3.0, unit) + rest;
        Rounding {
            defect: basis.defect(),
            sums: ((steps + 8.0) * (1.0 + 3.0 * k.sqrt()) + k + 8.0) * f64::EPSILON,
            index: gamma(k + 4.0, f64::from(f32::EPSILON) / 2.0) + (-40f64).exp2(),
            search: if metric == Metric::Cosine { 3.0 * search } else { search } + (-40f64).exp2(),
            numbers: k + 1.0,
        }
    }

    /// û of a vector from its coordinates and squared length; `None` where nothing can be proven.
    fn point(&self, metric: Metric, coordinates: &[f64], square: f64) -> Option<Point> {
        let range = match metric {
            Metric::Cosine => (-900f64).exp2()..900f64.exp2(),
            Metric::Euclidean | Metric::Dot | Metric::Manhattan => 0.0..100f64.exp2(),
        };
        if !range.contains(&square) || !self.search.is_finite() || !self.index.is_finite() {
            return None;
        }
        let length = square.sqrt() * (1.0 + self.sums);
        let tolerance = (2.0 * self.defect + self.sums) * square * 1.01;
        let rest = (square - coordinates.iter().map(|c| c * c).sum::<f64>()).max(0.0).sqrt();
        let rest_error = tolerance.sqrt().min(tolerance / rest);
        let rounding = 2.0 * self.defect + self.sums + f64::from(f32::EPSILON);
        let mut slack = (rounding * length + rest_error) * (1.0 + (-20f64).exp2());
        let divisor = if metric == Metric::Cosine { square.sqrt() } else { 1.0 };
        if metric == Metric::Cosine {
            slack = slack / divisor + 2.0 * self.sums;
        }
        slack += self.numbers * (-149f64).exp2();
        let numbers = coordinates.iter().chain([&rest]).map(|c| (c / divisor) as f32).collect();
        Some(Point { numbers, slack, length: length / divisor * (1.0 + (-20f64).exp2()) + slack })
    }
}

impl<'a> Sieve<'a> {
    /// Projects all rows. With `pad`, vectors shorter than the basis's dimension are padded with zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a trilateration basis, which has no axes; [`Error::Dimensions`] where a row's dimensions
    /// differ from those of the basis or of the first row.
    pub fn new(
        basis: &'a Basis,
        rows: &'a Vectors<'a>,
        metric: Metric,
        pad: bool,
    ) -> Result<Sieve<'a>, Error> {
        Sieve::with(Compute::new(), basis, rows, metric, pad)
    }

    /// [`Sieve::new`] with a chosen precision of the exact distances, or level.
    ///
    /// # Errors
    ///
    /// As [`Sieve::new`].
    pub fn with(
        compute: Compute,
        basis: &'a Basis,
        rows: &'a Vectors<'a>,
        metric: Metric,
        pad: bool,
    ) -> Result<Sieve<'a>, Error> {
        if basis.kind() == BasisKind::Trilateration {
            return Err(Error::Value {
                place: Place::parameter("basis"),
                row: 0,
                found: "a basis of kind trilateration, whose coordinates bound no distance".into(),
                expected: "one of kind clr_v1, landmarks, pca or random".into(),
            });
        }
        let projection = project::project_with(compute.accumulate(Accumulate::F64), basis, rows, pad)?;
        let dimension = (0..rows.len()).find_map(|i| rows.dimensions(i)).unwrap_or(basis.dimension());
        if let Some(i) = (0..rows.len()).find(|i| rows.dimensions(*i).is_some_and(|n| n != dimension)) {
            return Err(rows.mismatch(i, Place::whole("the first row"), dimension));
        }
        let rounding = Rounding::new(basis, rows.width(), dimension, compute.accumulate, metric);
        let numbers = basis.axes() + 1;
        let mut sieve = Sieve {
            basis,
            rows,
            metric,
            pad,
            compute,
            rounding,
            blocks: vec![[0.0; LANES]; rows.len().div_ceil(LANES) * numbers],
            slack: vec![f64::NAN; rows.len()],
            length: vec![0.0; rows.len()],
        };
        for i in 0..rows.len() {
            let (Some(coordinates), Some(square)) = (projection.point(i), projection.square(i)) else {
                continue;
            };
            sieve.slack[i] = f64::INFINITY;
            if let Some(point) = rounding.point(metric, coordinates, square) {
                let block = &mut sieve.blocks[i / LANES * numbers..][..numbers];
                block.iter_mut().zip(point.numbers).for_each(|(lanes, number)| lanes[i % LANES] = number);
                (sieve.slack[i], sieve.length[i]) = (point.slack, point.length);
            }
        }
        Ok(sieve)
    }

    /// Bytes that a sieve of `rows` rows takes, temporary memory of its construction included.
    pub(crate) fn bytes(rows: usize, axes: usize) -> u64 {
        // Coordinates exist in blocks and as a whole, and later as a whole beside û.
        (rows as u64).saturating_mul(16 * (axes as u64 + 1) + 16)
    }

    /// The `k` rows nearest to each query, as [`crate::vector::top_k()`] finds them, and how many rows had to be
    /// examined.
    ///
    /// # Errors
    ///
    /// As [`crate::vector::top_k()`].
    pub fn search(&self, ids: &[i64], queries: &Vectors<'_>, k: usize) -> Result<Vec<Sifted>, Error> {
        top_k::check_ids(ids, self.rows)?;
        let found = self.sift(&|row| Some(ids[row]), queries, k, k)?;
        let hit = |(c, _): &(Candidate, f64)| Hit { id: ids[c.row], distance: c.distance, row: c.row };
        let sifted = |(list, examined): Bounded| Sifted { hits: list.iter().map(hit).collect(), examined };
        Ok(found.into_iter().map(sifted).collect())
    }

    /// The nearest rows of each query with their bounds, and the number of rows whose exact distance was computed;
    /// `first` rows are examined before the bound is applied.
    pub(crate) fn sift(
        &self,
        key: Key<'_>,
        queries: &Vectors<'_>,
        k: usize,
        first: usize,
    ) -> Result<Vec<Bounded>, Error> {
        let packed = self.check(queries, k)?;
        let points = self.prepare(queries)?;
        let found = self.each_query(&points, |q, bounds| {
            self.nearest(key, (queries.place(), packed[q]), k, first.max(k), bounds)
        })?;
        self.finish(key, queries, &points, k, found)
    }

    /// Searches all rows for the queries whose bounds leave too many of them, all queries at once: per row that is
    /// several times faster than examining rows singly.
    fn finish(
        &self,
        key: Key<'_>,
        queries: &Vectors<'_>,
        points: &Projection,
        k: usize,
        found: Vec<Option<Bounded>>,
    ) -> Result<Vec<Bounded>, Error> {
        let open: Vec<usize> = (0..found.len()).filter(|q| found[*q].is_none()).collect();
        let rest = queries.picked(&open);
        let mut searched =
            nearest_rows::search(self.compute, self.rows, key, &rest, k, self.metric)?.into_iter();
        let there = (0..self.rows.len()).filter(|row| !self.slack[*row].is_nan()).count();
        let one = |(q, found): (usize, Option<Bounded>)| {
            found.unwrap_or_else(|| {
                let query = self.query(points, q);
                let list = searched.next().unwrap_or_default();
                (list.into_iter().map(|c| (c, self.bound_of(query.as_ref(), c.row))).collect(), there)
            })
        };
        Ok(found.into_iter().enumerate().map(one).collect())
    }

    /// The queries' bytes, with the same checks as exact search.
    fn check<'q>(&self, queries: &'q Vectors<'_>, k: usize) -> Result<Vec<&'q [u8]>, Error> {
        let packed = nearest_rows::packed(queries)?;
        let wrong = |name: &str, value: String, expected: String| {
            Err(Error::ParameterValue { name: name.into(), value, expected })
        };
        if k == 0 {
            return wrong("k", "0".into(), "an integer ≥ 1".into());
        }
        if queries.width() != self.rows.width() {
            return wrong(
                queries.name(),
                queries.element().name().into(),
                format!("{} elements, as {}", self.rows.element().name(), self.rows.place()),
            );
        }
        let dimensions = packed.first().map_or(0, |q| q.len() / queries.width().bytes());
        let other = |i: &usize| self.rows.dimensions(*i).is_some_and(|n| n != dimensions);
        match (0..self.rows.len()).find(other) {
            Some(i) if !packed.is_empty() => Err(self.rows.mismatch(i, queries.place().clone(), dimensions)),
            _ => Ok(packed),
        }
    }

    /// The queries' coordinates.
    pub(crate) fn prepare(&self, queries: &Vectors<'_>) -> Result<Projection, Error> {
        project::project_with(self.compute.accumulate(Accumulate::F64), self.basis, queries, self.pad)
    }

    /// û of a query; `None` where nothing can be proven for it.
    fn query(&self, points: &Projection, q: usize) -> Option<Point> {
        let square = points.square(q).unwrap_or(f64::NAN);
        self.rounding.point(self.metric, points.point(q).unwrap_or_default(), square)
    }

    /// Calls `work` with each query and, for every row, a lower bound of the distance that exact search finds (−∞ where
    /// nothing is known, NaN where the row is NULL), and returns the results. Bounds are computed for a few queries at
    /// a time, so their memory ([`Sieve::bytes_of_bounds`]) does not grow with the number of queries.
    pub(crate) fn each_query<T: Send>(
        &self,
        points: &Projection,
        work: impl Fn(usize, &[f64]) -> Result<T, Error> + Sync + Send,
    ) -> Result<Vec<T>, Error> {
        let (numbers, rows) = (self.blocks.len() * size_of::<[f32; LANES]>(), self.rows.bytes().len());
        let all = Vec::from_iter(0..points.len());
        let together = GROUP * parallel::workers(numbers.saturating_mul(all.len()));
        let mut out = Vec::with_capacity(all.len());
        for batch in all.chunks(together) {
            let bounds = self.bounds(points, batch)?;
            let found = parallel::blocks(batch.len(), rows.saturating_mul(batch.len()), |range| {
                range.map(|i| work(batch[i], &bounds[i])).collect::<Result<Vec<T>, Error>>()
            })?;
            out.extend(found.into_iter().flatten());
        }
        Ok(out)
    }

    /// Bytes that the bounds of `rows` rows take while queries are answered, with the lists made from them.
    pub(crate) fn bytes_of_bounds(rows: usize) -> u64 {
        let workers = parallel::workers(usize::MAX) as u64;
        // Every bound briefly exists both in its block and in the whole; a list of a quarter of the rows grows by
        // doubling.
        (rows as u64).saturating_mul(workers * (GROUP as u64 * 2 * 8 + 2 * 16 / TOO_MANY as u64))
    }

    /// The bounds of all rows for each of the queries.
    fn bounds(&self, points: &Projection, queries: &[usize]) -> Result<Vec<Vec<f64>>, Error> {
        let points: Vec<Option<Point>> = queries.iter().map(|q| self.query(points, *q)).collect();
        let bytes = (self.blocks.len() * size_of::<[f32; LANES]>()).saturating_mul(queries.len());
        let parts = parallel::blocks(self.slack.len().div_ceil(LANES), bytes, |range| {
            Ok(self.compute.level.run(Bounds { sieve: self, queries: &points, range }))
        })?;
        let mut all = vec![Vec::with_capacity(self.slack.len()); queries.len()];
        for part in parts {
            all.iter_mut().zip(part).for_each(|(all, part)| all.extend_from_slice(&part));
        }
        Ok(all)
    }

    /// The bound of one row, with the same bits as [`Bounds`]: the same operations in the same order.
    fn bound_of(&self, query: Option<&Point>, row: usize) -> f64 {
        let Some(query) = query else { return unknown(self.slack[row]) };
        let numbers = self.basis.axes() + 1;
        let block = &self.blocks[row / LANES * numbers..][..numbers];
        let mut sum = 0.0f32;
        for (lanes, q) in block.iter().zip(&query.numbers) {
            let x = lanes[row % LANES];
            sum += if self.metric.of_differences() { (x - q) * (x - q) } else { x * q };
        }
        self.bound(query, self.slack[row], self.length[row], f64::from(sum))
    }

    /// The bound of one row from the sum over its û and the query's.
    #[inline(always)]
    fn bound(&self, query: &Point, slack: f64, length: f64, sum: f64) -> f64 {
        let rounding = &self.rounding;
        if !slack.is_finite() {
            return unknown(slack);
        }
        // A Manhattan distance is never less than the Euclidean one.
        if self.metric.of_differences() {
            let underflow = rounding.numbers * (-74f64).exp2();
            let distance = sum.sqrt() * (1.0 - rounding.index) - slack - query.slack - underflow;
            return distance * (1.0 - rounding.search);
        }
        let margin = slack * query.length
            + length * (query.slack + (rounding.index + rounding.search) * query.length)
            + rounding.numbers * (-140f64).exp2();
        let from_zero = -(sum + margin * (1.0 + (-20f64).exp2()));
        if self.metric == Metric::Cosine { 1.0 + from_zero - (-40f64).exp2() } else { from_zero }
    }

    /// The nearest rows: examines the rows of least bound first, then all others that their bound does not exclude, by
    /// ascending bound; `None` if those are too many.
    fn nearest(
        &self,
        key: Key<'_>,
        query: (&Place, &[u8]),
        k: usize,
        first: usize,
        bounds: &[f64],
    ) -> Result<Option<Bounded>, Error> {
        let mut least = Best::new(first);
        for (row, bound) in bounds.iter().enumerate() {
            if !bound.is_nan() && least.worst().is_none_or(|worst| *bound < worst) {
                least.offer(Candidate::new(*bound, None, row));
            }
        }
        let mut list: Vec<usize> = least.into_sorted().into_iter().map(|c| c.row).collect();
        let mut best = Best::new(k);
        let offer = |list: &[usize], best: &mut Best| {
            nearest_rows::offer_rows(self.compute, self.rows, key, query, self.metric, list, best)
        };
        offer(&list, &mut best)?;
        let mut examined = list.len();
        list.sort_unstable();
        let limit = best.worst();
        // A limit of NaN excludes nothing.
        let may_be_nearer =
            |bound: f64, limit: Option<f64>| limit.is_none_or(|limit| bound <= limit || limit.is_nan());
        let most = (bounds.len() / TOO_MANY).max(FEW);
        let mut rest: Vec<(f64, usize)> = Vec::new();
        for (row, bound) in bounds.iter().enumerate() {
            if !bound.is_nan() && may_be_nearer(*bound, limit) && list.binary_search(&row).is_err() {
                if rest.len() == most {
                    return Ok(None);
                }
                rest.push((*bound, row));
            }
        }
        rest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for panel in rest.chunks(PANEL) {
            let limit = best.worst();
            let near = panel.iter().take_while(|(bound, _)| may_be_nearer(*bound, limit));
            let list: Vec<usize> = near.map(|(_, row)| *row).collect();
            if list.is_empty() {
                break;
            }
            offer(&list, &mut best)?;
            examined += list.len();
        }
        Ok(Some((best.into_sorted().into_iter().map(|c| (c, bounds[c.row])).collect(), examined)))
    }
}

/// Queries per thread whose bounds are computed together, so that a block of rows is read once for all of them.
const GROUP: usize = 8;
/// If the first candidates leave more than one in this many rows, exact search of all rows is faster.
const TOO_MANY: usize = 4;
/// This many rows are never too many.
const FEW: usize = 256;

/// The nearest rows of a query with their bounds, and the number of rows whose exact distance was computed.
type Bounded = (Vec<(Candidate, f64)>, usize);

/// The bound where nothing is known: −∞, or NaN where the row is NULL.
fn unknown(slack: f64) -> f64 {
    if slack.is_nan() { f64::NAN } else { f64::NEG_INFINITY }
}

/// The bounds of a range of blocks. The loops over a block's lanes are compiled for the level; no operation is fused,
/// so all levels give the same bits.
struct Bounds<'a> {
    sieve: &'a Sieve<'a>,
    queries: &'a [Option<Point>],
    range: Range<usize>,
}

impl Task for Bounds<'_> {
    type Output = Vec<Vec<f64>>;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Vec<Vec<f64>> {
        let (sieve, numbers) = (self.sieve, self.sieve.basis.axes() + 1);
        let mut out: Vec<Vec<f64>> =
            self.queries.iter().map(|_| Vec::with_capacity(self.range.len() * LANES)).collect();
        for block in self.range {
            let lanes = &sieve.blocks[block * numbers..][..numbers];
            let start = block * LANES;
            let slack = &sieve.slack[start..];
            for (query, out) in self.queries.iter().zip(&mut out) {
                let Some(query) = query else {
                    out.extend(slack.iter().take(LANES).map(|slack| unknown(*slack)));
                    continue;
                };
                let mut sums = [0.0f32; LANES];
                for (x, q) in lanes.iter().zip(&query.numbers) {
                    if sieve.metric.of_differences() {
                        for j in 0..LANES {
                            sums[j] += (x[j] - q) * (x[j] - q);
                        }
                    } else {
                        for j in 0..LANES {
                            sums[j] += x[j] * q;
                        }
                    }
                }
                for ((slack, length), sum) in slack.iter().zip(&sieve.length[start..]).zip(sums) {
                    out.push(sieve.bound(query, *slack, *length, f64::from(sum)));
                }
            }
        }
        out
    }
}
