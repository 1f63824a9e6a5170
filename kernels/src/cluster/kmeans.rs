//! k-means.

use super::nearest::{Nearest, Targets};
use super::points::{Points, not_enough};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::group::{self, By};
use crate::number::exact::{self, DIGITS};
use crate::number::random::SplitMix;
use crate::pairwise::compute::Compute;
use crate::vector::Metric;

/// k-means and its options.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, cluster::KMeans};
/// let vectors = Vectors::matrix(&[0.0, 0.0, 9.0, 9.0, 0.0, 2.0, 9.0, 7.0], 2)?;
/// let found = KMeans::new(2).fit(&vectors)?;
/// assert_eq!(found.labels[0], found.labels[2]);
/// assert_ne!(found.labels[0], found.labels[1]);
/// assert_eq!((found.inertia, found.settled), (4.0, true));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KMeans<'a> {
    clusters: usize,
    seed: u64,
    iterations: u32,
    spherical: bool,
    start: Option<&'a Vectors<'a>>,
    order: Option<&'a [usize]>,
    compute: Option<Compute>,
}

/// What [`KMeans::fit`] finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Clusters {
    /// Each row's cluster, from 0; `None` for a NULL row.
    pub labels: Vec<Option<u32>>,
    /// The centroids, in the width in which the vectors are computed with: `f32`, or `f64`.
    pub centroids: PackedVectors,
    /// Rows in each cluster.
    pub members: Vec<i64>,
    /// Sums of squared distances from each centroid.
    pub within: Vec<f64>,
    /// The sum of all squared distances.
    pub inertia: f64,
    /// Steps made: assignments of all rows.
    pub iterations: u32,
    /// Whether the last step moved no row.
    pub settled: bool,
}

impl<'a> KMeans<'a> {
    /// That many clusters; seed 42, up to 300 steps.
    pub fn new(clusters: usize) -> KMeans<'a> {
        KMeans {
            clusters,
            seed: 42,
            iterations: 300,
            spherical: false,
            start: None,
            order: None,
            compute: None,
        }
    }

    /// The same from another seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> KMeans<'a> {
        KMeans { seed, ..self }
    }

    /// The same with another greatest number of steps.
    #[must_use]
    pub fn iterations(self, iterations: u32) -> KMeans<'a> {
        KMeans { iterations, ..self }
    }

    /// The same with vectors and centroids scaled to length 1, so that directions count.
    #[must_use]
    pub fn spherical(self) -> KMeans<'a> {
        KMeans { spherical: true, ..self }
    }

    /// The same from these centroids instead of drawn ones.
    #[must_use]
    pub fn start(self, centroids: &'a Vectors<'a>) -> KMeans<'a> {
        KMeans { start: Some(centroids), ..self }
    }

    /// The same with rows drawn in another order than that of the input: each row once.
    #[must_use]
    pub fn order(self, order: &'a [usize]) -> KMeans<'a> {
        KMeans { order: Some(order), ..self }
    }

    /// The same on a chosen level or precision.
    #[must_use]
    pub fn compute(self, compute: Compute) -> KMeans<'a> {
        KMeans { compute: Some(compute), ..self }
    }

    /// Lloyd's algorithm: rows go to the nearest centroid (of equal ones the first), centroids to the average of their
    /// rows, until no row moves.
    ///
    /// The start is k-means++ (Arthur and Vassilvitskii 2007): the first centroid is a row drawn uniformly, each further
    /// one a row drawn with a probability proportional to its squared distance from the nearest centroid; with SplitMix64
    /// from the seed. A centroid that loses all rows moves to the row farthest from its own. Hamerly's bounds (2010,
    /// "Making k-means even faster") spare distances that cannot matter, with the rounding errors allowed for: the result
    /// is that without bounds.
    ///
    /// # Shapes
    ///
    /// m vectors of n dimensions, NULL ones left out.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] where there are fewer vectors, or fewer different ones, than clusters, and for numbers that are
    /// not finite; [`Error::Dimensions`]; [`Error::ParameterValue`] for no clusters, no iterations or a start of another
    /// number of centroids.
    ///
    /// # Accuracy
    ///
    /// Distances have the bits of [`crate::vector::distance()`], centroids those of [`group::average()`], rounded to
    /// the vectors' width; sums of squared distances are exact but for the distances. Same bits for any threads and levels, and
    /// any order of rows if [`KMeans::order`] goes by content or id.
    ///
    /// # Complexity
    ///
    /// O(m·n·k) for the start and for each step without bounds. 28 bytes of memory for each row; with
    /// [`KMeans::spherical`] a copy of the vectors.
    pub fn fit(&self, vectors: &Vectors<'_>) -> Result<Clusters, Error> {
        let compute = self.compute.unwrap_or_default();
        if self.clusters == 0 || self.iterations == 0 {
            let name = if self.clusters == 0 { CLUSTERS.name } else { ITERATIONS.name };
            return Err(Error::ParameterValue {
                name: name.into(),
                value: "0".into(),
                expected: "an integer ≥ 1".into(),
            });
        }
        let points = Points::new(vectors, self.order)?;
        if points.list.len() < self.clusters {
            return Err(not_enough(
                vectors,
                points.list.len(),
                &format!("{} or more, as clusters says", self.clusters),
            ));
        }
        if !self.spherical {
            return Search { compute, vectors, points, of: self }.run();
        }
        let unit = points.normalized(vectors, compute)?;
        let column = Vectors::packed(vectors.name(), unit.element, &unit.bytes, &unit.lengths)?;
        let points = Points::new(&column, self.order)?;
        Search { compute, vectors: &column, points, of: self }.run()
    }
}

