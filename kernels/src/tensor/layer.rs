//! Layers as kernel results: packed singles in one row.

use crate::arch::zeros;
use crate::contract::{Column, Kind, Output, PackedBytes, Values};
use crate::error::Error;
use crate::parallel;

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

/// Checks that the singles fit a value of SQL Server's VARBINARY(MAX).
pub(crate) fn check_length(elements: usize) -> Result<(), Error> {
    let bytes = (elements as u64).saturating_mul(4);
    if bytes <= i32::MAX as u64 {
        return Ok(());
    }
    Err(Error::Memory { what: "the resulting payload".into(), bytes, limit: i32::MAX as u64 })
}

/// The result of a kernel with the columns [`CHUNK`] and [`PAYLOAD`]: one row, or none without input. The layer's
/// length has passed [`check_length`].
pub(crate) fn output(layer: Option<&[f32]>) -> Result<Output, Error> {
    let singles = layer.unwrap_or_default();
    let mut bytes = zeros("the resulting payload", size_of_val(singles))?;
    parallel::rows_into(singles.len(), bytes.len(), &mut bytes, |range, part| {
        part.copy_from_slice(bytemuck::cast_slice(&singles[range]));
        Ok(())
    })?;
    let lengths: Vec<_> = layer.map(|_| bytes.len() as i32).into_iter().collect();
    let chunks = Values::BigInt(vec![Some(0); lengths.len()]);
    Ok(Output { columns: vec![chunks, Values::Packed(PackedBytes { bytes, lengths })], picked: None })
}
