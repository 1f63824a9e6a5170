//! Atoms as kernel input: payloads by atom, each contiguous.

use std::borrow::Cow;

use crate::contract::{Call, Column, Kind};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::tensor::numbers::{self, wrong};
use crate::tensor::payload::{CHUNK, PAYLOAD, Payload};
use crate::tensor::quant::{self, PayloadType};

pub(crate) const ATOM_ID: Column = Column {
    name: "atom_id",
    kind: Kind::BigInt,
    unit: "1",
    summary: "The atom. Several rows are the chunks of its payload.",
};

/// An atom.
#[derive(Debug)]
pub(crate) struct Atom<'a> {
    pub(crate) id: i64,
    /// Its input rows, from 0, one per chunk; the earliest first.
    pub(crate) rows: Vec<usize>,
    /// Whole blocks.
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl Atom<'_> {
    /// The elements; an error if one is not finite.
    pub(crate) fn decode(
        &self,
        compute: Compute,
        payload_type: PayloadType,
        column: &Column,
        out: &mut [f32],
    ) -> Result<(), Error> {
        quant::decode_into_with(compute, payload_type, &self.bytes, out)?;
        match out.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(element) => Err(self.not_finite(column, element, out[element])),
        }
    }

    /// The error for an element of the column's payload.
    pub(crate) fn not_finite(&self, column: &Column, element: usize, value: f32) -> Error {
        let found = format!("element {element} of atom {} is {value}", self.id);
        wrong(column.name, self.rows[0], found, "finite numbers")
    }

    /// One element of the payload, for messages.
    pub(crate) fn element(
        &self,
        compute: Compute,
        payload_type: PayloadType,
        element: usize,
    ) -> Result<f32, Error> {
        let (block, place) =
            (element / payload_type.block_elements(), element % payload_type.block_elements());
        let bytes = &self.bytes[block * payload_type.block_bytes()..][..payload_type.block_bytes()];
        let mut decoded = vec![0.0; payload_type.block_elements()];
        quant::decode_into_with(compute, payload_type, bytes, &mut decoded)?;
        Ok(decoded[place])
    }
}

/// The atoms in the columns [`ATOM_ID`], [`CHUNK`] and [`PAYLOAD`], by ascending id, and the number of elements of
/// each.
///
/// # Errors
///
/// As [`of_rows`].
pub(crate) fn of_call<'a>(
    call: &Call<'a>,
    payload_type: PayloadType,
    memory: impl Fn(usize, usize) -> u64,
) -> Result<(Vec<Atom<'a>>, usize), Error> {
    of_rows(call, &PAYLOAD, payload_type, 0..call.rows, memory)
}

/// The atoms in some rows of the columns [`ATOM_ID`], [`CHUNK`] and another, by ascending id, and the number of
/// elements of each.
///
/// A payload in one chunk is borrowed. The kernel takes `memory(atoms, elements)` bytes beside the joined payloads.
///
/// # Errors
///
/// As [`Payload::gather`]; [`Error::Value`] for a NULL id and for atoms of different lengths; [`Error::Payload`] where
/// the bytes are not whole blocks; [`Error::Memory`].
pub(crate) fn of_rows<'a>(
    call: &Call<'a>,
    column: &Column,
    payload_type: PayloadType,
    rows: impl Iterator<Item = usize>,
    memory: impl Fn(usize, usize) -> u64,
) -> Result<(Vec<Atom<'a>>, usize), Error> {
    let (chunks, payloads) = (call.integers(CHUNK.name), call.binary(column.name));
    let mut gathered: Vec<(i64, Vec<usize>, Payload<'a>)> = Vec::new();
    let (mut elements, mut copied) = (0, 0);
    for (id, rows) in numbers::groups(call, &ATOM_ID, rows)? {
        let payload = Payload::gather(chunks, column, payloads, rows.iter().copied())?;
        let own = payload_type.elements(payload.bytes())?;
        match gathered.first() {
            None => elements = own,
            Some((first, ..)) if own != elements => {
                let (found, expected) =
                    (format!("atom {id} has {own} elements"), format!("{elements}, as atom {first} has"));
                return Err(wrong(column.name, rows[0], found, &expected));
            }
            Some(_) => {}
        }
        if rows.len() > 1 {
            copied += payload.bytes() as u64;
        }
        gathered.push((id, rows, payload));
    }
    call.check_memory("the atoms", copied.saturating_add(memory(gathered.len(), elements)))?;
    let atoms = gathered.into_iter().map(|(id, rows, payload)| Atom { id, rows, bytes: payload.concat() });
    Ok((atoms.collect(), elements))
}