struct Search<'a> {
    compute: Compute,
    vectors: &'a Vectors<'a>,
    points: Points,
    of: &'a KMeans<'a>,
}

impl Search<'_> {
    fn run(self) -> Result<Clusters, Error> {
        let k = self.of.clusters;
        let mut centroids = self.start()?;
        let mut labels: Vec<Option<i64>> = vec![None; self.vectors.len()];
        let list = &self.points.list;
        let found = self.nearest(&centroids, list)?;
        let mut bounds: Vec<(f64, f64)> = vec![(0.0, 0.0); self.vectors.len()];
        for (row, found) in list.iter().zip(found) {
            labels[*row] = Some(found.index.into());
            bounds[*row] = (found.distance, found.second);
        }
        let (mut iterations, mut settled) = (1, false);
        loop {
            self.fill_empty(&centroids, &mut labels, &mut bounds)?;
            let moved = self.averages(&labels, &centroids)?;
            let moves = self.moves(&centroids, &moved)?;
            centroids = moved;
            if iterations == self.of.iterations {
                break;
            }
            iterations += 1;
            if !self.step(&centroids, &moves, &mut labels, &mut bounds)? {
                settled = true;
                break;
            }
        }
        // The labels of rows that have been moved to an empty cluster, or by a last step that was cut short, are those of the
        // centroids that are returned.
        let found = self.nearest(&centroids, list)?;
        let mut sums = vec![[0i64; DIGITS]; k];
        let mut members = vec![0i64; k];
        for (row, found) in list.iter().zip(&found) {
            let cluster = found.index as usize;
            labels[*row] = Some(i64::from(found.index));
            members[cluster] += 1;
            if members[cluster] % (1 << 30) == 0 {
                exact::carry(&mut sums[cluster]);
            }
            exact::add(&mut sums[cluster], found.distance * found.distance);
        }
        let mut all = [0; DIGITS];
        sums.iter_mut().for_each(|sum| {
            exact::carry(sum);
            exact::merge(&mut all, sum);
        });
        Ok(Clusters {
            labels: labels.into_iter().map(|label| label.map(|label| label as u32)).collect(),
            members,
            within: sums.iter().map(|sum| exact::rounded(sum, 0)).collect(),
            inertia: exact::rounded(&all, 0),
            centroids,
            iterations,
            settled,
        })
    }

    fn rows_of<'b>(&self, centroids: &'b PackedVectors) -> Vec<&'b [u8]> {
        centroids.bytes.chunks(self.points.row_bytes.max(1)).collect()
    }

    fn nearest(&self, centroids: &PackedVectors, list: &[usize]) -> Result<Vec<Nearest>, Error> {
        let vectors = &self.rows_of(centroids);
        let targets =
            Targets { compute: self.compute, metric: Metric::Euclidean, vectors, name: "the centroids" };
        targets.nearest(self.vectors, list)
    }

    fn packed(&self, bytes: Vec<u8>) -> PackedVectors {
        let lengths =
            vec![self.points.row_bytes as i32; bytes.len().checked_div(self.points.row_bytes).unwrap_or(0)];
        PackedVectors { element: self.vectors.wide_element(), bytes, lengths }
    }

    /// The centroids to begin with.
    fn start(&self) -> Result<PackedVectors, Error> {
        let k = self.of.clusters;
        if let Some(start) = self.of.start {
            let n = self.points.row_bytes / self.vectors.width().bytes();
            if start.len() != k
                || start.width() != self.vectors.width()
                || (0..k).any(|i| start.dimensions(i) != Some(n))
            {
                return Err(Error::ParameterValue {
                    name: START.name.into(),
                    value: format!(
                        "{} vectors of {} {}",
                        start.len(),
                        start.dimensions(0).unwrap_or(0),
                        start.element().name()
                    ),
                    expected: format!("{k} of {n}, as wide as those of column {}", self.vectors.name()),
                });
            }
            return Ok(self.packed((0..k).flat_map(|i| start.row(i).unwrap_or_default()).copied().collect()));
        }
        let list = &self.points.list;
        let mut random = SplitMix(self.of.seed);
        let mut chosen = (random.uniform() * list.len() as f64) as usize;
        let mut squares = vec![f64::INFINITY; list.len()];
        let mut bytes = Vec::with_capacity(k * self.points.row_bytes);
        loop {
            let row = self.vectors.row(list[chosen]).unwrap_or_default();
            bytes.extend_from_slice(row);
            if bytes.len() == k * self.points.row_bytes {
                return Ok(self.packed(bytes));
            }
            let targets = Targets {
                compute: self.compute,
                metric: Metric::Euclidean,
                vectors: &[row],
                name: "the centroids",
            };
            for (square, found) in squares.iter_mut().zip(targets.nearest(self.vectors, list)?) {
                *square = square.min(found.distance * found.distance);
            }
            let total: f64 = squares.iter().sum();
            if total == 0.0 {
                let found = bytes.len() / self.points.row_bytes;
                return Err(not_enough(
                    self.vectors,
                    found,
                    &format!("{k} different ones, as clusters says"),
                ));
            }
            // Where the squares leave the range of doubles, the farthest rows share all of it.
            let (total, place): (f64, fn(f64) -> f64) = if total.is_finite() {
                (total, |v| v)
            } else {
                (squares.iter().map(|v| v * 2f64.powi(-600)).sum(), |v| v * 2f64.powi(-600))
            };
            let mut rest = random.uniform() * total;
            chosen = squares.iter().rposition(|v| *v > 0.0).unwrap_or(0);
            for (i, square) in squares.iter().enumerate() {
                rest -= place(*square);
                if rest < 0.0 {
                    chosen = i;
                    break;
                }
            }
        }
    }

    /// The averages of the clusters' rows, in the vectors' width; of a cluster without rows the centroid as it was.
    fn averages(&self, labels: &[Option<i64>], before: &PackedVectors) -> Result<PackedVectors, Error> {
        let by = By::new(labels).compute(self.compute).results_as(self.vectors.wide_element());
        let found = group::average(&by, self.vectors)?;
        let mut out = before.clone();
        let size = self.points.row_bytes;
        let mut rest = found.results[0].bytes.as_slice();
        for (key, length) in found.keys.iter().zip(&found.results[0].lengths) {
            // The group of NULL rows has no average.
            let (own, others) = rest.split_at((*length).max(0) as usize);
            rest = others;
            if let Some(key) = key.filter(|_| *length >= 0) {
                out.bytes[key as usize * size..][..size].copy_from_slice(own);
            }
        }
        if self.of.spherical {
            let rows = Vectors::packed("centroids", out.element, &out.bytes, &out.lengths)?;
            return Points::new(&rows, None)?.normalized(&rows, self.compute);
        }
        Ok(out)
    }

    /// How far each centroid has moved.
    fn moves(&self, before: &PackedVectors, after: &PackedVectors) -> Result<Vec<f64>, Error> {
        let column = Vectors::packed("centroids", after.element, &after.bytes, &after.lengths)?;
        let rows = self.rows_of(before);
        let one = |i: usize| {
            let targets = Targets {
                compute: self.compute,
                metric: Metric::Euclidean,
                vectors: &[rows[i]],
                name: "the centroids",
            };
            Ok(targets.nearest(&column, &[i])?[0].distance)
        };
        (0..rows.len()).map(one).collect()
    }

    /// The relative error of a computed distance, and some.
    fn slack(&self) -> f64 {
        let n = self.points.row_bytes / self.vectors.width().bytes();
        (n as f64 / 32.0 + 16.0) * 2f64.powi(-24)
    }

    /// Assigns all rows whose bounds do not prove that they stay; whether one has moved.
    fn step(
        &self,
        centroids: &PackedVectors,
        moves: &[f64],
        labels: &mut [Option<i64>],
        bounds: &mut [(f64, f64)],
    ) -> Result<bool, Error> {
        let slack = self.slack();
        let label = |labels: &[Option<i64>], row: usize| labels[row].map_or(0, |label| label as usize);
        // The farthest move, and that of the others for the cluster that made it.
        let (mut first, mut second, mut at) = (0.0, 0.0, 0);
        for (i, moved) in moves.iter().enumerate() {
            if *moved > first {
                (second, first, at) = (first, *moved, i);
            } else if *moved > second {
                second = *moved;
            }
        }
        let mut open = Vec::new();
        for row in &self.points.list {
            let own = label(labels, *row);
            let (upper, lower) = &mut bounds[*row];
            *upper += moves[own] * (1.0 + slack);
            *lower -= if own == at { second } else { first } * (1.0 + slack);
            // Not even with all rounding errors another centroid is as near.
            if *upper * (1.0 + 2.0 * slack) >= *lower * (1.0 - 2.0 * slack) {
                open.push(*row);
            }
        }
        let mut moved = false;
        for (row, found) in open.iter().zip(self.nearest(centroids, &open)?) {
            moved |= label(labels, *row) != found.index as usize;
            labels[*row] = Some(found.index.into());
            bounds[*row] = (found.distance, found.second);
        }
        Ok(moved)
    }

    /// Gives each cluster without rows the one that is farthest from its centroid.
    fn fill_empty(
        &self,
        centroids: &PackedVectors,
        labels: &mut [Option<i64>],
        bounds: &mut [(f64, f64)],
    ) -> Result<(), Error> {
        let mut members = vec![0usize; self.of.clusters];
        labels.iter().flatten().for_each(|label| members[*label as usize] += 1);
        let empty: Vec<usize> = (0..members.len()).filter(|i| members[*i] == 0).collect();
        if empty.is_empty() {
            return Ok(());
        }
        let list = &self.points.list;
        let mut far: Vec<(f64, usize)> = self
            .nearest(centroids, list)?
            .into_iter()
            .map(|found| found.distance)
            .zip(list.iter().copied())
            .collect();
        // A stable sort: of equal distances the first row.
        far.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut far = far.into_iter().filter(|(distance, _)| *distance > 0.0);
        for cluster in empty {
            let next = far.find(|(_, row)| labels[*row].is_some_and(|label| members[label as usize] > 1));
            let Some((_, row)) = next else { break };
            if let Some(label) = labels[row] {
                members[label as usize] -= 1;
            }
            labels[row] = Some(cluster as i64);
            // Nothing is known of its distances.
            bounds[row] = (f64::INFINITY, 0.0);
        }
        Ok(())
    }
}

