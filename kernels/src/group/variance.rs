//! Variances by group.

use super::aggregate::{self, Aggregate, Source};
use super::sum::Add;
use super::sums::{Plain, Row, SquareOfDouble, SquareOfSingle, Sums, Term, Unfit};
use super::{
    By, DIFFERENT, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NOT_FINITE, RESULT_ELEMENT, VECTORS,
    WHOLE, average, result,
};
use crate::arch::Level;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::error::Error;
use crate::number::element::Width;
use crate::number::exact::two_sum;
use crate::number::range::exact_product;

/// What the squared deviations are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Divisor {
    /// One less than the number of vectors: the variance of what they were drawn from.
    #[default]
    Sample,
    /// The number of vectors: the variance of just these.
    Population,
}

impl Divisor {
    pub(crate) const NAMES: &[&str] = &["sample", "population"];

    pub(crate) fn parse(name: &str) -> Option<Divisor> {
        match name {
            "sample" => Some(Divisor::Sample),
            "population" => Some(Divisor::Population),
            _ => None,
        }
    }

    /// The divisor for so many vectors; 0 where they have no variance.
    pub(super) fn of(self, count: u64) -> u64 {
        count.saturating_sub(u64::from(self == Divisor::Sample))
    }
}

/// Averages, variances and standard deviations of each group's vectors, by component: `results[0]`, `[1]` and `[2]`.
///
/// # Shapes
///
/// As [`super::sum()`]. Variances are in the vectors' unit squared. A single vector has no [`Divisor::Sample`] variance:
/// all of its results are NULL.
///
/// # Errors
///
/// Those of [`super::sum()`]; [`Error::Value`] for doubles of 2⁴⁷⁰ and more, whose squares cannot be added.
///
/// # Accuracy
///
/// Σ v and Σ v² are exact. Of these as pairs of doubles, (Σ v² − (Σ v)²/m)/d is computed in twice double precision: an
/// error of at most 2⁻⁵¹ of the variance and 2⁻¹⁰⁰ of the mean square. So it does not matter that the average is large:
/// for singles, what is not constant differs by 2⁻²⁴. Squares below 2⁻¹⁰⁷⁴ count as 0. The standard deviation is the
/// root of the variance, rounded. Same bits for any order of rows, threads and levels.
///
/// # Complexity
///
/// That of [`super::sum()`]; one pass.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By, Divisor}};
/// let vectors = Vectors::matrix(&[1.0, 5.0, 3.0, 5.0], 2)?;
/// let found = group::variance(&By::new(&[None; 2]), &vectors, Divisor::Sample)?;
/// let row = |n: usize| found.results[n].row(0).unwrap();
/// assert_eq!((row(0), row(1), row(2)), (vec![2.0, 5.0], vec![2.0, 0.0], vec![2f64.sqrt(), 0.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn variance(by: &By<'_>, vectors: &Vectors<'_>, divisor: Divisor) -> Result<Grouped, Error> {
    let source = Source::new(by, vectors, None)?;
    match vectors.width() {
        Width::F32 => {
            let of: Variance<Plain<2>, SquareOfSingle> =
                Variance { divisor, terms: std::marker::PhantomData };
            aggregate::run(&source, &of)
        }
        Width::F64 => {
            let of: Variance<Plain<3>, SquareOfDouble> =
                Variance { divisor, terms: std::marker::PhantomData };
            aggregate::run(&source, &of)
        }
    }
}

/// The variance of `count` numbers of which the sum and the sum of squares are known as pairs of doubles.
pub(super) fn of_sums(count: f64, divisor: f64, sum: (f64, f64), squares: (f64, f64)) -> f64 {
    let (square, error) = exact_product(sum.0, sum.0);
    let error = error + 2.0 * sum.0 * sum.1;
    // (Σ v)²/m as a pair.
    let share = square / count;
    let (back, lost) = exact_product(share, count);
    let rest = ((square - back) - lost + error) / count;
    let (difference, low) = two_sum(squares.0, -share);
    // Rounding may leave a little below 0.
    ((difference + (low + (squares.1 - rest))) / divisor).max(0.0)
}

struct Variance<P, Q> {
    divisor: Divisor,
    terms: std::marker::PhantomData<(P, Q)>,
}

impl<P: Term, Q: Term> Aggregate for Variance<P, Q> {
    type State = (Sums<P>, Sums<Q>);
    const RESULTS: usize = 3;

