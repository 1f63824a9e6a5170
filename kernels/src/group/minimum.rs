//! Minimum by group.

use super::extremes::extremes;
use super::{
    By, DIFFERENT, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, NULLS, RESULT_ELEMENT,
    VECTORS, WHOLE, result,
};
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;

/// The least numbers of each group's vectors, by component.
///
/// # Shapes, errors, complexity
///
/// Those of [`super::sum()`].
///
/// # Accuracy
///
/// Exact; zeros of either sign give +0. So the order of rows does not matter.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By}};
/// let vectors = Vectors::matrix(&[1.0, 6.0, 3.0, -2.0], 2)?;
/// let found = group::minimum(&By::new(&[None; 2]), &vectors)?;
/// assert_eq!(found.results[0].row(0), Some(vec![1.0, -2.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn minimum(by: &By<'_>, vectors: &Vectors<'_>) -> Result<Grouped, Error> {
    extremes(by, vectors, false)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_minimum",
    family: Family::Vector,
    summary: "The least numbers of each group's vectors, by component.",
    details: DIFFERENT,
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[GROUP_KEY_OF, result("minimum", "The least numbers."), VECTORS, LEFT_OUT],
    rows: RowShape::Made,
    nulls: NULLS,
    empty: EMPTY,
    nan: NAN,
    accuracy: "Exact; zeros of either sign give +0. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole(WHOLE),
    source: "The least of each component.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1.0, 6.0])],
            &[Cell::Int(3), Cell::Null],
            &[Cell::Int(7), Cell::Vector(&[3.0, -2.0])],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(3), Cell::Null, Cell::Int(0), Cell::Int(1)],
            &[Cell::Int(7), Cell::Vector(&[1.0, -2.0]), Cell::Int(2), Cell::Int(0)],
        ],
    },
    run: |call| Ok(minimum(&By::of(call)?, call.vectors(0)?)?.output()),
};