pub(super) const CLUSTERS: Param = Param {
    name: "clusters",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: None,
    summary: "Number of clusters.",
};
const ITERATIONS: Param = Param {
    name: "iterations",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: Some("300"),
    summary: "Steps at most.",
};
pub(super) const SEED: Param = Param {
    name: "seed",
    kind: ParamKind::Int { min: 0, max: i64::MAX },
    default: Some("42"),
    summary: "Seed of SplitMix64, from which the start is drawn.",
};
const SPHERICAL: Param = Param {
    name: "spherical",
    kind: ParamKind::Choice(&["no", "yes"]),
    default: Some("no"),
    summary: "yes: vectors and centroids are scaled to length 1, so that directions count.",
};
const START: Param = Param {
    name: "start_centroids",
    kind: ParamKind::Vector,
    default: Some("[]"),
    summary: "Centroids to begin with, one after the other in one packed value or JSON array; none: k-means++.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_kmeans",
    family: Family::Vector,
    summary: "k-means: centroids of clusters, by k-means++ and Lloyd's algorithm.",
    details: "A result row for each cluster. Rows go to the nearest centroid by Euclidean distance, of equal ones to the first, and centroids to the average of their rows, until no row moves. A centroid that loses all rows moves to the row farthest from its own. vector_assign with these centroids gives the rows' clusters, the same that the search ended with. With spherical = yes distances are those of the vectors scaled to length 1: their squares are twice the cosine distance.",
    inputs: &[ID, V],
    optional: &[],
    params: &[CLUSTERS, SEED, ITERATIONS, SPHERICAL, START, ELEMENT],
    outputs: &[
        Column { name: "cluster", kind: Kind::Int, unit: "number from 1", summary: "The cluster." },
        Column {
            name: "centroid",
            kind: Kind::Vector,
            unit: "the vectors' unit",
            summary: "The average of its rows; f32 where the elements are narrower.",
        },
        Column { name: "members", kind: Kind::BigInt, unit: "rows", summary: "Rows nearest to it." },
        Column {
            name: "inertia",
            kind: Kind::Float,
            unit: "the vectors' unit squared",
            summary: "Sum of their squared distances from it.",
        },
        Column { name: "iterations", kind: Kind::Int, unit: "1", summary: "Steps made." },
        Column {
            name: "settled",
            kind: Kind::Int,
            unit: "0 or 1",
            summary: "1 where the last step moved no row; 0 where `iterations` ended the search.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A row whose vector is NULL is left out. A NULL id comes last.",
    empty: "Fewer vectors than clusters are an error, and fewer different ones too.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Distances have the bits of vector_distance, centroids those of vector_average in the vectors' width. Hamerly's bounds allow for rounding errors, so the result is that without bounds. The start is drawn by rising id: same bits for any order of rows with distinct integer ids, number of threads and instruction set. O(rows · dimensions · clusters) for the start and each step.",
    streaming: Streaming::Whole("all rows"),
    source: "Lloyd 1982, \"Least squares quantization in PCM\"; Arthur and Vassilvitskii 2007, \"k-means++: the advantages of careful seeding\"; Hamerly 2010, \"Making k-means even faster\"; Dhillon and Modha 2001, \"Concept decompositions for large sparse text data using clustering\", for spherical.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(2), Cell::Vector(&[9.0, 9.0])],
            &[Cell::Int(3), Cell::Vector(&[0.0, 2.0])],
            &[Cell::Int(4), Cell::Vector(&[9.0, 7.0])],
        ],
        params: &[("clusters", Cell::Int(2)), ("start_centroids", Cell::Vector(&[0.0, 0.0, 1.0, 9.0]))],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Vector(&[0.0, 1.0]),
                Cell::Int(2),
                Cell::Float(2.0),
                Cell::Int(2),
                Cell::Int(1),
            ],
            &[
                Cell::Int(2),
                Cell::Vector(&[9.0, 8.0]),
                Cell::Int(2),
                Cell::Float(2.0),
                Cell::Int(2),
                Cell::Int(1),
            ],
        ],
    },
    run: |call| {
        let vectors = call.vectors(0)?;
        let k = call.params.int(CLUSTERS.name) as usize;
        call.check_memory(
            "the clusters",
            40 * call.rows as u64
                + (vectors.bytes().len() as u64) * u64::from(call.params.word(SPHERICAL.name) == "yes"),
        )?;
        let order = super::points::by_id(call);
        let mut search = KMeans::new(k)
            .seed(call.params.int(SEED.name) as u64)
            .iterations(call.params.int(ITERATIONS.name) as u32)
            .order(&order)
            .compute(call.compute);
        let given = call.params.vector(START.name)?;
        let numbers = given.dimensions(0).unwrap_or(0);
        let start;
        if numbers > 0 {
            if !numbers.is_multiple_of(k) {
                return Err(Error::ParameterValue {
                    name: START.name.into(),
                    value: format!("{numbers} numbers"),
                    expected: format!("a multiple of clusters = {k}"),
                });
            }
            start = given.reshape(numbers / k);
            search = search.start(&start);
        }
        if call.params.word(SPHERICAL.name) == "yes" {
            search = search.spherical();
        }
        let found = search.fit(vectors)?;
        let of = |v: i32| Values::Int(vec![Some(v); k]);
        Ok(Output {
            columns: vec![
                Values::Int((1..=k as i32).map(Some).collect()),
                Values::Vectors(found.centroids),
                Values::BigInt(found.members.into_iter().map(Some).collect()),
                Values::Float(found.within.into_iter().map(Some).collect()),
                of(found.iterations as i32),
                of(i32::from(found.settled)),
            ],
            picked: None,
        })
    },
};
