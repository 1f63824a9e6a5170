//! The nearest rows of one set for each row of another.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::pairwise::compute::Compute;
use crate::vector::codes::search::search_column;
use crate::vector::codes::{Codes, quantize_with};
use crate::vector::distance::{METRIC, Metric, metric_of};
use crate::vector::nearest_rows::{Candidate, Key, Wanted};
use crate::vector::rows;
use crate::vector::top_k::{DISTANCE, Hit, K, RANK, check_ids, integer_keys};

/// For each row of `left`, the `k` nearest rows of `right`, nearest first: the k-nearest-neighbour join.
///
/// # Shapes
///
/// `left`: q vectors of n dimensions, `right`: m vectors of n dimensions, `ids`: m numbers; returns a list for each row
/// of `left`, empty where that row is NULL. NULL rows of `right` are not found. Equal distances are ordered by smaller
/// id, then by position.
///
/// # Errors
///
/// As [`crate::vector::top_k()`] and [`crate::vector::quantize()`]: the search goes over codes.
///
/// # Accuracy
///
/// Distances have the same bits as [`crate::vector::distance()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, vector};
/// let left = Vectors::matrix(&[1.0, 0.0, 5.0, 9.0], 2)?;
/// let right = Vectors::matrix(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 2)?;
/// let found = vector::join(&left, &right, &[7, 8, 9], 1, Metric::Euclidean)?;
/// assert_eq!((found[0][0].id, found[1][0].id), (7, 9));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn join(
    left: &Vectors<'_>,
    right: &Vectors<'_>,
    ids: &[i64],
    k: usize,
    metric: Metric,
) -> Result<Vec<Vec<Hit>>, Error> {
    check_ids(ids, right)?;
    check_memory(PAIRS, pairs_bytes(left.len(), right, k), default_memory_limit())?;
    let there: Vec<usize> = (0..left.len()).filter(|row| left.row(*row).is_some()).collect();
    check_dimensions(left, there.iter())?;
    let key = |row: usize| Some(ids[row]);
    let found = nearest(Compute::new(), &left.picked(&there), right, &key, k, metric)?;
    let mut out = vec![Vec::new(); left.len()];
    for (row, list) in there.into_iter().zip(found) {
        out[row] = list.into_iter().map(|c| Hit::new(ids[c.row], c.distance, c.row)).collect();
    }
    Ok(out)
}

const PAIRS: &str = "the pairs of the join";

/// Bytes of the codes and of the pairs, once as candidates and once as a result.
fn pairs_bytes(left: usize, right: &Vectors<'_>, k: usize) -> u64 {
    let dimensions = (0..right.len()).find_map(|row| right.dimensions(row)).unwrap_or(0);
    let pairs = (left as u64).saturating_mul(k.min(right.len()) as u64);
    Codes::size(right.len(), dimensions)
        .saturating_add(pairs.saturating_mul(2 * size_of::<Candidate>() as u64))
}

fn nearest(
    compute: Compute,
    left: &Vectors<'_>,
    right: &Vectors<'_>,
    key: Key<'_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    let codes = quantize_with(compute, right)?;
    search_column(compute, right, &codes, key, left, Wanted::nearest(k), metric)
}

/// The rows of both sets: those that look for neighbours, and those that are found.
fn sets(sides: &[Option<i64>], rows: &Vectors<'_>) -> Result<[Vec<usize>; 2], Error> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (row, side) in sides.iter().enumerate() {
        let Some(side) = side else { continue };
        if !(0..=2).contains(side) {
            return Err(Error::Value {
                place: SIDE.name.into(),
                row: row as u64 + 1,
                found: side.to_string(),
                expected: "0, 1 or 2".into(),
            });
        }
        if rows.row(row).is_some() {
            [(&mut left, *side != 1), (&mut right, *side != 0)]
                .into_iter()
                .filter(|(_, belongs)| *belongs)
                .for_each(|(set, _)| set.push(row));
        }
    }
    Ok([left, right])
}

