//! Assignment of rows to given centroids.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::vector::Metric;
use crate::vector::distance::METRIC;
use crate::vector::rows;
use crate::vector::targets::Targets;

/// The nearest centroid of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Assignment {
    /// Its number, from 0.
    pub cluster: u32,
    /// Its distance.
    pub distance: f64,
    /// The distance of the next one; infinite where there is only one.
    pub second: f64,
}

/// The nearest centroid of each row, of equal ones the first; `None` for a NULL row.
///
/// # Shapes
///
/// m vectors of n dimensions and k centroids of n dimensions; a list of m.
///
/// # Errors
///
/// [`Error::Dimensions`] where a row is not as long as the centroids; [`Error::ParameterValue`] for no centroids, or NULL
/// or shorter ones among them, or of another width.
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`]. A distance that is NaN comes after all others.
///
/// # Complexity
///
/// O(m·n·k).
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, cluster};
/// let rows = Vectors::matrix(&[0.0, 1.0, 8.0, 8.0], 2)?;
/// let centroids = Vectors::matrix(&[9.0, 8.0, 0.0, 0.0], 2)?;
/// let found = cluster::assign(Compute::new(), &rows, &centroids, Metric::Euclidean)?;
/// assert_eq!(found[0].map(|a| (a.cluster, a.distance)), Some((1, 1.0)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn assign(
    compute: Compute,
    vectors: &Vectors<'_>,
    centroids: &Vectors<'_>,
    metric: Metric,
) -> Result<Vec<Option<Assignment>>, Error> {
    let rows: Option<Vec<&[u8]>> = (0..centroids.len()).map(|i| centroids.row(i)).collect();
    let rows = rows.filter(|rows| {
        let equal = rows.iter().all(|row| row.len() == rows[0].len());
        equal && !rows.is_empty() && centroids.width() == vectors.width()
    });
    let Some(rows) = rows else {
        return Err(Error::ParameterValue {
            name: CENTROIDS.name.into(),
            value: format!("{} vectors of {}", centroids.len(), centroids.element().name()),
            expected: "one or more, none NULL, of one dimension, and as wide as the rows".into(),
        });
    };
    let list: Vec<usize> = (0..vectors.len()).filter(|row| vectors.row(*row).is_some()).collect();
    let targets = Targets { compute, metric, vectors: &rows, name: "a centroid" };
    let mut out = vec![None; vectors.len()];
    for (row, found) in list.iter().zip(targets.nearest(vectors, &list)?) {
        out[*row] = Some(Assignment { cluster: found.index, distance: found.distance, second: found.second });
    }
    Ok(out)
}

const CENTROIDS: Param = Param {
    name: "centroids",
    kind: ParamKind::Vector,
    default: None,
    summary: "The centroids, one after the other in one packed value or JSON array.",
};
const CENTROID_COUNT: Param = Param {
    name: "centroid_count",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: Some("1"),
    summary: "Number of centroids in `centroids`.",
};
/// The metric of kernels for clusters and outliers.
pub(crate) const EUCLIDEAN: Param = Param { default: Some("euclidean"), ..METRIC };
/// The same for those that need a distance, which a dot product is not.
pub(crate) const DISTANCE: Param = Param {
    kind: ParamKind::Choice(&["cosine", "euclidean", "manhattan"]),
    summary: "cosine = 1 − similarity, euclidean = unsquared, manhattan = sum of absolute differences.",
    ..EUCLIDEAN
};

/// Refuses a metric that is no distance.
pub(crate) fn check_distance(metric: Metric) -> Result<(), Error> {
    if metric != Metric::Dot {
        return Ok(());
    }
    Err(Error::ParameterValue {
        name: DISTANCE.name.into(),
        value: "'dot'".into(),
        expected: format!("{}: dot is no distance", DISTANCE.kind.describe()),
    })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_assign",
    family: Family::Vector,
    summary: "The nearest of given centroids for each row.",
    details: "Of centroids at the same distance the first. With those of vector_kmeans the rows get the clusters that the search ended with.",
    inputs: &[ID, V],
    optional: &[],
    params: &[CENTROIDS, CENTROID_COUNT, EUCLIDEAN, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column {
            name: "cluster",
            kind: Kind::Int,
            unit: "number from 1",
            summary: "Position of the nearest centroid.",
        },
        Column {
            name: "distance",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "Its distance, as vector_distance.",
        },
        Column {
            name: "second",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "The distance of the next centroid; NULL where there is only one.",
        },
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL.",
    empty: "No rows give no rows. Empty centroids are an error.",
    nan: "A distance that is NaN comes after all others; where all are NaN, the first centroid has it.",
    accuracy: "Distances have the bits of vector_distance, on every machine and for any number of threads. O(rows · dimensions · centroids).",
    streaming: Streaming::Rows,
    source: "The assignment step of Lloyd 1982, \"Least squares quantization in PCM\".",
    elements: "",
    sql: "From the rows of vector_kmeans with JSON centroids @centroids is '[' + STRING_AGG(SUBSTRING(centroid, 2, LEN(centroid) - 2), ',') WITHIN GROUP (ORDER BY cluster) + ']'.",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0, 1.0])],
            &[Cell::Int(2), Cell::Null],
            &[Cell::Int(3), Cell::Vector(&[9.0, 7.0])],
        ],
        params: &[("centroids", Cell::Vector(&[9.0, 8.0, 0.0, 8.0])), ("centroid_count", Cell::Int(2))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(2), Cell::Float(7.0), Cell::Float(11.40175425099138)],
            &[Cell::Int(2), Cell::Null, Cell::Null, Cell::Null],
            &[Cell::Int(3), Cell::Int(1), Cell::Float(1.0), Cell::Float(9.055385138137417)],
        ],
    },
    run: |call| {
        let given = call.params.vector(CENTROIDS.name)?;
        let (count, numbers) =
            (call.params.int(CENTROID_COUNT.name) as usize, given.dimensions(0).unwrap_or(0));
        if numbers == 0 || !numbers.is_multiple_of(count) {
            return Err(Error::ParameterValue {
                name: CENTROIDS.name.into(),
                value: format!("{numbers} numbers"),
                expected: format!("a positive multiple of centroid_count = {count}"),
            });
        }
        let centroids = given.reshape(numbers / count);
        let metric = call.chosen(&EUCLIDEAN, Metric::parse)?;
        let found = assign(rows::compute_of(call)?, call.vectors(0)?, &centroids, metric)?;
        let float = |of: fn(&Assignment) -> Option<f64>| {
            Values::Float(found.iter().map(|a| a.as_ref().and_then(of)).collect())
        };
        Ok(Output {
            columns: vec![
                Values::Int(found.iter().map(|a| a.map(|a| a.cluster as i32 + 1)).collect()),
                float(|a| Some(a.distance)),
                if count == 1 { float(|_| None) } else { float(|a| Some(a.second)) },
            ],
            picked: None,
        })
    },
};
