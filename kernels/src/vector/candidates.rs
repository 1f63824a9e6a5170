//! Search over a column of codes.

use crate::contract::shared::{ELEMENT, ID, LEFT_OUT};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::vector::codes::search::candidates;
use crate::vector::codes::{Bounded, Codes};
use crate::vector::distance::{METRIC, metric_of};
use crate::vector::nearest_rows::Wanted;
use crate::vector::quantize::{CODE, EXAMPLE};
use crate::vector::top_k::{K, QUERY, QUERY_COUNT, QUERY_NUMBER, queries_of};

/// Queries that are searched for together.
const BATCH: usize = 12;

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let column = call.binary(CODE.name);
    let (metric, queries) = (metric_of(call)?, queries_of(call)?);
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX);
    let all_queries = Vec::from_iter(0..queries.len());
    let codes_bytes = Codes::size(call.rows, queries.dimensions(0).unwrap_or(0));
    let codes = Codes::from_rows(CODE.name, column)?;
    let left_out = call.left_out();
    let wanted = Wanted { left_out: left_out.as_deref(), ..Wanted::nearest(k) };
    let mut all: Vec<(i32, Bounded)> = Vec::new();
    for batch in all_queries.chunks(BATCH) {
        // In the worst case every row is a candidate of every query. All of them are there once more as a result.
        let more = (call.rows as u64).saturating_mul(batch.len() as u64);
        let bytes =
            more.saturating_add(all.len() as u64).saturating_mul(2 * size_of::<(i32, Bounded)>() as u64);
        call.check_memory("the codes and candidates", codes_bytes.saturating_add(bytes))?;
        let found = candidates(call.compute, &codes, &queries.picked(batch), wanted, metric)?;
        for (query, list) in batch.iter().zip(found) {
            all.extend(list.into_iter().map(|c| (*query as i32 + 1, c)));
        }
    }
    Ok(Output {
        columns: vec![
            Values::Int(all.iter().map(|(query, _)| Some(*query)).collect()),
            Values::Float(all.iter().map(|(_, c)| Some(c.lower)).collect()),
            Values::Float(all.iter().map(|(_, c)| Some(c.upper)).collect()),
        ],
        picked: Some(all.iter().map(|(_, c)| c.row).collect()),
    })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_candidates",
    family: Family::Vector,
    summary: "The rows that may be among the k nearest to a query, from their codes alone, with certain bounds of their distances.",
    details: "The k nearest rows of vector_top_k are among the candidates: a row is left out only if its lower bound is greater than the \
              upper bounds of k others. The bounds are those of the distance that vector_top_k computes, rounding included. Then \
              vector_top_k of the candidates' vectors finds the rows, distances and order of vector_top_k of all vectors. Sorted by \
              query, lower bound and input order. Queries have the element type that the codes were made from. \
              Codes bound no Manhattan distance: there every row is a candidate.",
    inputs: &[ID, CODE],
    optional: &[LEFT_OUT],
    params: &[QUERY, QUERY_COUNT, K, METRIC, ELEMENT],
    outputs: &[
        QUERY_NUMBER,
        ID,
        Column {
            name: "lower",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "The distance is not less. Infinite where nothing is proven.",
        },
        Column {
            name: "upper",
            kind: Kind::Float,
            unit: "that of the metric",
            summary: "The distance is not greater. Infinite where nothing is proven.",
        },
    ],
    rows: RowShape::Picked,
    nulls: "A row whose code is NULL is no candidate.",
    empty: "No rows give no result rows.",
    nan: "A row whose vector has NaN or an infinity is always a candidate, with the bounds −∞ and ∞. \
          So are all rows where the query has.",
    accuracy: "Certain: the computed distance lies within the bounds. Same bounds on every machine.",
    streaming: Streaming::Parts(
        "Each chunk gives the candidates for its own k nearest. All of them together hold the k nearest of all rows; those with \
         lower > the k-th smallest upper of all can be left out.",
    ),
    source: "Weber, Schek and Blott 1998, \"A quantitative analysis and performance study for similarity-search methods in \
             high-dimensional spaces\" (the VA-file).",
    elements: "",
    sql: "A WHERE in @source leaves rows out just as well.",
    example: Example {
        inputs: &[&[Cell::Int(7), Cell::Binary(EXAMPLE)], &[Cell::Int(8), Cell::Null]],
        params: &[
            ("query", Cell::Vector(&[1.0, 0.0, 0.0, 0.0])),
            ("k", Cell::Int(1)),
            ("metric", Cell::Text("dot")),
        ],
        outputs: &[&[
            Cell::Int(1),
            Cell::Int(7),
            Cell::Float(-1.0000001632992828),
            Cell::Float(-0.9962350341247296),
        ]],
    },
    run,
};
