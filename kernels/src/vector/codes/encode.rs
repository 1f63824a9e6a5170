//! The code of one vector.
//!
//! The code is the same on every level: every operation is one of [`Simd`] or exact, and sums have the order of their lanes.
//!
//! # Singles of ordinary size
//!
//! Where a = max |xᵢ| is in [2⁻⁴⁰, 2⁶⁰], everything per component is in single precision, u = 2⁻²⁴, in two passes: the first finds
//! a and the checksum, the second all the rest. With f = fl(127/a) and s₀ = fl(a/127) it takes
//!
//! - qᵢ, the integer nearest to f·xᵢ: one fused multiply-add with a number so large that its sum is rounded to integers. |f·xᵢ|
//!   is at most 127·(1 + u), so |qᵢ| ≤ 127.
//! - r̂ᵢ = fl(xᵢ − s₀·qᵢ), fused, so r̂ᵢ = rᵢ·(1 + δ), |δ| ≤ u, with rᵢ = xᵢ − s₀·qᵢ. It does not underflow: where qᵢ ≠ 0, |xᵢ| is at
//!   least 0.49·s₀ ≥ 2⁻⁴⁹, so both terms are multiples of 2⁻⁷³; where qᵢ = 0, it is xᵢ.
//! - T ≈ Σ qᵢ·rᵢ, D ≈ Σ rᵢ² and Q = Σ qᵢ², each in single lanes of at most [`DEPTH`] = 8 fused steps that are then added to double
//!   lanes. Q is exact, as 8·127² < 2²⁴. With ε = 11·u, which is more than r̂, 8 steps and the doubles take,
//!
//! > |D − Σ rᵢ²| ≤ ε·Σ rᵢ² + n·2⁻¹⁴⁸ and |T − Σ qᵢ·rᵢ| ≤ ε·Σ |qᵢ·rᵢ| ≤ η = ε·√Q·R₀, R₀² = (D + n·2⁻¹⁴⁸)·(1 + 2ε) ≥ Σ rᵢ².
//!
//! Squares lose at most 2⁻¹⁵⁰ each by underflow; products qᵢ·r̂ᵢ lose nothing, being multiples of the least single. The scale of least
//! squares is s = fl(s₀ + T/Q). With Δ = s − s₀, which is exact in double precision, x − s·q = r − Δ·q, so
//!
//! > R² = R₀² − 2·Δ·T + Δ²·Q + 2·|Δ|·η, κ = (|T − Δ·Q| + η)/√Q, X² = s₀²·Q + 2·s₀·(T + η) + R₀²
//!
//! are bounds, with 2⁻⁴⁰ of their parts for the few roundings of doubles. X² is greater than ‖x‖² by at most 4·s₀·η + 4·ε·R₀² and
//! little else; a vector for which that is more than 2⁻²⁰ of X² has its code made like all others.
//!
//! # All others
//!
//! In double precision, in three passes after the checksum: a and the norm; qᵢ with the scale; the residual.

use super::checksum::{self, Sums};
use super::{Numbers, up};
use crate::arch::{LANES, Simd, padded};
use crate::number::element::{Element, Width};

const UNIT: f64 = f64::EPSILON / 2.0;
/// Blocks whose sums are single lanes.
const DEPTH: usize = 8;
/// Bytes of a block of singles.
const BLOCK: usize = 4 * LANES;
/// Prefetch distance of the first pass, which reads from memory: while the second computes, the next row arrives.
const AHEAD: usize = 16384;

/// What is added to a single of at most 2²¹ in magnitude to round it to an integer, ties to even; the lowest byte of the sum's bits
/// is that integer and 128.
const ROUND: f32 = (3 << 22) as f32 + 128.0;
/// The same for doubles of at most 2⁵⁰.
const ROUND_F64: f64 = (3u64 << 51) as f64 + 128.0;
/// The byte of the code 0.
const ZERO: u8 = 128;

/// ε: what sums of singles may be off.
const OFF: f64 = 11.0 / (1 << 24) as f64;
/// Bits of 2⁻⁴⁰ and of 2⁶⁰.
const ORDINARY: std::ops::RangeInclusive<u32> = (127 - 40) << 23..=(127 + 60) << 23;

