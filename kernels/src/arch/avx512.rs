//! AVX-512 F, BW, DQ, VL: one block of 32 lanes is two registers of singles or four of doubles.

use std::arch::x86_64::*;

use super::avx2;
use super::simd::{CodeGroup, F32_BLOCK, F64_BLOCK, HALF_BLOCK, LANES, Part, Simd, in_parts};

/// Proof that the processor and the operating system have AVX-512 F, BW, DQ and VL, and, where `vnni`, VNNI, and, where
/// `bits`, VPOPCNTDQ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx512 {
    vnni: bool,
    bits: bool,
}

impl Avx512 {
    pub(super) fn detect() -> Option<Avx512> {
        // The kernels also use the older instructions, which a hypervisor may hide.
        let all = super::avx2::Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        all.then(|| Avx512 {
            vnni: is_x86_feature_detected!("avx512vnni"),
            bits: is_x86_feature_detected!("avx512vpopcntdq"),
        })
    }
}

/// The upper eight lanes of a register of singles.
///
/// # Safety
///
/// The caller runs on a processor with AVX-512 DQ.
#[inline(always)]
unsafe fn upper(a: __m512) -> __m256 {
    // SAFETY: the caller runs on a processor with AVX-512 DQ, as `# Safety` demands.
    unsafe { _mm512_extractf32x8_ps::<1>(a) }
}

/// Sum of eight doubles: the last three levels of the tree.
///
/// # Safety
///
/// The caller runs on a processor with AVX-512 F.
#[inline(always)]
unsafe fn tree8(a: __m512d) -> f64 {
    // SAFETY: the caller runs on a processor with AVX-512 F, as `# Safety` demands; values only, no memory.
    unsafe {
        let four = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a));
        let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
}

/// The mask of the first `n` lanes of 16; empty or full where `n` is out of range.
#[inline(always)]
fn first(n: usize) -> u32 {
    if n >= 16 { 0xffff } else { (1 << n) - 1 }
}

/// [`Simd::add_codes`] with VNNI, whose products of bytes are added in 32 bits without saturation.
///
/// # Safety
///
/// The caller runs on a processor with AVX-512 F and VNNI.
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn add_codes<const Q: usize>(
    codes: &[CodeGroup],
    queries: &[[[i8; 4]; Q]],
    sums: &mut [[i32; LANES]; Q],
) {
    /// Prefetch distance, into L2: codes stream from memory, a block after the other.
    const AHEAD: usize = 16384;
    // SAFETY: the caller runs on a processor with these features, as `# Safety` demands; each load and store is of half
    // of an array of 128 bytes, and takes any alignment. A prefetch reads nothing and never faults.
    unsafe {
        let mut acc = [[_mm512_setzero_si512(); 2]; Q];
        for q in 0..Q {
            let start = sums[q].as_ptr().cast::<__m512i>();
            acc[q] = [_mm512_loadu_si512(start), _mm512_loadu_si512(start.add(1))];
        }
        for (rows, queries) in codes.iter().zip(queries) {
            let rows = rows.as_ptr().cast::<__m512i>();
            _mm_prefetch::<_MM_HINT_T1>(rows.wrapping_byte_add(AHEAD).cast());
            _mm_prefetch::<_MM_HINT_T1>(rows.wrapping_byte_add(AHEAD + 64).cast());
            let rows = [_mm512_loadu_si512(rows), _mm512_loadu_si512(rows.add(1))];
            for q in 0..Q {
                let query = _mm512_set1_epi32(bytemuck::cast(queries[q]));
                acc[q][0] = _mm512_dpbusd_epi32(acc[q][0], rows[0], query);
                acc[q][1] = _mm512_dpbusd_epi32(acc[q][1], rows[1], query);
            }
        }
        for q in 0..Q {
            let end = sums[q].as_mut_ptr().cast::<__m512i>();
            _mm512_storeu_si512(end, acc[q][0]);
            _mm512_storeu_si512(end.add(1), acc[q][1]);
        }
    }
}

