//! Distances. Those that SQL Server's VECTOR_DISTANCE has too have its names and signs.

use crate::contract::shared::{self, A, ACCUMULATE, B, ELEMENT, ID};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::{Cosine, Dot, Euclidean, Manhattan};
use crate::vector::rows;

/// A distance: smaller means more alike. The first three have the names and signs of SQL Server's VECTOR_DISTANCE.
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
    /// Σ |aᵢ − bᵢ|, also known as taxicab, city block or L1 distance.
    Manhattan,
}

impl Metric {
    /// Names as [`Metric::parse`] takes them.
    pub const NAMES: &[&str] = &["cosine", "euclidean", "dot", "manhattan"];

    /// Every metric, in the order of [`Metric::NAMES`].
    pub const ALL: &[Metric] = &[Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan];

    /// The metric of that name: one of [`Metric::NAMES`].
    pub fn parse(name: &str) -> Option<Metric> {
        let at = Metric::NAMES.iter().position(|other| *other == name)?;
        Some(Metric::ALL[at])
    }

    /// A stable number for programs, from 0; numbers are never reused.
    pub fn code(self) -> i32 {
        match self {
            Metric::Cosine => 0,
            Metric::Euclidean => 1,
            Metric::Dot => 2,
            Metric::Manhattan => 3,
        }
    }

    /// What it is, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Metric::Cosine => "1 − cosine similarity",
            Metric::Euclidean => "straight-line distance, not squared",
            Metric::Dot => "negated inner product",
            Metric::Manhattan => "sum of absolute differences",
        }
    }

    /// Whether the distance is a sum over differences, not over products.
    pub(crate) fn of_differences(self) -> bool {
        matches!(self, Metric::Euclidean | Metric::Manhattan)
    }
}

/// The metric that the call's parameters name.
pub(crate) fn metric_of(call: &Call<'_>) -> Result<Metric, Error> {
    call.chosen(&METRIC, Metric::parse)
}

/// Distance of two vectors in a metric.
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
/// [`crate::vector::dot_product()`]; of [`crate::vector::manhattan_distance()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, vector::distance};
/// let (q, v) = ([1.0, 0.0, 0.0, 0.0], [3.0, 0.0, 4.0, 0.0]);
/// assert_eq!(distance(Metric::Cosine, &q, &v)?, 0.4);
/// assert_eq!(distance(Metric::Euclidean, &q, &v)?, 20f64.sqrt());
/// assert_eq!(distance(Metric::Dot, &q, &v)?, -3.0);
/// assert_eq!(distance(Metric::Manhattan, &q, &v)?, 6.0);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn distance(metric: Metric, a: &[f32], b: &[f32]) -> Result<f64, Error> {
    distance_with(Compute::new(), metric, a, b)
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
        Metric::Manhattan => rows::pair(Manhattan, compute, a, b),
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
    summary: "cosine = 1 − similarity, euclidean = unsquared, dot = negated dot product, manhattan = sum of absolute differences.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_distance",
    family: Family::Vector,
    summary: "Distance of two vectors in a chosen metric.",
    details: "cosine = 1 − cosine similarity, in [0, 2]; euclidean = √(Σ (aᵢ − bᵢ)²); dot = −Σ aᵢ·bᵢ; manhattan = Σ |aᵢ − bᵢ|. \
              The smaller, the more alike. A zero vector has cosine distance 1 from everything finite.",
    inputs: &[ID, A, B],
    optional: &[],
    params: &[METRIC, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column { name: "distance", kind: Kind::Float, unit: "that of the metric", summary: "The distance." },
    ],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "Two empty vectors have cosine distance 1, euclidean, dot and manhattan distance 0.",
    nan: shared::NAN_SUM,
    accuracy: "cosine as vector_cosine_similarity, and 2⁻⁵³ more for 1 − x; the others as vector_euclidean_distance, vector_dot_product and vector_manhattan_distance. \
               Same bits on every instruction set, thread count and batch shape.",
    streaming: Streaming::Rows,
    source: "Those of vector_cosine_similarity, vector_euclidean_distance, vector_dot_product and vector_manhattan_distance.",
    elements: shared::SUMS,
    sql: "As VECTOR_DISTANCE(metric, a, b), which has no manhattan.",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, 0.0, 0.0, 0.0]), Cell::Vector(&[3.0, 0.0, 4.0, 0.0])]],
        params: &[("metric", Cell::Text("cosine"))],
        outputs: &[&[Cell::Int(1), Cell::Float(0.4)]],
    },
    run: |call| {
        let (compute, a, b) = (rows::compute_of(call)?, call.vectors(0)?, call.vectors(1)?);
        let values = match metric_of(call)? {
            Metric::Cosine => rows::numbers(compute, Cosine, a, b, from_similarity)?,
            Metric::Euclidean => rows::numbers(compute, Euclidean, a, b, |v| v)?,
            Metric::Dot => rows::numbers(compute, Dot, a, b, from_dot)?,
            Metric::Manhattan => rows::numbers(compute, Manhattan, a, b, |v| v)?,
        };
        Ok(Output::same(Values::Float(values)))
    },
};
