//! Mahalanobis distances.

use super::points::{Points, not_enough};
use crate::arch::{Simd, Task};
use crate::column::vectors::{Vectors, decode};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::group::variance::DIVISOR;
use crate::group::{self, By, Divisor};
use crate::memory::default_memory_limit;
use crate::pairwise::compute::Compute;
use crate::parallel;

/// Mahalanobis distances √((x − μ)ᵀ C⁻¹ (x − μ)) of rows from their average μ, with their covariance matrix C.
///
/// C is factored once (Cholesky). `shrinkage` s replaces it by (1 − s)·C + s·t·I, where t is the mean of its diagonal
/// (Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices"): it makes a
/// singular matrix regular, and the distances those of a rounder heap.
///
/// # Shapes
///
/// m vectors of n dimensions; a list of m, `None` for NULL rows.
///
/// # Errors
///
/// [`Error::Value`] where the matrix is singular (no more rows than dimensions, components that are constant or depend on
/// others), which names the component, and for a vector that is empty or not finite; [`Error::Dimensions`];
/// [`Error::ParameterValue`] for a shrinkage that is not from 0 to 1; [`Error::Memory`].
///
/// # Accuracy
///
/// Double precision; the covariance as [`group::covariance()`]. The relative error grows with the matrix's condition.
/// Same bits for any order of rows, threads and levels.
///
/// # Complexity
///
/// O(m·n² + n³). 32·n² bytes of memory.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Vectors, cluster, group::Divisor};
/// let rows = Vectors::matrix(&[-1.0, -2.0, 1.0, -2.0, -1.0, 2.0, 1.0, 2.0], 2)?;
/// let found = cluster::mahalanobis(Compute::new(), &rows, 0.0, Divisor::Population)?;
/// assert_eq!(found[0], Some(2f64.sqrt()));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn mahalanobis(
    compute: Compute,
    vectors: &Vectors<'_>,
    shrinkage: f64,
    divisor: Divisor,
) -> Result<Vec<Option<f64>>, Error> {
    within(compute, vectors, shrinkage, divisor, default_memory_limit())
}

/// [`mahalanobis`] with a limit, in bytes, on memory.
fn within(
    compute: Compute,
    vectors: &Vectors<'_>,
    shrinkage: f64,
    divisor: Divisor,
    limit: u64,
) -> Result<Vec<Option<f64>>, Error> {
    if !(0.0..=1.0).contains(&shrinkage) {
        return Err(Error::ParameterValue {
            name: SHRINKAGE.name.into(),
            value: format!("{shrinkage:?}"),
            expected: "a number from 0 to 1".into(),
        });
    }
    let points = Points::new(vectors, None)?;
    if points.list.is_empty() {
        return Ok(vec![None; vectors.len()]);
    }
    let keys = vec![None; vectors.len()];
    let found = group::covariance(&By::new(&keys).compute(compute).memory_limit(limit), vectors, divisor)?;
    let Some(found) = found.into_iter().next().filter(|found| !found.matrix.is_empty()) else {
        return Err(not_enough(vectors, points.list.len(), "2 or more, to see how they vary"));
    };
    let n = found.average.len();
    let mut matrix = found.matrix;
    let mean = (0..n).map(|i| matrix[i * n + i]).sum::<f64>() / n as f64;
    for (at, v) in matrix.iter_mut().enumerate() {
        *v = (1.0 - shrinkage) * *v + if at % (n + 1) == 0 { shrinkage * mean } else { 0.0 };
    }
    compute.level.run(Factor { matrix: &mut matrix, n }).map_err(|component| Error::Value {
        place: vectors.place().clone(),
        row: 0,
        found: format!(
            "a singular covariance matrix of {} vectors: component {} of {n} is constant or depends on those before it",
            points.list.len(),
            component + 1
        ),
        expected: "more vectors than dimensions and components that vary, or shrinkage above 0".into(),
    })?;
    let element = vectors.wide_element();
    let work = points.list.len().saturating_mul(n * n);
    let blocks = parallel::blocks(vectors.len(), work, |range| {
        let one = |row: usize| {
            vectors.row(row).map(|bytes| {
                let mut rest = decode(element, bytes);
                rest.iter_mut().zip(&found.average).for_each(|(v, mean)| *v -= mean);
                compute.level.run(Solve { matrix: &matrix, rest })
            })
        };
        Ok(range.map(one).collect::<Vec<_>>())
    })?;
    Ok(blocks.concat())
}

