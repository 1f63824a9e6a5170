//! Parameters, columns and texts shared by the spatial kernels.

use crate::contract::{Call, Column, Kind, Param, ParamKind};
use crate::error::Error;
use crate::spatial::basis::Basis;

pub(crate) const BASIS: Param = Param {
    name: "basis",
    kind: ParamKind::Binary,
    default: Some("0x"),
    summary: "The basis, as spatial_fit returns it. Empty: clr_v1, the three axes for 1998 dimensions of the replaced assembly.",
};
pub(crate) const PAD: Param = Param {
    name: "pad",
    kind: ParamKind::Choice(&["no", "yes"]),
    default: Some("no"),
    summary: "yes: vectors shorter than the dimension of the basis are filled up with zeros; no: they are an error.",
};
/// The vector kernels' parameter, with the precision in which points are computed as default.
pub(crate) const ACCUMULATE_POINTS: Param = Param {
    name: "accumulate",
    kind: ParamKind::Choice(&["f64", "f32"]),
    default: Some("f64"),
    summary: "Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.",
};
pub(crate) const CANDIDATES: Param = Param {
    name: "candidates",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("100"),
    summary: "Rows that space picks for each query, before their exact distances are computed.",
};

pub(crate) const X: Column = Column {
    name: "x",
    kind: Kind::Float,
    unit: "that of the vectors",
    summary: "Coordinate on the first axis.",
};
pub(crate) const Y: Column =
    Column { name: "y", kind: Kind::Float, unit: "that of the vectors", summary: "On the second axis." };
pub(crate) const Z: Column =
    Column { name: "z", kind: Kind::Float, unit: "that of the vectors", summary: "On the third axis." };
pub(crate) const EXAMINED: Column = Column {
    name: "examined",
    kind: Kind::Int,
    unit: "rows",
    summary: "Rows whose exact distance was computed for this query; the same in all of its result rows.",
};

pub(crate) const NAN_SEARCH: &str = "As vector_top_k: a row whose distance is NaN comes after all others. Vectors that are not finite have no place in space; \
     the proven sieve always looks at them, the others look at them last.";
pub(crate) const SEARCH_NULLS: &str =
    "A row whose vector is NULL is no candidate. A NULL id is kept and loses every tie.";

/// The basis that the call names.
pub(crate) fn basis_of(call: &Call<'_>) -> Result<Basis, Error> {
    match call.params.bytes(BASIS.name) {
        [] => Ok(Basis::clr_v1()),
        bytes => Basis::from_bytes(bytes),
    }
}

/// Whether the call asks to pad short vectors with zeros.
pub(crate) fn pad_of(call: &Call<'_>) -> bool {
    call.params.word(PAD.name) == "yes"
}

/// A count as a value of an integer column.
pub(crate) fn count(n: usize) -> Option<i32> {
    Some(i32::try_from(n).unwrap_or(i32::MAX))
}

/// Coordinate `axis`; 0 where the basis has fewer axes.
pub(crate) fn coordinate(point: &[f64], axis: usize) -> f64 {
    point.get(axis).copied().unwrap_or(0.0)
}

/// The basis of the examples: the first two of three dimensions.
pub(crate) const XY: &[u8] = b"HBAS\x01\x00\x01\x00\x03\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x80?\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00\x00l\x0f\xe0=";
