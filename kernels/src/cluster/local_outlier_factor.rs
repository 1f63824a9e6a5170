//! Local outlier factors, and distances of nearest neighbours.

use super::assign::{DISTANCE, check_distance};
use super::points::{Points, codes_of, not_enough};
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V, number};
use crate::contract::{Cell, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::vector::rows;
use crate::vector::{Hit, Metric, TopK};

/// How a row lies among its nearest neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outlier {
    /// Local outlier factor: about 1 within a cluster, greater for outliers.
    pub factor: f64,
    /// Distance of the k-th nearest other row.
    pub distance: f64,
    /// Mean distance of the k nearest other rows.
    pub mean_distance: f64,
}

/// Local outlier factors (Breunig, Kriegel, Ng and Sander 2000): how much less dense the place of a row is than those of
/// its `k` nearest others.
///
/// With d the distance and d_k(o) that of o's k-th nearest, the reachability of p from o is max(d_k(o), d(p, o)), the
/// density of p one over the mean of it over p's k nearest, and the factor the mean of their densities over p's.
/// A neighbourhood has exactly k rows: of those at the same distance the first in `order`, or in the input. Rows with k
/// others at the same place are infinitely dense: among themselves their factor is 1, that of their neighbours infinite.
///
/// # Shapes
///
/// m vectors of n dimensions; a list of m, `None` for NULL rows.
///
/// # Errors
///
/// [`Error::Value`] for fewer than k + 1 vectors, unless there are none, and for one that is empty or not finite; [`Error::Dimensions`];
/// [`Error::ParameterValue`] where k is 0, or the metric is [`Metric::Dot`], which is no distance; [`Error::Memory`].
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`]; densities and factors are sums in double precision in the
/// order of the neighbours. Same bits for any threads and levels.
///
/// # Complexity
///
/// O(m²·n); 40 bytes for each row, neighbour and thread, and n + 40 for each row.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, cluster};
/// let rows = Vectors::matrix(&[0.0, 1.0, 2.0, 3.0, 30.0], 1)?;
/// let found = cluster::local_outlier_factor(Compute::new(), &rows, None, 2, Metric::Euclidean)?;
/// assert!(found[1].is_some_and(|row| row.factor < 1.5) && found[4].is_some_and(|row| row.factor > 10.0));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn local_outlier_factor(
    compute: Compute,
    vectors: &Vectors<'_>,
    order: Option<&[usize]>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Option<Outlier>>, Error> {
    let wrong = |name: &str, value: String, expected: &str| Error::ParameterValue {
        name: name.into(),
        value,
        expected: expected.into(),
    };
    if k == 0 {
        return Err(wrong(NEIGHBORS.name, "0".into(), "an integer ≥ 1"));
    }
    check_distance(metric)?;
    let list = Points::new(vectors, order)?.list;
    if list.is_empty() {
        return Ok(vec![None; vectors.len()]);
    }
    if list.len() <= k {
        let expected = format!("{} or more, one more than neighbors", k + 1);
        return Err(not_enough(vectors, list.len(), &expected));
    }
    let points = vectors.picked(&list);
    let codes = codes_of(compute, &points, metric)?;
    let mut search = TopK::new(k + 1).metric(metric).compute(compute);
    if let Some(codes) = &codes {
        search = search.codes(codes);
    }
    let found = search.search(&points, &points)?;
    let near: Vec<Vec<Hit>> = found
        .into_iter()
        .enumerate()
        .map(|(i, mut hits)| {
            // With many rows at the same place, a row may not be among its own nearest.
            match hits.iter().position(|hit| hit.row == i) {
                Some(own) => hits.remove(own),
                None => hits.remove(k),
            };
            hits
        })
        .collect();
    let farthest = |i: usize| near[i][k - 1].distance;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / k as f64;
    let density =
        |hits: &Vec<Hit>| 1.0 / mean(&mut hits.iter().map(|hit| hit.distance.max(farthest(hit.row))));
    let densities: Vec<f64> = near.iter().map(density).collect();
    let mut out = vec![None; vectors.len()];
    for (i, hits) in near.iter().enumerate() {
        let ratio = |hit: &Hit| {
            let (theirs, own) = (densities[hit.row], densities[i]);
            if theirs.is_infinite() && own.is_infinite() { 1.0 } else { theirs / own }
        };
        out[list[i]] = Some(Outlier {
            factor: mean(&mut hits.iter().map(ratio)),
            distance: farthest(i),
            mean_distance: mean(&mut hits.iter().map(|hit| hit.distance)),
        });
    }
    Ok(out)
}

const NEIGHBORS: Param = Param {
    name: "neighbors",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: Some("20"),
    summary: "Neighbours of a row (k).",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_local_outlier_factor",
    family: Family::Vector,
    summary: "Local outlier factors: how much less dense a row's place is than those of its nearest neighbours.",
    details: "With d the distance and d_k(o) that of o's k-th nearest, the reachability of p from o is max(d_k(o), d(p, o)), the density of p one over the mean of it over p's k nearest, and the factor the mean of their densities over p's: about 1 within a cluster. A neighbourhood has exactly k rows, of those at the same distance those with the smaller ids. The distances of the nearest neighbours are outlier scores too.",
    inputs: &[ID, V],
    optional: &[],
    params: &[NEIGHBORS, DISTANCE, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        number(
            "factor",
            "1",
            "The local outlier factor; infinite beside rows with k others at the same place.",
        ),
        number("distance", "that of the metric", "Distance of the k-th nearest other row."),
        number("mean_distance", "that of the metric", "Mean distance of the k nearest other rows."),
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.",
    empty: "No rows give no rows. Other numbers of vectors up to that of the neighbours are an error; so is an empty vector.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Distances have the bits of vector_distance; sums over neighbours are in double precision, in their order. Same bits for any order of rows with distinct integer ids, number of threads and instruction set. O(rows² · dimensions).",
    streaming: Streaming::Whole("all rows"),
    source: "Breunig, Kriegel, Ng and Sander 2000, \"LOF: identifying density-based local outliers\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0])],
            &[Cell::Int(3), Cell::Vector(&[2.0])],
            &[Cell::Int(4), Cell::Vector(&[10.0])],
        ],
        params: &[("neighbors", Cell::Int(1))],
        outputs: &[
            &[Cell::Int(1), Cell::Float(1.0), Cell::Float(1.0), Cell::Float(1.0)],
            &[Cell::Int(2), Cell::Float(1.0), Cell::Float(1.0), Cell::Float(1.0)],
            &[Cell::Int(3), Cell::Float(1.0), Cell::Float(1.0), Cell::Float(1.0)],
            &[Cell::Int(4), Cell::Float(8.0), Cell::Float(8.0), Cell::Float(8.0)],
        ],
    },
    run: |call| {
        let k = call.params.int(NEIGHBORS.name) as usize;
        let codes = call.vectors(0)?.bytes().len() as u64 / 4;
        let neighbors = (call.rows as u64).saturating_mul(64 * (k as u64 + 2));
        call.check_memory("the neighbours", neighbors.saturating_add(codes))?;
        let metric = call.chosen(&DISTANCE, Metric::parse)?;
        let compute = rows::compute_of(call)?;
        let found = local_outlier_factor(compute, call.vectors(0)?, Some(&call.by_id()), k, metric)?;
        let column =
            |of: fn(&Outlier) -> f64| Values::Float(found.iter().map(|row| row.as_ref().map(of)).collect());
        let columns =
            vec![column(|row| row.factor), column(|row| row.distance), column(|row| row.mean_distance)];
        Ok(Output { columns, picked: None })
    },
};
