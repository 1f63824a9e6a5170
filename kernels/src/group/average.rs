//! Averages by group.

use super::aggregate::{self, Aggregate, Source};
use super::sum::Add;
use super::sums::{Plain, Row, Sums, Term, Unfit};
use super::{
    By, DIFFERENT, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, NULLS, RESULT_ELEMENT,
    VECTORS, WHOLE, result,
};
use crate::arch::Level;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;

/// Averages of each group's vectors, by component.
///
/// # Shapes, errors, complexity
///
/// Those of [`super::sum()`].
///
/// # Accuracy
///
/// The exact sum, rounded once, over the number of vectors: a relative error of at most 2⁻⁵², whatever the number of
/// vectors and however they cancel, also where the sum is beyond the range of doubles. Same bits for any order of rows,
/// threads and levels.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By}};
/// let vectors = Vectors::matrix(&[1.0, 2.0, 3.0, 6.0], 2)?;
/// let averages = group::average(&By::new(&[None, None]), &vectors)?;
/// assert_eq!((averages.keys[0], averages.vectors[0]), (None, 2));
/// assert_eq!(averages.results[0].row(0), Some(vec![2.0, 4.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn average(by: &By<'_>, vectors: &Vectors<'_>) -> Result<Grouped, Error> {
    let source = Source::new(by, vectors, None)?;
    match vectors.width() {
        Width::F32 => aggregate::run(&source, &Average::<Plain<2>>(std::marker::PhantomData)),
        Width::F64 => aggregate::run(&source, &Average::<Plain<3>>(std::marker::PhantomData)),
    }
}

/// Writes the averages of `count` vectors with these sums.
pub(super) fn averages<T: Term>(sums: &mut Sums<T>, count: f64, out: &mut [f64]) {
    sums.read(|j, (sum, _)| out[j] = sum / count);
    for (j, out) in out.iter_mut().enumerate().filter(|(_, v)| v.is_infinite()) {
        *out = sums.scaled(j) / count * (1u128 << 64) as f64;
    }
}

struct Average<T>(std::marker::PhantomData<T>);

impl<T: Term> Aggregate for Average<T> {
    type State = Sums<T>;
    const RESULTS: usize = 1;

    fn state(&self, n: usize) -> Sums<T> {
        Sums::new(n)
    }

    fn bytes(&self, n: usize) -> u64 {
        Sums::<T>::bytes(n)
    }

    fn clear(&self, state: &mut Sums<T>, n: usize) {
        state.clear(n);
    }

    fn add(&self, level: Level, sums: &mut Sums<T>, width: Width, rows: &[Row<'_>]) -> Result<(), Unfit> {
        level.run(Add { sums, width, rows })
    }

    fn merge(&self, a: Sums<T>, b: Sums<T>) -> Sums<T> {
        a.merged(b)
    }

    fn finish(&self, state: &mut Sums<T>, count: u64, results: &mut [Vec<f64>]) -> bool {
        averages(state, count as f64, &mut results[0]);
        true
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_average",
    family: Family::Vector,
    summary: "Averages of each group's vectors, by component.",
    details: DIFFERENT,
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[GROUP_KEY_OF, result("average", "The averages."), VECTORS, LEFT_OUT],
    rows: RowShape::Made,
    nulls: NULLS,
    empty: EMPTY,
    nan: NAN,
    accuracy: "The exact sum, rounded once, over the count: relative error ≤ 2⁻⁵², and one more rounding to the result's element type. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole(WHOLE),
    source: "As vector_sum.",
    elements: "",
    sql: "Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors = 'json'.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1.0, 2.0])],
            &[Cell::Int(3), Cell::Vector(&[5.0, 5.0])],
            &[Cell::Int(7), Cell::Vector(&[3.0, 6.0])],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(3), Cell::Vector(&[5.0, 5.0]), Cell::Int(1), Cell::Int(0)],
            &[Cell::Int(7), Cell::Vector(&[2.0, 4.0]), Cell::Int(2), Cell::Int(0)],
        ],
    },
    run: |call| Ok(average(&By::of(call)?, call.vectors(0)?)?.output()),
};
