//! How many true neighbours a sieve keeps.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::spatial::basis::{Basis, BasisKind};
use crate::spatial::params::XY;
use crate::spatial::params::{self, BASIS, PAD, SEARCH_NULLS};
use crate::spatial::search::hybrid_search::check_memory;
use crate::spatial::search::multi_resolution_search::{CELL, COARSE, Stages};
use crate::spatial::search::order::{Order, Space};
use crate::spatial::search::sieve::Sieve;
use crate::vector::distance::{METRIC, Metric, metric_of};
use crate::vector::nearest_rows::{self, Candidate, Key};
use crate::vector::rows;
use crate::vector::top_k::{self, K, QUERY, QUERY_COUNT};

/// The ranks of many queries' true neighbours in a sieve's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Recall {
    /// Per query, the ranks, from 1, of its true neighbours in the order, ascending.
    places: Vec<Vec<usize>>,
    /// All ranks, ascending.
    sorted: Vec<usize>,
}

impl Recall {
    fn new(places: Vec<Vec<usize>>) -> Recall {
        let mut sorted = places.concat();
        sorted.sort_unstable();
        Recall { places, sorted }
    }

    /// The share of true neighbours among the first `candidates` rows, over all queries; 1 where there are no
    /// neighbours.
    pub fn at(&self, candidates: usize) -> f64 {
        share(&self.sorted, candidates)
    }

    /// The share for the query that fares worst.
    pub fn worst_at(&self, candidates: usize) -> f64 {
        self.places.iter().map(|places| share(places, candidates)).fold(1.0, f64::min)
    }

    /// The least number of candidates whose recall over all queries is at least `share`; `None` if no number reaches
    /// it: for a share above 1, or NaN.
    pub fn needed(&self, share: f64) -> Option<usize> {
        let all = self.sorted.len();
        if all == 0 || share <= 0.0 {
            return (share <= 1.0).then_some(0);
        }
        (0..all).find(|i| (i + 1) as f64 / all as f64 >= share).map(|i| self.sorted[i])
    }
}

fn share(places: &[usize], candidates: usize) -> f64 {
    if places.is_empty() {
        return 1.0;
    }
    places.partition_point(|place| *place <= candidates) as f64 / places.len() as f64
}

/// Finds the `k` true neighbours of each query and their ranks in the order.
///
/// # Shapes
///
/// m vectors and m ids, q queries; returns q lists of min(k, m) ranks.
///
/// # Errors
///
/// As [`crate::vector::top_k()`] and [`crate::spatial::project()`]; for [`Order::Bound`] as [`Sieve::new`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, spatial::{self, Order}};
/// let rows = Vectors::matrix(&[0.0, 9.0, 1.0, 0.0, 2.0, 0.0], 2)?;
/// let x = spatial::Basis::landmarks(&Vectors::matrix(&[1.0, 0.0], 2)?)?;
/// let query = Vectors::matrix(&[0.0, 0.0], 2)?;
/// let recall = spatial::recall(&x, &rows, &[1, 2, 3], &query, 1, Metric::Euclidean, false, Order::Xyz)?;
/// // On the first axis the far row 1 hides the nearest one, row 2.
/// assert_eq!((recall.at(1), recall.at(2), recall.needed(0.9)), (0.0, 1.0, Some(2)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn recall(
    basis: &Basis,
    rows: &Vectors<'_>,
    ids: &[i64],
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
    pad: bool,
    order: Order,
) -> Result<Recall, Error> {
    top_k::check_ids(ids, rows)?;
    let (compute, key) = (Compute::new(), |row: usize| Some(ids[row]));
    let truth = nearest_rows::search(compute, rows, &key, queries, k, metric)?;
    let space = Space::new(compute, basis, rows, metric, pad, order)?;
    places(&space, rows, &key, queries, &truth)
}

