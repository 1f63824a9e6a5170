//! Exact search for the nearest rows of bits.

use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::contract::shared::{ID, LEFT_OUT};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming,
};
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::pairwise::compute::Compute;
use crate::parallel::{self, PANEL};
use crate::vector::bits::{self, BITS, BitMetric};
use crate::vector::nearest_rows::{Best, CANDIDATES, Candidate, Key, Wanted, check_k, hits_bytes, merged};
use crate::vector::rows;
use crate::vector::top_k::{
    Hit, K, MIN_DISTANCE, QUERY_COUNT, QUERY_NUMBER, RANK, check_count, integer_keys, min_distance_of,
    output_of,
};

/// The `k` rows of bits nearest to each query, nearest first. Exact: it examines every row.
///
/// # Shapes
///
/// `rows`: m vectors of `bytes` bytes each, one after the other, eight bits a byte; `ids`: m numbers; `queries`: q such
/// vectors. Returns a list of min(k, m) hits per query. Equal distances, of which there are many, are ordered by smaller
/// id, then by position.
///
/// # Errors
///
/// [`Error::ParameterValue`] where `k` or `bytes` is 0, `rows` or `queries` is not a whole number of vectors, or `ids`
/// does not have one number per row; [`Error::Memory`] where the hits may exceed [`default_memory_limit`].
///
/// # Accuracy
///
/// Distances as [`crate::vector::hamming_distance()`] and [`crate::vector::jaccard_distance()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::{BitMetric, top_k_bits};
/// let rows = [0b1111_0000, 0b1111_1111, 0b0000_0001];
/// let hits = top_k_bits(&rows, 1, &[7, 8, 9], &[0b0111_0000], 2, BitMetric::Hamming)?;
/// assert_eq!(hits[0].iter().map(|hit| (hit.id, hit.distance)).collect::<Vec<_>>(), [(7, 1.0), (9, 4.0)]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn top_k_bits(
    rows: &[u8],
    bytes: usize,
    ids: &[i64],
    queries: &[u8],
    k: usize,
    metric: BitMetric,
) -> Result<Vec<Vec<Hit>>, Error> {
    if bytes == 0 {
        return Err(Error::ParameterValue {
            name: "bytes".into(),
            value: "0".into(),
            expected: "an integer ≥ 1".into(),
        });
    }
    for (name, given) in [("rows", rows), ("queries", queries)] {
        if !given.len().is_multiple_of(bytes) {
            return Err(Error::ParameterValue {
                name: name.into(),
                value: format!("{} bytes", given.len()),
                expected: format!("a multiple of {bytes}"),
            });
        }
    }
    let count = rows.len() / bytes;
    check_count("ids", "numbers", ids.len(), count)?;
    let queries: Vec<&[u8]> = queries.chunks_exact(bytes).collect();
    check_memory(CANDIDATES, hits_bytes(count, rows.len(), queries.len(), k), default_memory_limit())?;
    let source = Source {
        count,
        bytes: rows.len(),
        row: &|i| Some(&rows[i * bytes..(i + 1) * bytes]),
        key: &|i| Some(ids[i]),
    };
    let found = search(Compute::new(), &source, &queries, Wanted::nearest(k), metric)?;
    let hit = |c: Candidate| Hit::new(ids[c.row], c.distance, c.row);
    Ok(found.into_iter().map(|list| list.into_iter().map(hit).collect()).collect())
}

/// The rows of a search.
struct Source<'a> {
    count: usize,
    /// Bytes of all rows.
    bytes: usize,
    row: &'a (dyn Fn(usize) -> Option<&'a [u8]> + Sync),
    key: Key<'a>,
}

fn search(
    compute: Compute,
    source: &Source<'_>,
    queries: &[&[u8]],
    wanted: Wanted<'_>,
    metric: BitMetric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    check_k(wanted.k)?;
    let none = || queries.iter().map(|_| Best::of(wanted)).collect::<Vec<_>>();
    let scan = |best: &mut Vec<Best>, range| {
        compute.level.run(Scan { source, queries, wanted, metric, range, best })
    };
    let best = parallel::fold(source.count, source.bytes, none, scan, merged)?;
    Ok(best.into_iter().map(Best::into_sorted).collect())
}

/// One block of rows against all queries.
struct Scan<'a, 's> {
    source: &'a Source<'s>,
    queries: &'a [&'a [u8]],
    wanted: Wanted<'a>,
    metric: BitMetric,
    range: Range<usize>,
    best: &'a mut [Best],
}

