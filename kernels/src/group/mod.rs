//! Aggregates of vectors by group.
//!
//! A group is the rows with the same key, wherever they are in the input; keys that are NULL form a group, as in GROUP
//! BY. One call does a million small groups or one of ten million rows.
//!
//! # Reproducibility
//!
//! Sums, averages and variances are made of **exact sums**: numbers are cut at fixed places and added without any
//! rounding, and a sum is rounded once, in the end. So neither the order of the rows, nor threads, chunks or
//! instruction sets change a bit, and states ([`state`], [`merge`]) combine without loss. Medians, minima and maxima
//! pick numbers. What needs sums of products ([`covariance`], [`geometric_median`]) takes a group's rows in the order of
//! their content, not of the input.

mod aggregate;
pub(crate) mod average;
pub(crate) mod covariance;
mod extremes;
pub(crate) mod geometric_median;
pub(crate) mod keys;
pub(crate) mod maximum;
pub(crate) mod median;
pub(crate) mod merge;
pub(crate) mod minimum;
mod running;
pub(crate) mod state;
pub(crate) mod sum;
pub(crate) mod sums;
pub(crate) mod variance;
pub(crate) mod weighted_average;
mod whole;

pub(crate) use aggregate::is_finite;
pub use average::average;
pub use covariance::{Covariance, covariance};
pub use geometric_median::{End, Limits, geometric_median};
pub use maximum::maximum;
pub use median::median;
pub use merge::{Merged, merge};
pub use minimum::minimum;
pub(crate) use running::Running;
pub use state::{GroupState, state};
pub use sum::sum;
pub use variance::{Divisor, variance};
pub use weighted_average::weighted_average;

use crate::column::vectors::PackedVectors;
use crate::contract::{Call, Column, Kind, Output, Param, ParamKind, Values};
use crate::error::Error;
use crate::memory::default_memory_limit;
use crate::number::element::Element;
use crate::pairwise::compute::Compute;

/// What happens to a vector with a component that is NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotFinite {
    /// An error that names the row.
    #[default]
    Error,
    /// It is left out, like NULL, and counted.
    LeaveOut,
}

impl NotFinite {
    const NAMES: &[&str] = &["error", "leave_out"];

    pub(crate) fn parse(name: &str) -> Option<NotFinite> {
        match name {
            "error" => Some(NotFinite::Error),
            "leave_out" => Some(NotFinite::LeaveOut),
            _ => None,
        }
    }
}

/// How rows are grouped, and the options of all aggregates.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group};
/// let keys = [Some(7), Some(3), Some(7)];
/// let vectors = Vectors::matrix(&[1.0, 2.0, 5.0, 5.0, 3.0, 4.0], 2)?;
/// let averages = group::average(&group::By::new(&keys), &vectors)?;
/// assert_eq!(averages.keys, [Some(3), Some(7)]);
/// assert_eq!(averages.results[0].row(1), Some(vec![2.0, 3.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    keys: &'a [Option<i64>],
    not_finite: NotFinite,
    /// Of the results; `None` is that of the input.
    element: Option<Element>,
    compute: Option<Compute>,
    limit: u64,
}

impl<'a> By<'a> {
    /// Groups rows by one key for each. Results are doubles; a vector that is not finite is an error.
    pub fn new(keys: &'a [Option<i64>]) -> By<'a> {
        let limit = default_memory_limit();
        By { keys, not_finite: NotFinite::default(), element: Some(Element::F64), compute: None, limit }
    }

    /// The same with another treatment of vectors that are not finite.
    #[must_use]
    pub fn not_finite(self, not_finite: NotFinite) -> By<'a> {
        By { not_finite, ..self }
    }