/// Checks that all of the rows have the same dimensions.
fn check_dimensions<'a>(rows: &Vectors<'_>, mut list: impl Iterator<Item = &'a usize>) -> Result<(), Error> {
    let Some(first) = list.next() else { return Ok(()) };
    let expected = rows.dimensions(*first);
    match list.find(|row| rows.dimensions(**row) != expected) {
        Some(row) => {
            Err(rows.mismatch(*row, Place::Whole(format!("row {}", first + 1)), expected.unwrap_or(0)))
        }
        None => Ok(()),
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (rows, ids, metric) = (call.vectors(0)?, integer_keys(call)?, metric_of(call)?);
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX);
    let sides = call.integers(SIDE.name);
    let [left, right] = sets(sides, rows)?;
    check_dimensions(rows, left.iter().chain(&right))?;
    let (queries, found) = (rows.picked(&left), rows.picked(&right));
    call.check_memory(PAIRS, pairs_bytes(left.len(), &found, k.saturating_add(1)))?;
    // A row of both sets finds itself too, which is left out.
    let more = usize::from(sides.contains(&Some(2)));
    let key = |row: usize| ids[right[row]];
    let lists = nearest(rows::compute_of(call)?, &queries, &found, &key, k.saturating_add(more), metric)?;
    let mut output = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (own, list) in left.into_iter().zip(lists) {
        let others = list.into_iter().filter(|c| right[c.row] != own).take(k);
        for (candidate, rank) in others.zip(1..) {
            output.0.push(own);
            output.1.push(Some(rank));
            output.2.push(ids[right[candidate.row]]);
            output.3.push(Some(candidate.distance));
        }
    }
    Ok(Output {
        columns: vec![Values::Int(output.1), Values::BigInt(output.2), Values::Float(output.3)],
        picked: Some(output.0),
    })
}

const SIDE: Column = Column {
    name: "side",
    kind: Kind::Int,
    unit: "1",
    summary: "0: the row looks for neighbours, 1: it can be found, 2: both; NULL: it is left out.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_join",
    family: Family::Vector,
    summary: "For each row of one set its k nearest rows of another, exactly.",
    details: "One input holds both sets: side tells which a row belongs to. Where all rows have side 2, the result is the graph of \
              the k nearest neighbours. A row is no neighbour of itself, but other rows with the same vector are. By row of the \
              first set in input order, nearest first; equal distances are ordered by the smaller id, then by input order. \
              Searches over codes of 8 bits (vector_quantize), with the result of a search without them.",
    inputs: &[ID, V, SIDE],
    optional: &[],
    params: &[K, METRIC, ELEMENT, ACCUMULATE],
    outputs: &[
        ID,
        RANK,
        Column { name: "neighbor", kind: Kind::BigInt, unit: "1", summary: "Id of the neighbour." },
        DISTANCE,
    ],
    rows: RowShape::Picked,
    nulls: "A row whose vector or side is NULL belongs to neither set. NULL ids come after all others.",
    empty: "If one of the sets is empty, there are no result rows.",
    nan: "A row whose distance is NaN comes after all others.",
    accuracy: "The distances have the bits of vector_distance. The same result for any number of threads, on every machine.",
    streaming: Streaming::Whole("all rows of both sets"),
    source: "Weber, Schek and Blott 1998 (the VA-file), for each row of the first set.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[1.0, 0.0]), Cell::Int(0)],
            &[Cell::Int(7), Cell::Vector(&[1.0, 1.0]), Cell::Int(1)],
            &[Cell::Int(8), Cell::Vector(&[4.0, 4.0]), Cell::Int(2)],
        ],
        params: &[("k", Cell::Int(1)), ("metric", Cell::Text("euclidean"))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(7), Cell::Float(1.0)],
            &[Cell::Int(8), Cell::Int(1), Cell::Int(7), Cell::Float(4.242640687119285)],
        ],
    },
    run,
};
