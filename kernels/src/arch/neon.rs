//! NEON (part of the aarch64 base): one block of 32 lanes is eight registers of singles or sixteen of doubles.

use std::arch::aarch64::*;

use super::simd::{
    CodeGroup, F32_BLOCK, F64_BLOCK, HALF_BLOCK, LANES, Part, Simd, bits_of_words, in_parts, padded,
};

/// Proof that the processor has NEON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Neon> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }
}

/// [`Simd::count_bits`] with NEON.
///
/// # Safety
///
/// The caller runs on a processor with NEON.
#[target_feature(enable = "neon")]
unsafe fn count_bits(query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
    let (blocks, rest) = query.as_chunks::<16>();
    for (row, counts) in rows.iter().zip(counts) {
        let (row_blocks, row_rest) = row.as_chunks::<16>();
        let [mut different, mut common] = bits_of_words(rest, row_rest);
        // SAFETY: the caller runs on a processor with NEON, as `# Safety` demands; each load is of an array of 16 bytes
        // and takes any alignment.
        unsafe {
            let add = |sum, bits| vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(vcntq_u8(bits))));
            let mut sums = [vdupq_n_u64(0); 2];
            for (a, b) in blocks.iter().zip(row_blocks) {
                let (a, b) = (vld1q_u8(a.as_ptr()), vld1q_u8(b.as_ptr()));
                sums[0] = add(sums[0], veorq_u8(a, b));
                sums[1] = add(sums[1], vandq_u8(a, b));
            }
            different += vaddvq_u64(sums[0]);
            common += vaddvq_u64(sums[1]);
        }
        *counts = [different, common];
    }
}

/// [`Simd::dot_bytes`] with NEON.
///
/// # Safety
///
/// The caller runs on a processor with NEON.
#[target_feature(enable = "neon")]
unsafe fn dot_bytes<const SQUARES: bool>(query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
    for (row, sums) in rows.iter().zip(sums) {
        *sums = in_parts(query, row, |query, row| {
            let ((blocks, rest), (row_blocks, row_rest)) = (query.as_chunks::<16>(), row.as_chunks::<16>());
            // SAFETY: the caller runs on a processor with NEON, as `# Safety` demands; each load is of an array of 16
            // bytes and takes any alignment.
            unsafe {
                // A product of two bytes fits 16 bits.
                let products = |sum, a, b| {
                    let low = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
                    vpadalq_s16(low, vmull_high_s8(a, b))
                };
                let mut acc = [vdupq_n_s32(0); 2];
                let mut add = |a: &[u8; 16], b: &[u8; 16]| {
                    let a = vreinterpretq_s8_u8(vld1q_u8(a.as_ptr()));
                    let b = vreinterpretq_s8_u8(vld1q_u8(b.as_ptr()));
                    acc[0] = products(acc[0], a, b);
                    if SQUARES {
                        acc[1] = products(acc[1], b, b);
                    }
                };
                for (a, b) in blocks.iter().zip(row_blocks) {
                    add(a, b);
                }
                if !rest.is_empty() {
                    add(&padded(rest), &padded(row_rest));
                }
                [vaddvq_s32(acc[0]), vaddvq_s32(acc[1])]
            }
        });
    }
}

impl Simd for Neon {
    type F32 = [float32x4_t; 8];
    type F64 = [float64x2_t; 16];
    type R32 = float32x4_t;
    type R64 = float64x2_t;
    const WIDE_TILE: bool = false;

    #[inline(always)]
    fn run<P: Part<Self>>(self, part: P) -> P::Output {
        #[inline(never)]
        #[target_feature(enable = "neon")]
        fn inner<P: Part<Neon>>(token: Neon, part: P) -> P::Output {
            part.run(token)
        }
        // SAFETY: a token exists only where `detect` saw NEON.
        unsafe { inner(self, part) }
    }

    #[inline(always)]
    fn prefetch(self, _: &[u8], _: usize) {}

    #[inline(always)]
    fn zero_f32(self) -> Self::F32 {
        // SAFETY: the token proves NEON.
        unsafe { [vdupq_n_f32(0.0); 8] }
    }

    #[inline(always)]
    fn prefetch_near(self, _: &[u8], _: usize) {}

    #[inline(always)]
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32 {
        let p = block.as_ptr();
        // SAFETY: the token proves NEON; the array has 8 × 16 bytes; a byte load takes any alignment.
        registers!(self.zero_f32(), |r| unsafe { vreinterpretq_f32_u8(vld1q_u8(p.add(16 * r))) })
    }

    #[inline(always)]
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32 {
        self.load_f32(&padded(tail))
    }