    fn state(&self, n: usize) -> Self::State {
        (Sums::new(n), Sums::new(n))
    }

    fn bytes(&self, n: usize) -> u64 {
        Sums::<P>::bytes(n) + Sums::<Q>::bytes(n)
    }

    fn clear(&self, state: &mut Self::State, n: usize) {
        state.0.clear(n);
        state.1.clear(n);
    }

    fn add(
        &self,
        level: Level,
        (sums, squares): &mut Self::State,
        width: Width,
        rows: &[Row<'_>],
    ) -> Result<(), Unfit> {
        level.run(Add { sums, width, rows })?;
        level.run(Add { sums: squares, width, rows })
    }

    fn merge(&self, a: Self::State, b: Self::State) -> Self::State {
        (a.0.merged(b.0), a.1.merged(b.1))
    }

    fn finish(&self, (sums, squares): &mut Self::State, count: u64, results: &mut [Vec<f64>]) -> bool {
        let divisor = self.divisor.of(count);
        let [averages, variances, deviations] = results else { unreachable!("three results") };
        if divisor == 0 {
            return false;
        }
        let (count, divisor) = (count as f64, divisor as f64);
        // The sums wait where the results will be.
        sums.read(|j, (sum, rest)| (variances[j], deviations[j]) = (sum, rest));
        squares.read(|j, squares| {
            variances[j] = of_sums(count, divisor, (variances[j], deviations[j]), squares);
            deviations[j] = variances[j].sqrt();
        });
        average::averages(sums, count, averages);
        true
    }
}

pub(crate) const DIVISOR: Param = Param {
    name: "divisor",
    kind: ParamKind::Choice(Divisor::NAMES),
    default: Some("sample"),
    summary: "What squared deviations are divided by: sample = vectors − 1, as VAR; population = vectors, as VARP.",
};

pub(super) const SINGLE_ROW: &str = "A NULL vector is left out and counted. A group without vectors has NULL, and one of a single vector too with divisor = sample. A NULL key is a group of its own.";
pub(super) const NAN_SQUARES: &str = "An error that names the row and the component, or left out with not_finite = leave_out; so are f64 numbers of 2⁴⁷⁰ or more an error. A result beyond its element type is infinite; JSON cannot hold it, so it is NULL there.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_variance",
    family: Family::Vector,
    summary: "Averages, variances and standard deviations of each group's vectors, by component.",
    details: DIFFERENT,
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[DIVISOR, ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[
        GROUP_KEY_OF,
        result("average", "The averages, as vector_average."),
        result("variance", "The variances."),
        result("deviation", "The standard deviations: their roots."),
        VECTORS,
        LEFT_OUT,
    ],
    rows: RowShape::Made,
    nulls: SINGLE_ROW,
    empty: EMPTY,
    nan: NAN_SQUARES,
    accuracy: "Of exact sums Σ v and Σ v² in twice double precision: error ≤ 2⁻⁵¹ of the variance and 2⁻¹⁰⁰ of the mean square, and one more rounding to the result's element type. Constant components of f32 vectors have variance 0. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Whole(WHOLE),
    source: "As vector_sum; the formula is that of the textbooks, which Chan, Golub and LeVeque 1983, \"Algorithms for computing the sample variance\", warn of for rounded sums.",
    elements: "",
    sql: "Packed f64 results of narrower packed input need a source column varbinary(max), or @result_vectors = 'json'.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[1.0, 5.0])],
            &[Cell::Int(3), Cell::Vector(&[5.0])],
            &[Cell::Int(7), Cell::Vector(&[9.0, 5.0])],
        ],
        params: &[("divisor", Cell::Text("population"))],
        outputs: &[
            &[
                Cell::Int(3),
                Cell::Vector(&[5.0]),
                Cell::Vector(&[0.0]),
                Cell::Vector(&[0.0]),
                Cell::Int(1),
                Cell::Int(0),
            ],
            &[
                Cell::Int(7),
                Cell::Vector(&[5.0, 5.0]),
                Cell::Vector(&[16.0, 0.0]),
                Cell::Vector(&[4.0, 0.0]),
                Cell::Int(2),
                Cell::Int(0),
            ],
        ],
    },
    run: |call| {
        let divisor = call.chosen(&DIVISOR, Divisor::parse)?;
        Ok(variance(&By::of(call)?, call.vectors(0)?, divisor)?.output())
    },
};
