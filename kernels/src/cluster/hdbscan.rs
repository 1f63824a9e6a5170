//! Density-based clusters of any density.

use super::assign::{DISTANCE, check_distance};
use super::condense;
use super::points::{Points, codes_of, not_enough};
use super::spanning::Rows;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V, number};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::vector::rows;
use crate::vector::{Metric, TopK};

/// What [`hdbscan`] says of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dense {
    /// Its cluster, from 1; 0 for noise.
    pub cluster: u32,
    /// How firmly it belongs: λ at which it leaves over the greatest of its cluster, at most 1; 0 for noise.
    pub probability: f64,
    /// Distance of the `samples`-th nearest row, itself included.
    pub core: f64,
}

/// Clusters of rows that are denser than what is around them, each at its own density: HDBSCAN (Campello, Moulavi and Sander
/// 2013).
///
/// A row's core distance is that of its `samples`-th nearest row, itself included; two rows are as far apart as the greatest of
/// their distance and both core distances. As λ, one over that distance, rises, the rows fall apart; a part with fewer than
/// `least` rows has left its cluster; if both parts have at least that many, they are new clusters. Of nested clusters those
/// are taken whose excess of mass, Σ (λ at which a row leaves − λ at which the cluster began), is greatest together; the
/// cluster of all rows never is. Clusters are numbered by their first rows in `order`, or in input order. Among edges of equal
/// length, the one that Prim's algorithm, started at the first row, finds first counts as the shorter. Apart from the
/// numbering, the order decides nothing else.
///
/// # Shapes
///
/// m vectors of n dimensions; a list of m, `None` for NULL rows.
///
/// # Errors
///
/// [`Error::Value`] for fewer vectors than `samples`, unless there are none, and for one that is empty or not finite;
/// [`Error::Dimensions`]; [`Error::ParameterValue`] where `least` is below 2 or `samples` is 0, or the metric is
/// [`Metric::Dot`], which is no distance; [`Error::Memory`].
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`], sums of λ are in double precision. Same bits for any threads and
/// levels.
///
/// # Complexity
///
/// O(m²·n) at most, one row after the other; most distances are excluded by core distances and codes of 8 bits. n + 140
/// bytes of memory for each row, and 40 for each row, sample and thread.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, cluster};
/// let rows = Vectors::matrix(&[0.0, 1.0, 2.0, 500.0, 90.0, 90.1, 90.2], 1)?;
/// let found = cluster::hdbscan(Compute::new(), &rows, None, 3, 2, Metric::Euclidean)?;
/// let clusters: Vec<u32> = found.iter().flatten().map(|row| row.cluster).collect();
/// assert_eq!(clusters, [1, 1, 1, 0, 2, 2, 2]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn hdbscan(
    compute: Compute,
    vectors: &Vectors<'_>,
    order: Option<&[usize]>,
    least: usize,
    samples: usize,
    metric: Metric,
) -> Result<Vec<Option<Dense>>, Error> {
    let wrong = |name: &str, value: String, expected: &str| Error::ParameterValue {
        name: name.into(),
        value,
        expected: expected.into(),
    };
    if least < 2 {
        return Err(wrong(LEAST.name, least.to_string(), "an integer ≥ 2"));
    }
    if samples == 0 {
        return Err(wrong(SAMPLES.name, "0".into(), "an integer ≥ 1"));
    }
    check_distance(metric)?;
    let list = Points::new(vectors, order)?.list;
    let mut out = vec![None; vectors.len()];
    if list.is_empty() {
        return Ok(out);
    }
    check_count(vectors, list.len(), samples, SAMPLES.name)?;
    let points = vectors.picked(&list);
    let codes = codes_of(compute, &points, metric)?;
    let mut search = TopK::new(samples).metric(metric).compute(compute);
    if let Some(codes) = &codes {
        search = search.codes(codes);
    }
    let near = search.search(&points, &points)?;
    let cores: Vec<f64> = near.iter().map(|hits| hits.last().map_or(0.0, |hit| hit.distance)).collect();
    drop(near);
    let tree = Rows { compute, points: &points, codes: codes.as_ref(), cores: &cores, metric }.tree()?;
    for ((row, member), core) in list.iter().zip(condense::clusters(&tree, list.len(), least)).zip(cores) {
        out[*row] = Some(Dense { cluster: member.cluster, probability: member.probability, core });
    }
    Ok(out)
}

/// Refuses fewer vectors than a core distance takes, unless there are none.
fn check_count(vectors: &Vectors<'_>, found: usize, samples: usize, param: &str) -> Result<(), Error> {
    if found == 0 || found >= samples {
        return Ok(());
    }
    Err(not_enough(vectors, found, &format!("{samples} or more, as {param} says")))
}

const LEAST: Param = Param {
    name: "minimum",
    kind: ParamKind::Int { min: 2, max: i32::MAX as i64 },
    default: Some("5"),
    summary: "Least number of rows of a cluster.",
};
const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Int { min: 0, max: 1_000_000 },
    default: Some("0"),
    summary: "Rows, itself included, within a row's core distance: the more, the smoother the density; 0: as many as `minimum`.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_hdbscan",
    family: Family::Vector,
    summary: "Density-based clusters and noise at any density: HDBSCAN.",
    details: "A row's core distance is that of its `samples`-th nearest row, itself included; two rows are as far apart as the greatest of their distance and both core distances. As λ, one over that distance, rises, the rows fall apart: a part with fewer than `minimum` rows leaves its cluster; if both parts have at least that many, they are new clusters. Of nested clusters those are taken whose excess of mass, the sum over rows of λ at which they leave less λ at which the cluster began, is greatest together; the cluster of all rows never is. The rest is noise, cluster 0. Clusters are numbered from 1 by their rows' least ids.",
    inputs: &[ID, V],
    optional: &[],
    params: &[LEAST, SAMPLES, DISTANCE, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column {
            name: "cluster",
            kind: Kind::Int,
            unit: "number from 1",
            summary: "The cluster; 0 for noise.",
        },
        number(
            "probability",
            "1",
            "How firmly the row belongs: λ at which it leaves, over the greatest λ of its cluster; 0 for noise.",
        ),
        number(
            "core_distance",
            "that of the metric",
            "Distance of the `samples`-th nearest row, itself included.",
        ),
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.",
    empty: "No rows give no rows. Other numbers of vectors below `samples` (with 0: `minimum`) are an error; so is an empty vector.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Distances have the bits of vector_distance; sums of λ are in double precision. Where distances are equal, the rows' ids decide which is the shorter. The same for any order of rows with distinct integer ids, number of threads and instruction set. O(rows² · dimensions) at most.",
    streaming: Streaming::Whole("all rows"),
    source: "Campello, Moulavi and Sander 2013, \"Density-based clustering based on hierarchical density estimates\"; Prim 1957, \"Shortest connection networks and some generalizations\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0])],
            &[Cell::Int(3), Cell::Vector(&[200.0])],
            &[Cell::Int(4), Cell::Vector(&[90.0])],
            &[Cell::Int(5), Cell::Vector(&[92.0])],
        ],
        params: &[("minimum", Cell::Int(2))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Float(1.0), Cell::Float(1.0)],
            &[Cell::Int(2), Cell::Int(1), Cell::Float(1.0), Cell::Float(1.0)],
            &[Cell::Int(3), Cell::Int(0), Cell::Float(0.0), Cell::Float(108.0)],
            &[Cell::Int(4), Cell::Int(2), Cell::Float(1.0), Cell::Float(2.0)],
            &[Cell::Int(5), Cell::Int(2), Cell::Float(1.0), Cell::Float(2.0)],
        ],
    },
    run: |call| {
        let least = call.params.int(LEAST.name) as usize;
        let (samples, param) = match call.params.int(SAMPLES.name) as usize {
            0 => (least, LEAST.name),
            samples => (samples, SAMPLES.name),
        };
        let given = call.given_vectors(0);
        let count = (0..call.rows).filter(|row| given.dimensions(*row).is_some()).count();
        check_count(given, count, samples, param)?;
        let codes = call.vectors(0)?.bytes().len() as u64 / 4;
        let neighbors = (call.rows as u64).saturating_mul(64 * samples as u64 + 180);
        call.check_memory("the clusters", neighbors.saturating_add(codes))?;
        let metric = call.chosen(&DISTANCE, Metric::parse)?;
        let compute = rows::compute_of(call)?;
        let found = hdbscan(compute, call.vectors(0)?, Some(&call.by_id()), least, samples, metric)?;
        let column =
            |of: fn(&Dense) -> f64| Values::Float(found.iter().map(|row| row.as_ref().map(of)).collect());
        let columns = vec![
            Values::Int(found.iter().map(|row| row.map(|row| row.cluster as i32)).collect()),
            column(|row| row.probability),
            column(|row| row.core),
        ];
        Ok(Output { columns, picked: None })
    },
};
