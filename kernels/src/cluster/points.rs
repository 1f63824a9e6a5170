//! The vectors that a search for clusters or outliers looks at.

use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::Call;
use crate::error::{Error, Place};
use crate::group::is_finite;
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::{Norm, Pair};
use crate::parallel;
use crate::vector::Metric;
use crate::vector::codes::{Codes, MOST_DIMENSIONS, quantize_with};

/// Rows that are not NULL, all finite and as long as the first.
pub(crate) struct Points {
    /// In the order in which they are drawn or looked at.
    pub(crate) list: Vec<usize>,
    pub(crate) row_bytes: usize,
}

impl Points {
    /// # Errors
    ///
    /// [`Error::Dimensions`]; [`Error::Value`] for a vector that is empty or not finite.
    pub(crate) fn new(vectors: &Vectors<'_>, order: Option<&[usize]>) -> Result<Points, Error> {
        let first = (0..vectors.len()).find_map(|row| vectors.row(row).map(|bytes| (bytes.len(), row)));
        if let Some((length, other)) = first {
            parallel::blocks(vectors.len(), vectors.bytes().len(), |rows| {
                rows.into_iter().try_for_each(|row| check(vectors, row, length, other))
            })?;
        }
        let mut list: Vec<usize> = match order {
            Some(order) => order.to_vec(),
            None => (0..vectors.len()).collect(),
        };
        list.retain(|row| vectors.row(*row).is_some());
        Ok(Points { list, row_bytes: first.map_or(0, |(length, _)| length) })
    }

    /// All rows scaled to length 1, in the width in which they are computed with; zero vectors and NULL stay.
    pub(crate) fn normalized(&self, vectors: &Vectors<'_>, compute: Compute) -> Result<PackedVectors, Error> {
        let width = vectors.width();
        let mut out = PackedVectors { element: vectors.wide_element(), ..PackedVectors::default() };
        out.bytes.reserve_exact(self.list.len() * self.row_bytes);
        for row in 0..vectors.len() {
            let Some(bytes) = vectors.row(row) else {
                out.lengths.push(-1);
                continue;
            };
            // A row is no longer than a value of the host.
            out.lengths.push(bytes.len() as i32);
            let accumulate = compute.accumulate;
            let norm = compute.level.run(Pair { form: Norm, width, accumulate, a: bytes, b: bytes });
            let norm = if norm == 0.0 { 1.0 } else { norm };
            match width {
                Width::F32 => {
                    for v in bytes.as_chunks().0 {
                        out.bytes.extend(((f64::from(f32::from_le_bytes(*v)) / norm) as f32).to_le_bytes());
                    }
                }
                Width::F64 => {
                    for v in bytes.as_chunks().0 {
                        out.bytes.extend((f64::from_le_bytes(*v) / norm).to_le_bytes());
                    }
                }
            }
        }
        Ok(out)
    }
}

/// Checks that a row is as long as the first one, `other`, and finite.
fn check(vectors: &Vectors<'_>, row: usize, length: usize, other: usize) -> Result<(), Error> {
    let Some(bytes) = vectors.row(row) else { return Ok(()) };
    if length != bytes.len() {
        let n = length / vectors.width().bytes();
        return Err(vectors.mismatch(row, Place::Whole(format!("row {}", other + 1)), n));
    }
    if length == 0 || !is_finite(vectors.width(), bytes) {
        let found = if length == 0 { "no numbers" } else { "a number that is not finite" };
        return Err(Error::Value {
            place: vectors.place().clone(),
            row: row as u64 + 1,
            found: found.into(),
            expected: "a vector of finite numbers, or NULL to leave the row out".into(),
        });
    }
    Ok(())
}

/// Fewer rows than this are looked at without codes.
const FEWEST_CODED: usize = 256;

/// Codes of the rows, none of which is NULL, where they spare distances.
pub(crate) fn codes_of(compute: Compute, rows: &Vectors<'_>, metric: Metric) -> Result<Option<Codes>, Error> {
    let suits = rows.len() >= FEWEST_CODED
        && rows.dimensions(0).is_some_and(|n| n <= MOST_DIMENSIONS)
        && metric != Metric::Manhattan;
    suits.then(|| quantize_with(compute, rows)).transpose()
}

/// The error for too few vectors.
pub(crate) fn not_enough(vectors: &Vectors<'_>, found: usize, expected: &str) -> Error {
    Error::Value {
        place: vectors.place().clone(),
        row: 0,
        found: format!("{found} vectors"),
        expected: expected.into(),
    }
}

/// Rows by rising id, NULL last; of equal ids, or where they are no integers, in input order.
pub(crate) fn by_id(call: &Call<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..call.rows).collect();
    if let Some(ids) = call.keys() {
        order.sort_by_key(|row| (ids[*row].is_none(), ids[*row]));
    }
    order
}
