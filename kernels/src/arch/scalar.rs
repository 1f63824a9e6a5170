//! The portable level: the definition written out, the reference for every other level.

use std::slice;

use super::simd::{
    CodeGroup, F32_BLOCK, F64_BLOCK, HALF_BLOCK, LANES, Part, Simd, bits_of_words, in_parts, padded, tree_sum,
};

/// No proof is needed: every machine can run it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar;

/// Fused multiply-add in single precision.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        emulated_fma(a, b, c)
    }
}

/// Fused multiply-add in single precision without hardware for it.
///
/// `f32::mul_add` calls the C library where the target has no such instruction, and not every C library rounds once.
/// The product of two singles is exact in double precision; the sum with `c` is rounded to odd there, so the second
/// rounding, to single, gives the correctly rounded result (Boldo and Melquiond 2008, "Emulation of a FMA").
#[inline(always)]
fn emulated_fma(a: f32, b: f32, c: f32) -> f32 {
    let product = f64::from(a) * f64::from(b);
    let c = f64::from(c);
    let sum = product + c;
    // Knuth's exact error of the sum; NaN or infinite where the sum is, and then without effect.
    let c_part = sum - product;
    let error = (product - (sum - c_part)) + (c - c_part);
    let bits = sum.to_bits();
    // Round to odd: truncate towards zero (step back if the rounding went away from zero), then set the last bit.
    let away = (error > 0.0) == (sum < 0.0);
    let odd = bits.wrapping_sub(u64::from(away)) | 1;
    let inexact = error != 0.0 && sum.is_finite();
    (if inexact { f64::from_bits(odd) } else { sum }) as f32
}

#[inline(always)]
fn map2<T: Copy + Default>(a: [T; LANES], b: [T; LANES], f: impl Fn(T, T) -> T) -> [T; LANES] {
    let mut out = [T::default(); LANES];
    for j in 0..LANES {
        out[j] = f(a[j], b[j]);
    }
    out
}

impl Simd for Scalar {
    type F32 = [f32; LANES];
    type F64 = [f64; LANES];
    // The compiler chooses the registers.
    type R32 = [f32; LANES];
    type R64 = [f64; LANES];
    const WIDE_TILE: bool = false;

    #[inline(never)]
    fn run<P: Part<Self>>(self, part: P) -> P::Output {
        part.run(self)
    }

    #[inline(always)]
    fn prefetch(self, _: &[u8], _: usize) {}

    #[inline(always)]
    fn zero_f32(self) -> Self::F32 {
        [0.0; LANES]
    }

    #[inline(always)]
    fn prefetch_near(self, _: &[u8], _: usize) {}

    #[inline(always)]
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32 {
        let mut out = [0.0; LANES];
        for (lane, bytes) in out.iter_mut().zip(block.as_chunks::<4>().0) {
            *lane = f32::from_le_bytes(*bytes);
        }
        out
    }

    #[inline(always)]
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32 {
        self.load_f32(&padded(tail))
    }

