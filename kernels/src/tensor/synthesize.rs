//! Synthesizes a layer from its atoms and coefficients.

use std::iter;

use crate::arch::{Simd, Task, zeros};
use crate::contract::{Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming};
use crate::error::{Error, Place};
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::tensor::atoms::{self, ATOM_ID, Atom};
use crate::tensor::layer;
use crate::tensor::numbers::{self, wrong};
use crate::tensor::payload::{CHUNK, PAYLOAD, TYPE};
use crate::tensor::quant::{self, PayloadType};

/// Atoms per run, added one after the other; the sums of the runs are added at the end. Part of the result's
/// definition: it lets threads share the atoms, so that each reads memory sequentially.
const RUN: usize = 512;
/// Elements per piece of work: their sums stay in the L1 cache. A whole number of blocks of any payload type.
const PANEL: usize = 2048;
/// Atoms whose products are added before a sum is stored again: loading and storing the sums costs as much as the atoms
/// do.
const TOGETHER: usize = 4;
/// Sums held in registers meanwhile: those of one cache line of singles.
const STEP: usize = 16;
/// Prefetch distance in bytes: enough to hide the memory's latency at its full rate.
const AHEAD: usize = 32 << 10;

/// The sum of coefficient times atom over all atoms.
///
/// # Shapes
///
/// Pairs of a coefficient and an atom, all atoms of the same length n ≥ 0; returns n numbers. No atoms give no numbers.
///
/// # Errors
///
/// [`Error::Value`] where atoms have different lengths, where a coefficient or an element is NaN or infinite, and where
/// an element of the sum is beyond the largest single.
///
/// # Accuracy
///
/// The atoms are added in the order given, in runs of 512. Each element of a run is its own chain in double precision,
/// from 0, with one product and one addition per atom; the runs' sums are added in order, and the result is rounded to
/// single precision once. For m atoms, with u = 2⁻⁵³ and k = min(m, 512) + ⌈m / 512⌉ + 1, an element has an error of at
/// most k·u·Σ|coefficient·atom| plus half a unit in its last place, if no product is below the range of doubles. Adding
/// is so much faster than reading that double precision costs nothing, and coefficients need not be rounded first.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::synthesize;
/// assert_eq!(synthesize(&[(2.0, &[1.0, 0.0, 3.0]), (-0.5, &[0.0, 4.0, 2.0])])?, [2.0, -2.0, 5.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn synthesize(atoms: &[(f64, &[f32])]) -> Result<Vec<f32>, Error> {
    synthesize_with(Compute::new(), atoms)
}

/// [`synthesize`] on a chosen level.
///
/// # Errors
///
/// As [`synthesize`].
pub fn synthesize_with(compute: Compute, atoms: &[(f64, &[f32])]) -> Result<Vec<f32>, Error> {
    let elements = atoms.first().map_or(0, |(_, atom)| atom.len());
    for (row, (coefficient, atom)) in atoms.iter().enumerate() {
        if atom.len() != elements {
            let expected = format!("{elements}, as the first atom has");
            return Err(wrong("atoms", row, format!("{} elements", atom.len()), &expected));
        }
        if !coefficient.is_finite() {
            return Err(wrong("atoms", row, format!("coefficient {coefficient}"), "a finite number"));
        }
    }
    let terms: Vec<Term<'_>> = atoms.iter().map(|(c, atom)| (*c, bytemuck::cast_slice(atom))).collect();
    let sums = sum(compute, PayloadType::F32, &terms, elements)?;
    match sums.iter().position(|s| !fits(*s)) {
        None => Ok(sums.into_iter().map(|s| s as f32).collect()),
        Some(element) => match atoms.iter().position(|(_, atom)| !atom[element].is_finite()) {
            Some(row) => {
                let found = format!("element {element} is {}", atoms[row].1[element]);
                Err(wrong("atoms", row, found, "finite numbers"))
            }
            None => Err(too_large(element, sums[element])),
        },
    }
}

/// A coefficient and the payload of an atom.
pub(crate) type Term<'a> = (f64, &'a [u8]);

/// Whether a sum fits a single.
fn fits(sum: f64) -> bool {
    (sum as f32).is_finite()
}

fn too_large(element: usize, sum: f64) -> Error {
    Error::Value {
        place: Place::whole("the layer"),
        row: 0,
        found: format!("element {element} would be {sum}"),
        expected: format!("at most {:e}, the largest single", f32::MAX),
    }
}

