//! All rows within a distance.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, LEFT_OUT, V};
use crate::contract::{
    Call, Cell, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::memory::{check_memory, default_memory_limit};
use crate::pairwise::compute::Compute;
use crate::vector::distance::{METRIC, Metric, metric_of};
use crate::vector::narrow_rows::search_rows;
use crate::vector::nearest_rows::{CANDIDATES, Candidate, Key, Wanted, candidates_bytes};
use crate::vector::rows;
use crate::vector::top_k::{
    DISTANCE, Hit, QUERY, QUERY_COUNT, QUERY_NUMBER, check_ids, integer_keys, queries_of,
};

/// All rows within a distance of each query, nearest first.
///
/// # Shapes
///
/// `rows`: m vectors of n dimensions, `ids`: m numbers, `queries`: q vectors of n dimensions; returns a list per query.
/// NULL rows, and rows whose distance is NaN, are not within any distance. Equal distances are ordered by smaller id,
/// then by position.
///
/// # Errors
///
/// As [`crate::vector::top_k()`]; [`Error::ParameterValue`] where `distance` is NaN, or where more than `limit` rows lie
/// within it for one query: the list is never cut off.
///
/// # Accuracy
///
/// Distances have the same bits as [`crate::vector::distance()`], and are compared as they are.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, vector};
/// let rows = Vectors::matrix(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 2)?;
/// let query = Vectors::matrix(&[0.0, 0.0], 2)?;
/// let found = vector::range(&rows, &[7, 8, 9], &query, 5.0, 100, Metric::Euclidean)?;
/// assert_eq!(found[0].iter().map(|hit| hit.id).collect::<Vec<_>>(), [7, 8]);
/// assert!(vector::range(&rows, &[7, 8, 9], &query, 5.0, 1, Metric::Euclidean).is_err());
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn range(
    rows: &Vectors<'_>,
    ids: &[i64],
    queries: &Vectors<'_>,
    distance: f64,
    limit: usize,
    metric: Metric,
) -> Result<Vec<Vec<Hit>>, Error> {
    check_ids(ids, rows)?;
    let bytes = candidates_bytes(rows.len(), rows.given_bytes().len(), queries, limit.saturating_add(1));
    check_memory(CANDIDATES, bytes, default_memory_limit())?;
    let found =
        within(Compute::new(), rows, &|row| Some(ids[row]), queries, (distance, limit), None, metric)?;
    let hit = |c: Candidate| Hit::new(ids[c.row], c.distance, c.row);
    Ok(found.into_iter().map(|list| list.into_iter().map(hit).collect()).collect())
}

fn within(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    (distance, limit): (f64, usize),
    left_out: Option<&[bool]>,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    if distance.is_nan() {
        return Err(Error::ParameterValue {
            name: MAX_DISTANCE.name.into(),
            value: "NaN".into(),
            expected: "a number".into(),
        });
    }
    // One more than wanted tells that there are too many.
    let wanted = Wanted { within: Some(distance), left_out, ..Wanted::nearest(limit.saturating_add(1)) };
    let found = search_rows(compute, rows, key, queries, wanted, metric)?;
    match found.iter().position(|list| list.len() > limit) {
        None => Ok(found),
        Some(query) => Err(Error::ParameterValue {
            name: LIMIT.name.into(),
            value: limit.to_string(),
            expected: format!(
                "at least as many as query {} has rows within {distance}; or a smaller distance",
                query + 1
            ),
        }),
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (rows, ids) = (call.given_vectors(0), integer_keys(call)?);
    let (metric, queries) = (metric_of(call)?, queries_of(call)?);
    let distance = call.params.float(MAX_DISTANCE.name);
    let limit = usize::try_from(call.params.int(LIMIT.name)).unwrap_or(usize::MAX);
    call.check_memory(
        CANDIDATES,
        candidates_bytes(call.rows, rows.given_bytes().len(), &queries, limit.saturating_add(1)),
    )?;
    let (compute, left_out, bounds) = (rows::compute_of(call)?, call.left_out(), (distance, limit));
    let found = within(compute, rows, &|row| ids[row], &queries, bounds, left_out.as_deref(), metric)?;
    let all: Vec<(i32, Candidate)> = found
        .into_iter()
        .zip(1..)
        .flat_map(|(list, query)| list.into_iter().map(move |c| (query, c)))
        .collect();
    Ok(Output {
        columns: vec![
            Values::Int(all.iter().map(|(query, _)| Some(*query)).collect()),
            Values::Float(all.iter().map(|(_, c)| Some(c.distance)).collect()),
        ],
        picked: Some(all.iter().map(|(_, c)| c.row).collect()),
    })
}

const MAX_DISTANCE: Param = Param {
    name: "max_distance",
    kind: ParamKind::FINITE,
    default: None,
    summary: "Rows at this distance or a smaller one are found.",
};
const LIMIT: Param = Param {
    name: "limit",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("10000"),
    summary: "Maximum rows of a query. More are an error, for a list that is cut off would not be all rows.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_range",
    family: Family::Vector,
    summary: "All rows within a distance of one or many query vectors, exactly.",
    details: "Looks at every row. Nearest first; equal distances are ordered by the smaller id, then by input order. Several queries \
              come in one parameter, one after the other. If a query has more rows than `limit` within the distance, that is an error.",
    inputs: &[ID, V],
    optional: &[LEFT_OUT],
    params: &[QUERY, QUERY_COUNT, MAX_DISTANCE, LIMIT, METRIC, ELEMENT, ACCUMULATE],
    outputs: &[QUERY_NUMBER, ID, DISTANCE],
    rows: RowShape::Picked,
    nulls: "A row whose vector is NULL is not found. A NULL id is kept and loses every tie.",
    empty: "No rows give no result rows.",
    nan: "A row whose distance is NaN is not within any distance.",
    accuracy: "The distances have the bits of vector_distance, and are compared with `max_distance` as they are.",
    streaming: Streaming::Parts(
        "Each chunk gives its own rows; all of them together are the result. `limit` holds for each.",
    ),
    source: "Exhaustive search.",
    elements: "",
    sql: "A WHERE in @source leaves rows out just as well.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(8), Cell::Vector(&[3.0, 4.0])],
            &[Cell::Int(9), Cell::Vector(&[6.0, 8.0])],
        ],
        params: &[
            ("query", Cell::Vector(&[0.0, 0.0])),
            ("max_distance", Cell::Float(5.0)),
            ("metric", Cell::Text("euclidean")),
        ],
        outputs: &[
            &[Cell::Int(1), Cell::Int(7), Cell::Float(0.0)],
            &[Cell::Int(1), Cell::Int(8), Cell::Float(5.0)],
        ],
    },
    run,
};
