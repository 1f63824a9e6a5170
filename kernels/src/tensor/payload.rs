//! Payloads in chunks.

use std::borrow::Cow;

use crate::arch::zeros;
use crate::contract::{Column, Kind, Param, ParamKind};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::tensor::numbers::wrong;
use crate::tensor::quant::{self, PayloadType};

pub(crate) const CHUNK: Column = Column {
    name: "chunk",
    kind: Kind::BigInt,
    unit: "1",
    summary: "Place of the chunk: chunks are put together in ascending order, gaps do not count. NULL where there is only one.",
};
pub(crate) const PAYLOAD: Column =
    Column { name: "payload", kind: Kind::Binary, unit: "1", summary: "Bytes of the chunk, cut anywhere." };

/// Names of all payload types, for [`TYPE`].
const TYPES: [&str; PayloadType::ALL.len()] = {
    let mut names = [""; PayloadType::ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = PayloadType::ALL[i].name();
        i += 1;
    }
    names
};
pub(crate) const TYPE: Param = Param {
    name: "type",
    kind: ParamKind::Choice(&TYPES),
    default: Some("f32"),
    summary: "How the elements are stored: a type of GGUF, or a legacy layout by its own name.",
};

/// The input rows of one payload, in ascending order of their chunks.
///
/// # Errors
///
/// [`Error::Value`] for a chunk that occurs twice, and for a NULL chunk beside others.
pub(crate) fn order(
    chunks: &[Option<i64>],
    rows: impl ExactSizeIterator<Item = usize>,
) -> Result<Vec<usize>, Error> {
    let count = rows.len();
    let place = |row: usize| match chunks[row] {
        Some(chunk) => Ok((chunk, row)),
        None if count == 1 => Ok((0, row)),
        None => Err(wrong(CHUNK.name, row, "NULL".into(), "the chunk's place among the others")),
    };
    let mut places = rows.map(place).collect::<Result<Vec<_>, Error>>()?;
    places.sort_unstable();
    if let Some(pair) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let found = format!("chunk {}, which row {} holds too", pair[1].0, pair[0].1 + 1);
        return Err(wrong(CHUNK.name, pair[1].1, found, "each chunk once"));
    }
    Ok(places.into_iter().map(|(_, row)| row).collect())
}

/// The chunks of one payload in ascending order, borrowed from the host.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    chunks: Vec<&'a [u8]>,
    bytes: usize,
}

impl<'a> Payload<'a> {
    /// Orders the chunks in the given input rows (counted from 0, in any order): all rows of a call, or those of one
    /// tensor among several. `column` is the payloads' column, for messages.
    ///
    /// # Errors
    ///
    /// As [`order`]; [`Error::Value`] for NULL bytes.
    pub(crate) fn gather(
        chunks: &[Option<i64>],
        column: &Column,
        payloads: &[Option<&'a [u8]>],
        rows: impl ExactSizeIterator<Item = usize>,
    ) -> Result<Payload<'a>, Error> {
        let present = |row: usize| {
            payloads[row].ok_or_else(|| wrong(column.name, row, "NULL".into(), "the chunk's bytes"))
        };
        Ok(Payload::of(order(chunks, rows)?.into_iter().map(present).collect::<Result<_, Error>>()?))
    }

    /// Wraps chunks that are already in order.
    pub(crate) fn of(chunks: Vec<&'a [u8]>) -> Payload<'a> {
        let bytes = chunks.iter().map(|payload| payload.len()).sum();
        Payload { chunks, bytes }
    }

    /// Bytes of all chunks.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes as one slice: borrowed if there is a single chunk.
    pub(crate) fn concat(&self) -> Cow<'a, [u8]> {
        match self.chunks.as_slice() {
            [] => Cow::default(),
            [only] => Cow::Borrowed(only),
            chunks => Cow::Owned(chunks.concat()),
        }
    }

    /// The elements. The caller has checked their number ([`PayloadType::elements`] of [`Payload::bytes`]) and the
    /// memory that they take.
    ///
    /// # Errors
    ///
    /// As [`quant::decode_into`] for the bytes of all chunks together.
    pub(crate) fn decode(&self, compute: Compute, payload_type: PayloadType) -> Result<Vec<f32>, Error> {
        let mut out = zeros("the elements", payload_type.elements(self.bytes)?)?;
        let block = payload_type.block_bytes();
        if self.chunks.iter().any(|chunk| !chunk.len().is_multiple_of(block)) {
            quant::decode_into_with(compute, payload_type, &self.concat(), &mut out)?;
            return Ok(out);
        }
        // Whole blocks need not be joined first.
        let mut rest = out.as_mut_slice();
        for chunk in &self.chunks {
            let (own, behind) = rest.split_at_mut(payload_type.elements(chunk.len())?);
            quant::decode_into_with(compute, payload_type, chunk, own)?;
            rest = behind;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn singles(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn decoded(chunks: &[Option<i64>], payloads: &[Option<&[u8]>]) -> Result<Vec<f32>, String> {
        let payload =
            Payload::gather(chunks, &PAYLOAD, payloads, 0..chunks.len()).map_err(|e| e.to_string())?;
        payload.decode(Compute::new(), PayloadType::F32).map_err(|e| e.to_string())
    }

    #[test]
    fn chunks_are_put_together_in_ascending_order_wherever_they_are_cut() {
        let bytes = singles(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        for cuts in [[4, 8], [8, 8], [1, 2], [3, 17], [0, 20]] {
            let (first, rest) = bytes.split_at(cuts[0]);
            let (second, third) = rest.split_at(cuts[1] - cuts[0]);
            let chunks = [Some(i64::MAX), Some(i64::MIN), Some(0)];
            let payloads = [Some(third), Some(first), Some(second)];
            assert_eq!(decoded(&chunks, &payloads).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0], "{cuts:?}");
        }
        assert_eq!(decoded(&[None], &[Some(&bytes)]).unwrap().len(), 5);
        assert!(decoded(&[], &[]).unwrap().is_empty());
    }

    #[test]
    fn the_rows_of_one_tensor_among_several() {
        let bytes = singles(&[1.0, 2.0, 3.0]);
        let payloads: Vec<_> = bytes.chunks(4).map(Some).collect();
        let chunks = [Some(1), Some(0), Some(0)];
        let payload = Payload::gather(&chunks, &PAYLOAD, &payloads, [0, 2].into_iter()).unwrap();
        assert_eq!(payload.bytes(), 8);
        assert_eq!(payload.decode(Compute::new(), PayloadType::F32).unwrap(), [3.0, 1.0]);
    }

    #[test]
    fn what_cannot_be_put_together_is_named() {
        let bytes = singles(&[1.0]);
        let some = Some(bytes.as_slice());
        for (chunks, payloads, expected) in [
            (
                [Some(7), Some(1), Some(7)],
                [some, some, some],
                "column chunk, row 3: chunk 7, which row 1 holds too; expected each chunk once",
            ),
            (
                [Some(7), Some(1), Some(2)],
                [some, None, some],
                "column payload, row 2: NULL; expected the chunk's bytes",
            ),
            (
                [Some(7), Some(1), None],
                [some, some, some],
                "column chunk, row 3: NULL; expected the chunk's place among the others",
            ),
            (
                [Some(7), Some(1), Some(2)],
                [some, some, Some(&bytes[..3])],
                "payload of type f32: 11 bytes; expected a multiple of 4 bytes (one element)",
            ),
        ] {
            assert_eq!(decoded(&chunks, &payloads).unwrap_err(), expected);
        }
    }
}
