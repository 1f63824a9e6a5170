//! Reconstructs matrices from their components.

use crate::arch::{self, F32_BLOCK, LANES, Simd, Task};
use crate::contract::{Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming};
use crate::error::{Error, Place};
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::tensor::layer;
use crate::tensor::numbers::{self, wrong};
use crate::tensor::payload::{self, CHUNK, Payload};
use crate::tensor::svd::Svd;

/// The matrix that the components make up, row-major: x = Σₖ σₖ·uₖ·vₖᵀ.
///
/// # Shapes
///
/// Any number k of components, where none give the zero matrix; returns rows × columns singles.
///
/// # Errors
///
/// [`Error::Value`] where `u` and `v` do not have k × rows and k × columns elements; [`Error::Memory`] where there is
/// no memory for the matrix.
///
/// # Accuracy
///
/// σₖ·uᵢₖ is computed in double precision and rounded to single; an element starts at +0 and takes its k products with
/// vⱼₖ in ascending order, by one fused multiply-add in single precision each. Let Aₖ be the largest |σₖ·uᵢₖ| and Vₖ
/// the largest |vⱼₖ|. Where Aₖ is beyond the largest single, the power of two at or below it moves from σₖ to vₖ. Where
/// Aₖ is below 2⁻⁶² and Vₖ above 1, as much of the power of two at or below Vₖ as raises Aₖ to 2⁻⁶² moves from vₖ to
/// σₖ. This changes no product. The bits are the same on every level and for any number of threads. An element has an
/// error of at most (k + 2)·2⁻²⁴·Σ|σ·u·v| + 2⁻⁸⁸·Σ Aₖ·|vⱼₖ| + k·2⁻¹⁴⁹, if neither it nor a partial sum is beyond the
/// largest single.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::{SvdOptions, reconstruct, svd};
///
/// let factors = svd(&[0.0, 3.0, 4.0, 0.0], 2, 2, &SvdOptions::default().rank(1))?;
/// assert_eq!(reconstruct(&factors)?, [0.0, 0.0, 4.0, 0.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn reconstruct(components: &Svd) -> Result<Vec<f32>, Error> {
    reconstruct_with(Compute::new(), components)
}

/// As [`reconstruct`], on the instruction-set level of `compute`, which never changes a result.
///
/// # Errors
///
/// As [`reconstruct`].
pub fn reconstruct_with(compute: Compute, components: &Svd) -> Result<Vec<f32>, Error> {
    let Svd { rows, columns, singular_values, u, v, .. } = components;
    for (name, vectors, length) in [("u", u, *rows), ("v", v, *columns)] {
        if length.checked_mul(singular_values.len()) != Some(vectors.len()) {
            return Err(Error::Value {
                place: name.into(),
                row: 0,
                found: format!("{} elements", vectors.len()),
                expected: format!("{} vectors of {length} elements", singular_values.len()),
            });
        }
    }
    let too_large = || Error::Memory {
        what: "the matrix".into(),
        bytes: (*rows as u64).saturating_mul(*columns as u64).saturating_mul(4),
        limit: Error::REFUSED,
    };
    // Without components there are no vectors to bound the shape.
    let elements = rows.checked_mul(*columns).ok_or_else(too_large)?;
    let rank = singular_values.len();
    if elements == 0 || rank == 0 {
        return arch::zeros("the matrix", elements);
    }
    let vectors = u.chunks_exact(*rows).zip(v.chunks_exact(*columns));
    let shifts: Vec<f64> =
        singular_values.iter().zip(vectors).map(|(sigma, (u, v))| shift(compute, *sigma, u, v)).collect();
    // Fewer multiplications than this finish before another thread has woken up.
    let shared = elements * rank >= 1 << 20;
    let bytes = if shared { usize::MAX } else { 0 };
    // A few tasks per thread, so that a delayed one does not delay all.
    let size = rows.div_ceil(3 * parallel::workers(bytes)).next_multiple_of(12).clamp(MIN_ROWS, MAX_ROWS);
    let matrix = parallel::pieces(elements, size * columns, bytes, |i, out| {
        compute.level.run(Block { components, shifts: &shifts, first: i * size, out });
        Ok(())
    });
    matrix.map_err(|error| error.unwrap_or_else(too_large))
}

/// Components added before the next tile of the matrix: 32 columns of them fit the L1 cache.
const DEPTH: usize = 256;
/// Minimum rows per task, divisible by the rows of every tile: for fewer, packing the right vectors would take too
/// long.
const MIN_ROWS: usize = 96;
/// Maximum rows per task: with [`DEPTH`] components they stay in the L2 cache.
const MAX_ROWS: usize = 384;