    /// The same with results in the element type of the input (`f32` for `i8`), each number rounded once more.
    #[must_use]
    pub fn as_input(self) -> By<'a> {
        By { element: None, ..self }
    }

    /// The same with results of that element type.
    pub(crate) fn results_as(self, element: Element) -> By<'a> {
        By { element: Some(element), ..self }
    }

    /// The same on a chosen instruction set; results do not depend on it.
    #[must_use]
    pub fn compute(self, compute: Compute) -> By<'a> {
        By { compute: Some(compute), ..self }
    }

    /// The same with a limit, in bytes, on memory.
    pub(crate) fn memory_limit(self, limit: u64) -> By<'a> {
        By { limit, ..self }
    }

    /// What a call asks for.
    fn of(call: &'a Call<'_>) -> Result<By<'a>, Error> {
        let doubles = call.params.word(RESULT_ELEMENT.name) == "f64";
        Ok(By { element: doubles.then_some(Element::F64), ..By::of_rows(call)? })
    }

    /// The same for kernels that give no vectors.
    fn of_rows(call: &'a Call<'_>) -> Result<By<'a>, Error> {
        Ok(By {
            keys: call.integers(GROUP_KEY.name),
            not_finite: call.chosen(&NOT_FINITE, NotFinite::parse)?,
            element: None,
            compute: Some(call.compute),
            limit: call.limit(),
        })
    }

    fn level(&self) -> Compute {
        self.compute.unwrap_or_default()
    }
}

/// Results by group: by ascending key, NULL first.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// The groups' keys.
    pub keys: Vec<Option<i64>>,
    /// Vectors that count in each group.
    pub vectors: Vec<i64>,
    /// Rows left out of each group: NULL ones, and those that [`NotFinite::LeaveOut`] leaves out.
    pub left_out: Vec<i64>,
    /// The result vectors, NULL where a group has none; what each is, the function says.
    pub results: Vec<PackedVectors>,
}

impl Grouped {
    /// As result columns: the keys, the vectors, and both counts.
    fn output(self) -> Output {
        let some = |v: Vec<i64>| Values::BigInt(v.into_iter().map(Some).collect());
        let mut columns = vec![Values::BigInt(self.keys)];
        columns.extend(self.results.into_iter().map(Values::Vectors));
        columns.extend([some(self.vectors), some(self.left_out)]);
        Output { columns, picked: None }
    }
}

pub(crate) const GROUP_KEY: Column = Column {
    name: "group_key",
    kind: Kind::BigInt,
    unit: "1",
    summary: "The row's group. Rows of a group need not follow each other; NULL is a group. Any other type becomes such a number by DENSE_RANK() OVER (ORDER BY …).",
};
const GROUP_KEY_OF: Column =
    Column { summary: "The group; rows come by ascending key, NULL first.", ..GROUP_KEY };
pub(crate) const VECTORS: Column =
    Column { name: "vectors", kind: Kind::BigInt, unit: "1", summary: "Vectors that count in the group." };
pub(crate) const LEFT_OUT: Column = Column {
    name: "left_out",
    kind: Kind::BigInt,
    unit: "1",
    summary: "Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or infinity.",
};
pub(crate) const NOT_FINITE: Param = Param {
    name: "not_finite",
    kind: ParamKind::Choice(NotFinite::NAMES),
    default: Some("error"),
    summary: "What happens to a vector with NaN or infinity: error, or leave_out, which counts it in left_out.",
};
const RESULT_ELEMENT: Param = Param {
    name: "result_element",
    kind: ParamKind::Choice(&["input", "f64"]),
    default: Some("input"),
    summary: "Element type of the result vectors: that of the input (f32 for i8), or f64.",
};

const fn result(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Vector, unit: "1", summary }
}

const NULLS: &str = "A NULL vector is left out and counted. A group without vectors has NULL and 0. A NULL key is a group of its own.";
const EMPTY: &str = "No rows give no groups. Empty vectors give an empty vector.";
const NAN: &str = "An error that names the row and the component, or left out with not_finite = leave_out. A result beyond its element type is infinite; JSON cannot hold it, so it is NULL there.";
const WHOLE: &str = "all rows of a group";
const DIFFERENT: &str = "Vectors of one group must have the same dimensions; other groups may have others.";
