//! Distances under the names and signs of SQL Server's VECTOR_DISTANCE.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::{Cosine, Dot, Euclidean};
use crate::vector::rows;

/// A distance: smaller means more alike. Names and signs are those of SQL Server's VECTOR_DISTANCE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metric {
    /// 1 − cosine similarity, in [0, 2]. A zero vector has distance 1 from every finite vector.
    #[default]
    Cosine,
    /// √(Σ (aᵢ − bᵢ)²), not squared.
    Euclidean,
    /// −Σ aᵢ·bᵢ, negated so that smaller is more alike.
    Dot,
}

impl Metric {
    /// Names as [`Metric::parse`] takes them.
    pub const NAMES: &[&str] = &["cosine", "euclidean", "dot"];

    /// The metric of that name: `cosine`, `euclidean` or `dot`.
    pub fn parse(name: &str) -> Option<Metric> {
        match name {
            "cosine" => Some(Metric::Cosine),
            "euclidean" => Some(Metric::Euclidean),
            "dot" => Some(Metric::Dot),
            _ => None,
        }
    }
}

/// The metric that the call's parameters name.
pub(crate) fn metric_of(call: &Call<'_>) -> Result<Metric, Error> {
    call.chosen(&METRIC, Metric::parse)
}

/// Distance of two vectors, as `VECTOR_DISTANCE(metric, a, b)`.
///
/// # Shapes
///
/// Two slices of equal length; returns a scalar.
///
/// # Errors
///
/// [`Error::Dimensions`] where the lengths differ.
///
/// # Accuracy
///
/// That of [`crate::vector::cosine_similarity()`], plus 2⁻⁵³ for 1 − x; of [`crate::vector::euclidean_distance()`]; of
/// [`crate::vector::dot_product()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, vector::distance};
/// let (q, v) = ([1.0, 0.0, 0.0, 0.0], [3.0, 0.0, 4.0, 0.0]);
/// assert_eq!(distance(Metric::Cosine, &q, &v)?, 0.4);
/// assert_eq!(distance(Metric::Euclidean, &q, &v)?, 20f64.sqrt());
/// assert_eq!(distance(Metric::Dot, &q, &v)?, -3.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn distance(metric: Metric, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    distance_with(Compute::new()?, metric, a, b)
}

/// [`distance`] with a chosen precision or level.
///
/// # Errors
///
/// As [`distance`].
pub fn distance_with(compute: Compute, metric: Metric, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    match metric {
        Metric::Cosine => Ok(from_similarity(rows::pair(Cosine, compute, a, b)?)),
        Metric::Euclidean => rows::pair(Euclidean, compute, a, b),
        Metric::Dot => Ok(from_dot(rows::pair(Dot, compute, a, b)?)),
    }
}

/// Cosine distance for a cosine similarity.
pub(crate) fn from_similarity(similarity: f64) -> f64 {
    1.0 - similarity
}

/// Dot distance for a dot product; 0 − x, so that orthogonal vectors have distance 0 and not −0.
pub(crate) fn from_dot(dot: f64) -> f64 {
    0.0 - dot
}

pub(crate) const METRIC: Param = Param {
    name: "metric",
    kind: ParamKind::Choice(Metric::NAMES),
    default: Some("cosine"),
    summary: "cosine = 1 − similarity, euclidean = unsquared, dot = negated dot product.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_distance",
    family: Family::Vector,
    summary: "Distance of two vectors in a chosen metric.",
    details: "As VECTOR_DISTANCE(metric, a, b): cosine = 1 − cosine similarity, in [0, 2]; euclidean = √(Σ (aᵢ − bᵢ)²); \
              dot = −Σ aᵢ·bᵢ. The smaller, the more alike. A zero vector has cosine distance 1 from everything finite.",
    inputs: &[ID, A, B],
    params: &[METRIC, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column { name: "distance", kind: Kind::Float, unit: "that of the metric", summary: "The distance." },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors have cosine distance 1, euclidean distance 0 and dot distance 0.",
    nan: shared::NAN_SUM,
    accuracy: "As vector_cosine_similarity, and 2⁻⁵³ more for 1 − x; as vector_euclidean_distance; as vector_dot_product. \
               Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "SQL Server 2025, VECTOR_DISTANCE.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, 0.0, 0.0, 0.0]), Cell::Vector(&[3.0, 0.0, 4.0, 0.0])]],
        params: &[("metric", Cell::Text("cosine"))],
        outputs: &[&[Cell::Int(1), Cell::Float(0.4)]],
    },
    run: |call| {
        let (compute, a, b) = (rows::compute_of(call)?, call.vectors(0), call.vectors(1));
        let values = match metric_of(call)? {
            Metric::Cosine => rows::numbers(compute, Cosine, a, b, from_similarity)?,
            Metric::Euclidean => rows::numbers(compute, Euclidean, a, b, |v| v)?,
            Metric::Dot => rows::numbers(compute, Dot, a, b, from_dot)?,
        };
        Ok(Output::same(Values::Float(values)))
    },
};
