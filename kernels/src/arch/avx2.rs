//! AVX2, FMA and F16C: one block of 32 lanes is four registers of singles or eight of doubles.

use std::arch::x86_64::*;

use super::simd::{
    CodeGroup, F32_BLOCK, F64_BLOCK, HALF, HALF_BLOCK, LANES, Part, Simd, bits_of_words, in_parts, padded,
};

/// Proof that the processor and the operating system have AVX2, FMA and F16C.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Avx2> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        all.then_some(Avx2(()))
    }
}

/// [`Simd::add_codes`] for 16 of the rows, from byte `FIRST` of each group on, and `N` of the queries, from `q` on.
///
/// # Safety
///
/// The caller runs on a processor with AVX2.
#[allow(clippy::needless_range_loop, reason = "the same index runs over several arrays")]
#[inline(always)]
unsafe fn add_half<const FIRST: usize, const N: usize, const Q: usize>(
    codes: &[CodeGroup],
    queries: &[[[i8; 4]; Q]],
    q: usize,
    sums: &mut [[i32; LANES]; Q],
) {
    // SAFETY: the caller runs on a processor with AVX2, as `# Safety` demands; each load and store is of a whole array
    // of its size, and takes any alignment.
    unsafe {
        // A register has two sums of each of four rows: of bytes 0 and 1, and of bytes 2 and 3.
        let mut acc = [[_mm256_setzero_si256(); 4]; N];
        for (rows, queries) in codes.iter().zip(queries) {
            let mut words = [_mm256_setzero_si256(); 4];
            for r in 0..4 {
                let bytes: &[u8; 16] = rows[FIRST + 16 * r..][..16].try_into().expect("16 bytes");
                words[r] = _mm256_cvtepu8_epi16(_mm_loadu_si128(bytes.as_ptr().cast()));
            }
            for n in 0..N {
                let query = _mm_set1_epi32(bytemuck::cast(queries[q + n]));
                let query = _mm256_cvtepi8_epi16(query);
                for r in 0..4 {
                    acc[n][r] = _mm256_add_epi32(acc[n][r], _mm256_madd_epi16(words[r], query));
                }
            }
        }
        for n in 0..N {
            for half in 0..2 {
                let pairs = _mm256_hadd_epi32(acc[n][2 * half], acc[n][2 * half + 1]);
                let found = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
                let place: &mut [i32] = &mut sums[q + n][FIRST / 4 + 8 * half..][..8];
                let place = place.as_mut_ptr().cast::<__m256i>();
                _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), found));
            }
        }
    }
}

/// [`Simd::add_codes`] with AVX2.
///
/// # Safety
///
/// The caller runs on a processor with AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn add_codes<const Q: usize>(
    codes: &[CodeGroup],
    queries: &[[[i8; 4]; Q]],
    sums: &mut [[i32; LANES]; Q],
) {
    for q in (0..Q).step_by(2) {
        // SAFETY: the caller runs on a processor with AVX2, as `# Safety` demands.
        unsafe {
            if q + 1 < Q {
                add_half::<0, 2, Q>(codes, queries, q, sums);
                add_half::<64, 2, Q>(codes, queries, q, sums);
            } else {
                add_half::<0, 1, Q>(codes, queries, q, sums);
                add_half::<64, 1, Q>(codes, queries, q, sums);
            }
        }
    }
}

/// [`Simd::place_codes`], four groups at a time: whole cache lines are written at once.
#[inline(always)]
pub(super) fn place_codes(rows: &[[u8; 4]], at: usize, groups: &mut [CodeGroup]) {
    let length = rows.len() / HALF;
    let (fours, rest) = groups.as_chunks_mut::<4>();
    for (i, groups) in fours.iter_mut().enumerate() {
        for r in (0..HALF).step_by(4) {
            let load = |r: usize| {
                let bytes = rows[r * length + 4 * i..][..4].as_flattened();
                // SAFETY: the slice has the 16 bytes that are loaded; `loadu` takes any alignment. SSE2 is part of every x86-64.
                unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
            };
            let own = [load(r), load(r + 1), load(r + 2), load(r + 3)];
            // SAFETY: SSE2 is part of every x86-64; values only, no memory.
            let columns = unsafe {
                let (low, high) = (_mm_unpacklo_epi32(own[0], own[1]), _mm_unpackhi_epi32(own[0], own[1]));
                let (others, more) = (_mm_unpacklo_epi32(own[2], own[3]), _mm_unpackhi_epi32(own[2], own[3]));
                [
                    _mm_unpacklo_epi64(low, others),
                    _mm_unpackhi_epi64(low, others),
                    _mm_unpacklo_epi64(high, more),
                    _mm_unpackhi_epi64(high, more),
                ]
            };
            for (group, column) in groups.iter_mut().zip(columns) {
                let place = &mut group[at + 4 * r..][..16];
                // SAFETY: the slice has the 16 bytes that are stored; `storeu` takes any alignment.
                unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), column) }
            }
        }
    }
    for (i, group) in (4 * fours.len()..).zip(rest) {
        for r in 0..HALF {
            group[at + 4 * r..][..4].copy_from_slice(&rows[r * length + i]);
        }
    }
}