/// Sum of coefficient times atom, per element, before rounding to singles. All payloads have `elements` elements.
pub(crate) fn sum(
    compute: Compute,
    payload_type: PayloadType,
    terms: &[Term<'_>],
    elements: usize,
) -> Result<Vec<f64>, Error> {
    if elements == 0 {
        return Ok(Vec::new());
    }
    let mut sums: Vec<f64> = zeros("the sum", terms.len().div_ceil(RUN).max(1) * elements)?;
    let mut pieces = Vec::new();
    for (terms, sums) in terms.chunks(RUN).zip(sums.chunks_mut(elements)) {
        for (panel, sums) in sums.chunks_mut(PANEL).enumerate() {
            pieces.push((terms, panel * PANEL, sums));
        }
    }
    let bytes = terms.iter().map(|(_, payload)| payload.len()).sum();
    parallel::each(pieces, bytes, |(terms, start, sums)| {
        add_panel(compute, payload_type, terms, start, sums)
    })?;
    let (first, others) = sums.split_at_mut(elements);
    for run in others.chunks(elements) {
        first.iter_mut().zip(run).for_each(|(sum, own)| *sum += own);
    }
    sums.truncate(elements);
    Ok(sums)
}

/// Bytes that [`sum`] takes.
pub(crate) fn memory(terms: usize, elements: usize) -> u64 {
    (terms.div_ceil(RUN).max(1) as u64).saturating_mul(elements as u64 * 8)
}

/// Adds the elements of a run's atoms, from `start` on, to as many sums.
fn add_panel(
    compute: Compute,
    payload_type: PayloadType,
    terms: &[Term<'_>],
    start: usize,
    sums: &mut [f64],
) -> Result<(), Error> {
    let offset = |element: usize| element / payload_type.block_elements() * payload_type.block_bytes();
    let part = offset(start)..offset(start + sums.len());
    // Atoms mostly are contiguous; later ones are prefetched at their own address, whatever lies between.
    let distance = AHEAD.div_ceil(part.len()).next_multiple_of(TOGETHER);
    let decodes = payload_type != PayloadType::F32;
    let mut decoded = vec![0f32; if decodes { TOGETHER * sums.len() } else { 0 }];
    for (group, taken) in terms.chunks(TOGETHER).enumerate() {
        let mut atoms = [Factor { factor: 0.0, singles: &[], later: &[] }; TOGETHER];
        let places = decoded.chunks_mut(sums.len()).map(Some).chain(iter::repeat_with(|| None));
        for (n, ((atom, (factor, payload)), place)) in atoms.iter_mut().zip(taken).zip(places).enumerate() {
            let payload = &payload[part.clone()];
            *atom = match place {
                Some(place) => {
                    quant::decode_into_with(compute, payload_type, payload, place)?;
                    let singles: &[u8] = bytemuck::cast_slice(place);
                    Factor { factor: *factor, singles, later: singles }
                }
                None => {
                    let later = terms.get(group * TOGETHER + n + distance);
                    let later = later.map_or(payload, |(_, later)| &later[part.clone()]);
                    Factor { factor: *factor, singles: payload, later }
                }
            };
        }
        match taken.len() {
            TOGETHER => compute.level.run(Add { atoms, sums }),
            _ => {
                for atom in &atoms[..taken.len()] {
                    compute.level.run(Add { atoms: [*atom], sums });
                }
            }
        }
    }
    Ok(())
}

/// A number and the packed singles that it multiplies.
#[derive(Clone, Copy)]
struct Factor<'a> {
    factor: f64,
    singles: &'a [u8],
    /// As many singles to prefetch, which are needed later.
    later: &'a [u8],
}

/// Adds the products of `A` numbers with packed singles to sums, one after the other.
struct Add<'a, const A: usize> {
    atoms: [Factor<'a>; A],
    sums: &'a mut [f64],
}

impl<const A: usize> Task for Add<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (sums, tail) = self.sums.as_chunks_mut::<STEP>();
        let mut start = 0;
        for sums in sums {
            let mut taken = *sums;
            for atom in &self.atoms {
                simd.prefetch(&atom.later[start..], 0);
                let singles: &[u8; 4 * STEP] = atom.singles[start..][..4 * STEP].try_into().expect("as many");
                for (sum, single) in taken.iter_mut().zip(singles.as_chunks::<4>().0) {
                    *sum += atom.factor * f64::from(f32::from_le_bytes(*single));
                }
            }
            *sums = taken;
            start += 4 * STEP;
        }
        for atom in &self.atoms {
            for (sum, single) in tail.iter_mut().zip(atom.singles[start..].as_chunks::<4>().0) {
                *sum += atom.factor * f64::from(f32::from_le_bytes(*single));
            }
        }
    }
}