    #[inline(always)]
    fn load_f16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let mut lanes = [0f32; LANES];
        for (lane, bytes) in lanes.iter_mut().zip(block.as_chunks::<2>().0) {
            *lane = half::f16::from_le_bytes(*bytes).to_f32();
        }
        self.load_f32(&bytemuck::cast(lanes))
    }

    #[inline(always)]
    fn load_bf16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let p = block.as_ptr();
        // SAFETY: the token proves NEON; the array has 8 × 8 bytes; a byte load takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            vreinterpretq_f32_u32(vshll_n_u16::<16>(vreinterpret_u16_u8(vld1_u8(p.add(8 * r)))))
        })
    }

    #[inline(always)]
    fn load_i8(self, block: &[u8; LANES]) -> Self::F32 {
        let p = block.as_ptr();
        // SAFETY: the token proves NEON; the array has 4 × 8 bytes; a byte load takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            let wide = vmovl_s8(vreinterpret_s8_u8(vld1_u8(p.add(8 * (r / 2)))));
            vcvtq_f32_s32(if r % 2 == 0 { vmovl_s16(vget_low_s16(wide)) } else { vmovl_high_s16(wide) })
        })
    }

    #[inline(always)]
    fn splat_f32(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves NEON.
        unsafe { [vdupq_n_f32(value); 8] }
    }

    #[inline(always)]
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]) {
        let p = block.as_mut_ptr();
        let mut r = 0;
        while r < a.len() {
            // SAFETY: the token proves NEON; the array has 8 × 16 bytes; a byte store takes any alignment.
            unsafe { vst1q_u8(p.add(16 * r), vreinterpretq_u8_f32(a[r])) };
            r += 1;
        }
    }

    #[inline(always)]
    fn sub_f32(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        registers!(a, |r| self.sub_r32(a[r], b[r]))
    }

    #[inline(always)]
    fn add_absolute_f32(self, a: Self::F32, c: Self::F32) -> Self::F32 {
        registers!(c, |r| self.add_absolute_r32(a[r], c[r]))
    }

    #[inline(always)]
    fn fma_f32(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        registers!(c, |r| self.fma_r32(a[r], b[r], c[r]))
    }

    #[inline(always)]
    fn low_bytes(self, a: Self::F32) -> [u8; LANES] {
        let mut out = [0; LANES];
        for (i, half) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            // SAFETY: the token proves NEON; the array has the 16 bytes that are stored.
            unsafe {
                let words =
                    registers!([vdup_n_u16(0); 4], |r| vmovn_u32(vreinterpretq_u32_f32(a[4 * i + r])));
                let low = vmovn_u16(vcombine_u16(words[0], words[1]));
                let high = vmovn_u16(vcombine_u16(words[2], words[3]));
                vst1q_u8(half.as_mut_ptr(), vcombine_u8(low, high));
            }
        }
        out
    }

    #[inline(always)]
    fn sum_f32(self, a: Self::F32) -> f64 {
        self.sum_f64(self.widen(a))
    }

    #[inline(always)]
    fn zero_f64(self) -> Self::F64 {
        // SAFETY: the token proves NEON.
        unsafe { [vdupq_n_f64(0.0); 16] }
    }

    #[inline(always)]
    fn load_f64(self, block: &[u8; F64_BLOCK]) -> Self::F64 {
        let p = block.as_ptr();
        // SAFETY: the token proves NEON; the array has 16 × 16 bytes; a byte load takes any alignment.
        registers!(self.zero_f64(), |r| unsafe { vreinterpretq_f64_u8(vld1q_u8(p.add(16 * r))) })
    }

    #[inline(always)]
    fn load_f64_tail(self, tail: &[u8]) -> Self::F64 {
        self.load_f64(&padded(tail))
    }

    #[inline(always)]
    fn widen(self, a: Self::F32) -> Self::F64 {
        // SAFETY: the token proves NEON.
        registers!(self.zero_f64(), |r| unsafe {
            if r % 2 == 0 { vcvt_f64_f32(vget_low_f32(a[r / 2])) } else { vcvt_high_f64_f32(a[r / 2]) }
        })
    }

    #[inline(always)]
    fn add_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: the token proves NEON.
        registers!(a, |r| unsafe { vaddq_f64(a[r], b[r]) })
    }

    #[inline(always)]
    fn sub_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        registers!(a, |r| self.sub_r64(a[r], b[r]))
    }

    #[inline(always)]
    fn add_absolute_f64(self, a: Self::F64, c: Self::F64) -> Self::F64 {
        registers!(c, |r| self.add_absolute_r64(a[r], c[r]))
    }

    #[inline(always)]
    fn mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        registers!(c, |r| self.mul_add_r64(a[r], b[r], c[r]))
    }

    #[inline(always)]
    fn exact_mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64 {
        registers!(c, |r| self.exact_mul_add_r64(a[r], b[r], c[r]))
    }

    #[inline(always)]
    fn sum_f64(self, a: Self::F64) -> f64 {
        // SAFETY: the token proves NEON; values only, no memory.
        unsafe {
            let sixteen = registers!([a[0]; 8], |r| vaddq_f64(a[r], a[r + 8]));
            let eight = registers!([a[0]; 4], |r| vaddq_f64(sixteen[r], sixteen[r + 4]));
            let four = registers!([a[0]; 2], |r| vaddq_f64(eight[r], eight[r + 2]));
            vaddvq_f64(vaddq_f64(four[0], four[1]))
        }
    }

    #[inline(always)]
    fn add_codes<const Q: usize>(
        self,
        codes: &[CodeGroup],
        queries: &[[[i8; 4]; Q]],
        sums: &mut [[i32; LANES]; Q],
    ) {
        /// Rows whose sums stay in registers, each in the four lanes of one.
        const ROWS: usize = 16;
        for q in 0..Q {
            for first in (0..LANES).step_by(ROWS) {
                // SAFETY: the token proves NEON; the loads are of 16 and 4 bytes of arrays that hold them.
                unsafe {
                    let mut acc = [vdupq_n_s32(0); ROWS];
                    for (rows, queries) in codes.iter().zip(queries) {
                        let query = vreinterpret_s8_s32(vdup_n_s32(bytemuck::cast(queries[q])));
                        let query = vget_low_s16(vmovl_s8(query));
                        for r in 0..ROWS / 4 {
                            let bytes: &[u8; 16] =
                                rows[4 * first + 16 * r..][..16].try_into().expect("16 bytes");
                            let bytes = vld1q_u8(bytes.as_ptr());
                            let low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
                            let high = vreinterpretq_s16_u16(vmovl_high_u8(bytes));
                            acc[4 * r] = vmlal_s16(acc[4 * r], vget_low_s16(low), query);
                            acc[4 * r + 1] = vmlal_s16(acc[4 * r + 1], vget_high_s16(low), query);
                            acc[4 * r + 2] = vmlal_s16(acc[4 * r + 2], vget_low_s16(high), query);
                            acc[4 * r + 3] = vmlal_s16(acc[4 * r + 3], vget_high_s16(high), query);
                        }
                    }
                    for (sum, lanes) in sums[q][first..].iter_mut().zip(acc) {
                        *sum = sum.wrapping_add(vaddvq_s32(lanes));
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn dot_bytes<const SQUARES: bool>(self, query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
        // SAFETY: the token proves NEON.
        unsafe { dot_bytes::<SQUARES>(query, rows, sums) }
    }

    #[inline(always)]
    fn count_bits(self, query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
        // SAFETY: the token proves NEON.
        unsafe { count_bits(query, rows, counts) }
    }

    #[inline(always)]
    fn registers_f32(a: &Self::F32) -> &[Self::R32] {
        a
    }

    #[inline(always)]
    fn registers_f32_mut(a: &mut Self::F32) -> &mut [Self::R32] {
        a
    }

    #[inline(always)]
    fn registers_f64(a: &Self::F64) -> &[Self::R64] {
        a
    }

    #[inline(always)]
    fn registers_f64_mut(a: &mut Self::F64) -> &mut [Self::R64] {
        a
    }

    #[inline(always)]
    fn splat_r32(self, value: f32) -> Self::R32 {
        // SAFETY: the token proves NEON.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    fn splat_r64(self, value: f64) -> Self::R64 {
        // SAFETY: the token proves NEON.
        unsafe { vdupq_n_f64(value) }
    }

    #[inline(always)]
    fn sub_r32(self, a: Self::R32, b: Self::R32) -> Self::R32 {
        // SAFETY: the token proves NEON.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r32(self, a: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves NEON.
        unsafe { vaddq_f32(vabsq_f32(a), c) }
    }

    #[inline(always)]
    fn sub_r64(self, a: Self::R64, b: Self::R64) -> Self::R64 {
        // SAFETY: the token proves NEON.
        unsafe { vsubq_f64(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r64(self, a: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves NEON.
        unsafe { vaddq_f64(vabsq_f64(a), c) }
    }

    #[inline(always)]
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves NEON.
        unsafe { vaddq_f64(vmulq_f64(a, b), c) }
    }

    #[inline(always)]
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves NEON.
        unsafe { vfmaq_f64(c, a, b) }
    }
}