/// The number of bits of each byte, added up in four sums of 64 bits: each half of a byte looks up its number in a
/// register (Muła, Kurz and Lemire 2018, "Faster Population Counts Using AVX2 Instructions").
///
/// # Safety
///
/// The caller runs on a processor with AVX2.
#[inline(always)]
unsafe fn bits(bytes: __m256i) -> __m256i {
    // SAFETY: the caller runs on a processor with AVX2, as `# Safety` demands; values only, no memory.
    unsafe {
        let numbers =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        let half = _mm256_set1_epi8(15);
        let low = _mm256_shuffle_epi8(numbers, _mm256_and_si256(bytes, half));
        let high = _mm256_shuffle_epi8(numbers, _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half));
        _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256())
    }
}

/// [`Simd::count_bits`] with AVX2.
///
/// # Safety
///
/// The caller runs on a processor with AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn count_bits(query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
    let (blocks, rest) = query.as_chunks::<32>();
    for (row, counts) in rows.iter().zip(counts) {
        let (row_blocks, row_rest) = row.as_chunks::<32>();
        // SAFETY: the caller runs on a processor with AVX2, as `# Safety` demands; each load is of an array of 32 bytes,
        // and each store to one of 4 × 8, of any alignment.
        let sums = unsafe {
            let mut sums = [_mm256_setzero_si256(); 2];
            for (a, b) in blocks.iter().zip(row_blocks) {
                let (a, b) = (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast()));
                sums[0] = _mm256_add_epi64(sums[0], bits(_mm256_xor_si256(a, b)));
                sums[1] = _mm256_add_epi64(sums[1], bits(_mm256_and_si256(a, b)));
            }
            let mut lanes = [[0u64; 4]; 2];
            _mm256_storeu_si256(lanes[0].as_mut_ptr().cast(), sums[0]);
            _mm256_storeu_si256(lanes[1].as_mut_ptr().cast(), sums[1]);
            lanes.map(|lanes| lanes[0] + lanes[1] + lanes[2] + lanes[3])
        };
        let last = bits_of_words(rest, row_rest);
        *counts = [sums[0] + last[0], sums[1] + last[1]];
    }
}

/// [`Simd::dot_bytes`] with AVX2.
///
/// # Safety
///
/// The caller runs on a processor with AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot_bytes<const SQUARES: bool>(query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
    for (row, sums) in rows.iter().zip(sums) {
        *sums = in_parts(query, row, |query, row| {
            let ((blocks, rest), (row_blocks, row_rest)) = (query.as_chunks::<16>(), row.as_chunks::<16>());
            // SAFETY: the caller runs on a processor with AVX2, as `# Safety` demands; each load is of an array of 16
            // bytes, each store to one of 8 × 4, of any alignment.
            unsafe {
                let mut acc = [_mm256_setzero_si256(); 2];
                let mut add = |a: &[u8; 16], b: &[u8; 16]| {
                    let a = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().cast()));
                    let b = _mm256_cvtepi8_epi16(_mm_loadu_si128(b.as_ptr().cast()));
                    acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(a, b));
                    if SQUARES {
                        acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(b, b));
                    }
                };
                for (a, b) in blocks.iter().zip(row_blocks) {
                    add(a, b);
                }
                if !rest.is_empty() {
                    add(&padded(rest), &padded(row_rest));
                }
                let mut lanes = [[0i32; 8]; 2];
                _mm256_storeu_si256(lanes[0].as_mut_ptr().cast(), acc[0]);
                _mm256_storeu_si256(lanes[1].as_mut_ptr().cast(), acc[1]);
                lanes.map(|lanes| lanes.iter().sum())
            }
        });
    }
}

impl Simd for Avx2 {
    type F32 = [__m256; 4];
    type F64 = [__m256d; 8];
    type R32 = __m256;
    type R64 = __m256d;
    const WIDE_TILE: bool = false;

