//! Ways to rank rows by their position in space.

use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Accumulate;
use crate::parallel;
use crate::spatial::basis::Basis;
use crate::spatial::basis::project::{self, Projection};
use crate::spatial::search::sieve::Sieve;
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::{Best, Candidate, Key};

/// The measure that ranks rows before their exact distance is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// The proven lower bound of the metric's distance, from all axes and the length of the part they do not cover
    /// ([`Sieve`]).
    #[default]
    Bound,
    /// Euclidean distance of the points on all axes.
    Axes,
    /// Euclidean distance of (x, y, z).
    Xyz,
    /// Euclidean distance of (x, y): what SQL Server's `STDistance` computes for a point with Z.
    Xy,
}

impl Order {
    /// Every order, the most informed first.
    pub const ALL: [Order; 4] = [Order::Bound, Order::Axes, Order::Xyz, Order::Xy];
    /// Names as [`Order::parse`] takes them.
    pub const NAMES: &[&str] = &["bound", "axes", "xyz", "xy"];

    /// `bound`, `axes`, `xyz` or `xy`.
    pub const fn name(self) -> &'static str {
        Order::NAMES[self as usize]
    }

    /// The order with that name.
    pub fn parse(name: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// A column of vectors, ranked in one of the orders.
pub(crate) enum Space<'a> {
    /// Ranked by the bound.
    Bound(Sieve<'a>),
    /// Ranked by the distance of points.
    Points(Points<'a>),
}

/// Points of rows, and how many of their coordinates count.
pub(crate) struct Points<'a> {
    compute: Compute,
    basis: &'a Basis,
    pad: bool,
    rows: Projection,
    axes: usize,
}

impl<'a> Space<'a> {
    pub(crate) fn new(
        compute: Compute,
        basis: &'a Basis,
        rows: &'a Vectors<'a>,
        metric: Metric,
        pad: bool,
        order: Order,
    ) -> Result<Space<'a>, Error> {
        let axes = match order {
            Order::Bound => return Sieve::with(compute, basis, rows, metric, pad).map(Space::Bound),
            Order::Axes => basis.axes(),
            Order::Xyz => 3,
            Order::Xy => 2,
        };
        Points::new(compute, basis, rows, pad, axes).map(Space::Points)
    }

    /// The queries' coordinates.
    pub(crate) fn prepare(&self, queries: &Vectors<'_>) -> Result<Projection, Error> {
        match self {
            Space::Bound(sieve) => sieve.prepare(queries),
            Space::Points(points) => points.prepare(queries),
        }
    }

    /// Calls `work` with each query and every row's measure for it (NaN where the row is NULL), and returns the
    /// results.
    pub(crate) fn each_query<T: Send>(
        &self,
        queries: &Projection,
        work: impl Fn(usize, &[f64]) -> Result<T, Error> + Sync + Send,
    ) -> Result<Vec<T>, Error> {
        let points = match self {
            Space::Bound(sieve) => return sieve.each_query(queries, work),
            Space::Points(points) => points,
        };
        let rows = points.rows.len();
        let blocks = parallel::blocks(queries.len(), rows.saturating_mul(64 * queries.len()), |range| {
            let one = |q: usize| {
                let from = queries.point(q).unwrap_or_default();
                let distances: Vec<f64> = (0..rows).map(|row| points.distance(from, row)).collect();
                work(q, &distances)
            };
            range.map(one).collect::<Result<Vec<T>, Error>>()
        })?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// The first `n` rows by the measure, nearest first; rows with a NaN measure come last, NULL rows are left out.
    pub(crate) fn first(distances: &[f64], rows: &Vectors<'_>, key: Key<'_>, n: usize) -> Vec<Candidate> {
        let mut best = Best::new(n);
        for (row, distance) in distances.iter().enumerate() {
            if best.worst().is_some_and(|worst| *distance > worst) || rows.row(row).is_none() {
                continue;
            }
            best.offer(Candidate::new(*distance, key(row), row));
        }
        best.into_sorted()
    }
}

impl<'a> Points<'a> {
    /// Points of rows, of which the first `axes` coordinates count.
    pub(crate) fn new(
        compute: Compute,
        basis: &'a Basis,
        rows: &Vectors<'_>,
        pad: bool,
        axes: usize,
    ) -> Result<Points<'a>, Error> {
        let compute = compute.accumulate(Accumulate::F64);
        let rows = project::project_with(compute, basis, rows, pad)?;
        Ok(Points { compute, basis, pad, rows, axes: axes.min(basis.axes()) })
    }

    /// The rows' coordinates.
    pub(crate) fn rows(&self) -> &Projection {
        &self.rows
    }

    /// The queries' coordinates.
    pub(crate) fn prepare(&self, queries: &Vectors<'_>) -> Result<Projection, Error> {
        project::project_with(self.compute, self.basis, queries, self.pad)
    }

    /// Euclidean distance of a row from a point, added axis by axis; NaN where the row is NULL.
    pub(crate) fn distance(&self, from: &[f64], row: usize) -> f64 {
        let Some(to) = self.rows.point(row) else { return f64::NAN };
        range::norm(from.iter().zip(to).take(self.axes).map(|(a, b)| a - b))
    }
}