/// The lanes of a block.
#[inline(always)]
fn lanes<S: Simd>(block: &S::F64) -> &[f64; LANES] {
    bytemuck::cast_slice(S::registers_f64(block)).try_into().expect("the lanes of a block")
}

/// The same number in all lanes.
#[inline(always)]
fn splat<S: Simd>(simd: S, number: f64) -> S::F64 {
    simd.load_f64(bytemuck::cast_ref(&[number; LANES]))
}

/// A block of singles; the last one is padded with 0.
#[inline(always)]
fn load_singles<S: Simd>(simd: S, bytes: &[u8]) -> S::F32 {
    match bytes.first_chunk() {
        Some(block) => simd.load_f32(block),
        None => simd.load_f32_tail(bytes),
    }
}

/// A block of a vector as doubles; the last one is padded with 0.
#[inline(always)]
fn load<S: Simd>(simd: S, width: Width, bytes: &[u8]) -> S::F64 {
    match (width, bytes.first_chunk()) {
        (Width::F32, _) => simd.widen(load_singles(simd, bytes)),
        (Width::F64, Some(block)) => simd.load_f64(block),
        (Width::F64, None) => simd.load_f64_tail(bytes),
    }
}

/// The code of a vector given in the width in which kernels compute; `bytes` has as many blocks as the vector. Missing
/// components are 0, so their bytes are 128.
#[inline(always)]
pub(super) fn encode<S: Simd>(
    simd: S,
    element: Element,
    vector: &[u8],
    bytes: &mut [[u8; LANES]],
) -> Numbers {
    if element.width() == Width::F64 {
        let checksum = simd.run(checksum::Checksum(vector));
        return wide(simd, element, vector, bytes, Numbers::unknown(checksum));
    }
    let (greatest, checksum) = survey(simd, vector);
    let none = Numbers::unknown(checksum);
    if ORDINARY.contains(&greatest)
        && let Some(numbers) = narrow(simd, element, vector, bytes, f32::from_bits(greatest), none)
    {
        return numbers;
    }
    wide(simd, element, vector, bytes, none)
}

/// The bits of the greatest magnitude of some singles, and their checksum. Magnitudes have the order of their bits, and those of
/// infinities and NaN are the greatest.
#[inline(always)]
fn survey<S: Simd>(simd: S, vector: &[u8]) -> (u32, u32) {
    let (mut greatest, mut sums) = ([0u32; LANES], Sums::NONE);
    let (blocks, tail) = vector.as_chunks::<BLOCK>();
    for block in blocks {
        simd.prefetch(block, AHEAD);
        simd.prefetch(block, AHEAD + BLOCK / 2);
        raise(&mut greatest, block);
        sums.add(block);
    }
    if !tail.is_empty() {
        let block = padded(tail);
        raise(&mut greatest, &block);
        sums.add(&block);
    }
    (greatest.into_iter().fold(0, u32::max), sums.finish(vector.len()))
}

/// Raises the greatest magnitudes to those of a block.
#[inline(always)]
fn raise(greatest: &mut [u32; LANES], block: &[u8; BLOCK]) {
    for (greatest, word) in greatest.iter_mut().zip(block.as_chunks().0) {
        *greatest = (u32::from_le_bytes(*word) & 0x7FFF_FFFF).max(*greatest);
    }
}