    #[inline(always)]
    fn run<P: Part<Self>>(self, part: P) -> P::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn inner<P: Part<Avx2>>(token: Avx2, part: P) -> P::Output {
            part.run(token)
        }
        // SAFETY: a token exists only where `detect` saw all these features.
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
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_setzero_ps(); 4] }
    }

    #[inline(always)]
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<f32>();
        // SAFETY: the token proves AVX2; the array has 4 × 8 singles; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe { _mm256_loadu_ps(p.add(8 * r)) })
    }

    #[inline(always)]
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32 {
        self.load_f32(&padded(tail))
    }

    #[inline(always)]
    fn load_f16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<__m128i>();
        // SAFETY: the token proves F16C; the array has 4 × 16 bytes; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.add(r))) })
    }

    #[inline(always)]
    fn load_bf16(self, block: &[u8; HALF_BLOCK]) -> Self::F32 {
        let p = block.as_ptr().cast::<__m128i>();
        // SAFETY: the token proves AVX2; the array has 4 × 16 bytes; `loadu` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.add(r)));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    fn load_i8(self, block: &[u8; LANES]) -> Self::F32 {
        let p = block.as_ptr();
        // SAFETY: the token proves AVX2; the array has 4 × 8 bytes; `loadl` takes any alignment.
        registers!(self.zero_f32(), |r| unsafe {
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.add(8 * r).cast())))
        })
    }

    #[inline(always)]
    fn splat_f32(self, value: f32) -> Self::F32 {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_set1_ps(value); 4] }
    }

    #[inline(always)]
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]) {
        let p = block.as_mut_ptr().cast::<f32>();
        // SAFETY: the token proves AVX2; the array has 4 × 8 singles; `storeu` takes any alignment.
        unsafe {
            _mm256_storeu_ps(p, a[0]);
            _mm256_storeu_ps(p.add(8), a[1]);
            _mm256_storeu_ps(p.add(16), a[2]);
            _mm256_storeu_ps(p.add(24), a[3]);
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
        // SAFETY: the token proves AVX2; an array of 32 bytes is a register.
        unsafe {
            let low = _mm256_set1_epi32(0xff);
            let bytes = registers!([low; 4], |r| _mm256_and_si256(_mm256_castps_si256(a[r]), low));
            let pairs = [_mm256_packus_epi32(bytes[0], bytes[1]), _mm256_packus_epi32(bytes[2], bytes[3])];
            // Packing works within halves, so the fours of bytes come in the order 0, 2, 4, 6, 1, 3, 5, 7.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(pairs[0], pairs[1]), order);
            std::mem::transmute::<__m256i, [u8; LANES]>(packed)
        }
    }

    #[inline(always)]
    fn place_codes(self, rows: &[[u8; 4]], at: usize, groups: &mut [CodeGroup]) {
        place_codes(rows, at, groups);
    }

    #[inline(always)]
    fn sum_f32(self, a: Self::F32) -> f64 {
        self.sum_f64(self.widen(a))
    }

    #[inline(always)]
    fn zero_f64(self) -> Self::F64 {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_setzero_pd(); 8] }
    }

    #[inline(always)]
    fn load_f64(self, block: &[u8; F64_BLOCK]) -> Self::F64 {
        let p = block.as_ptr().cast::<f64>();
        // SAFETY: the token proves AVX2; the array has 8 × 4 doubles; `loadu` takes any alignment.
        registers!(self.zero_f64(), |r| unsafe { _mm256_loadu_pd(p.add(4 * r)) })
    }

    #[inline(always)]
    fn load_f64_tail(self, tail: &[u8]) -> Self::F64 {
        self.load_f64(&padded(tail))
    }

    #[inline(always)]
    fn widen(self, a: Self::F32) -> Self::F64 {
        // SAFETY: the token proves AVX2.
        registers!(self.zero_f64(), |r| unsafe {
            let half = if r % 2 == 0 {
                _mm256_castps256_ps128(a[r / 2])
            } else {
                _mm256_extractf128_ps::<1>(a[r / 2])
            };
            _mm256_cvtps_pd(half)
        })
    }

    #[inline(always)]
    fn add_f64(self, a: Self::F64, b: Self::F64) -> Self::F64 {
        // SAFETY: the token proves AVX2.
        registers!(a, |r| unsafe { _mm256_add_pd(a[r], b[r]) })
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
        // SAFETY: the token proves AVX2; values only, no memory.
        unsafe {
            let sixteen = registers!([a[0]; 4], |r| _mm256_add_pd(a[r], a[r + 4]));
            let eight = registers!([a[0]; 2], |r| _mm256_add_pd(sixteen[r], sixteen[r + 2]));
            let four = _mm256_add_pd(eight[0], eight[1]);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    #[inline(always)]
    fn add_codes<const Q: usize>(
        self,
        codes: &[CodeGroup],
        queries: &[[[i8; 4]; Q]],
        sums: &mut [[i32; LANES]; Q],
    ) {
        // SAFETY: the token proves AVX2.
        unsafe { add_codes(codes, queries, sums) }
    }

    #[inline(always)]
    fn dot_bytes<const SQUARES: bool>(self, query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]) {
        // SAFETY: the token proves AVX2.
        unsafe { dot_bytes::<SQUARES>(query, rows, sums) }
    }

    #[inline(always)]
    fn count_bits(self, query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]) {
        // SAFETY: the token proves AVX2.
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
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn splat_r64(self, value: f64) -> Self::R64 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_pd(value) }
    }

    #[inline(always)]
    fn sub_r32(self, a: Self::R32, b: Self::R32) -> Self::R32 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r32(self, a: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a), c) }
    }

    #[inline(always)]
    fn sub_r64(self, a: Self::R64, b: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sub_pd(a, b) }
    }

    #[inline(always)]
    fn add_absolute_r64(self, a: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_pd(_mm256_andnot_pd(_mm256_set1_pd(-0.0), a), c) }
    }

    #[inline(always)]
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32 {
        // SAFETY: the token proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_pd(_mm256_mul_pd(a, b), c) }
    }

    #[inline(always)]
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64 {
        // SAFETY: the token proves FMA.
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }
}
