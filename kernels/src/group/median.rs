//! Medians by component, by group.

use super::aggregate::{LARGE, Source};
use super::whole::{Members, left_out, whole};
use super::{
    By, DIFFERENT, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, NULLS, RESULT_ELEMENT,
    VECTORS, WHOLE, result,
};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;
use crate::parallel;

/// Medians of each group's vectors, by component: of an even number of vectors the mean of the two in the middle.
///
/// # Shapes, errors
///
/// Those of [`super::sum()`].
///
/// # Accuracy
///
/// Exact for an odd number of vectors; else rounded once. Zeros of either sign give +0. Same bits for any order of rows,
/// threads and levels.
///
/// # Complexity
///
/// O(m·n) on average, by selection; memory for 8 components of the largest group, for each thread.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By}};
/// let vectors = Vectors::matrix(&[1.0, 9.0, 2.0, 7.0, 100.0, 8.0], 2)?;
/// let medians = group::median(&By::new(&[None; 3]), &vectors)?;
/// assert_eq!(medians.results[0].row(0), Some(vec![2.0, 8.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn median(by: &By<'_>, vectors: &Vectors<'_>) -> Result<Grouped, Error> {
    let source = Source::new(by, vectors, None)?;
    let made = whole(&source, 4, |members| medians(members))?;
    Ok(Grouped {
        keys: source.groups.keys.clone(),
        vectors: made.iter().map(|(_, count)| *count).collect(),
        left_out: left_out(&source, &made),
        results: vec![PackedVectors::of_doubles(
            by.element.unwrap_or(vectors.element().of_result()),
            made.iter().map(|(median, _)| median.as_deref()),
        )],
    })
}

/// Columns read at once: a part of a cache line of each row.
const COLUMNS: usize = 8;

pub(super) fn medians(members: &Members<'_>) -> Result<Vec<f64>, Error> {
    let (n, rows) = (members.n, members.rows.len());
    let blocks = n.div_ceil(COLUMNS);
    let bytes = rows * n * members.width.bytes();
    let block = |block: usize| -> Vec<f64> {
        let columns = block * COLUMNS..((block + 1) * COLUMNS).min(n);
        let mut numbers = vec![Vec::with_capacity(rows); columns.len()];
        for row in 0..rows {
            for (numbers, j) in numbers.iter_mut().zip(columns.clone()) {
                // Zeros of either sign are one number.
                numbers.push(members.number(row, j) + 0.0);
            }
        }
        numbers.iter_mut().map(|numbers| middle(numbers)).collect()
    };
    if bytes <= LARGE {
        return Ok((0..blocks).flat_map(block).collect());
    }
    let found = parallel::blocks(blocks, bytes, |range| Ok(range.flat_map(block).collect::<Vec<f64>>()))?;
    Ok(found.concat())
}

/// The median of at least one number.
fn middle(numbers: &mut [f64]) -> f64 {
    let (half, even) = (numbers.len() / 2, numbers.len().is_multiple_of(2));
    let (below, upper, _) = numbers.select_nth_unstable_by(half, f64::total_cmp);
    if !even {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = lower + *upper;
    if sum.is_finite() { sum / 2.0 } else { lower / 2.0 + *upper / 2.0 }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_median",
    family: Family::Vector,
    summary: "Medians of each group's vectors, by component.",
    details: DIFFERENT,
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[
        GROUP_KEY_OF,
        result("median", "The medians; of an even number of vectors the mean of the two in the middle."),
        VECTORS,
        LEFT_OUT,
    ],
    rows: RowShape::Made,
    nulls: NULLS,
    empty: EMPTY,
    nan: NAN,
    accuracy: "Exact for an odd number of vectors, else rounded once, and once more to the result's element type. Zeros of either sign give +0. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions) on average.",
    streaming: Streaming::Whole(WHOLE),
    source: "Hoare 1961, \"Algorithm 65: Find\"; as PERCENTILE_CONT(0.5), for each component.",
    elements: "",
    sql: "Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors = 'json'.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1.0, 9.0])],
            &[Cell::Int(7), Cell::Vector(&[2.0, 7.0])],
            &[Cell::Int(7), Cell::Vector(&[100.0, 8.0])],
            &[Cell::Int(3), Cell::Vector(&[1.0, 2.0])],
            &[Cell::Int(3), Cell::Vector(&[2.0, 5.0])],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(3), Cell::Vector(&[1.5, 3.5]), Cell::Int(2), Cell::Int(0)],
            &[Cell::Int(7), Cell::Vector(&[2.0, 8.0]), Cell::Int(3), Cell::Int(0)],
        ],
    },
    run: |call| Ok(median(&By::of(call)?, call.vectors(0)?)?.output()),
};