/// The ranks of the true neighbours in the order.
fn places(
    space: &Space<'_>,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    truth: &[Vec<Candidate>],
) -> Result<Recall, Error> {
    let found = space.each_query(&space.prepare(queries)?, |q, measure| {
        // Takes the whole order: the rows before a neighbour are those that a search would have picked before it.
        let order = Space::first(measure, rows, key, rows.len());
        Ok(places_of(&truth[q], order.iter().map(|c| c.row), rows.len()))
    })?;
    Ok(Recall::new(found))
}

/// The same for a search in stages: the rows that pass the cells, by their distance on all axes, then all others by
/// their cells.
fn places_in_stages(
    stages: &Stages<'_>,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    truth: &[Vec<Candidate>],
    coarse: usize,
) -> Result<Recall, Error> {
    let targets = stages.prepare(queries)?;
    let work = rows.len().saturating_mul(64 * truth.len());
    let blocks = parallel::blocks(truth.len(), work, |range| {
        let one = |q: usize| {
            let target = targets.point(q).unwrap_or_default();
            let order = stages.coarse(target, rows, key, rows.len());
            let (first, rest) = order.split_at(coarse.min(order.len()));
            let near = stages.fine(target, first, key, first.len());
            places_of(&truth[q], near.iter().chain(rest).map(|c| c.row), rows.len())
        };
        Ok(Vec::from_iter(range.map(one)))
    })?;
    Ok(Recall::new(blocks.into_iter().flatten().collect()))
}

/// The ranks, from 1, of a query's neighbours in an order of the rows, ascending.
fn places_of(truth: &[Candidate], order: impl Iterator<Item = usize>, rows: usize) -> Vec<usize> {
    let mut place = vec![0; rows];
    for (i, row) in order.enumerate() {
        place[row] = i + 1;
    }
    let mut places: Vec<usize> = truth.iter().map(|c| place[c.row]).collect();
    places.sort_unstable();
    places
}

/// One row of the result.
struct Line {
    order: &'static str,
    measure: &'static str,
    candidates: f64,
    recall: f64,
    worst: f64,
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (rows, ids) = (call.vectors(0)?, top_k::integer_keys(call)?);
    let metric = metric_of(call)?;
    let (basis, pad) = (params::basis_of(call)?, params::pad_of(call));
    let queries = top_k::queries_of(call)?;
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX);
    // An order holds all rows, in stages twice.
    check_memory(call, &queries, basis.axes(), 2 * call.rows, k)?;
    let (compute, key) = (rows::compute_of(call)?, |row: usize| ids[row]);
    let truth = nearest_rows::search(compute, rows, &key, &queries, k, metric)?;
    let mut lines = Vec::new();
    for order in orders(call, &basis)? {
        let mut more = None;
        let recall = match order {
            Some(order) => {
                let space = Space::new(compute, &basis, rows, metric, pad, order)?;
                if let Space::Bound(sieve) = &space {
                    more = Some(proven(sieve, &key, &queries, k, &truth)?);
                }
                places(&space, rows, &key, &queries, &truth)?
            }
            None => {
                let stages = Stages::new(call, compute, &basis, rows)?;
                let coarse = usize::try_from(call.params.int(COARSE.name)).unwrap_or(usize::MAX);
                places_in_stages(&stages, rows, &key, &queries, &truth, coarse)?
            }
        };
        let line = |measure, candidates: usize| Line {
            order: order.map_or(CELLS, Order::name),
            measure,
            candidates: candidates as f64,
            recall: recall.at(candidates),
            worst: recall.worst_at(candidates),
        };
        lines.extend(steps(k, rows.len()).into_iter().map(|n| line("recall", n)));
        for (name, share) in [("need_90", 0.9), ("need_95", 0.95), ("need_99", 0.99), ("need_100", 1.0)] {
            lines.push(line(name, recall.needed(share).unwrap_or_default()));
        }
        lines.extend(more.into_iter().flatten());
    }
    let there = (0..rows.len()).filter(|i| rows.row(*i).is_some()).count().max(1) as f64;
    let floats = |of: fn(&Line) -> f64| Values::Float(lines.iter().map(|line| Some(of(line))).collect());
    let texts =
        |of: fn(&Line) -> &str| Values::Text(lines.iter().map(|line| Some(of(line).into())).collect());
    Ok(Output {
        columns: vec![
            texts(|line| line.order),
            texts(|line| line.measure),
            floats(|line| line.candidates),
            Values::Float(lines.iter().map(|line| Some(line.candidates / there)).collect()),
            floats(|line| line.recall),
            floats(|line| line.worst),
        ],
        picked: None,
    })
}