/// The power of two that moves from a singular value to the right vector, so that its product with the left one is in
/// range.
fn shift(compute: Compute, sigma: f64, u: &[f32], v: &[f32]) -> f64 {
    let unit = |v: f64| range::unit([v].into_iter());
    let left = sigma.abs() * f64::from(compute.level.run(Largest(u)));
    if !(left as f32).is_finite() {
        return unit(left);
    }
    if left >= SMALL {
        return 1.0;
    }
    let right = f64::from(compute.level.run(Largest(v)));
    if right > 1.0 && left > 0.0 { 1.0 / unit(right).min(SMALL / unit(left)) } else { 1.0 }
}

/// Products with the left vector above this lose nothing that matters at the lower end of the range of singles.
const SMALL: f64 = f64::from_bits((1023 - 62) << 52);

/// The largest magnitude of some numbers; NaN is ignored.
struct Largest<'a>(&'a [f32]);

impl Task for Largest<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f32 {
        // The bits of positive numbers sort like the numbers, and no comparison waits for the one before.
        let mut largest = 0;
        for u in self.0 {
            let bits = u.abs().to_bits();
            largest = largest.max(if u.is_nan() { 0 } else { bits });
        }
        f32::from_bits(largest)
    }
}

/// A block of rows of the matrix.
struct Block<'a> {
    components: &'a Svd,
    shifts: &'a [f64],
    /// First row.
    first: usize,
    out: &'a mut [f32],
}

impl Task for Block<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // As many rows as the registers hold sums for.
        if S::WIDE_TILE { self.tiles::<S, 12>(simd) } else { self.tiles::<S, 3>(simd) }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const R: usize>(self, simd: S) {
        let Block { components, shifts, first, out } = self;
        let (columns, rank) = (components.columns, shifts.len());
        let rows = out.len() / columns;
        let mut left = vec![[0.0; R]; rows.div_ceil(R) * DEPTH.min(rank)];
        let mut right = vec![[0.0; LANES]; DEPTH.min(rank)];
        for start in (0..rank).step_by(DEPTH) {
            let depth = DEPTH.min(rank - start);
            let left = &mut left[..rows.div_ceil(R) * depth];
            pack_left(components, shifts, start, first, rows, left);
            let right = &mut right[..depth];
            for column in (0..columns).step_by(LANES) {
                pack_right(components, shifts, start, column, right);
                for (panel, left) in left.chunks_exact(depth).enumerate() {
                    let tile = &mut out[panel * R * columns..];
                    add_tile(simd, left, right, tile, columns, column, start == 0);
                }
            }
        }
    }
}

/// Up to 32 columns of the right vectors of components from `start`, times their powers of two, one component after the
/// other. Columns missing at the end are left unchanged.
#[inline(always)]
fn pack_right(components: &Svd, shifts: &[f64], start: usize, column: usize, packed: &mut [[f32; LANES]]) {
    let columns = components.columns;
    let width = LANES.min(columns - column);
    for (k, packed) in packed.iter_mut().enumerate() {
        let v = &components.v[(start + k) * columns + column..][..width];
        if shifts[start + k] == 1.0 {
            packed[..width].copy_from_slice(v);
            continue;
        }
        for j in 0..width {
            packed[j] = (f64::from(v[j]) * shifts[start + k]) as f32;
        }
    }
}

/// The left vectors of components from `start` times their singular values over the powers of two, in panels of `R`
/// rows, a panel's rows one component after the other. Rows missing in the last panel are left unchanged.
#[inline(always)]
fn pack_left<const R: usize>(
    components: &Svd,
    shifts: &[f64],
    start: usize,
    first: usize,
    rows: usize,
    packed: &mut [[f32; R]],
) {
    let depth = packed.len() / rows.div_ceil(R);
    for k in 0..depth {
        let sigma = components.singular_values[start + k] / shifts[start + k];
        let u = &components.u[(start + k) * components.rows + first..][..rows];
        let (panels, rest) = u.as_chunks::<R>();
        // Constant length for whole panels, so that the conversion vectorizes.
        for (u, packed) in panels.iter().zip(packed.chunks_exact_mut(depth)) {
            let mut products = [0.0; R];
            for r in 0..R {
                products[r] = (sigma * f64::from(u[r])) as f32;
            }
            packed[k] = products;
        }
        for (r, u) in rest.iter().enumerate() {
            packed[panels.len() * depth + k][r] = (sigma * f64::from(*u)) as f32;
        }
    }
}