/// [`Simd::count_bits`] with VPOPCNTDQ, which counts the bits of each number of 64.
///
/// # Safety
///
/// The caller runs on a processor with AVX-512 F, BW and VPOPCNTDQ.
#[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
unsafe fn count_bits(query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
    let (blocks, rest) = query.as_chunks::<64>();
    for (row, counts) in rows.iter().zip(counts) {
        let (row_blocks, row_rest) = row.as_chunks::<64>();
        // SAFETY: the caller runs on a processor with these features, as `# Safety` demands; each load is of an array of
        // 64 bytes, or its mask selects only bytes that both slices have, and takes any alignment.
        *counts = unsafe {
            let mut sums = [_mm512_setzero_si512(); 2];
            for (a, b) in blocks.iter().zip(row_blocks) {
                let (a, b) = (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()));
                sums[0] = _mm512_add_epi64(sums[0], _mm512_popcnt_epi64(_mm512_xor_si512(a, b)));
                sums[1] = _mm512_add_epi64(sums[1], _mm512_popcnt_epi64(_mm512_and_si512(a, b)));
            }
            let left = rest.len().min(row_rest.len());
            if left > 0 {
                let mask = u64::MAX >> (64 - left);
                let a = _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast());
                let b = _mm512_maskz_loadu_epi8(mask, row_rest.as_ptr().cast());
                sums[0] = _mm512_add_epi64(sums[0], _mm512_popcnt_epi64(_mm512_xor_si512(a, b)));
                sums[1] = _mm512_add_epi64(sums[1], _mm512_popcnt_epi64(_mm512_and_si512(a, b)));
            }
            [
                _mm512_reduce_add_epi64(sums[0]).cast_unsigned(),
                _mm512_reduce_add_epi64(sums[1]).cast_unsigned(),
            ]
        };
    }
}

/// [`Simd::dot_bytes`] with VNNI, which multiplies bytes without a sign by those with one. So the row's are taken as 128
/// more than they are, and 128 times the others are subtracted.
///
/// # Safety
///
/// The caller runs on a processor with AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn dot_bytes<const SQUARES: bool>(query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
    for (row, sums) in rows.iter().zip(sums) {
        *sums = in_parts(query, row, |query, row| {
            let ((blocks, rest), (row_blocks, row_rest)) = (query.as_chunks::<64>(), row.as_chunks::<64>());
            // SAFETY: the caller runs on a processor with these features, as `# Safety` demands; each load is of an array
            // of 64 bytes, or its mask selects only bytes that both slices have, and takes any alignment.
            unsafe {
                let more = _mm512_set1_epi8(-128);
                // Two sums of each kind in turn: an instruction does not wait for the one before it.
                let mut acc = [[_mm512_setzero_si512(); 4]; 2];
                let mut add = |n: usize, a: __m512i, b: __m512i| {
                    let raised = _mm512_xor_si512(b, more);
                    acc[n][0] = _mm512_dpbusd_epi32(acc[n][0], raised, a);
                    acc[n][1] = _mm512_dpbusd_epi32(acc[n][1], more, a);
                    if SQUARES {
                        acc[n][2] = _mm512_dpbusd_epi32(acc[n][2], raised, b);
                        acc[n][3] = _mm512_dpbusd_epi32(acc[n][3], more, b);
                    }
                };
                let load = |block: &[u8; 64]| _mm512_loadu_si512(block.as_ptr().cast());
                let (pairs, last) = blocks.as_chunks::<2>();
                let (row_pairs, row_last) = row_blocks.as_chunks::<2>();
                for (a, b) in pairs.iter().zip(row_pairs) {
                    add(0, load(&a[0]), load(&b[0]));
                    add(1, load(&a[1]), load(&b[1]));
                }
                for (a, b) in last.iter().zip(row_last) {
                    add(0, load(a), load(b));
                }
                let left = rest.len().min(row_rest.len());
                if left > 0 {
                    let mask = u64::MAX >> (64 - left);
                    let a = _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast());
                    add(1, a, _mm512_maskz_loadu_epi8(mask, row_rest.as_ptr().cast()));
                }
                let sum = |n: usize| {
                    let raised = _mm512_add_epi32(acc[0][n], acc[1][n]);
                    let more = _mm512_add_epi32(acc[0][n + 1], acc[1][n + 1]);
                    _mm512_reduce_add_epi32(_mm512_sub_epi32(raised, more))
                };
                [sum(0), if SQUARES { sum(2) } else { 0 }]
            }
        });
    }
}