/// The order of a search in stages.
const CELLS: &str = "cells";

/// The orders that the call names; `None` is that of [`CELLS`].
fn orders(call: &Call<'_>, basis: &Basis) -> Result<Vec<Option<Order>>, Error> {
    Ok(match call.params.word(ORDER.name) {
        // An order without a bound is left out of `all`, and is an error where it is named.
        "all" => Order::ALL
            .into_iter()
            .filter(|order| *order != Order::Bound || basis.kind() != BasisKind::Trilateration)
            .map(Some)
            .chain([None])
            .collect(),
        CELLS => vec![None],
        _ => vec![Some(call.chosen(&ORDER, Order::parse)?)],
    })
}

/// How many rows the bound leaves, on average, if the k-th distance is known from the start, and how many the proven
/// sieve examined; with the share of true neighbours among them.
fn proven(
    sieve: &Sieve<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    k: usize,
    truth: &[Vec<Candidate>],
) -> Result<[Line; 2], Error> {
    let found = sieve.sift(key, queries, k, k)?;
    // Per query, the rows left and examined, and how many of its true neighbours are among them.
    let counts = sieve.each_query(&sieve.prepare(queries)?, |q, bounds| {
        let ((list, examined), truth) = (&found[q], &truth[q]);
        let limit = truth.last().map_or(f64::INFINITY, |c| c.distance);
        let left = |bound: f64| !(bound.is_nan() || bound > limit);
        let rows = [bounds.iter().filter(|bound| left(**bound)).count(), *examined];
        let kept = [
            truth.iter().filter(|c| left(bounds[c.row])).count(),
            truth.iter().filter(|c| list.iter().any(|(f, _)| f.row == c.row)).count(),
        ];
        Ok((rows, kept.map(|kept| if truth.is_empty() { 1.0 } else { kept as f64 / truth.len() as f64 })))
    })?;
    let mut totals = [0.0; 2];
    let mut shares = [Vec::new(), Vec::new()];
    for (rows, kept) in counts {
        for i in 0..2 {
            totals[i] += rows[i] as f64;
            shares[i].push(kept[i]);
        }
    }
    let queries = truth.len().max(1) as f64;
    Ok([("left", 0), ("proven", 1)].map(|(measure, i)| Line {
        order: Order::Bound.name(),
        measure,
        candidates: totals[i] / queries,
        recall: if truth.is_empty() { 1.0 } else { shares[i].iter().sum::<f64>() / queries },
        worst: shares[i].iter().copied().fold(1.0, f64::min),
    }))
}

/// Candidate counts to report: k, and 1, 2, 5 times the powers of ten from there up to all rows.
fn steps(k: usize, rows: usize) -> Vec<usize> {
    let mut steps = vec![k.min(rows)];
    let mut power = 1usize;
    while power < rows {
        let more = [1, 2, 5].map(|f| power.saturating_mul(f));
        steps.extend(more.into_iter().filter(|n| *n > k && *n < rows));
        power = power.saturating_mul(10);
    }
    steps.push(rows);
    steps.dedup();
    steps
}

