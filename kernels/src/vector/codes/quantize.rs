//! Codes from vectors.

use std::ops::Range;

use super::{Block, Codes, MOST_DIMENSIONS, Numbers, layout, up};
use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::contract::PackedBytes;
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::{Element, Width};
use crate::pairwise::compute::Compute;
use crate::parallel;

/// What is added to a double of at most 2⁵⁰ in magnitude to round it to an integer, ties to even; the lowest byte of
/// the sum's bits is that integer.
const ROUND: f64 = (3u64 << 51) as f64;
const UNIT: f64 = f64::EPSILON / 2.0;

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

/// The codes of vectors of any dimensions as they travel, back to back.
pub(crate) fn packed_codes(compute: Compute, rows: &Vectors<'_>) -> Result<PackedBytes, Error> {
    let parts = parallel::blocks(rows.len(), rows.bytes().len(), |range| {
        let mut part = PackedBytes::default();
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
        let mut bytes = vec![[0; LANES]; 4 * blocks];
        for (block, mut out) in self.range.zip(self.blocks) {
            let places = out.numbers.len();
            for first in (0..places).step_by(4) {
                for place in first..places.min(first + 4) {
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
                out.place_four(first, [0, 1, 2, 3].map(|i| bytes[i * blocks..][..blocks].as_flattened()));
            }
        }
        Ok(())
    }
}

/// A block of a vector as doubles; the last one is padded with 0.
#[inline(always)]
fn load<S: Simd>(simd: S, width: Width, bytes: &[u8]) -> S::F64 {
    match (width, bytes.first_chunk(), bytes.first_chunk()) {
        (Width::F32, Some(block), _) => simd.widen(simd.load_f32(block)),
        (Width::F32, None, _) => simd.widen(simd.load_f32_tail(bytes)),
        (Width::F64, _, Some(block)) => simd.load_f64(block),
        (Width::F64, _, None) => simd.load_f64_tail(bytes),
    }
}

/// The same number in all lanes.
#[inline(always)]
fn splat<S: Simd>(simd: S, number: f64) -> S::F64 {
    simd.load_f64(bytemuck::cast_ref(&[number; LANES]))
}

/// The lanes of a block.
#[inline(always)]
fn lanes<S: Simd>(block: &S::F64) -> &[f64; LANES] {
    bytemuck::cast_slice(S::registers_f64(block)).try_into().expect("the lanes of a block")
}

/// The code of a vector given in the width in which kernels compute; `bytes` has as many blocks as the
/// vector; missing components are 0, so their bytes are 128. All levels give the same code: operations are not fused,
/// and sums have 32 lanes.
#[inline(always)]
fn encode<S: Simd>(simd: S, element: Element, vector: &[u8], bytes: &mut [[u8; LANES]]) -> Numbers {
    let width = element.width();
    let checksum = crc32fast::hash(vector);
    let n = (vector.len() / width.bytes()) as f64;
    // What sums of squares of doubles may lose by underflow.
    let lost = if width == Width::F64 { (n + 8.0) * (-537f64).exp2() } else { 0.0 };
    // A norm from the computed sum of its squares.
    let norm = |sum: f64| up(sum.sqrt() * (1.0 + (n + 8.0) * UNIT) + lost);

    let (mut greatest, mut squares) = ([0f64; LANES], simd.zero_f64());
    for part in vector.chunks(LANES * width.bytes()) {
        let block = load(simd, width, part);
        for (greatest, x) in greatest.iter_mut().zip(lanes::<S>(&block)) {
            let size = x.abs();
            *greatest = if size > *greatest { size } else { *greatest };
        }
        squares = simd.mul_add_f64(block, block, squares);
    }
    let (greatest, square) = (greatest.into_iter().fold(0.0, f64::max), simd.sum_f64(squares));
    let whole = norm(square);
    bytes.fill([128; LANES]);
    if !square.is_finite() || !whole.is_finite() {
        return Numbers::unknown(checksum);
    }
    let none = Numbers { checksum, residual: whole, norm: whole, ..Numbers::NULL };
    if greatest == 0.0 {
        return Numbers { residual: 0.0, norm: 0.0, ..none };
    }
    // Bytes are their own code.
    let factor = if element == Element::I8 { 1.0 } else { (127.0 / greatest).min(1e300) };
    let (round, steps) = (splat(simd, ROUND), splat(simd, factor));
    let (mut products, mut codes) = (simd.zero_f64(), simd.zero_f64());
    for (part, out) in vector.chunks(LANES * width.bytes()).zip(&mut *bytes) {
        let block = load(simd, width, part);
        let rounded = simd.mul_add_f64(block, steps, round);
        let q = simd.sub_f64(rounded, round);
        products = simd.mul_add_f64(q, block, products);
        codes = simd.mul_add_f64(q, q, codes);
        for (out, rounded) in out.iter_mut().zip(lanes::<S>(&rounded)) {
            *out = rounded.to_bits() as u8 ^ 0x80;
        }
    }
    let codes = simd.sum_f64(codes);
    // Least squares; not a number where all codes are 0.
    let scale = if element == Element::I8 { 1.0 } else { (simd.sum_f64(products) / codes) as f32 };
    if !(scale > 0.0 && scale.is_finite()) {
        bytes.fill([128; LANES]);
        return none;
    }
    let against = splat(simd, -f64::from(scale));
    let (mut squares, mut products) = (simd.zero_f64(), simd.zero_f64());
    for part in vector.chunks(LANES * width.bytes()) {
        let block = load(simd, width, part);
        let q = simd.sub_f64(simd.mul_add_f64(block, steps, round), round);
        let r = simd.mul_add_f64(q, against, block);
        squares = simd.mul_add_f64(r, r, squares);
        products = simd.mul_add_f64(q, r, products);
    }
    let square = simd.sum_f64(squares);
    let residual = if element == Element::I8 { 0.0 } else { norm(square) };
    let along = simd.sum_f64(products).abs() / codes.sqrt() * (1.0 + (-50f64).exp2());
    Numbers {
        scale,
        residual,
        norm: whole,
        alignment: up(along + (n + 8.0) * UNIT * f64::from(residual)),
        // At most 2¹⁶ squares of at most 2¹⁴.
        square: codes as u32,
        checksum,
    }
}
