//! Columns, parameters and sentences that several kernels share.

use super::{Column, Kind, Param, ParamKind};

pub(crate) const ID: Column =
    Column { name: "id", kind: Kind::Id, unit: "1", summary: "The caller's key; returned unchanged." };

/// A column of numbers.
pub(crate) const fn number(name: &'static str, unit: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit, summary }
}

/// How a kernel that takes no rows treats them in SQL Server, which may send some all the same.
pub(crate) const NO_ROWS: &str = "Takes no rows. Where sp_execute_external_script sends some, it answers once for each chunk and does not look at them.";

/// Rows that a search leaves out.
pub(crate) const LEFT_OUT: Column = Column {
    name: "left_out",
    kind: Kind::Float,
    unit: "1",
    summary: "Leaves the row out where it is true, or a number other than 0; NULL keeps the row, NaN leaves it out.",
};

pub(crate) const A: Column = Column { name: "a", kind: Kind::Vector, unit: "1", summary: "First vector." };

pub(crate) const B: Column = Column {
    name: "b",
    kind: Kind::Vector,
    unit: "1",
    summary: "Second vector, of the same dimension as a.",
};

pub(crate) const V: Column = Column { name: "v", kind: Kind::Vector, unit: "1", summary: "The vector." };

pub(crate) const RESULT_VECTOR: Column = Column {
    name: "result",
    kind: Kind::Vector,
    unit: "1",
    summary: "The resulting vector: packed if the first vector was packed, JSON if it was JSON, which is NULL where a component is NaN or infinite; f32 where the elements are i8.",
};

pub(crate) const ELEMENT: Param = Param {
    name: "element",
    kind: ParamKind::Choice(&["f32", "f64", "f16", "bf16", "i8"]),
    default: Some("f32"),
    summary: "Element type of packed vectors, and with f64 also the precision of JSON ones. \
              f16, bf16 and i8 are converted exactly to f32.",
};

pub(crate) const ACCUMULATE: Param = Param {
    name: "accumulate",
    kind: ParamKind::Choice(&["f32", "f64"]),
    default: Some("f32"),
    summary: "Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.",
};

pub(crate) const NULLS: &str = "NULL in any vector of a row gives NULL.";

pub(crate) const NAN_SUM: &str = "NaN and infinities follow IEEE 754.";

pub(crate) const NAN_ELEMENT: &str = "NaN and infinities follow IEEE 754, component by component.";

/// What the sums do with other precisions than that of the accuracy stated.
pub(crate) const SUMS: &str = "With accumulate = f64, and always for f64 elements, u = 2⁻⁵³.";

pub(crate) const ROUNDED_AGAIN: &str = "For f16 and bf16 the f32 result is rounded once more.";