/// Replaces the lower triangle by its Cholesky factor; the component at which the matrix turns out singular.
struct Factor<'a> {
    matrix: &'a mut [f64],
    n: usize,
}

impl Task for Factor<'_> {
    type Output = Result<(), usize>;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Result<(), usize> {
        let n = self.n;
        for i in 0..n {
            let (above, own) = self.matrix.split_at_mut(i * n);
            let own = &mut own[..n];
            let variance = own[i];
            for j in 0..i {
                let row = &above[j * n..][..n];
                own[j] = (own[j] - dot(&own[..j], &row[..j])) / row[j];
            }
            let rest = own[i] - dot(&own[..i], &own[..i]);
            // What rounding leaves of a variance that others explain.
            if rest.is_nan() || rest <= variance * n as f64 * 4.0 * f64::EPSILON {
                return Err(i);
            }
            own[i] = rest.sqrt();
        }
        Ok(())
    }
}

/// The length of L⁻¹·rest.
struct Solve<'a> {
    matrix: &'a [f64],
    rest: Vec<f64>,
}

impl Task for Solve<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) -> f64 {
        let n = self.rest.len();
        for i in 0..n {
            let row = &self.matrix[i * n..][..n];
            self.rest[i] = (self.rest[i] - dot(&row[..i], &self.rest[..i])) / row[i];
        }
        dot(&self.rest, &self.rest).sqrt()
    }
}

/// By eight lanes that are added in order.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += a[l] * b[l];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(rest_a.iter().zip(rest_b)) {
        *lane += a * b;
    }
    lanes.iter().sum()
}

const SHRINKAGE: Param = Param {
    name: "shrinkage",
    kind: ParamKind::Float { min: 0.0, max: 1.0 },
    default: Some("0"),
    summary: "Share s of (1 − s)·C + s·t·I, where t is the mean variance of a component: above 0 a singular matrix C becomes regular.",
};
pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_mahalanobis",
    family: Family::Vector,
    summary: "Mahalanobis distances of rows from their average, with their covariance matrix.",
    details: "√((x − μ)ᵀ C⁻¹ (x − μ)), not squared, by one Cholesky factorization of C, or of (1 − s)·C + s·t·I with `shrinkage` s.",
    inputs: &[ID, V],
    optional: &[],
    params: &[SHRINKAGE, DIVISOR, ELEMENT],
    outputs: &[
        ID,
        Column { name: "distance", kind: Kind::Float, unit: "standard deviations", summary: "The distance." },
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL and does not count.",
    empty: "No rows give no rows. An empty vector is an error.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Double precision, of the covariance of vector_covariance; the relative error grows with the matrix's condition. A singular matrix is an error that names the component. Same bits for any order of the rows, number of threads and instruction set. O(rows · dimensions² + dimensions³).",
    streaming: Streaming::Whole("all rows"),
    source: "Mahalanobis 1936, \"On the generalised distance in statistics\"; Ledoit and Wolf 2004, \"A well-conditioned estimator for large-dimensional covariance matrices\", for the shrinkage.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[-2.0, 0.0])],
            &[Cell::Int(2), Cell::Vector(&[2.0, 0.0])],
            &[Cell::Int(3), Cell::Vector(&[0.0, -4.0])],
            &[Cell::Int(4), Cell::Vector(&[0.0, 4.0])],
            &[Cell::Int(5), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(6), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(8), Cell::Vector(&[0.0, 0.0])],
        ],
        params: &[("divisor", Cell::Text("population"))],
        outputs: &[
            &[Cell::Int(1), Cell::Float(2.0)],
            &[Cell::Int(2), Cell::Float(2.0)],
            &[Cell::Int(3), Cell::Float(2.0)],
            &[Cell::Int(4), Cell::Float(2.0)],
            &[Cell::Int(5), Cell::Float(0.0)],
            &[Cell::Int(6), Cell::Float(0.0)],
            &[Cell::Int(7), Cell::Float(0.0)],
            &[Cell::Int(8), Cell::Float(0.0)],
        ],
    },
    run: |call| {
        let divisor = call.chosen(&DIVISOR, Divisor::parse)?;
        let found =
            within(call.compute, call.vectors(0)?, call.params.float(SHRINKAGE.name), divisor, call.limit())?;
        Ok(Output::same(Values::Float(found)))
    },
};
