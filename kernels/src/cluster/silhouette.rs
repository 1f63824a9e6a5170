//! Silhouettes: how well rows lie within their clusters.

use super::assign::{DISTANCE, check_distance};
use super::points::Points;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V, number};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::rows;
use crate::vector::targets::Targets;

/// How a row lies among the clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Silhouette {
    /// (other − own) / max(own, other): from −1, in the wrong cluster, to 1, far from all others; 0 where it is alone in
    /// its cluster, or both are 0.
    pub silhouette: f64,
    /// Mean distance of the other rows of its cluster; 0 where there are none.
    pub own: f64,
    /// Mean distance of the rows of the nearest other cluster.
    pub other: f64,
    /// That cluster's label, of equally near ones the least.
    pub neighbor: i64,
}

/// Silhouettes (Rousseeuw 1987): with a the mean distance of a row from the others of its cluster, and b the least of its mean
/// distances from the rows of another cluster, (b − a) / max(a, b).
///
/// A row whose label is `None` belongs to no cluster: it has no silhouette and is nobody's neighbour.
///
/// # Shapes
///
/// m vectors of n dimensions and a label for each; a list of m, `None` for NULL rows and for those without label.
///
/// # Errors
///
/// [`Error::Value`] for a single cluster, and for a vector that is empty or not finite; [`Error::Dimensions`];
/// [`Error::ParameterValue`] where there is not one label for each vector, or the metric is [`Metric::Dot`], which is no
/// distance.
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`] and are added in double precision, cluster by cluster, in the
/// order of `order`, or of the input. Same bits for any threads and levels. Where one of the means is infinite, because a
/// distance or a sum of distances leaves the range of doubles, the silhouette is NaN, and so is a mean that it counts in.
///
/// # Complexity
///
/// O(m²·n): each pair is computed twice. 8 bytes of memory for each cluster, row of a block and thread.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, cluster};
/// let rows = Vectors::matrix(&[0.0, 2.0, 10.0, 10.0, 55.0], 1)?;
/// let labels = [Some(1), Some(1), Some(2), Some(2), None];
/// let found = cluster::silhouette(Compute::new(), &rows, &labels, None, Metric::Euclidean)?;
/// assert_eq!(found[0].map(|row| (row.own, row.other, row.silhouette)), Some((2.0, 10.0, 0.8)));
/// assert!(found[2].is_some_and(|row| row.silhouette == 1.0) && found[4].is_none());
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn silhouette(
    compute: Compute,
    vectors: &Vectors<'_>,
    labels: &[Option<i64>],
    order: Option<&[usize]>,
    metric: Metric,
) -> Result<Vec<Option<Silhouette>>, Error> {
    let wrong = |name: &str, value: String, expected: String| Error::ParameterValue {
        name: name.into(),
        value,
        expected,
    };
    if labels.len() != vectors.len() {
        let expected = format!("{}, one for each vector", vectors.len());
        return Err(wrong("labels", format!("{} values", labels.len()), expected));
    }
    check_distance(metric)?;
    let mut list = Points::new(vectors, order)?.list;
    list.retain(|row| labels[*row].is_some());
    let mut out = vec![None; vectors.len()];
    if list.is_empty() {
        return Ok(out);
    }
    // A stable sort: within a cluster the order stays.
    list.sort_by_key(|row| labels[*row]);
    let mut names: Vec<i64> = list.iter().filter_map(|row| labels[*row]).collect();
    names.dedup();
    if names.len() < 2 {
        return Err(Error::Value {
            place: LABEL.name.into(),
            row: 0,
            found: format!("one cluster, {}", names[0]),
            expected: "two or more, whose rows are compared".into(),
        });
    }
    let mut clusters = Vec::with_capacity(list.len());
    let mut members = vec![0u64; names.len()];
    for row in &list {
        let cluster = names.partition_point(|name| Some(*name) < labels[*row]);
        clusters.push(cluster);
        members[cluster] += 1;
    }
    let all = Sums { compute, vectors, list: &list, clusters: &clusters, members: &members, metric };
    let work = list.len().saturating_mul(vectors.bytes().len()) / 16;
    let blocks = list.len().div_ceil(BLOCK);
    let found = parallel::blocks(blocks, work, |range| {
        range.map(|block| all.block(block)).collect::<Result<Vec<_>, Error>>()
    })?;
    for (row, found) in list.iter().zip(found.into_iter().flatten().flatten()) {
        let Found { silhouette, own, other, neighbor } = found;
        out[*row] = Some(Silhouette { silhouette, own, other, neighbor: names[neighbor] });
    }
    Ok(out)
}

/// The mean silhouette of the rows that have one, added in that order, or in input order; `None` where none has.
pub fn mean_silhouette(found: &[Option<Silhouette>], order: Option<&[usize]>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    let mut add = |row: usize| {
        if let Some(row) = found[row] {
            sum += row.silhouette;
            count += 1;
        }
    };
    match order {
        Some(order) => order.iter().for_each(|row| add(*row)),
        None => (0..found.len()).for_each(&mut add),
    }
    (count > 0).then(|| sum / count as f64)
}

/// Rows looked at together.
const BLOCK: usize = 48;

struct Sums<'a> {
    compute: Compute,
    vectors: &'a Vectors<'a>,
    /// Rows cluster by cluster.
    list: &'a [usize],
    /// The cluster of each.
    clusters: &'a [usize],
    members: &'a [u64],
    metric: Metric,
}

/// [`Silhouette`] with the number of the neighbour.
struct Found {
    silhouette: f64,
    own: f64,
    other: f64,
    neighbor: usize,
}

impl Sums<'_> {
    /// Of a block of rows.
    fn block(&self, block: usize) -> Result<Vec<Found>, Error> {
        let range = block * BLOCK..((block + 1) * BLOCK).min(self.list.len());
        let rows: Vec<&[u8]> =
            self.list[range.clone()].iter().map(|row| self.vectors.row(*row).unwrap_or_default()).collect();
        let (count, mut sums) = (rows.len(), vec![0.0; rows.len() * self.members.len()]);
        let targets =
            Targets { compute: self.compute, metric: self.metric, vectors: &rows, name: "another row" };
        targets.distances(self.vectors, self.list, |at, distances| {
            let own = &mut sums[self.clusters[at] * count..][..count];
            for (i, (sum, distance)) in own.iter_mut().zip(distances).enumerate() {
                // A row is no other row, even where its cosine distance from itself is not 0.
                if at != range.start + i {
                    *sum += distance;
                }
            }
        })?;
        let found = range.clone().enumerate().map(|(i, at)| {
            let own_cluster = self.clusters[at];
            let others = self.members[own_cluster] - 1;
            let own = if others == 0 { 0.0 } else { sums[own_cluster * count + i] / others as f64 };
            let (mut other, mut neighbor) = (f64::INFINITY, usize::from(own_cluster == 0));
            for (cluster, members) in self.members.iter().enumerate().filter(|(c, _)| *c != own_cluster) {
                let mean = sums[cluster * count + i] / *members as f64;
                if mean < other {
                    (other, neighbor) = (mean, cluster);
                }
            }
            let most = own.max(other);
            let silhouette = if others == 0 || most == 0.0 { 0.0 } else { (other - own) / most };
            Found { silhouette, own, other, neighbor }
        });
        Ok(found.collect())
    }
}

const LABEL: Column = Column {
    name: "cluster",
    kind: Kind::Int,
    unit: "1",
    summary: "The row's cluster; NULL, or no more than `noise`, for none.",
};
const NOISE: Param = Param {
    name: "noise",
    kind: ParamKind::Int { min: i32::MIN as i64, max: i32::MAX as i64 },
    default: Some("0"),
    summary: "Rows with this label, or a smaller one, belong to no cluster: 0 for the clusters of the kernels here, which count from 1; -1 for those that count from 0.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_silhouette",
    family: Family::Vector,
    summary: "Silhouettes: how much nearer a row is to its own cluster than to the next one.",
    details: "With a the mean distance of the other rows of its cluster, and b that of the rows of the nearest other cluster, (b − a) / max(a, b): from −1, in the wrong cluster, to 1. A row that is alone in its cluster has 0. Noise is left out: it has NULL, and counts for nobody. The mean over all rows measures a whole clustering.",
    inputs: &[ID, V, LABEL],
    optional: &[],
    params: &[DISTANCE, NOISE, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        number("silhouette", "1", "The silhouette, from −1 to 1."),
        number(
            "own",
            "that of the metric",
            "Mean distance of the other rows of its cluster; 0 where there are none.",
        ),
        number("other", "that of the metric", "Mean distance of the rows of the nearest other cluster."),
        Column {
            name: "neighbor",
            kind: Kind::Int,
            unit: "1",
            summary: "That cluster, of equally near ones the one with the least number.",
        },
        number("mean", "1", "The mean silhouette of all rows that have one, in each row."),
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector or a NULL cluster gives NULL and counts for nobody. A NULL id comes last.",
    empty: "No rows give no rows. A single cluster and an empty vector are an error.",
    nan: "A vector that is not finite is an error that names its row. Where distances or their sums leave the range of doubles, the means are infinite; where one is, the silhouette is NaN, and the mean of all rows too.",
    accuracy: "Distances have the bits of vector_distance, and are added in double precision by rising id: same bits for any order of rows with distinct integer ids, number of threads and instruction set. O(rows² · dimensions).",
    streaming: Streaming::Whole("all rows"),
    source: "Rousseeuw 1987, \"Silhouettes: a graphical aid to the interpretation and validation of cluster analysis\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0]), Cell::Int(1)],
            &[Cell::Int(2), Cell::Vector(&[2.0]), Cell::Int(1)],
            &[Cell::Int(3), Cell::Vector(&[10.0]), Cell::Int(2)],
            &[Cell::Int(4), Cell::Vector(&[55.0]), Cell::Int(0)],
        ],
        params: &[],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Float(0.8),
                Cell::Float(2.0),
                Cell::Float(10.0),
                Cell::Int(2),
                Cell::Float(0.5166666666666667),
            ],
            &[
                Cell::Int(2),
                Cell::Float(0.75),
                Cell::Float(2.0),
                Cell::Float(8.0),
                Cell::Int(2),
                Cell::Float(0.5166666666666667),
            ],
            &[
                Cell::Int(3),
                Cell::Float(0.0),
                Cell::Float(0.0),
                Cell::Float(9.0),
                Cell::Int(1),
                Cell::Float(0.5166666666666667),
            ],
            &[Cell::Int(4), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
        ],
    },
    run: |call| {
        let noise = call.params.int(NOISE.name);
        let given = call.integers(LABEL.name);
        let labels: Vec<Option<i64>> = given.iter().map(|label| label.filter(|l| *l > noise)).collect();
        let mut names: Vec<i64> = labels.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let blocks = (names.len() * BLOCK) as u64 * 8 * parallel::workers(usize::MAX) as u64;
        call.check_memory("the silhouettes", blocks.saturating_add(160 * call.rows as u64))?;
        let (compute, order) = (rows::compute_of(call)?, call.by_id());
        let metric = call.chosen(&DISTANCE, Metric::parse)?;
        let found = silhouette(compute, call.vectors(0)?, &labels, Some(&order), metric)?;
        let mean = mean_silhouette(&found, Some(&order));
        let column = |of: fn(&Silhouette) -> f64| {
            Values::Float(found.iter().map(|row| row.as_ref().map(of)).collect())
        };
        let columns = vec![
            column(|row| row.silhouette),
            column(|row| row.own),
            column(|row| row.other),
            // Labels are of 32 bits.
            Values::Int(found.iter().map(|row| row.map(|row| row.neighbor as i32)).collect()),
            Values::Float(found.iter().map(|row| row.and(mean)).collect()),
        ];
        Ok(Output { columns, picked: None })
    },
};