const ORDER: Param = Param {
    name: "order",
    kind: ParamKind::Choice(&["all", "bound", "axes", "xyz", "xy", CELLS]),
    default: Some("all"),
    summary: "What candidates are picked by: the proven bound, distance on all axes, on three, on two, the stages of \
              spatial_multi_resolution_search, or each in turn.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_recall",
    family: Family::Spatial,
    summary: "Measures how many true neighbours a spatial sieve keeps.",
    details: "Finds the k true neighbours of each query by exact search and their places in the order in which a sieve picks candidates. \
              Rows with measure recall say which share of them n candidates contain; need_90, need_95, need_99 and need_100 say how \
              many candidates it takes for that share; left says how many rows the proven bound cannot exclude, and proven how \
              many rows the proven sieve of spatial_hybrid_search examines with candidates = k, on average. In the order cells, n candidates are those of \
              spatial_multi_resolution_search with this `cell`, these `coarse_candidates`, or n where that is more, and n as `fine_candidates`.",
    inputs: &[ID, V],
    optional: &[],
    params: &[QUERY, QUERY_COUNT, K, METRIC, BASIS, PAD, ORDER, COARSE, CELL, ELEMENT, ACCUMULATE],
    outputs: &[
        Column {
            name: "order",
            kind: Kind::Text,
            unit: "1",
            summary: "As the parameter `order`; each in turn for all.",
        },
        Column {
            name: "measure",
            kind: Kind::Text,
            unit: "1",
            summary: "recall, need_90, need_95, need_99, need_100, left or proven.",
        },
        Column {
            name: "candidates",
            kind: Kind::Float,
            unit: "rows",
            summary: "Rows whose exact distance is computed for each query; of left and proven their mean.",
        },
        Column {
            name: "share",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "Of all rows that are not NULL.",
        },
        Column {
            name: "recall",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "Share of the true neighbours of all queries among the candidates.",
        },
        Column {
            name: "worst",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "The same for the query that fares worst.",
        },
    ],
    rows: RowShape::Made,
    nulls: SEARCH_NULLS,
    empty: "No rows have no neighbours to lose: recall is 1.",
    nan: "As vector_top_k: rows whose distance is NaN come after all others.",
    accuracy: "Counts. Same result on every machine and for any number of threads.",
    streaming: Streaming::Whole("all rows"),
    source: "Recall at k of approximate nearest-neighbour search (Jégou, Douze and Schmid 2011).",
    elements: "",
    sql: "order = xy measures as STDistance does.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0, 4.0])],
            &[Cell::Int(8), Cell::Vector(&[3.0, 4.0, 0.0])],
            &[Cell::Int(9), Cell::Vector(&[6.0, 8.0, 0.0])],
        ],
        params: &[
            ("query", Cell::Vector(&[2.0, 2.0, 4.0, 6.0, 8.0, -7.0])),
            ("query_count", Cell::Int(2)),
            ("k", Cell::Int(1)),
            ("metric", Cell::Text("euclidean")),
            ("basis", Cell::Binary(XY)),
            ("order", Cell::Text("xy")),
        ],
        outputs: &[
            &[
                Cell::Text("xy"),
                Cell::Text("recall"),
                Cell::Float(1.0),
                Cell::Float(1.0 / 3.0),
                Cell::Float(0.5),
                Cell::Float(0.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("recall"),
                Cell::Float(2.0),
                Cell::Float(2.0 / 3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("recall"),
                Cell::Float(3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("need_90"),
                Cell::Float(2.0),
                Cell::Float(2.0 / 3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("need_95"),
                Cell::Float(2.0),
                Cell::Float(2.0 / 3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("need_99"),
                Cell::Float(2.0),
                Cell::Float(2.0 / 3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
            &[
                Cell::Text("xy"),
                Cell::Text("need_100"),
                Cell::Float(2.0),
                Cell::Float(2.0 / 3.0),
                Cell::Float(1.0),
                Cell::Float(1.0),
            ],
        ],
    },
    run,
};
