//! Search that filters by space first and ranks by vectors second.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::parallel;
use crate::spatial::params::XY;
use crate::spatial::params::{self, BASIS, CANDIDATES, EXAMINED, NAN_SEARCH, PAD, SEARCH_NULLS};
use crate::spatial::search::order::{Order, Space};
use crate::spatial::search::sieve::Sieve;
use crate::vector::distance::{METRIC, metric_of};
use crate::vector::nearest_rows::{self, Best, Candidate};
use crate::vector::rows;
use crate::vector::top_k::{self, DISTANCE, K, QUERY, QUERY_COUNT, QUERY_NUMBER, RANK};

/// Result rows of one query, each with its spatial ranking value, and how many rows were examined.
type Found = (Vec<(Candidate, f64)>, usize);

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (rows, ids) = (call.vectors(0)?, top_k::integer_keys(call)?);
    let metric = metric_of(call)?;
    let (basis, pad) = (params::basis_of(call)?, params::pad_of(call));
    let queries = top_k::queries_of(call)?;
    let size = |name| usize::try_from(call.params.int(name)).unwrap_or(usize::MAX);
    let (k, candidates) = (size(K.name), size(CANDIDATES.name).max(size(K.name)).min(call.rows));
    check_memory(call, &queries, basis.axes(), candidates, k)?;
    let (compute, key) = (rows::compute_of(call)?, |row: usize| ids[row]);
    let found: Vec<Found> = match call.params.word(SIEVE.name) {
        "proven" => {
            let sieve = Sieve::with(compute, &basis, rows, metric, pad)?;
            sieve.sift(&key, &queries, k, candidates)?
        }
        _ => {
            let order = call.chosen(&SIEVE, Order::parse)?;
            let space = Space::new(compute, &basis, rows, metric, pad, order)?;
            let (packed, points) = (nearest_rows::packed(&queries)?, space.prepare(&queries)?);
            space.each_query(&points, |q, measure| {
                let first = Space::first(measure, rows, &key, candidates);
                let list: Vec<usize> = first.iter().map(|c| c.row).collect();
                let mut best = Best::new(k);
                let query = (queries.place(), packed[q]);
                nearest_rows::offer_rows(compute, rows, &key, query, metric, &list, &mut best)?;
                Ok((best.into_sorted().into_iter().map(|c| (c, measure[c.row])).collect(), list.len()))
            })?
        }
    };
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut picked = Vec::new();
    for (query, (list, examined)) in found.into_iter().enumerate() {
        for (rank, (candidate, measure)) in list.into_iter().enumerate() {
            columns.0.push(params::count(query + 1));
            columns.1.push(params::count(rank + 1));
            columns.2.push(Some(candidate.distance));
            columns.3.push(Some(measure));
            columns.4.push(params::count(examined));
            picked.push(candidate.row);
        }
    }
    Ok(Output {
        columns: vec![
            Values::Int(columns.0),
            Values::Int(columns.1),
            Values::Float(columns.2),
            Values::Float(columns.3),
            Values::Int(columns.4),
        ],
        picked: Some(picked),
    })
}

/// The memory that searches through space need: the coordinates of all rows and queries; per worker the measures of all
/// rows and the `first` of them; per query its results, which exact search holds once per worker.
pub(crate) fn check_memory(
    call: &Call<'_>,
    queries: &Vectors<'_>,
    axes: usize,
    first: usize,
    kept: usize,
) -> Result<(), Error> {
    let (rows, count) = (call.rows as u64, queries.len() as u64);
    let workers = parallel::workers(usize::MAX) as u64;
    call.check_memory("the rows' coordinates", Sieve::bytes(call.rows, axes))?;
    call.check_memory("the queries' coordinates", count.saturating_mul(16 * (axes as u64 + 1)))?;
    let candidate = size_of::<Candidate>() as u64;
    // A list that grows by doubling briefly exists at half and full size; beside the first rows are their positions.
    let first = (first.min(call.rows) as u64).saturating_mul(workers * (3 * candidate + 8));
    let measures = Sieve::bytes_of_bounds(call.rows).saturating_add(first);
    call.check_memory("the rows' places in space", measures)?;
    let kept = count.saturating_mul((kept as u64).min(rows));
    call.check_memory("the candidates of the search", kept.saturating_mul(candidate * (2 * workers + 4)))
}

const SIEVE: Param = Param {
    name: "sieve",
    kind: ParamKind::Choice(&["proven", "bound", "axes", "xyz", "xy"]),
    default: Some("proven"),
    summary: "proven: all rows that a bound does not exclude, so that the result is that of vector_top_k. The others examine `candidates` rows and may miss neighbours: the least by the bound, by distance on all axes, on three, or on two.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_hybrid_search",
    family: Family::Spatial,
    summary: "The k rows nearest to each query: candidates by space, then exact distances.",
    details: "Projects all rows and queries on the basis, picks candidates by where they are, and ranks those by the exact distance of \
              the vectors. With sieve = proven the set of candidates grows, from `candidates`, until a proven bound says that no \
              better neighbour can exist: the result equals that of vector_top_k, bit for bit. A query for which the bound leaves more \
              than a quarter of all rows is answered by exact search; with the manhattan metric that is the rule, because the \
              bound is the Euclidean distance. The projection costs as \
              much as a search with one query for each axis, so a sieve pays with many queries in one call. docs/SPATIAL-RECALL.md \
              has measurements.",
    inputs: &[ID, V],
    optional: &[],
    params: &[QUERY, QUERY_COUNT, K, METRIC, BASIS, PAD, SIEVE, CANDIDATES, ELEMENT, ACCUMULATE],
    outputs: &[
        QUERY_NUMBER,
        RANK,
        ID,
        DISTANCE,
        Column {
            name: "spatial_distance",
            kind: Kind::Float,
            unit: "that of the measure",
            summary: "What the row was picked by: the bound of the distance, or the distance of the points. NULL where no bound is known.",
        },
        EXAMINED,
    ],
    rows: RowShape::Picked,
    nulls: SEARCH_NULLS,
    empty: "No rows give no result rows.",
    nan: NAN_SEARCH,
    accuracy: "Distances have the bits of vector_distance. With sieve = proven the result is that of vector_top_k for every input; the \
               derivation is in the module spatial::sieve. A distance of points has a relative error of at most (axes + 4)·2⁻⁵³ as that of the computed coordinates. Same bits on every instruction set and for any number of threads.",
    streaming: Streaming::Whole("all rows"),
    source: "Procedure sp_HybridSearch; the bound is that of orthogonal projections with residual lengths (Pythagoras).",
    elements: "",
    sql: "sieve = xy measures as STDistance does.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0, 4.0])],
            &[Cell::Int(8), Cell::Vector(&[3.0, 4.0, 0.0])],
            &[Cell::Int(9), Cell::Vector(&[6.0, 8.0, 0.0])],
        ],
        params: &[
            ("query", Cell::Vector(&[3.0, 4.0, 1.0])),
            ("k", Cell::Int(2)),
            ("metric", Cell::Text("euclidean")),
            ("basis", Cell::Binary(XY)),
            ("sieve", Cell::Text("xy")),
            ("candidates", Cell::Int(2)),
        ],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(8), Cell::Float(1.0), Cell::Float(0.0), Cell::Int(2)],
            &[
                Cell::Int(1),
                Cell::Int(2),
                Cell::Int(7),
                Cell::Float(5.830951894845301),
                Cell::Float(5.0),
                Cell::Int(2),
            ],
        ],
    },
    run,
};
