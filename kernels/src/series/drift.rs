//! Drift of averages over time.

use crate::cluster::assign::EUCLIDEAN;
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::{Error, Place};
use crate::group::{self, By, GROUP_KEY, LEFT_OUT, NOT_FINITE, NotFinite, VECTORS};
use crate::pairwise::compute::Compute;
use crate::vector::Metric;
use crate::vector::targets::Targets;

/// The averages of periods, and how far they have moved.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Drift {
    /// The periods, ascending.
    pub periods: Vec<Option<i64>>,
    /// Their averages, NULL for a period without vectors: singles, or doubles for vectors of doubles.
    pub averages: PackedVectors,
    /// Vectors that count in each.
    pub vectors: Vec<i64>,
    /// Rows left out of each.
    pub left_out: Vec<i64>,
    /// Distances from the average of the last period before that has one; `None` for the first.
    pub from_previous: Vec<Option<f64>>,
    /// Distances from the average of the first period that has one.
    pub from_first: Vec<Option<f64>>,
}

/// Averages of the vectors of each period, and their distances from the average before and from the first.
///
/// # Shapes
///
/// m vectors of n dimensions, and a period for each, such as a day's or a month's number.
///
/// # Errors
///
/// Those of [`group::average()`]; [`Error::Dimensions`] where the vectors of two periods differ.
///
/// # Accuracy
///
/// Averages are those of [`group::average()`], rounded to the vectors' width; distances between these have the bits of
/// [`crate::vector::distance()`]. Same bits for any order of rows, threads and levels.
///
/// # Complexity
///
/// O(m·n).
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, group::NotFinite, series};
/// let months = [Some(1), Some(1), Some(2), Some(3)];
/// let vectors = Vectors::matrix(&[1.0, 0.0, 3.0, 0.0, 2.0, 4.0, 5.0, 0.0], 2)?;
/// let found = series::drift(Compute::new(), &months, &vectors, Metric::Euclidean, NotFinite::Error)?;
/// assert_eq!(found.from_previous, [None, Some(4.0), Some(5.0)]);
/// assert_eq!(found.from_first, [Some(0.0), Some(4.0), Some(3.0)]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn drift(
    compute: Compute,
    periods: &[Option<i64>],
    vectors: &Vectors<'_>,
    metric: Metric,
    not_finite: NotFinite,
) -> Result<Drift, Error> {
    let by = By::new(periods).compute(compute).not_finite(not_finite).results_as(vectors.wide_element());
    let mut found = group::average(&by, vectors)?;
    let averages = found.results.remove(0);
    let column =
        Vectors::packed(Place::whole("the averages"), averages.element, &averages.bytes, &averages.lengths)?;
    let (mut first, mut previous): (Option<usize>, Option<usize>) = (None, None);
    let (mut from_previous, mut from_first) = (Vec::new(), Vec::new());
    for period in 0..column.len() {
        if column.row(period).is_none() {
            from_previous.push(None);
            from_first.push(None);
            continue;
        }
        let distance = |from: usize| {
            let vectors: &[&[u8]] = &[column.row(from).unwrap_or_default()];
            let targets = Targets { compute, metric, vectors, name: "the period before" };
            Ok(targets.nearest(&column, &[period])?[0].distance)
        };
        from_previous.push(previous.map(distance).transpose()?);
        from_first.push(Some(distance(*first.get_or_insert(period))?));
        previous = Some(period);
    }
    drop(column);
    Ok(Drift {
        periods: found.keys,
        averages,
        vectors: found.vectors,
        left_out: found.left_out,
        from_previous,
        from_first,
    })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "series_drift",
    family: Family::Series,
    summary: "Averages of the vectors of each period, and how far they have moved.",
    details: "group_key is the period, such as a day's or a month's number. The distances are those from the average of the last period before that has vectors, and from that of the first; they are computed before averages are rounded to f16 or bf16.",
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[EUCLIDEAN, ELEMENT, NOT_FINITE],
    outputs: &[
        GROUP_KEY,
        Column {
            name: "average",
            kind: Kind::Vector,
            unit: "1",
            summary: "The period's average, of the input's element type; f32 for i8.",
        },
        VECTORS,
        LEFT_OUT,
        Column {
            name: "from_previous",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "Distance from the average before; NULL for the first.",
        },
        Column {
            name: "from_first",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "Distance from the first average.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A NULL vector is left out and counted. A period without vectors has NULL. A NULL key is a period of its own, the first.",
    empty: "No rows give no rows.",
    nan: "An error that names the row and the component, or left out with not_finite = leave_out.",
    accuracy: "Averages as vector_average, rounded to the vectors' width (f32 or f64), between which distances have the bits of vector_distance; averages of f16 and bf16 are rounded once more. Same bits for any order of the rows, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole("all rows"),
    source: "Distances between centroids; VectorDriftOverTime, which it replaces, looked at the first and the last row only.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[1.0, 0.0])],
            &[Cell::Int(1), Cell::Vector(&[3.0, 0.0])],
            &[Cell::Int(2), Cell::Vector(&[2.0, 4.0])],
            &[Cell::Int(3), Cell::Vector(&[5.0, 0.0])],
        ],
        params: &[],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Vector(&[2.0, 0.0]),
                Cell::Int(2),
                Cell::Int(0),
                Cell::Null,
                Cell::Float(0.0),
            ],
            &[
                Cell::Int(2),
                Cell::Vector(&[2.0, 4.0]),
                Cell::Int(1),
                Cell::Int(0),
                Cell::Float(4.0),
                Cell::Float(4.0),
            ],
            &[
                Cell::Int(3),
                Cell::Vector(&[5.0, 0.0]),
                Cell::Int(1),
                Cell::Int(0),
                Cell::Float(5.0),
                Cell::Float(3.0),
            ],
        ],
    },
    run: |call| {
        let (metric, not_finite) =
            (call.chosen(&EUCLIDEAN, Metric::parse)?, call.chosen(&NOT_FINITE, NotFinite::parse)?);
        let (keys, vectors) = (call.integers(GROUP_KEY.name), call.vectors(0)?);
        let found = drift(call.compute, keys, vectors, metric, not_finite)?;
        let counts = |v: Vec<i64>| Values::BigInt(v.into_iter().map(Some).collect());
        Ok(Output {
            columns: vec![
                Values::BigInt(found.periods),
                Values::Vectors(found.averages.rounded(vectors.element().of_result())),
                counts(found.vectors),
                counts(found.left_out),
                Values::Float(found.from_previous),
                Values::Float(found.from_first),
            ],
            picked: None,
        })
    },
};