/// The coefficients of the atoms; an atom must have the same one in all its rows.
fn coefficients(given: &[Option<f64>], atoms: &[Atom<'_>]) -> Result<Vec<f64>, Error> {
    let name = COEFFICIENT.name;
    let numbers = numbers::present(name, given)?;
    let coefficient = |atom: &Atom<'_>| numbers::repeated(name, &numbers, &atom.rows, ("atom", atom.id));
    atoms.iter().map(coefficient).collect()
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    if call.rows == 0 {
        return layer::output(None);
    }
    let payload_type = PayloadType::parse(call.params.word(TYPE.name))?;
    let taken = |atoms, elements| memory(atoms, elements).saturating_add(elements as u64 * 4);
    let (atoms, elements) = atoms::of_call(call, payload_type, taken)?;
    layer::check_length(elements)?;
    let coefficients = coefficients(call.floats(COEFFICIENT.name), &atoms)?;
    let terms: Vec<Term<'_>> =
        coefficients.into_iter().zip(&atoms).map(|(c, atom)| (c, &*atom.bytes)).collect();
    let sums = sum(call.compute, payload_type, &terms, elements)?;
    if let Some(element) = sums.iter().position(|s| !fits(*s)) {
        for atom in &atoms {
            let single = atom.element(call.compute, payload_type, element)?;
            if !single.is_finite() {
                return Err(atom.not_finite(&PAYLOAD, element, single));
            }
        }
        return Err(too_large(element, sums[element]));
    }
    let singles: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
    layer::output(Some(&singles))
}

const COEFFICIENT: Column = Column {
    name: "coefficient",
    kind: Kind::Float,
    unit: "1",
    summary: "How much of the atom the layer holds; the same in all rows of an atom.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_synthesize",
    family: Family::Tensor,
    summary: "A layer from atoms and their coefficients: the weighted sum.",
    details: "Σ coefficient·atom, element by element, atoms by ascending atom_id. Rows come in any order; a payload may come in \
              several chunks, each with the atom's coefficient. One layer in a call.",
    inputs: &[ATOM_ID, CHUNK, COEFFICIENT, PAYLOAD],
    optional: &[],
    params: &[TYPE],
    outputs: &[layer::CHUNK, layer::PAYLOAD],
    rows: RowShape::Made,
    nulls: "NULL is an error that names the row, except for the chunk of a payload that comes in one.",
    empty: "No rows give no result row; empty payloads give an empty one.",
    nan: "NaN or an infinity in a coefficient or payload is an error that names the row and the element, and so is a sum beyond \
          the largest single.",
    accuracy: "Runs of 512 atoms, each element a chain of its own in double precision, with a product and an addition for each \
               atom; the runs' sums are added in order and rounded to single precision once. Of m atoms, off by at most \
               (min(m, 512) + ⌈m / 512⌉ + 1)·2⁻⁵³·Σ|coefficient·atom| and half a unit in the last place, where no product is below the range of normal doubles. The same bits for any \
               order of the rows, any chunks and any number of threads, on every machine.",
    streaming: Streaming::Whole("all atoms"),
    source: "clr_SynthesizeModelLayer of the replaced functions, which added singles in no particular order and left out atoms of \
             another length.",
    elements: "",
    sql: "Several layers: one partition each.",
    example: Example {
        inputs: &[
            &[Cell::Int(8), Cell::Null, Cell::Float(-0.5), Cell::Vector(&[0.0, 4.0, 2.0])],
            &[Cell::Int(7), Cell::Int(1), Cell::Float(2.0), Cell::Vector(&[3.0])],
            &[Cell::Int(7), Cell::Int(0), Cell::Float(2.0), Cell::Vector(&[1.0, 0.0])],
        ],
        params: &[],
        outputs: &[&[Cell::Int(0), Cell::Vector(&[2.0, -2.0, 5.0])]],
    },
    run,
};