impl Task for Scan<'_, '_> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let Scan { source, queries, wanted, metric, range, best } = self;
        let Some(first) = queries.first() else { return Ok(()) };
        let mut next = range.start;
        while next < range.end {
            let (mut numbers, mut panel, mut filled) = ([0; PANEL], [&[][..]; PANEL], 0);
            while filled < PANEL && next < range.end {
                if let Some(row) = (source.row)(next).filter(|_| !wanted.leaves_out(next)) {
                    if row.len() != first.len() {
                        let query = Place::parameter(QUERY.name);
                        return Err(bits::mismatch(BITS.name.into(), next, row.len(), query, first.len()));
                    }
                    (numbers[filled], panel[filled]) = (next, row);
                    filled += 1;
                }
                next += 1;
            }
            for (query, best) in queries.iter().zip(best.iter_mut()) {
                let mut counts = [[0; 2]; PANEL];
                simd.count_bits(query, &panel[..filled], &mut counts);
                for (row, counts) in numbers[..filled].iter().zip(counts) {
                    best.offer_row(metric.of(counts), *row, source.key);
                }
            }
        }
        Ok(())
    }
}

/// The queries of the parameters [`QUERY`] and [`QUERY_COUNT`].
fn queries_of<'a>(call: &'a Call<'_>) -> Result<Vec<&'a [u8]>, Error> {
    let given = call.params.bytes(QUERY.name);
    let count = call.params.int(QUERY_COUNT.name) as usize;
    if !given.len().is_multiple_of(count) || given.is_empty() {
        return Err(Error::ParameterValue {
            name: QUERY.name.into(),
            value: format!("{} bytes", given.len()),
            expected: format!("a positive multiple of query_count = {count}"),
        });
    }
    Ok(given.chunks_exact(given.len() / count).collect())
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (column, ids, queries) = (call.binary(BITS.name), integer_keys(call)?, queries_of(call)?);
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX);
    let metric = call.chosen(&METRIC, BitMetric::parse)?;
    let bytes = rows::bytes_of(column);
    call.check_memory(CANDIDATES, hits_bytes(call.rows, bytes, queries.len(), k))?;
    let source = Source { count: call.rows, bytes, row: &|i| column[i], key: &|i| ids[i] };
    let left_out = call.left_out();
    let left_out = left_out.as_deref();
    let wanted = Wanted { beyond: min_distance_of(call), left_out, ..Wanted::nearest(k) };
    Ok(output_of(search(call.compute, &source, &queries, wanted, metric)?))
}

const QUERY: Param = Param {
    name: "query",
    kind: ParamKind::Binary,
    default: None,
    summary: "The query's bytes; with query_count > 1 those of all queries, one after the other.",
};
const METRIC: Param = Param {
    name: "metric",
    kind: ParamKind::Choice(BitMetric::NAMES),
    default: Some("hamming"),
    summary: "hamming = number of bits that differ, jaccard = part of the bits set in either that is not set in both.",
};
const DISTANCE: Column = Column {
    name: "distance",
    kind: Kind::Float,
    unit: "bits for hamming, 1 for jaccard",
    summary: "As vector_hamming_distance or vector_jaccard_distance.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_top_k_bits",
    family: Family::Vector,
    summary: "The k rows of bits nearest to one or many queries by Hamming or Jaccard distance, exactly.",
    details: "Looks at every row. Nearest first; equal distances, of which bits have many, are ordered by the smaller id, then by input order. \
              Several queries come in one parameter, one after the other. Exact for the bits. If they are the signs of vectors \
              (vector_binarize), the rows found here and then compared as vectors are not all of those that vector_top_k finds: for that, \
              use vector_candidates and the codes of vector_quantize.",
    inputs: &[ID, BITS],
    optional: &[LEFT_OUT],
    params: &[QUERY, QUERY_COUNT, K, METRIC, MIN_DISTANCE],
    outputs: &[QUERY_NUMBER, RANK, ID, DISTANCE],
    rows: RowShape::Picked,
    nulls: "A row whose bits are NULL is no candidate. A NULL id is kept and loses every tie.",
    empty: "No rows give no result rows.",
    nan: "Bits are no numbers: there is none.",
    accuracy: "The distances of vector_hamming_distance and vector_jaccard_distance. The same order on every machine, for any number of threads and \
               queries.",
    streaming: Streaming::Parts(
        "Each chunk gives its own best k; the caller merges them, by distance and then id.",
    ),
    source: "Exhaustive search.",
    elements: "",
    sql: "A WHERE in @source leaves rows out just as well. To merge the best of several parts: SELECT TOP (k) … ORDER BY distance, id.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Binary(&[0b1111_0000])],
            &[Cell::Int(8), Cell::Binary(&[0b1111_1111])],
            &[Cell::Int(9), Cell::Binary(&[0b0000_0001])],
        ],
        params: &[("query", Cell::Binary(&[0b0111_0000])), ("k", Cell::Int(2))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(7), Cell::Float(1.0)],
            &[Cell::Int(1), Cell::Int(2), Cell::Int(9), Cell::Float(4.0)],
        ],
    },
    run,
};
