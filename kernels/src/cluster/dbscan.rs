//! Density-based clusters.

use std::sync::atomic::{AtomicU32, Ordering};

use super::assign::EUCLIDEAN;
use super::nearest::Targets;
use super::points::{Points, by_id};
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::rows;

/// What [`dbscan`] says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Density {
    /// Its cluster, from 1; 0 for noise.
    pub cluster: u32,
    /// Whether it is a core point.
    pub core: bool,
    /// Rows within the radius, itself included.
    pub neighbors: u32,
}

/// Clusters of rows that are dense: DBSCAN (Ester, Kriegel, Sander and Xu 1996).
///
/// A row with at least `minimum` rows within `radius`, itself included, is a core point. Core points within the radius of
/// each other are in one cluster; another row within the radius of a core point belongs to its cluster, of several to
/// the one with the lowest number; the rest is noise. Clusters are numbered by their first core points in `order`, or
/// in input order.
///
/// # Shapes
///
/// m vectors of n dimensions; a list of m, `None` for NULL rows.
///
/// # Errors
///
/// [`Error::Dimensions`]; [`Error::Value`] for a vector that is empty or not finite.
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`]; all else is exact. Same for any threads and levels.
///
/// # Complexity
///
/// O(m²·n): every pair is looked at twice. 12 bytes of memory for each row and thread, and some for each border point's
/// neighbours.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, cluster};
/// let rows = Vectors::matrix(&[0.0, 1.0, 2.0, 50.0, 9.0, 10.0, 11.0], 1)?;
/// let found = cluster::dbscan(Compute::new(), &rows, None, 1.5, 2, Metric::Euclidean)?;
/// let clusters: Vec<u32> = found.iter().flatten().map(|row| row.cluster).collect();
/// assert_eq!(clusters, [1, 1, 1, 0, 2, 2, 2]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn dbscan(
    compute: Compute,
    vectors: &Vectors<'_>,
    order: Option<&[usize]>,
    radius: f64,
    minimum: u32,
    metric: Metric,
) -> Result<Vec<Option<Density>>, Error> {
    let list = Points::new(vectors, order)?.list;
    let pairs = Pairs { compute, vectors, list: &list, radius, metric };
    let counts: Vec<AtomicU32> = list.iter().map(|_| AtomicU32::new(1)).collect();
    let count = |i: usize| {
        counts[i].fetch_add(1, Ordering::Relaxed);
    };
    pairs.each(|| (), |(), i, j| (count(i), count(j)).0, |(), ()| ())?;
    let counts: Vec<u32> = counts.into_iter().map(AtomicU32::into_inner).collect();
    let core = |i: usize| counts[i] >= minimum;
    // Clusters of core points, and the core points near others.
    let (mut forest, near) = pairs.each(
        || (Forest::new(list.len()), Vec::new()),
        |(forest, near), i, j| match (core(i), core(j)) {
            (true, true) => forest.unite(i, j),
            (true, false) => near.push((j, i)),
            (false, true) => near.push((i, j)),
            (false, false) => {}
        },
        |(mut a, mut near), (b, other)| {
            (0..list.len()).for_each(|i| a.unite(i, b.parents[i] as usize));
            near.extend(other);
            (a, near)
        },
    )?;
    let (mut clusters, mut last) = (vec![0u32; list.len()], 0);
    for i in (0..list.len()).filter(|i| core(*i)) {
        // A tree's root is its first point, so it has been numbered.
        let root = forest.root(i);
        if root == i {
            last += 1;
            clusters[i] = last;
        } else {
            clusters[i] = clusters[root];
        }
    }
    for (i, core) in near {
        let cluster = clusters[core];
        clusters[i] = if clusters[i] == 0 { cluster } else { clusters[i].min(cluster) };
    }
    let mut out = vec![None; vectors.len()];
    for (i, row) in list.iter().enumerate() {
        out[*row] = Some(Density { cluster: clusters[i], core: core(i), neighbors: counts[i] });
    }
    Ok(out)
}

/// Rows looked at together.
const BLOCK: usize = 48;

struct Pairs<'a> {
    compute: Compute,
    vectors: &'a Vectors<'a>,
    list: &'a [usize],
    radius: f64,
    metric: Metric,
}

impl Pairs<'_> {
    /// Calls `take` with every pair of places in the list, the first below the second, whose rows lie within the radius.
    fn each<T: Send>(
        &self,
        none: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, usize, usize) + Sync,
        merge: impl Fn(T, T) -> T,
    ) -> Result<T, Error> {
        let m = self.list.len();
        let work = m.saturating_mul(self.vectors.bytes().len()) / 16;
        parallel::fold(
            m.div_ceil(BLOCK),
            work,
            none,
            |state, blocks| {
                for block in blocks {
                    let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(m));
                    let rows: Vec<&[u8]> = self.list[start..end]
                        .iter()
                        .map(|row| self.vectors.row(*row).unwrap_or_default())
                        .collect();
                    let targets = Targets {
                        compute: self.compute,
                        metric: self.metric,
                        vectors: &rows,
                        name: "another row",
                    };
                    targets.distances(self.vectors, &self.list[start..], |at, distances| {
                        for (i, distance) in distances.enumerate() {
                            if distance <= self.radius && i < at {
                                take(state, start + i, start + at);
                            }
                        }
                    })?;
                }
                Ok(())
            },
            merge,
        )
    }
}

/// Disjoint sets, each a tree with its least number at the root.
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn new(n: usize) -> Forest {
        // A column has fewer than 2³¹ rows.
        Forest { parents: (0..n as u32).collect() }
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.parents[i] as usize != i {
            // Each second edge is shortened on the way.
            self.parents[i] = self.parents[self.parents[i] as usize];
            i = self.parents[i] as usize;
        }
        i
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b) as u32;
    }
}

const RADIUS: Param = Param {
    name: "radius",
    kind: ParamKind::Float { min: -1e308, max: f64::MAX },
    default: None,
    summary: "Greatest distance of neighbours (ε), in the metric; negative only for dot.",
};
const MINIMUM: Param = Param {
    name: "minimum",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("5"),
    summary: "Least number of rows within the radius, itself included, that makes a row a core point.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_dbscan",
    family: Family::Vector,
    summary: "Density-based clusters and noise: DBSCAN, in any metric.",
    details: "A row with `minimum` rows within `radius`, itself included, is a core point. Core points within the radius of each other are in one cluster; another row within the radius of a core point belongs to its cluster, of several to the one with the lowest number; the rest is noise, cluster 0. Clusters are numbered from 1 by their core points' least ids.",
    inputs: &[ID, V],
    optional: &[],
    params: &[RADIUS, MINIMUM, EUCLIDEAN, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        Column {
            name: "cluster",
            kind: Kind::Int,
            unit: "number from 1",
            summary: "The cluster; 0 for noise.",
        },
        Column { name: "core", kind: Kind::Int, unit: "0 or 1", summary: "1 for a core point." },
        Column {
            name: "neighbors",
            kind: Kind::Int,
            unit: "rows",
            summary: "Rows within the radius, itself included.",
        },
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL and is nobody's neighbour. A NULL id comes last.",
    empty: "No rows give no rows. An empty vector is an error.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Distances have the bits of vector_distance, all else is exact: the same for any order of rows with distinct integer ids, number of threads and instruction set. O(rows² · dimensions).",
    streaming: Streaming::Whole("all rows"),
    source: "Ester, Kriegel, Sander and Xu 1996, \"A density-based algorithm for discovering clusters in large spatial databases with noise\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0])],
            &[Cell::Int(3), Cell::Vector(&[50.0])],
            &[Cell::Int(4), Cell::Vector(&[2.0])],
        ],
        params: &[("radius", Cell::Float(1.0)), ("minimum", Cell::Int(3))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(0), Cell::Int(2)],
            &[Cell::Int(2), Cell::Int(1), Cell::Int(1), Cell::Int(3)],
            &[Cell::Int(3), Cell::Int(0), Cell::Int(0), Cell::Int(1)],
            &[Cell::Int(4), Cell::Int(1), Cell::Int(0), Cell::Int(2)],
        ],
    },
    run: |call| {
        call.check_memory(
            "the clusters",
            12 * call.rows as u64 * (2 + parallel::workers(usize::MAX) as u64),
        )?;
        let found = dbscan(
            rows::compute_of(call)?,
            call.vectors(0)?,
            Some(&by_id(call)),
            call.params.float(RADIUS.name),
            call.params.int(MINIMUM.name) as u32,
            call.chosen(&EUCLIDEAN, Metric::parse)?,
        )?;
        let column =
            |of: fn(&Density) -> i32| Values::Int(found.iter().map(|row| row.as_ref().map(of)).collect());
        let columns = vec![
            column(|row| row.cluster as i32),
            column(|row| i32::from(row.core)),
            column(|row| row.neighbors as i32),
        ];
        Ok(Output { columns, picked: None })
    },
};
