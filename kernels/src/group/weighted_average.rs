//! Weighted averages by group.

use super::aggregate::{self, Aggregate, Source};
use super::sum::Add;
use super::sums::{Row, Sums, Unfit, Weighted};
use super::{
    By, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, RESULT_ELEMENT, VECTORS, WHOLE,
    result,
};
use crate::arch::Level;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;
use crate::number::exact::{self, DIGITS};

/// Weighted averages Σ w·v / Σ w of each group's vectors, by component.
///
/// # Shapes
///
/// As [`super::sum()`], and a weight for each vector; a row without one is left out. The result of a group whose weights
/// sum to 0 is NULL.
///
/// # Errors
///
/// Those of [`super::sum()`]; [`Error::Value`] for a weight that is negative, not finite or 2⁴⁷⁰ and more, and for
/// components of that size.
///
/// # Accuracy
///
/// Both sums are exact and rounded once: relative error at most 2⁻⁵¹, plus 2⁻¹⁰⁷⁴ for each product below the range of
/// doubles. Same bits for any order of rows, threads and levels.
///
/// # Complexity
///
/// That of [`super::sum()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By}};
/// let vectors = Vectors::matrix(&[1.0, 2.0, 4.0, 8.0], 2)?;
/// let averages = group::weighted_average(&By::new(&[None; 2]), &vectors, &[Some(2.0), Some(1.0)])?;
/// assert_eq!(averages.results[0].row(0), Some(vec![2.0, 4.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn weighted_average(
    by: &By<'_>,
    vectors: &Vectors<'_>,
    weights: &[Option<f64>],
) -> Result<Grouped, Error> {
    aggregate::run(&Source::new(by, vectors, Some(weights))?, &WeightedAverage)
}

struct WeightedAverage;

struct State {
    sums: Sums<Weighted>,
    weights: [i64; DIGITS],
    terms: u32,
}

impl Aggregate for WeightedAverage {
    type State = State;
    const RESULTS: usize = 1;

    fn state(&self, n: usize) -> State {
        State { sums: Sums::new(n), weights: [0; DIGITS], terms: 0 }
    }

    fn bytes(&self, n: usize) -> u64 {
        Sums::<Weighted>::bytes(n)
    }

    fn clear(&self, state: &mut State, n: usize) {
        state.sums.clear(n);
        state.weights = [0; DIGITS];
    }

    fn add(&self, level: Level, state: &mut State, width: Width, rows: &[Row<'_>]) -> Result<(), Unfit> {
        for (_, weight) in rows {
            if state.terms == exact::TERMS {
                exact::carry(&mut state.weights);
                state.terms = 0;
            }
            exact::add(&mut state.weights, *weight);
            state.terms += 1;
        }
        level.run(Add { sums: &mut state.sums, width, rows })
    }

    fn merge(&self, mut a: State, mut b: State) -> State {
        exact::carry(&mut a.weights);
        exact::carry(&mut b.weights);
        exact::merge(&mut a.weights, &b.weights);
        State { sums: a.sums.merged(b.sums), weights: a.weights, terms: 1 }
    }

    fn finish(&self, state: &mut State, _: u64, results: &mut [Vec<f64>]) -> bool {
        exact::carry(&mut state.weights);
        let weight = exact::rounded(&state.weights, 0);
        if weight == 0.0 {
            return false;
        }
        let out = &mut results[0];
        state.sums.read(|j, (sum, _)| out[j] = sum / weight);
        true
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_weighted_average",
    family: Family::Vector,
    summary: "Weighted averages of each group's vectors, by component.",
    details: "Σ w·v / Σ w by group_key. Weights are finite and at least 0. Vectors of one group must have the same dimensions; other groups may have others.",
    inputs: &[
        GROUP_KEY,
        V,
        Column { name: "weight", kind: Kind::Float, unit: "1", summary: "The row's weight, at least 0." },
    ],
    optional: &[],
    params: &[ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[GROUP_KEY_OF, result("average", "The weighted averages."), VECTORS, LEFT_OUT],
    rows: RowShape::Made,
    nulls: "A row whose vector or weight is NULL is left out and counted. A group without rows, or whose weights sum to 0, has NULL. A NULL key is a group of its own.",
    empty: EMPTY,
    nan: NAN,
    accuracy: "Both sums are exact and rounded once: relative error ≤ 2⁻⁵¹, and one more rounding to the result's element type. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole(WHOLE),
    source: "As vector_sum; products without error: Dekker 1971, \"A floating-point technique for extending the available precision\".",
    elements: "",
    sql: "Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors = 'json'.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1.0, 2.0]), Cell::Float(2.0)],
            &[Cell::Int(7), Cell::Vector(&[4.0, 8.0]), Cell::Float(1.0)],
            &[Cell::Int(7), Cell::Vector(&[9.0, 9.0]), Cell::Null],
            &[Cell::Int(8), Cell::Vector(&[9.0, 9.0]), Cell::Float(0.0)],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(7), Cell::Vector(&[2.0, 4.0]), Cell::Int(2), Cell::Int(1)],
            &[Cell::Int(8), Cell::Null, Cell::Int(1), Cell::Int(0)],
        ],
    },
    run: |call| Ok(weighted_average(&By::of(call)?, call.vectors(0)?, call.floats("weight"))?.output()),
};
