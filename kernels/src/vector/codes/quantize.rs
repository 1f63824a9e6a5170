//! Codes from vectors.

use std::ops::Range;

use super::encode::encode;
use super::{Block, Codes, MOST_DIMENSIONS, Numbers, layout};
use crate::arch::{HALF, LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::contract::PackedBytes;
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::parallel;

/// The codes of a column of vectors of one dimension: see [`Codes`].
///
/// # Shapes
///
/// m vectors of n ≤ 65,536 dimensions, some NULL; returns m codes.
///
/// # Errors
///
/// [`Error::Dimensions`] where the dimensions of two rows differ; [`Error::ParameterValue`] beyond 65,536 dimensions;
/// [`Error::Memory`] where the codes take more than [`default_memory_limit`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, vector};
/// let codes = vector::quantize(&Vectors::matrix(&[1.0, -2.0, 0.5, 0.25], 4)?)?;
/// // 40 bytes of numbers, and a byte a component.
/// assert_eq!(codes.row(0).map(|code| code.len()), Some(44));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn quantize(rows: &Vectors<'_>) -> Result<Codes, Error> {
    quantize_with(Compute::new(), rows)
}

/// [`quantize`] on a chosen level.
pub(crate) fn quantize_with(compute: Compute, rows: &Vectors<'_>) -> Result<Codes, Error> {
    let first = (0..rows.len()).find(|row| rows.row(*row).is_some());
    let dimensions = first.and_then(|row| rows.dimensions(row)).unwrap_or(0);
    check_dimensions(rows, dimensions)?;
    check_memory("the codes", Codes::size(rows.len(), dimensions), default_memory_limit())?;
    let mut codes = Codes::room(rows.element(), dimensions, rows.len())?;
    let bytes = rows.bytes().len();
    let ranges = parallel::ranges(codes.lanes.len(), bytes);
    let mut blocks = codes.blocks_mut();
    let mut pieces = Vec::with_capacity(ranges.len());
    for range in ranges {
        pieces.push((range.clone(), blocks.by_ref().take(range.len()).collect::<Vec<_>>()));
    }
    drop(blocks);
    parallel::each(pieces, bytes, |(range, blocks)| {
        compute.level.run(Encode { rows, dimensions, first: first.unwrap_or(0), range, blocks })
    })?;
    Ok(codes)
}

/// Checks that vectors of `dimensions` have codes.
fn check_dimensions(rows: &Vectors<'_>, dimensions: usize) -> Result<(), Error> {
    if dimensions <= MOST_DIMENSIONS {
        return Ok(());
    }
    Err(Error::ParameterValue {
        name: rows.name().into(),
        value: format!("vectors of {dimensions} dimensions"),
        expected: format!("at most {MOST_DIMENSIONS}, which a code holds"),
    })
}

/// Bytes of a vector's code as it travels.
pub(crate) fn packed_size(dimensions: usize) -> usize {
    layout::HEADER + dimensions
}

/// The codes of vectors of any dimensions as they travel, back to back.
pub(crate) fn packed_codes(compute: Compute, rows: &Vectors<'_>) -> Result<PackedBytes, Error> {
    let parts = parallel::blocks(rows.len(), rows.bytes().len(), |range| {
        let mut part = PackedBytes::default();
        let dimensions = range.clone().filter_map(|row| rows.dimensions(row));
        part.bytes.reserve_exact(dimensions.map(packed_size).sum());
        for row in range {
            let Some(vector) = rows.row(row) else {
                part.lengths.push(-1);
                continue;
            };
            check_dimensions(rows, vector.len() / rows.width().bytes())?;
            let (numbers, bytes) = encoded(compute, rows.element(), vector);
            let code = layout::write(rows.element(), &numbers, &bytes);
            // At most 65,576 bytes.
            part.lengths.push(code.len() as i32);
            part.bytes.extend_from_slice(&code);
        }
        Ok(part)
    })?;
    Ok(PackedBytes::joined(parts))
}

/// The numbers and the bytes of one vector's code.
pub(super) fn encoded(compute: Compute, element: Element, vector: &[u8]) -> (Numbers, Vec<u8>) {
    let n = vector.len() / element.width().bytes();
    let mut blocks = vec![[0; LANES]; n.div_ceil(LANES)];
    let numbers = compute.level.run(One { element, vector, blocks: &mut blocks });
    let mut bytes = blocks.into_flattened();
    bytes.truncate(n);
    (numbers, bytes)
}

struct One<'a> {
    element: Element,
    vector: &'a [u8],
    blocks: &'a mut [[u8; LANES]],
}

impl Task for One<'_> {
    type Output = Numbers;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Numbers {
        encode(simd, self.element, self.vector, self.blocks)
    }
}

/// The codes of a range of blocks.
struct Encode<'a, 'b> {
    rows: &'a Vectors<'a>,
    dimensions: usize,
    /// The row that the dimensions are of.
    first: usize,
    range: Range<usize>,
    blocks: Vec<Block<'b>>,
}

impl Task for Encode<'_, '_> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let (rows, element) = (self.rows, self.rows.element());
        let blocks = self.dimensions.div_ceil(LANES);
        let mut bytes = vec![[0; LANES]; HALF * blocks];
        for (block, mut out) in self.range.zip(self.blocks) {
            let places = out.numbers.len();
            for first in (0..places).step_by(HALF) {
                for place in first..places.min(first + HALF) {
                    let row = block * LANES + place;
                    let Some(vector) = rows.row(row) else {
                        out.set(place, Numbers::NULL);
                        continue;
                    };
                    if vector.len() != self.dimensions * element.width().bytes() {
                        let first = Place::Whole(format!("row {}", self.first + 1));
                        return Err(rows.mismatch(row, first, self.dimensions));
                    }
                    let bytes = &mut bytes[(place - first) * blocks..][..blocks];
                    out.set(place, encode(simd, element, vector, bytes));
                }
                // Those of missing rows are never looked at.
                simd.place_codes(
                    bytemuck::cast_slice(&bytes),
                    4 * first,
                    bytemuck::cast_slice_mut(out.groups),
                );
            }
        }
        Ok(())
    }
}