/// The code of singles whose greatest magnitude is `greatest`; `None` where rounding may have taken too much.
#[inline(always)]
fn narrow<S: Simd>(
    simd: S,
    element: Element,
    vector: &[u8],
    bytes: &mut [[u8; LANES]],
    greatest: f32,
    none: Numbers,
) -> Option<Numbers> {
    // Bytes are their own code.
    let own = element == Element::I8;
    let (factor, step) = if own { (1.0, 1.0) } else { (127.0 / greatest, greatest / 127.0) };
    let (factors, round, against) = (simd.splat_f32(factor), simd.splat_f32(ROUND), simd.splat_f32(-step));
    let (mut along, mut residual, mut square) = (simd.zero_f64(), simd.zero_f64(), simd.zero_f64());
    for (part, out) in vector.chunks(DEPTH * BLOCK).zip(bytes.chunks_mut(DEPTH)) {
        let (mut t, mut d, mut q2) = (simd.zero_f32(), simd.zero_f32(), simd.zero_f32());
        for (block, out) in part.chunks(BLOCK).zip(out) {
            let x = load_singles(simd, block);
            let rounded = simd.fma_f32(x, factors, round);
            let q = simd.sub_f32(rounded, round);
            let r = simd.fma_f32(q, against, x);
            t = simd.fma_f32(q, r, t);
            d = simd.fma_f32(r, r, d);
            q2 = simd.fma_f32(q, q, q2);
            *out = simd.low_bytes(rounded);
        }
        along = simd.add_f64(along, simd.widen(t));
        residual = simd.add_f64(residual, simd.widen(d));
        square = simd.add_f64(square, simd.widen(q2));
    }
    let n = (vector.len() / 4) as f64;
    let (t, d, q) = (simd.sum_f64(along), simd.sum_f64(residual), simd.sum_f64(square));
    let (step, codes) = (f64::from(step), q.sqrt());
    let lost = n * (-148f64).exp2();
    let first = (d + lost) * (1.0 + 2.0 * OFF);
    let eta = OFF * codes * first.sqrt() * (1.0 + 8.0 * UNIT);
    let scale = if own { 1.0 } else { (step + t / q) as f32 };
    let change = f64::from(scale) - step;
    let more = (-40f64).exp2();
    let norm = (step * step * q + 2.0 * step * (t + eta) + first) * (1.0 + more);
    let too_much = 4.0 * (step * eta + OFF * first) + 2.0 * lost > norm * (-20f64).exp2();
    // The scale is positive, as the greatest component has the code ±127: this is for the reader who doubts it.
    if too_much || !(scale > 0.0 && scale.is_finite()) {
        return None;
    }
    let rest = first - 2.0 * change * t + change * change * q + 2.0 * change.abs() * eta;
    let rest = rest.max(0.0) + more * (first + change * change * q);
    let alignment =
        ((t - change * q).abs() + more * (t.abs() + change.abs() * q) + eta) / codes * (1.0 + more);
    Some(Numbers {
        scale,
        residual: if own { 0.0 } else { up(rest.sqrt() * (1.0 + 4.0 * UNIT)) },
        norm: up(norm.sqrt() * (1.0 + 4.0 * UNIT)),
        alignment: if own { 0.0 } else { up(alignment) },
        // At most 2¹⁶ squares of at most 2¹⁴.
        square: q as u32,
        ..none
    })
}

/// The code of any vector, in double precision; `none` has its checksum.
#[inline(always)]
fn wide<S: Simd>(
    simd: S,
    element: Element,
    vector: &[u8],
    bytes: &mut [[u8; LANES]],
    none: Numbers,
) -> Numbers {
    let width = element.width();
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
    bytes.fill([ZERO; LANES]);
    if !square.is_finite() || !whole.is_finite() {
        return none;
    }
    let none = Numbers { residual: whole, norm: whole, ..none };
    if greatest == 0.0 {
        return Numbers { residual: 0.0, norm: 0.0, ..none };
    }
    // Bytes are their own code.
    let factor = if element == Element::I8 { 1.0 } else { (127.0 / greatest).min(1e300) };
    let (round, steps) = (splat(simd, ROUND_F64), splat(simd, factor));
    let (mut products, mut codes) = (simd.zero_f64(), simd.zero_f64());
    for (part, out) in vector.chunks(LANES * width.bytes()).zip(&mut *bytes) {
        let block = load(simd, width, part);
        let rounded = simd.mul_add_f64(block, steps, round);
        let q = simd.sub_f64(rounded, round);
        products = simd.mul_add_f64(q, block, products);
        codes = simd.mul_add_f64(q, q, codes);
        for (out, rounded) in out.iter_mut().zip(lanes::<S>(&rounded)) {
            *out = rounded.to_bits() as u8;
        }
    }
    let codes = simd.sum_f64(codes);
    // Least squares; not a number where all codes are 0.
    let scale = if element == Element::I8 { 1.0 } else { (simd.sum_f64(products) / codes) as f32 };
    if !(scale > 0.0 && scale.is_finite()) {
        bytes.fill([ZERO; LANES]);
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
        alignment: up(along + (n + 8.0) * UNIT * f64::from(residual)),
        // At most 2¹⁶ squares of at most 2¹⁴.
        square: codes as u32,
        ..none
    }
}