/// Adds the components' products to a tile of `R` rows and 32 columns, from `column`, of the matrix that begins with
/// the tile's first row and may end before its last one. `fresh`: the tile is zero.
#[inline(always)]
fn add_tile<S: Simd, const R: usize>(
    simd: S,
    left: &[[f32; R]],
    right: &[[f32; LANES]],
    out: &mut [f32],
    columns: usize,
    column: usize,
    fresh: bool,
) {
    let width = LANES.min(columns - column);
    let row = |r: usize| {
        let start = r * columns + column;
        start..start + width
    };
    // The loops over rows have a constant length, so the sums stay in registers.
    let mut sums = [simd.zero_f32(); R];
    if !fresh {
        for (r, sum) in sums.iter_mut().enumerate() {
            if let Some(part) = out.get(row(r)) {
                let part = bytemuck::cast_slice(part);
                *sum = match part.try_into() {
                    Ok(block) => simd.load_f32(block),
                    Err(_) => simd.load_f32_tail(part),
                };
            }
        }
    }
    for (left, right) in left.iter().zip(right) {
        let right = simd.load_f32(bytemuck::cast_ref(right));
        for r in 0..R {
            sums[r] = simd.fma_f32(simd.splat_f32(left[r]), right, sums[r]);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        if let Some(part) = out.get_mut(row(r)) {
            let part: &mut [u8] = bytemuck::cast_slice_mut(part);
            match (&mut *part).try_into() {
                Ok(block) => simd.store_f32(sum, block),
                Err(_) => {
                    let mut block = [0; F32_BLOCK];
                    simd.store_f32(sum, &mut block);
                    part.copy_from_slice(&block[..part.len()]);
                }
            }
        }
    }
}

/// The input rows of each component, in ascending order of the components and of their chunks.
fn grouped(call: &Call<'_>) -> Result<Vec<(i64, Vec<usize>)>, Error> {
    let chunks = call.integers(CHUNK.name);
    let ordered = |(component, rows): (i64, Vec<usize>)| {
        if let [first, second, ..] = rows[..]
            && rows.iter().any(|row| chunks[*row].is_none())
        {
            let found = format!("component {component}, which row {} holds too", first + 1);
            let expected = "each component once, or its chunks numbered";
            return Err(wrong(COMPONENT.name, second, found, expected));
        }
        Ok((component, payload::order(chunks, rows.into_iter())?))
    };
    numbers::groups(call, &COMPONENT, 0..call.rows)?.into_iter().map(ordered).collect()
}

/// The components' vectors in a column, one after the other, all of equal length.
fn unpack(
    name: &str,
    column: &[Option<&[u8]>],
    components: &[(i64, Vec<usize>)],
) -> Result<(Vec<f32>, usize), Error> {
    let mut out = Vec::new();
    let mut length = None;
    for (_, rows) in components {
        let first = rows[0];
        let chunks: Vec<&[u8]> = rows.iter().filter_map(|row| column[*row]).collect();
        if chunks.is_empty() {
            return Err(wrong(name, first, "NULL".into(), "the vector's packed singles"));
        }
        let bytes = Payload::of(chunks).concat();
        let (singles, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(wrong(name, first, format!("{} bytes", bytes.len()), "packed singles, 4 bytes each"));
        }
        let expected = *length.get_or_insert(singles.len());
        if singles.len() != expected {
            let expected = format!("{expected}, as in row {}", components[0].1[0] + 1);
            return Err(wrong(name, first, format!("{} elements", singles.len()), &expected));
        }
        let start = out.len();
        out.extend(singles.iter().map(|single| f32::from_le_bytes(*single)));
        if let Some(element) = out[start..].iter().position(|x| !x.is_finite()) {
            let found = format!("element {element} is {}", out[start + element]);
            return Err(wrong(name, first, found, "finite numbers"));
        }
    }
    Ok((out, length.unwrap_or(0)))
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    if call.rows == 0 {
        return layer::output(None);
    }
    let components = grouped(call)?;
    let sigma = numbers::present(SINGULAR_VALUE.name, call.floats(SINGULAR_VALUE.name))?;
    let singular_value = |(component, rows): &(i64, Vec<usize>)| {
        numbers::repeated(SINGULAR_VALUE.name, &sigma, rows, ("component", *component))
    };
    let singular_values = components.iter().map(singular_value).collect::<Result<Vec<_>, Error>>()?;
    let (left, right) = (call.binary(U.name), call.binary(V.name));
    let size = |column: &[Option<&[u8]>]| {
        let bytes = components[0].1.iter().filter_map(|row| column[*row]).map(|bytes| bytes.len() as u64);
        bytes.sum::<u64>() / 4
    };
    let (rows, columns) = (size(left), size(right));
    let elements = usize::try_from(rows.saturating_mul(columns)).unwrap_or(usize::MAX);
    layer::check_length(elements)?;
    // The vectors, one joined vector, and the matrix as numbers and as bytes.
    let taken = rows
        .saturating_add(columns)
        .saturating_mul(components.len() as u64)
        .saturating_add(rows.max(columns))
        .saturating_add(elements as u64 * 2)
        .saturating_mul(4);
    call.check_memory("the matrix", taken)?;
    let ((u, rows), (v, columns)) = (unpack(U.name, left, &components)?, unpack(V.name, right, &components)?);
    let components = Svd { rows, columns, singular_values, u, v, ..Svd::default() };
    let matrix = reconstruct_with(call.compute, &components)?;
    if let Some(at) = matrix.iter().position(|x| !x.is_finite()) {
        return Err(Error::Value {
            place: Place::whole("the matrix"),
            row: 0,
            found: format!("{} in row {}, column {}", matrix[at], at / columns + 1, at % columns + 1),
            expected: format!("at most {:e}, the largest single", f32::MAX),
        });
    }
    layer::output(Some(&matrix))
}

const COMPONENT: Column = Column {
    name: "component",
    kind: Kind::BigInt,
    unit: "1",
    summary: "The component: they are added in ascending order, gaps do not count. Several rows are the chunks of its vectors.",
};
const SINGULAR_VALUE: Column = Column {
    name: "singular_value",
    kind: Kind::Float,
    unit: "any",
    summary: "The component's weight σ, the same in all of its rows.",
};
const U: Column = Column {
    name: "u",
    kind: Kind::Binary,
    unit: "1",
    summary: "Left vector: a packed single (f32, little-endian) for each row of the matrix; its chunks may be cut anywhere.",
};
const V: Column = Column {
    name: "v",
    kind: Kind::Binary,
    unit: "1",
    summary: "Right vector: a packed single for each column of the matrix; NULL in a chunk that has only more of u, and the other way round.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_reconstruct",
    family: Family::Tensor,
    summary: "A matrix from its components: the inverse of tensor_svd.",
    details: "Σ σ·u·vᵀ, row after row. Takes what tensor_svd gives, all of it or a part, with singular values as they are or changed. \
              Rows come in any order. One matrix in a call.",
    inputs: &[COMPONENT, CHUNK, SINGULAR_VALUE, U, V],
    optional: &[],
    params: &[],
    outputs: &[layer::CHUNK, layer::PAYLOAD],
    rows: RowShape::Made,
    nulls: "NULL is an error that names the row, but for the chunk of a component in one row, and for u or v where another chunk has it.",
    empty: "No rows give no result row.",
    nan: "NaN or an infinity in a component is an error that names the row, and so is an element of the matrix beyond the largest \
          single.",
    accuracy: "σ·u is rounded to single precision; an element takes its products with v in ascending order of the components, by one \
               fused multiply-add in single precision each. With A the largest |σ·u| and V the largest |v| of a component: where A is beyond the largest single the power of two at or below it \
               goes over from σ to v, and where A is below 2⁻⁶² and V above 1 as much of the power of two at or below V from v to σ as brings A to 2⁻⁶²; this changes no product. An element of k components is off by at most \
               (k + 2)·2⁻²⁴·Σ|σ·u·v| + 2⁻⁸⁸·Σ A·|v| + k·2⁻¹⁴⁹. The same bits for any order of the rows and any number of threads, on \
               every machine.",
    streaming: Streaming::Whole("all components"),
    source: "Eckart and Young 1936; clr_ReconstructFromSVD of the replaced functions, which had no left vectors to use.",
    elements: "",
    sql: "Several matrices: one partition each.",
    example: Example {
        inputs: &[
            &[
                Cell::Int(2),
                Cell::Null,
                Cell::Float(3.0),
                Cell::Vector(&[1.0, 0.0]),
                Cell::Vector(&[0.0, 1.0]),
            ],
            &[
                Cell::Int(1),
                Cell::Null,
                Cell::Float(4.0),
                Cell::Vector(&[0.0, 1.0]),
                Cell::Vector(&[1.0, 0.0]),
            ],
        ],
        params: &[],
        outputs: &[&[Cell::Int(0), Cell::Vector(&[0.0, 3.0, 4.0, 0.0])]],
    },
    run,
};
