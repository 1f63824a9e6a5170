//! Density-based clusters.

use std::sync::atomic::{AtomicU32, Ordering};

use super::assign::EUCLIDEAN;
use super::forest::Forest;
use super::points::{Points, codes_of};
use crate::arch::LANES;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::codes::search::{within, within_bytes};
use crate::vector::codes::{Bounded, Codes};
use crate::vector::distance::of_packed;
use crate::vector::rows;
use crate::vector::targets::Targets;

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
/// O(m²·n): every pair is looked at once, those of core points and those with border points once more, most by codes of 8
/// bits alone. n + 160 bytes of memory for each row, 4 for each row and thread, and 0.6 MB for each thread.
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
    let points = vectors.picked(&list);
    let codes = if radius.is_nan() { None } else { codes_of(compute, &points, metric)? };
    let pairs = Pairs { compute, points: &points, codes: codes.as_ref(), radius, metric };
    let all: Vec<usize> = (0..list.len()).collect();
    let counts: Vec<AtomicU32> = list.iter().map(|_| AtomicU32::new(1)).collect();
    let count = |i: usize| {
        counts[i].fetch_add(1, Ordering::Relaxed);
    };
    let later = Those { later: true, pass: &|_| true };
    pairs.each(&all, later, || (), |(), i, j| (count(i), count(j)).0, |(), ()| ())?;
    let counts: Vec<u32> = counts.into_iter().map(AtomicU32::into_inner).collect();
    let core = |i: usize| counts[i] >= minimum;
    let cores: Vec<usize> = all.iter().copied().filter(|i| core(*i)).collect();
    let mut forest = pairs.each(
        &cores,
        Those { later: true, pass: &core },
        || Forest::new(list.len()),
        |forest, i, j| forest.unite(i, j),
        |mut a, b| {
            a.join(&b);
            a
        },
    )?;
    let (mut clusters, mut last) = (vec![0u32; list.len()], 0);
    for i in cores {
        // A tree's root is its first point, so it has been numbered.
        let root = forest.root(i);
        if root == i {
            last += 1;
            clusters[i] = last;
        } else {
            clusters[i] = clusters[root];
        }
    }
    // Rows with neighbours that are no core points themselves.
    let border: Vec<usize> = all.into_iter().filter(|i| !core(*i) && counts[*i] > 1).collect();
    let of_border: Vec<AtomicU32> = border.iter().map(|_| AtomicU32::new(u32::MAX)).collect();
    let lower = |i: usize, j: usize| {
        if let Ok(at) = border.binary_search(&i) {
            of_border[at].fetch_min(clusters[j], Ordering::Relaxed);
        }
    };
    pairs.each(&border, Those { later: false, pass: &core }, || (), |(), i, j| lower(i, j), |(), ()| ())?;
    for (i, cluster) in border.iter().zip(of_border) {
        clusters[*i] = match cluster.into_inner() {
            u32::MAX => 0,
            least => least,
        };
    }
    let mut out = vec![None; vectors.len()];
    for (i, row) in list.iter().enumerate() {
        out[*row] = Some(Density { cluster: clusters[i], core: core(i), neighbors: counts[i] });
    }
    Ok(out)
}

/// Rows looked at together.
const BLOCK: usize = 48;
/// Other rows that they are compared with at once without codes.
const OTHERS: usize = 4096;

struct Pairs<'a> {
    compute: Compute,
    /// The rows, none of which is NULL.
    points: &'a Vectors<'a>,
    codes: Option<&'a Codes>,
    radius: f64,
    metric: Metric,
}

/// Which other rows a row is compared with: those that pass, and come after it where `later`.
#[derive(Clone, Copy)]
struct Those<'a> {
    later: bool,
    pass: &'a (dyn Fn(usize) -> bool + Sync),
}

impl Those<'_> {
    /// The first row that the rows from `start` on are compared with.
    fn first(self, start: usize) -> usize {
        if self.later { start } else { 0 }
    }

    fn pass(self, i: usize, j: usize) -> bool {
        (!self.later || i < j) && (self.pass)(j)
    }
}

impl Pairs<'_> {
    /// Calls `take` with each of `rows`, which rise, and each of those rows within the radius of it.
    fn each<T: Send>(
        &self,
        rows: &[usize],
        those: Those<'_>,
        none: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, usize, usize) + Sync,
        merge: impl Fn(T, T) -> T,
    ) -> Result<T, Error> {
        let work = rows.len().saturating_mul(self.points.bytes().len()) / 16;
        parallel::fold(
            rows.len().div_ceil(BLOCK),
            work,
            none,
            |state, blocks| {
                for block in blocks {
                    let rows = &rows[block * BLOCK..rows.len().min((block + 1) * BLOCK)];
                    let take = |i: usize, j: usize| take(state, i, j);
                    match self.codes {
                        Some(codes) => self.coded(codes, rows, those, take),
                        None => self.plain(rows, those, take)?,
                    }
                }
                Ok(())
            },
            merge,
        )
    }

    /// The pairs of a block's rows, whose codes leave few distances to be computed.
    fn coded(&self, codes: &Codes, block: &[usize], those: Those<'_>, mut take: impl FnMut(usize, usize)) {
        let queries = self.points.picked(block);
        let (compute, metric, width) = (self.compute, self.metric, self.points.width());
        let first = those.first(block[0]) / LANES;
        within(compute, codes, first, &queries, self.radius, metric, |query, Bounded { upper, row, .. }| {
            let i = block[query];
            if those.pass(i, row) {
                let [a, b] = [i.min(row), i.max(row)].map(|row| self.points.row(row).unwrap_or_default());
                if upper <= self.radius || of_packed(compute, metric, width, a, b) <= self.radius {
                    take(i, row);
                }
            }
        });
    }

    /// The same without codes.
    fn plain(
        &self,
        block: &[usize],
        those: Those<'_>,
        mut take: impl FnMut(usize, usize),
    ) -> Result<(), Error> {
        let rows: Vec<&[u8]> = block.iter().map(|row| self.points.row(*row).unwrap_or_default()).collect();
        let targets =
            Targets { compute: self.compute, metric: self.metric, vectors: &rows, name: "another row" };
        let end = self.points.len();
        for start in (those.first(block[0])..end).step_by(OTHERS) {
            let list: Vec<usize> = (start..end.min(start + OTHERS)).collect();
            targets.distances(self.points, &list, |at, distances| {
                for (i, distance) in block.iter().zip(distances) {
                    if distance <= self.radius && those.pass(*i, start + at) {
                        take(*i, start + at);
                    }
                }
            })?;
        }
        Ok(())
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
        let n = (0..call.rows).find_map(|row| call.given_vectors(0).dimensions(row)).unwrap_or(0);
        let (rows, workers) = (call.rows as u64, parallel::workers(usize::MAX) as u64);
        // Lists of rows and results; a forest for each thread and one more; the rows that codes leave.
        let lists = rows * (104 + 4 * (workers + 1)) + workers * within_bytes(BLOCK, call.rows);
        call.check_memory("the clusters", lists.saturating_add(Codes::size(call.rows, n)))?;
        let found = dbscan(
            rows::compute_of(call)?,
            call.vectors(0)?,
            Some(&call.by_id()),
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
