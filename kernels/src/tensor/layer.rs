//! Layers as results of kernels: packed singles in one row.

use crate::error::Error;
use crate::registry::{Column, Kind, Output, Values};

pub(crate) const CHUNK: Column = Column {
    name: "chunk",
    kind: Kind::BigInt,
    unit: "1",
    summary: "Always 0: the payload comes in one piece. It makes the result an input of the other tensor kernels.",
};
pub(crate) const PAYLOAD: Column = Column {
    name: "payload",
    kind: Kind::Binary,
    unit: "that of the layer",
    summary: "The elements as packed singles (f32, little-endian).",
};

/// That so many singles fit a value of SQL Server's VARBINARY(MAX).
pub(crate) fn check_length(elements: usize) -> Result<(), Error> {
    let bytes = (elements as u64).saturating_mul(4);
    if bytes <= i32::MAX as u64 {
        return Ok(());
    }
    Err(Error::Memory { what: "the resulting payload".into(), bytes, limit: i32::MAX as u64 })
}

/// The result of a kernel with the columns [`CHUNK`] and [`PAYLOAD`]: one row, or none without input.
pub(crate) fn output(payload: Option<Vec<u8>>) -> Output {
    let rows: Vec<_> = payload.into_iter().map(Some).collect();
    Output { columns: vec![Values::BigInt(vec![Some(0); rows.len()]), Values::Binary(rows)], picked: None }
}
