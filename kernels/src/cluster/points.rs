//! The vectors that a search for clusters or outliers looks at.

use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::Call;
use crate::error::{Error, Place};
use crate::group::is_finite;
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::{Norm, Pair};

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
        let mut first: Option<(usize, usize)> = None;
        for row in 0..vectors.len() {
            let Some(bytes) = vectors.row(row) else { continue };
            let (length, other) = *first.get_or_insert((bytes.len(), row));
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
