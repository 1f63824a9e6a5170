//! Sums by group.

use super::aggregate::{self, Aggregate, Source};
use super::sums::{Plain, Row, Sums, Term, Unfit};
use super::{
    By, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, NULLS, RESULT_ELEMENT, VECTORS,
    WHOLE, result,
};
use crate::arch::{Level, Simd, Task};
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;

/// Sums of the components of each group's vectors.
///
/// # Shapes
///
/// m vectors of n dimensions, those of one group alike, and a key for each; `results[0]` has a vector of n numbers for
/// each group, in the vectors' unit.
///
/// # Errors
///
/// [`Error::Dimensions`] where vectors of one group differ; [`Error::Value`] for a number that is not finite, unless it
/// is to be left out; [`Error::ParameterValue`] where there is not one key for each vector; [`Error::Memory`].
///
/// # Accuracy
///
/// The exact sum, rounded to double precision once. Same bits for any order of rows, threads and levels.
///
/// # Complexity
///
/// O(m·n), and O(m·log m) where the keys do not ascend. One pass; beside the results, 550 bytes for each dimension and
/// thread.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By}};
/// let vectors = Vectors::matrix(&[1e30, 1.0, 1.0, 2.0, -1e30, 3.0], 2)?;
/// let sums = group::sum(&By::new(&[Some(1); 3]), &vectors)?;
/// assert_eq!(sums.results[0].row(0), Some(vec![1.0, 6.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn sum(by: &By<'_>, vectors: &Vectors<'_>) -> Result<Grouped, Error> {
    let source = Source::new(by, vectors, None)?;
    match vectors.width() {
        Width::F32 => aggregate::run(&source, &Sum::<Plain<2>>(std::marker::PhantomData)),
        Width::F64 => aggregate::run(&source, &Sum::<Plain<3>>(std::marker::PhantomData)),
    }
}

/// A strip of rows added to sums.
pub(super) struct Add<'a, T> {
    pub(super) sums: &'a mut Sums<T>,
    pub(super) width: Width,
    pub(super) rows: &'a [Row<'a>],
}

impl<T: Term> Task for Add<'_, T> {
    type Output = Result<(), Unfit>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        self.sums.add(simd, self.width, self.rows)
    }
}

struct Sum<T>(std::marker::PhantomData<T>);

impl<T: Term> Aggregate for Sum<T> {
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

    fn finish(&self, state: &mut Sums<T>, _: u64, results: &mut [Vec<f64>]) -> bool {
        let out = &mut results[0];
        state.read(|j, (sum, _)| out[j] = sum);
        true
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_sum",
    family: Family::Vector,
    summary: "Sums of the components of each group's vectors.",
    details: "Σ v by group_key, component by component. Vectors of one group must have the same dimensions; other groups may have others.",
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[GROUP_KEY_OF, result("sum", "The sums."), VECTORS, LEFT_OUT],
    rows: RowShape::Made,
    nulls: NULLS,
    empty: EMPTY,
    nan: NAN,
    accuracy: "The exact sum rounded once to double precision, and once more to the result's element type. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole(WHOLE),
    source: "Demmel and Nguyen 2015, \"Parallel reproducible summation\"; Neal 2015, \"Fast exact summation using small and large superaccumulators\".",
    elements: "",
    sql: "Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors = 'json'.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1e30, 1.0])],
            &[Cell::Int(3), Cell::Vector(&[0.5, 2.0])],
            &[Cell::Int(7), Cell::Vector(&[1.0, 2.0])],
            &[Cell::Int(7), Cell::Vector(&[-1e30, 3.0])],
            &[Cell::Int(7), Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(3), Cell::Vector(&[0.5, 2.0]), Cell::Int(1), Cell::Int(0)],
            &[Cell::Int(7), Cell::Vector(&[1.0, 6.0]), Cell::Int(3), Cell::Int(1)],
        ],
    },
    run: |call| Ok(sum(&By::of(call)?, call.vectors(0)?)?.output()),
};
