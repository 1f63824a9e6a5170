//! k-means.

use super::lloyd::{Clusters, Plan, START, Search, kept_bytes};
use super::points::{Points, not_enough};
use crate::arch::LANES;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::vector::codes::{MOST_DIMENSIONS, quantize_with};

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
    /// "Making k-means even faster") and codes of 8 bits a component ([`crate::Codes`]) spare distances that cannot matter,
    /// with the rounding errors allowed for: the result is that without them.
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
    /// Distances have the bits of [`crate::vector::distance()`], centroids those of [`crate::group::average()`], rounded to
    /// the vectors' width; sums of squared distances are exact but for the distances, and rounded once. Same bits for any
    /// threads and levels, and any order of rows if [`KMeans::order`] goes by content or id.
    ///
    /// # Complexity
    ///
    /// O(m·n·k) for the start and for each step without bounds; the sums take up only the rows that have moved. n + 100 bytes
    /// of memory for each row; with [`KMeans::spherical`] a copy of the vectors.
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
            return self.search(compute, vectors, points);
        }
        let unit = points.normalized(vectors, compute)?;
        let column = Vectors::packed(vectors.name(), unit.element, &unit.bytes, &unit.lengths)?;
        let points = Points::new(&column, self.order)?;
        self.search(compute, &column, points)
    }

    fn search(&self, compute: Compute, vectors: &Vectors<'_>, points: Points) -> Result<Clusters, Error> {
        let coded = self.clusters >= FEWEST_CODED && points.list.len() >= 2 * LANES;
        let n = points.row_bytes / vectors.width().bytes();
        let codes = (coded && n <= MOST_DIMENSIONS).then(|| quantize_with(compute, vectors)).transpose()?;
        let KMeans { clusters, seed, iterations, spherical, start, .. } = *self;
        let of = Plan { clusters, seed, iterations, spherical, start };
        Search { compute, vectors, points, codes, of }.run()
    }
}

/// From so many clusters on, distances by codes pay.
const FEWEST_CODED: usize = 4;

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

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_kmeans",
    family: Family::Vector,
    summary: "k-means: centroids of clusters, by k-means++ and Lloyd's algorithm.",
    details: "A result row for each cluster. Rows go to the nearest centroid by Euclidean distance, of equal ones to the first, and centroids to the average of their rows, until no row moves. A centroid that loses all rows moves to the row farthest from its own. vector_assign with these centroids gives the rows' clusters, the same that the search ended with. Centroids of f16 and bf16 are the averages rounded to them; clusters, inertia and members are those of the averages before, so that vector_assign may take a row about as near to two of them to the other. With spherical = yes distances are those of the vectors scaled to length 1: their squares are twice the cosine distance.",
    inputs: &[ID, V],
    optional: &[],
    params: &[CLUSTERS, SEED, ITERATIONS, SPHERICAL, START, ELEMENT],
    outputs: &[
        Column { name: "cluster", kind: Kind::Int, unit: "number from 1", summary: "The cluster." },
        Column {
            name: "centroid",
            kind: Kind::Vector,
            unit: "the vectors' unit",
            summary: "The average of its rows, of the input's element type; f32 for i8.",
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
    accuracy: "Distances have the bits of vector_distance, centroids those of vector_average in the vectors' width (f32 or f64), rounded once more for f16 and bf16; inertia is the exact sum of the distances' squares, rounded once. Hamerly's bounds and codes of 8 bits a component spare distances, with all rounding errors allowed for: the result is that without them. The start is drawn by rising id: same bits for any order of rows with distinct integer ids, number of threads and instruction set. O(rows · dimensions · clusters) for the start and each step.",
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
        let n = (0..call.rows).find_map(|row| vectors.dimensions(row)).unwrap_or(0);
        call.check_memory(
            "the clusters",
            kept_bytes(vectors, k, n)
                + 100 * call.rows as u64
                + vectors.bytes().len() as u64 / 4
                + (vectors.bytes().len() as u64) * u64::from(call.params.word(SPHERICAL.name) == "yes"),
        )?;
        let order = call.by_id();
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
                Values::Vectors(found.centroids.rounded(vectors.element().of_result())),
                Values::BigInt(found.members.into_iter().map(Some).collect()),
                Values::Float(found.within.into_iter().map(Some).collect()),
                of(found.iterations as i32),
                of(i32::from(found.settled)),
            ],
            picked: None,
        })
    },
};