impl Simd for Avx512 {
    type F32 = [__m512; 2];
    type F64 = [__m512d; 4];
    type R32 = __m512;
    type R64 = __m512d;
    const WIDE_TILE: bool = true;

    #[inline(always)]
    fn run<P: Part<Self>>(self, part: P) -> P::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
        fn inner<P: Part<Avx512>>(token: Avx512, part: P) -> P::Output {
            part.run(token)
        }
        // SAFETY: a token exists only where `detect` saw all these features (the older ones through `Avx2::detect`).
        unsafe { inner(self, part) }
    }

    #[inline(always)]
    fn prefetch(self, block: &[u8], distance: usize) {
        let p = block.as_ptr().wrapping_add(distance).cast::<i8>();
        // SAFETY: a prefetch is a hint of the base instruction set: it reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p) }
    }

    #[inline(always)]
    fn prefetch_near(self, block: &[u8], distance: usize) {
        let p = block.as_ptr().wrapping_add(distance).cast::<i8>();
        // SAFETY: a prefetch is a hint of the base instruction set: it reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p) }
    }

    #[inline(always)]
    fn zero_f32(self) -> Self::F32 {
        // SAFETY: the token proves AVX-512.
        unsafe { [_mm512_setzero_ps(); 2] }
    }

    #[inline(always)]
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<f32>();
        // SAFETY: the token proves AVX-512; the array has 32 singles; `loadu` takes any alignment.
        unsafe { [_mm512_loadu_ps(p), _mm512_loadu_ps(p.add(16))] }
    }

    #[inline(always)]
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32 {
        let n = tail.len() / 4;
        let p = tail.as_ptr().cast::<f32>();
        // A load under an empty mask would be sound, but may be slow if the page behind is not mapped.
        // SAFETY: the token proves AVX-512; the masks select only the `n` singles of the slice, `n` < 32.
        unsafe {
            let low = _mm512_maskz_loadu_ps(first(n) as __mmask16, p);
            let high = if n > 16 {
                _mm512_maskz_loadu_ps(first(n - 16) as __mmask16, p.add(16))
            } else {
                _mm512_setzero_ps()
            };
            [low, high]
        }
    }

    #[inline(always)]
    fn load_f16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<__m256i>();
        // SAFETY: the token proves AVX-512; the array has 2 × 32 bytes; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.add(r))) })
    }

    #[inline(always)]
    fn load_bf16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<__m256i>();
        // SAFETY: the token proves AVX-512; the array has 2 × 32 bytes; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.add(r)));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    fn load_i8(self, block: &[u8; LANES]) -> Self::F32 {
        let p = block.as_ptr().cast::<__m128i>();
        // SAFETY: the token proves AVX-512; the array has 2 × 16 bytes; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p.add(r))))
        })
    }

    #[inline(always)]
    fn splat_f32(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves AVX-512.
        unsafe { [_mm512_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]) {
        let p = block.as_mut_ptr().cast::<f32>();
        // SAFETY: the token proves AVX-512; the array has 32 singles; `storeu` takes any alignment.
        unsafe {
            _mm512_storeu_ps(p, a[0]);
            _mm512_storeu_ps(p.add(16), a[1]);
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
        let p = out.as_mut_ptr().cast::<__m128i>();
        // SAFETY: the token proves AVX-512; the array has twice the 16 bytes that are stored.
        unsafe {
            _mm_storeu_si128(p, _mm512_cvtepi32_epi8(_mm512_castps_si512(a[0])));
            _mm_storeu_si128(p.add(1), _mm512_cvtepi32_epi8(_mm512_castps_si512(a[1])));
        }
        out
    }

    #[inline(always)]
    fn place_codes(self, rows: &[[u8; 4]], at: usize, groups: &mut [CodeGroup]) {
        avx2::place_codes(rows, at, groups);
    }

    #[inline(always)]
    fn sum_f32(self, a: Self::F32) -> f64 {
        self.sum_f64(self.widen(a))
    }

    #[inline(always)]
    fn zero_f64(self) -> Self::F64 {
        // SAFETY: the token proves AVX-512.
        unsafe { [_mm512_setzero_pd(); 4] }
    }

    #[inline(always)]
    fn load_f64(self, block: &[u8; F64_BLOCK]) -> Self::F64 {
        let p = block.as_ptr().cast::<f64>();
        // SAFETY: the token proves AVX-512; the array has 32 doubles; `loadu` takes any alignment.
        unsafe {
            [
                _mm512_loadu_pd(p),
                _mm512_loadu_pd(p.add(8)),
                _mm512_loadu_pd(p.add(16)),
                _mm512_loadu_pd(p.add(24)),
            ]
        }
    }

    #[inline(always)]
    fn load_f64_tail(self, tail: &[u8]) -> Self::F64 {
        self.load_f64(&super::simd::padded(tail))
    }

    #[inline(always)]
    fn widen(self, a: Self::F32) -> Self::F64 {
        // SAFETY: the token proves AVX-512.
        unsafe {
            [
                _mm512_cvtps_pd(_mm512_castps512_ps256(a[0])),
                _mm512_cvtps_pd(upper(a[0])),
                _mm512_cvtps_pd(_mm512_castps512_ps256(a[1])),
                _mm512_cvtps_pd(upper(a[1])),
            ]
        }
    }

    #[inline(always)]
    fn add_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: the token proves AVX-512.
        registers!(a, |r| unsafe { _mm512_add_pd(a[r], b[r]) })
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
        // SAFETY: the token proves AVX-512.
        unsafe { tree8(_mm512_add_pd(_mm512_add_pd(a[0], a[2]), _mm512_add_pd(a[1], a[3]))) }
    }

    #[inline(always)]
    fn add_codes<const Q: usize>(
        self,
        codes: &[CodeGroup],
        queries: &[[[i8; 4]; Q]],
        sums: &mut [[i32; LANES]; Q],
    ) {
        if self.vnni {
            // SAFETY: the token proves AVX-512 F, and VNNI where it says so.
            unsafe { add_codes(codes, queries, sums) }
        } else {
            // SAFETY: the token proves AVX2 too: `detect` asks for it.
            unsafe { avx2::add_codes(codes, queries, sums) }
        }
    }

    #[inline(always)]
    fn dot_bytes<const SQUARES: bool>(self, query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
        if self.vnni {
            // SAFETY: the token proves AVX-512 F and BW, and VNNI where it says so.
            unsafe { dot_bytes::<SQUARES>(query, rows, sums) }
        } else {
            // SAFETY: the token proves AVX2 too: `detect` asks for it.
            unsafe { avx2::dot_bytes::<SQUARES>(query, rows, sums) }
        }
    }

    #[inline(always)]
    fn count_bits(self, query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
        if self.bits {
            // SAFETY: the token proves AVX-512 F and BW, and VPOPCNTDQ where it says so.
            unsafe { count_bits(query, rows, counts) }
        } else {
            // SAFETY: the token proves AVX2 too: `detect` asks for it.
            unsafe { avx2::count_bits(query, rows, counts) }
        }
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
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn splat_r64(self, value: f64) -> Self::R64 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    fn sub_r32(self, a: Self::R32, b: Self::R32) -> Self::R32 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r32(self, a: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_ps(_mm512_abs_ps(a), c) }
    }

    #[inline(always)]
    fn sub_r64(self, a: Self::R64, b: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_sub_pd(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r64(self, a: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_pd(_mm512_abs_pd(a), c) }
    }

    #[inline(always)]
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_pd(_mm512_mul_pd(a, b), c) }
    }

    #[inline(always)]
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }
}
