//! Random projections.

use std::collections::BTreeMap;

use super::targets::Targets;
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, ID, RESULT_VECTOR, V};
use crate::contract::{Cell, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values};
use crate::error::Error;
use crate::memory::room;
use crate::number::element::Width;
use crate::number::random::SplitMix;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;

/// How many entries of a random matrix are not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entries {
    /// All (Achlioptas 2003).
    Dense,
    /// A third (Achlioptas 2003).
    #[default]
    Achlioptas,
    /// One in √n of n dimensions (Li, Hastie and Church 2006). A row of the matrix sees few components, so only differences
    /// of vectors that have their length in many components keep it: for sparse vectors, one-hot ones say, take the others.
    Li,
}

impl Entries {
    const NAMES: &[&str] = &["dense", "achlioptas", "li"];

    fn parse(name: &str) -> Option<Entries> {
        match name {
            "dense" => Some(Entries::Dense),
            "achlioptas" => Some(Entries::Achlioptas),
            "li" => Some(Entries::Li),
            _ => None,
        }
    }

    /// One over the share of entries that are not 0, for n dimensions.
    fn scarcity(self, n: usize) -> f64 {
        match self {
            Entries::Dense => 1.0,
            Entries::Achlioptas => 3.0,
            Entries::Li => (n as f64).sqrt(),
        }
    }
}

/// Random projections to `dimensions` numbers, which keep distances: √(s/k)·R·x with a matrix R of k rows whose entries are
/// independent: 1 and −1 with the probability 1/(2s) each, else 0. Any vectors' squared distances have their true value as
/// expectation; how many dimensions keep them all, [`crate::vector::johnson_lindenstrauss`] says for [`Entries::Dense`] and
/// [`Entries::Achlioptas`].
///
/// Entries are drawn row by row from SplitMix64 from the seed: u in \[0, 1) gives 1 below 1/(2s), −1 below 1/s.
///
/// # Shapes
///
/// m vectors of n dimensions, of k dimensions in the result; NULL for NULL. Vectors of other dimensions have a matrix of their
/// own, as if they were alone: their projections cannot be compared.
///
/// # Errors
///
/// [`Error::ParameterValue`] for no dimensions; [`Error::Memory`].
///
/// # Accuracy
///
/// Sums are those of [`crate::vector::dot_product()`] with the entries; each is multiplied by √(s/k) in double precision and
/// rounded. Same bits on every machine and for any number of threads.
///
/// # Complexity
///
/// O(m·n·k) and 4·n·k bytes of memory, twice as many for doubles.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Vectors, vector::{self, Entries}};
/// let rows = Vectors::matrix(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3)?;
/// let found = vector::random_projection(Compute::new(), &rows, 4, Entries::Dense, 42)?;
/// // A unit vector's numbers are ±√(1/4).
/// assert!(found.row(0).unwrap().iter().all(|v| v.abs() == 0.5));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn random_projection(
    compute: Compute,
    vectors: &Vectors<'_>,
    dimensions: usize,
    entries: Entries,
    seed: u64,
) -> Result<PackedVectors, Error> {
    if dimensions == 0 {
        return Err(Error::ParameterValue {
            name: DIMENSIONS.name.into(),
            value: "0".into(),
            expected: "an integer ≥ 1".into(),
        });
    }
    let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in 0..vectors.len() {
        if let Some(n) = vectors.dimensions(row) {
            alike.entry(n).or_default().push(row);
        }
    }
    let projection = Projection { compute, dimensions, entries, seed };
    let width = vectors.width();
    let size = dimensions * width.bytes();
    let all = |rows: usize| crate::arch::zeros("the projections", rows.saturating_mul(size));
    let mut bytes = all(alike.values().map(Vec::len).sum())?;
    if let (1, Some((n, list))) = (alike.len(), alike.first_key_value()) {
        projection.project(vectors, *n, list, &mut bytes)?;
    } else {
        let mut places = vec![0; vectors.len()];
        let there = (0..vectors.len()).filter(|row| vectors.row(*row).is_some());
        there.enumerate().for_each(|(place, row)| places[row] = place);
        for (n, list) in &alike {
            let mut own = all(list.len())?;
            projection.project(vectors, *n, list, &mut own)?;
            for (row, own) in list.iter().zip(own.chunks_exact(size)) {
                bytes[places[*row] * size..][..size].copy_from_slice(own);
            }
        }
    }
    // A row is no longer than a value of the host.
    let length = (dimensions * width.bytes()) as i32;
    let lengths = (0..vectors.len()).map(|row| if vectors.row(row).is_some() { length } else { -1 });
    let found = PackedVectors { element: vectors.wide_element(), bytes, lengths: lengths.collect() };
    Ok(found.rounded(vectors.element().of_result()))
}

struct Projection {
    compute: Compute,
    dimensions: usize,
    entries: Entries,
    seed: u64,
}

