//! Series of vectors and numbers in time: alignment, change points, drift.

pub(crate) mod cusum;
pub(crate) mod drift;
pub(crate) mod dtw;

pub use cusum::{Change, Cusum};
pub use drift::{Drift, drift};
pub use dtw::{Alignment, dtw};

use crate::contract::{Column, Kind};

pub(crate) const POSITION: Column = Column {
    name: "position",
    kind: Kind::BigInt,
    unit: "any",
    summary: "The row's place in its series, by rising number: a time, or ROW_NUMBER() OVER (ORDER BY …).",
};
