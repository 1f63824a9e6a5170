//! The vectors that a search for clusters or outliers looks at.

use crate::arch::zeros;
use crate::column::vectors::{PackedVectors, Vectors};
use crate::error::{Error, Place};
use crate::group::is_finite;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::codes::{Codes, MOST_DIMENSIONS, quantize_with};
use crate::vector::normalize::ToUnit;

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

    /// All rows scaled to length 1 as vector_normalize does, in the width in which they are computed with; zero vectors and
    /// NULL stay.
    pub(crate) fn normalized(&self, vectors: &Vectors<'_>, compute: Compute) -> Result<PackedVectors, Error> {
        let count = (0..vectors.len()).filter(|row| vectors.row(*row).is_some()).count();
        let bytes = zeros("the vectors of length 1", count * self.row_bytes)?;
        let mut out = PackedVectors { element: vectors.wide_element(), bytes, ..PackedVectors::default() };
        let mut rest = out.bytes.as_mut_slice();
        for row in 0..vectors.len() {
            let Some(bytes) = vectors.row(row) else {
                out.lengths.push(-1);
                continue;
            };
            // A row is no longer than a value of the host.
            out.lengths.push(bytes.len() as i32);
            let (own, others) = rest.split_at_mut(bytes.len());
            rest = others;
            compute.level.run(ToUnit { width: vectors.width(), v: bytes, out: own });
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
        found: counted(found, "vector"),
        expected: expected.into(),
    }
}

/// A number of things in words: `1 vector`, `2 vectors`.
pub(crate) fn counted(number: usize, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}