    #[inline(always)]
    fn load_f16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let mut out = [0.0; LANES];
        for (lane, bytes) in out.iter_mut().zip(block.as_chunks::<2>().0) {
            *lane = half::f16::from_le_bytes(*bytes).to_f32_const();
        }
        out
    }

    #[inline(always)]
    fn load_bf16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let mut out = [0.0; LANES];
        for (lane, bytes) in out.iter_mut().zip(block.as_chunks::<2>().0) {
            *lane = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
        }
        out
    }

    #[inline(always)]
    fn load_i8(self, block: &[u8; LANES]) -> Self::F32 {
        block.map(|byte| f32::from(byte.cast_signed()))
    }

    #[inline(always)]
    fn splat_f32(self, value: f32) -> Self::F32 {
        [value; LANES]
    }

    #[inline(always)]
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]) {
        for (bytes, lane) in block.as_chunks_mut::<4>().0.iter_mut().zip(a) {
            *bytes = lane.to_le_bytes();
        }
    }

    #[inline(always)]
    fn sub_f32(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map2(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn add_absolute_f32(self, a: Self::F32, c: Self::F32) -> Self::F32 {
        map2(a, c, |a, c| a.abs() + c)
    }

    #[inline(always)]
    fn fma_f32(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        let mut out = c;
        for j in 0..LANES {
            out[j] = fma(a[j], b[j], c[j]);
        }
        out
    }

    #[inline(always)]
    fn low_bytes(self, a: Self::F32) -> [u8; LANES] {
        a.map(|lane| lane.to_bits() as u8)
    }

    #[inline(always)]
    fn sum_f32(self, a: Self::F32) -> f64 {
        tree_sum(self.widen(a))
    }

    #[inline(always)]
    fn zero_f64(self) -> Self::F64 {
        [0.0; LANES]
    }

    #[inline(always)]
    fn load_f64(self, block: &[u8; F64_BLOCK]) -> Self::F64 {
        let mut out = [0.0; LANES];
        for (lane, bytes) in out.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = f64::from_le_bytes(*bytes);
        }
        out
    }

    #[inline(always)]
    fn load_f64_tail(self, tail: &[u8]) -> Self::F64 {
        self.load_f64(&padded(tail))
    }

    #[inline(always)]
    fn widen(self, a: Self::F32) -> Self::F64 {
        a.map(f64::from)
    }

    #[inline(always)]
    fn add_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        map2(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        map2(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn add_absolute_f64(self, a: Self::F64, c: Self::F64) -> Self::F64 {
        map2(a, c, |a, c| a.abs() + c)
    }

    #[inline(always)]
    fn mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        map2(map2(a, b, |a, b| a * b), c, |p, c| p + c)
    }

    #[inline(always)]
    fn exact_mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        self.mul_add_f64(a, b, c)
    }

    #[inline(always)]
    fn sum_f64(self, a: Self::F64) -> f64 {
        tree_sum(a)
    }

    #[inline(never)]
    fn add_codes<const Q: usize>(
        self,
        codes: &[CodeGroup],
        queries: &[[[i8; 4]; Q]],
        sums: &mut [[i32; LANES]; Q],
    ) {
        for (rows, queries) in codes.iter().zip(queries) {
            for (sums, query) in sums.iter_mut().zip(queries) {
                for (sum, row) in sums.iter_mut().zip(rows.as_chunks::<4>().0) {
                    for d in 0..4 {
                        *sum = sum.wrapping_add(i32::from(row[d]) * i32::from(query[d]));
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn dot_bytes<const SQUARES: bool>(self, query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
        for (row, sums) in rows.iter().zip(sums) {
            *sums = in_parts(query, row, |query, row| {
                let mut sums = [0; 2];
                for (a, b) in query.iter().zip(row) {
                    let (a, b) = (i32::from(a.cast_signed()), i32::from(b.cast_signed()));
                    sums[0] += a * b;
                    if SQUARES {
                        sums[1] += b * b;
                    }
                }
                sums
            });
        }
    }

    #[inline(never)]
    fn count_bits(self, query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
        for (row, counts) in rows.iter().zip(counts) {
            *counts = bits_of_words(query, row);
        }
    }

    #[inline(always)]
    fn registers_f32(a: &Self::F32) -> &[Self::R32] {
        slice::from_ref(a)
    }

    #[inline(always)]
    fn registers_f32_mut(a: &mut Self::F32) -> &mut [Self::R32] {
        slice::from_mut(a)
    }

    #[inline(always)]
    fn registers_f64(a: &Self::F64) -> &[Self::R64] {
        slice::from_ref(a)
    }

    #[inline(always)]
    fn registers_f64_mut(a: &mut Self::F64) -> &mut [Self::R64] {
        slice::from_mut(a)
    }

    #[inline(always)]
    fn splat_r32(self, value: f32) -> Self::R32 {
        [value; LANES]
    }

    #[inline(always)]
    fn splat_r64(self, value: f64) -> Self::R64 {
        [value; LANES]
    }

    #[inline(always)]
    fn sub_r32(self, a: Self::R32, b: Self::R32) -> Self::R32 {
        self.sub_f32(a, b)
    }

    #[inline(always)]
    fn add_absolute_r32(self, a: Self::R32, c: Self::R32) -> Self::R32 {
        self.add_absolute_f32(a, c)
    }

    #[inline(always)]
    fn sub_r64(self, a: Self::R64, b: Self::R64) -> Self::R64 {
        self.sub_f64(a, b)
    }

    #[inline(always)]
    fn add_absolute_r64(self, a: Self::R64, c: Self::R64) -> Self::R64 {
        self.add_absolute_f64(a, c)
    }

    #[inline(always)]
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32 {
        self.fma_f32(a, b, c)
    }

    #[inline(always)]
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        self.mul_add_f64(a, b, c)
    }

    #[inline(always)]
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        self.exact_mul_add_f64(a, b, c)
    }
}

#[cfg(test)]
mod tests {
    use super::emulated_fma;

    /// Compares the emulation with the hardware, on bit patterns of all kinds.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[test]
    fn emulated_fma_rounds_once() {
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "fma"))]
        fn hardware(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("fma") {
            return;
        }
        let corners =
            [0.0f32, -0.0, 1.0, -1.0, 1e-38, 1e-45, -1e-45, 3.4e38, -3.4e38, f32::INFINITY, 0.1, 16777217.0];
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 32) as u32
        };
        let mut triples = Vec::new();
        for a in corners {
            for b in corners {
                triples.extend(corners.map(|c| (a, b, c)));
            }
        }
        for _ in 0..2_000_000 {
            let [a, b] = [f32::from_bits(random()), f32::from_bits(random())];
            // In half of the cases c cancels or nearly cancels the product, where double rounding would show.
            let near = f32::from_bits((-(a * b)).to_bits().wrapping_add(random() % 5).wrapping_sub(2));
            triples.push((a, b, if random() % 2 == 0 { near } else { f32::from_bits(random()) }));
        }
        for (a, b, c) in triples {
            // SAFETY: `fma` was detected above.
            #[cfg(target_arch = "x86_64")]
            let expected = unsafe { hardware(a, b, c) };
            #[cfg(target_arch = "aarch64")]
            let expected = hardware(a, b, c);
            let got = emulated_fma(a, b, c);
            assert!(
                got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()),
                "fma({a:e}, {b:e}, {c:e}) = {got:e}, hardware {expected:e}"
            );
        }
    }
}