impl Projection {
    /// Projects the listed rows, all of which have `n` dimensions.
    fn project(&self, vectors: &Vectors<'_>, n: usize, list: &[usize], out: &mut [u8]) -> Result<(), Error> {
        let Projection { compute, dimensions, entries, seed } = *self;
        let (width, scarcity) = (vectors.width(), entries.scarcity(n));
        let matrix = matrix(width, dimensions, n, scarcity, seed)?;
        let rows: Vec<&[u8]> =
            (0..dimensions).map(|k| &matrix[k * n * width.bytes()..][..n * width.bytes()]).collect();
        let scale = (scarcity / dimensions as f64).sqrt();
        let targets = Targets { compute, metric: Metric::Dot, vectors: &rows, name: "the matrix" };
        let work = (list.len() * n * width.bytes()).saturating_mul(dimensions.div_ceil(8));
        parallel::rows_into(list.len(), work, out, |range, out: &mut [u8]| {
            targets.distances(vectors, &list[range], |at, distances| {
                let out = &mut out[at * dimensions * width.bytes()..][..dimensions * width.bytes()];
                match width {
                    Width::F32 => {
                        for (out, distance) in out.as_chunks_mut().0.iter_mut().zip(distances) {
                            *out = (((0.0 - distance) * scale) as f32).to_le_bytes();
                        }
                    }
                    Width::F64 => {
                        for (out, distance) in out.as_chunks_mut().0.iter_mut().zip(distances) {
                            *out = ((0.0 - distance) * scale).to_le_bytes();
                        }
                    }
                }
            })
        })
    }
}

/// The entries, packed, row by row.
fn matrix(width: Width, k: usize, n: usize, scarcity: f64, seed: u64) -> Result<Vec<u8>, Error> {
    let mut out = room("the random matrix", k.saturating_mul(n).saturating_mul(width.bytes()))?;
    let mut random = SplitMix(seed);
    for _ in 0..k * n {
        let drawn = random.uniform() * scarcity;
        let entry: f32 = match drawn {
            ..0.5 => 1.0,
            0.5..1.0 => -1.0,
            _ => 0.0,
        };
        match width {
            Width::F32 => out.extend(entry.to_le_bytes()),
            Width::F64 => out.extend(f64::from(entry).to_le_bytes()),
        }
    }
    Ok(out)
}

const DIMENSIONS: Param = Param {
    name: "dimensions",
    kind: ParamKind::Int { min: 1, max: 65_536 },
    default: None,
    summary: "Dimensions of the result (k); vector_johnson_lindenstrauss says how many keep all distances, with dense and achlioptas.",
};
const ENTRIES: Param = Param {
    name: "entries",
    kind: ParamKind::Choice(Entries::NAMES),
    default: Some("achlioptas"),
    summary: "Entries that are not 0: all with dense, a third with achlioptas, one in √n of n dimensions with li, which keeps only distances of vectors whose differences have their length in many components.",
};
const SEED: Param = Param {
    name: "seed",
    kind: ParamKind::Int { min: 0, max: i64::MAX },
    default: Some("42"),
    summary: "Seed of SplitMix64, from which the matrix is drawn: the same for vectors that are to be compared.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_random_projection",
    family: Family::Vector,
    summary: "Random projections to fewer dimensions, which keep distances.",
    details: "√(s/k)·R·x with a matrix R of k rows whose entries are independent: 1 and −1 with the probability 1/(2s) each, else 0; s is 1 with dense, 3 with achlioptas and √n with li. They are drawn row by row from SplitMix64 from the seed: u in [0, 1) gives 1 where s·u is below 1/2, −1 where it is below 1. The expectation of a squared distance is its true value. Vectors that are to be compared need the same seed, entries and dimensions: rows of other dimensions are projected too, by a matrix of their own, which is the same in every chunk.",
    inputs: &[ID, V],
    optional: &[],
    params: &[DIMENSIONS, ENTRIES, SEED, ELEMENT],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL.",
    empty: "No rows give no rows. Empty vectors give zeros.",
    nan: "NaN and infinities follow IEEE 754: a vector with NaN gives NaN.",
    accuracy: "Sums as vector_dot_product, multiplied by √(s/k) in double precision and rounded. Same bits on every instruction set, thread count and batch shape. O(rows · dimensions of both).",
    streaming: Streaming::Rows,
    source: "Achlioptas 2003, \"Database-friendly random projections: Johnson-Lindenstrauss with binary coins\"; Li, Hastie and Church 2006, \"Very sparse random projections\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[2.0])], &[Cell::Int(2), Cell::Null]],
        params: &[("dimensions", Cell::Int(4)), ("entries", Cell::Text("dense"))],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[-1.0, 1.0, 1.0, 1.0])], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let dimensions = call.params.int(DIMENSIONS.name) as usize;
        let vectors = call.vectors(0)?;
        let all = || (0..call.rows).filter_map(|row| vectors.dimensions(row));
        let (least, n) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let bytes = vectors.width().bytes() as u64;
        // Projections of vectors that are not all alike are computed apart.
        let copies = if least == n { 2 } else { 3 };
        let results = (call.rows as u64).saturating_mul(dimensions as u64 * copies * bytes);
        call.check_memory("the projections", results.saturating_add((n * dimensions) as u64 * bytes))?;
        let entries = call.chosen(&ENTRIES, Entries::parse)?;
        let seed = call.params.int(SEED.name) as u64;
        let found = random_projection(call.compute, vectors, dimensions, entries, seed)?;
        Ok(Output::same(Values::Vectors(found)))
    },
};
