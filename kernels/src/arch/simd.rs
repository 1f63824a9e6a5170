//! The operations that every level has, on blocks of virtual lanes.

use bytemuck::Pod;

/// Virtual lanes of every sum: part of the results' definition, not a tuning knob.
pub const LANES: usize = 32;
/// Bytes of one block of single-precision lanes.
pub(crate) const F32_BLOCK: usize = LANES * 4;
/// Bytes of one block of halves, which become single-precision lanes.
pub(crate) const HALF_BLOCK: usize = LANES * 2;
/// Bytes of one block of double-precision lanes.
pub(crate) const F64_BLOCK: usize = LANES * 8;
/// Four consecutive code bytes of each of [`LANES`] rows.
pub(crate) type CodeGroup = [u8; LANES * 4];
/// Rows of half a group.
pub(crate) const HALF: usize = LANES / 2;
/// Maximum groups of a sum in 32 bits: 65,536 products of at most 255·128 in magnitude.
pub(crate) const CODE_GROUPS: usize = 1 << 14;

/// Operations on blocks of [`LANES`] virtual lanes, on unaligned little-endian bytes.
///
/// Implementations must agree bit for bit; `tests/levels.rs` compares each with the scalar level.
pub(crate) trait Simd: Copy {
    /// A block of single-precision lanes.
    type F32: Copy;
    /// A block of double-precision lanes.
    type F64: Copy;
    /// One register of a block of single-precision lanes.
    type R32: Pod;
    /// One register of a block of double-precision lanes.
    type R64: Pod;
    /// Whether the sums of 24 pairs (a register each) or of 12 matrix rows (a block each) fit the registers beside the
    /// operands, as they do in 32 registers of 512 bits.
    const WIDE_TILE: bool;

    /// Runs the part in its own function, which enables the level's instructions.
    fn run<P: Part<Self>>(self, part: P) -> P::Output;

    /// Prefetches the cache line `distance` behind the block into L2. The address may be outside of any object. L2
    /// allows many more outstanding misses than L1, whose buffers the running loads need.
    fn prefetch(self, block: &[u8], distance: usize);
    /// As [`Simd::prefetch`], into L1.
    fn prefetch_near(self, block: &[u8], distance: usize);

    fn zero_f32(self) -> Self::F32;
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32;
    /// A last, incomplete block; missing lanes are +0.
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32;
    /// A block of halves (f16) as singles.
    fn load_f16(self, block: &[u8; HALF_BLOCK]) -> Self::F32;
    /// A block of the upper halves of singles (bf16).
    fn load_bf16(self, block: &[u8; HALF_BLOCK]) -> Self::F32;
    /// A block of signed bytes as singles.
    fn load_i8(self, block: &[u8; LANES]) -> Self::F32;
    /// The same number in every lane.
    fn splat_f32(self, value: f32) -> Self::F32;
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]);
    fn sub_f32(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// |a| + c.
    fn add_absolute_f32(self, a: Self::F32, c: Self::F32) -> Self::F32;
    /// a·b + c, rounded once.
    fn fma_f32(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The lowest byte of each lane's bits.
    fn low_bytes(self, a: Self::F32) -> [u8; LANES];
    /// The lanes added in double precision, in the order of the definition.
    fn sum_f32(self, a: Self::F32) -> f64;

    fn zero_f64(self) -> Self::F64;
    fn load_f64(self, block: &[u8; F64_BLOCK]) -> Self::F64;
    fn load_f64_tail(self, tail: &[u8]) -> Self::F64;
    fn widen(self, a: Self::F32) -> Self::F64;
    fn add_f64(self, a: Self::F64, b: Self::F64) -> Self::F64;
    fn sub_f64(self, a: Self::F64, b: Self::F64) -> Self::F64;
    /// |a| + c.
    fn add_absolute_f64(self, a: Self::F64, c: Self::F64) -> Self::F64;
    /// a·b + c, rounded twice.
    fn mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64;
    /// a·b + c where a and b are widened singles: their product is exact, so fusing makes no difference.
    fn exact_mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64;
    fn sum_f64(self, a: Self::F64) -> f64;

    /// The registers of a block, in the order of their lanes.
    fn registers_f32(a: &Self::F32) -> &[Self::R32];
    fn registers_f32_mut(a: &mut Self::F32) -> &mut [Self::R32];
    fn registers_f64(a: &Self::F64) -> &[Self::R64];
    fn registers_f64_mut(a: &mut Self::F64) -> &mut [Self::R64];
    /// The same number in every lane of a register.
    fn splat_r32(self, value: f32) -> Self::R32;
    /// The same number in every lane of a register.
    fn splat_r64(self, value: f64) -> Self::R64;
    /// One register of [`Simd::sub_f32`].
    fn sub_r32(self, a: Self::R32, b: Self::R32) -> Self::R32;
    /// One register of [`Simd::sub_f64`].
    fn sub_r64(self, a: Self::R64, b: Self::R64) -> Self::R64;
    /// One register of [`Simd::add_absolute_f32`].
    fn add_absolute_r32(self, a: Self::R32, c: Self::R32) -> Self::R32;
    /// One register of [`Simd::add_absolute_f64`].
    fn add_absolute_r64(self, a: Self::R64, c: Self::R64) -> Self::R64;
    /// One register of [`Simd::fma_f32`].
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32;
    /// One register of [`Simd::mul_add_f64`].
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64;
    /// Adds, to the sums of each row with `Q` queries, the products of the row's bytes with the query's numbers. The
    /// sums wrap around; they are exact for up to [`CODE_GROUPS`] groups where they start from 0 or from −128 times the
    /// sum of the query's numbers.
    fn add_codes<const Q: usize>(
        self,
        codes: &[CodeGroup],
        queries: &[[[i8; 4]; Q]],
        sums: &mut [[i32; LANES]; Q],
    );

    /// Places four bytes of each of 16 rows side by side, in the half of each group that begins at byte `at`. `rows` are the rows'
    /// bytes, back to back, of each at least four for a group.
    #[inline(always)]
    fn place_codes(self, rows: &[[u8; 4]], at: usize, groups: &mut [CodeGroup]) {
        let length = rows.len() / HALF;
        for (i, group) in groups.iter_mut().enumerate() {
            for (r, place) in group[at..][..4 * HALF].as_chunks_mut().0.iter_mut().enumerate() {
                *place = rows[r * length + i];
            }
        }
    }

    /// For each row of signed bytes its dot product with the query, which is as long, and, where `SQUARES`, with itself,
    /// exactly. `sums` has a place for each row.
    fn dot_bytes<const SQUARES: bool>(self, query: &[u8], rows: &[&[u8]], sums: &mut [[i64; 2]]);

    /// For each row the number of bits in which it differs from the query, and of those that both have. The rows are as
    /// long as the query; `counts` has a place for each.
    fn count_bits(self, query: &[u8], rows: &[&[u8]], counts: &mut [[u64; 2]]);

    /// One register of [`Simd::exact_mul_add_f64`].
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64;
}

/// Work that is compiled once per level. `run` and everything it calls with the token must be `#[inline(always)]`, so
/// that all of it is compiled inside the function that enables the instructions.
pub(crate) trait Task {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// A part shared by several tasks, compiled once per level instead of within each task.
pub(crate) trait Part<S: Simd> {
    type Output;
    /// As [`Task::run`].
    fn run(self, simd: S) -> Self::Output;
}

impl<S: Simd, T: Task> Part<S> for T {
    type Output = T::Output;
    #[inline(always)]
    fn run(self, simd: S) -> T::Output {
        Task::run(self, simd)
    }
}

/// Sum of 32 widened lanes by the definition's tree. Levels with wider registers must give the same bits.
#[inline(always)]
pub(crate) fn tree_sum(mut lanes: [f64; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Pads an incomplete block with zero bytes.
#[inline(always)]
pub(crate) fn padded<const N: usize>(tail: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    block[..tail.len()].copy_from_slice(tail);
    block
}

/// Maximum bytes of a sum of products in 32 bits.
pub(super) const BYTES_AT_ONCE: usize = 1 << 16;

/// Adds up what `part` gives for parts of [`BYTES_AT_ONCE`].
#[inline(always)]
pub(super) fn in_parts(a: &[u8], b: &[u8], part: impl Fn(&[u8], &[u8]) -> [i32; 2]) -> [i64; 2] {
    let mut all = [0; 2];
    for (a, b) in a.chunks(BYTES_AT_ONCE).zip(b.chunks(BYTES_AT_ONCE)) {
        let [dot, square] = part(a, b);
        all[0] += i64::from(dot);
        all[1] += i64::from(square);
    }
    all
}

/// [`Simd::count_bits`] of one row, 64 bits at a time.
#[inline(always)]
pub(super) fn bits_of_words(a: &[u8], b: &[u8]) -> [u64; 2] {
    let ((words_a, rest_a), (words_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let [mut different, mut common] = [0, 0];
    let mut add = |a: [u8; 8], b: [u8; 8]| {
        let (a, b) = (u64::from_le_bytes(a), u64::from_le_bytes(b));
        different += u64::from((a ^ b).count_ones());
        common += u64::from((a & b).count_ones());
    };
    for (a, b) in words_a.iter().zip(words_b) {
        add(*a, *b);
    }
    add(padded(rest_a), padded(rest_b));
    [different, common]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Level;

    struct Bytes<'a>(&'a [u8], &'a [&'a [u8]]);

    impl Task for Bytes<'_> {
        type Output = [Vec<[i64; 2]>; 2];
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut out = [vec![[7; 2]; self.1.len()], vec![[7; 2]; self.1.len()]];
            simd.dot_bytes::<true>(self.0, self.1, &mut out[0]);
            simd.dot_bytes::<false>(self.0, self.1, &mut out[1]);
            out
        }
    }

    #[test]
    fn products_of_bytes_are_exact_on_every_level() {
        let bytes: Vec<u8> = (0..3000usize).map(|i| ((i * 2_654_435_761) >> 9) as u8).collect();
        let ends = [vec![128u8; 200_000], vec![127; 200_000]];
        let number = |byte: u8| i64::from(byte.cast_signed());
        let dot = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| number(*a) * number(*b)).sum::<i64>();
        for n in (0..=300).chain([1000, 65_535, 65_536, 65_537, 199_999]) {
            let rows: Vec<&[u8]> = [&ends[0], &ends[1], &bytes].map(|row| &row[..n.min(row.len())]).to_vec();
            let rows: Vec<&[u8]> = rows.into_iter().filter(|row| row.len() == n).collect();
            for query in &rows {
                let expected: Vec<[i64; 2]> =
                    rows.iter().map(|row| [dot(query, row), dot(row, row)]).collect();
                for level in Level::available() {
                    let [both, dots] = level.run(Bytes(query, &rows));
                    assert_eq!(both, expected, "{}, {n}", level.name());
                    let dots: Vec<i64> = dots.into_iter().map(|sums| sums[0]).collect();
                    assert_eq!(dots, expected.iter().map(|sums| sums[0]).collect::<Vec<_>>());
                }
            }
        }
    }

    struct Loads([u8; HALF_BLOCK]);

    impl Task for Loads {
        type Output = [[u8; F32_BLOCK]; 3];
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut out = [[0; F32_BLOCK]; 3];
            let bytes = self.0.first_chunk().expect("a block of bytes");
            simd.store_f32(simd.load_f16(&self.0), &mut out[0]);
            simd.store_f32(simd.load_bf16(&self.0), &mut out[1]);
            simd.store_f32(simd.load_i8(bytes), &mut out[2]);
            out
        }
    }

    #[test]
    fn narrow_elements_become_singles_exactly_on_every_level() {
        let halves: Vec<[u8; 2]> = (0..=u16::MAX).map(u16::to_le_bytes).collect();
        for block in halves.as_chunks::<LANES>().0 {
            let bytes: [u8; HALF_BLOCK] = bytemuck::cast(*block);
            for level in Level::available() {
                let found = level.run(Loads(bytes)).map(bytemuck::cast::<_, [f32; LANES]>);
                for i in 0..LANES {
                    let expected = [
                        half::f16::from_le_bytes(block[i]).to_f32(),
                        half::bf16::from_le_bytes(block[i]).to_f32(),
                        f32::from(bytes[i].cast_signed()),
                    ];
                    for (found, expected) in found.iter().map(|lanes| lanes[i]).zip(expected) {
                        let same =
                            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                        assert!(same, "{}: {found} for {expected}", level.name());
                    }
                }
            }
        }
    }

    struct Bits<'a>(&'a [u8], &'a [&'a [u8]], Vec<[u64; 2]>);

    impl Task for Bits<'_> {
        type Output = Vec<[u64; 2]>;
        #[inline(always)]
        fn run<S: Simd>(mut self, simd: S) -> Self::Output {
            simd.count_bits(self.0, self.1, &mut self.2);
            self.2
        }
    }

    #[test]
    fn bits_are_counted_on_every_level() {
        let bytes: Vec<u8> = (0..2000usize).map(|i| ((i * 2_654_435_761) >> 9) as u8).collect();
        let full = [255u8; 700];
        for n in (0..=300).chain([511, 512, 513, 690]) {
            for query in [&bytes[3..], &full] {
                let rows: Vec<&[u8]> =
                    [&bytes[n..], &bytes[1000..], &full[1..], &[0; 700]].map(|row: &[u8]| &row[..n]).to_vec();
                let query = &query[..n];
                let expected: Vec<[u64; 2]> = rows
                    .iter()
                    .map(|row| {
                        let bit = |bytes: &[u8], i: usize| bytes[i / 8] >> (i % 8) & 1 == 1;
                        let count = |has: &dyn Fn(bool, bool) -> bool| {
                            (0..8 * n).filter(|i| has(bit(query, *i), bit(row, *i))).count() as u64
                        };
                        [count(&|a, b| a != b), count(&|a, b| a && b)]
                    })
                    .collect();
                for level in Level::available() {
                    let found = level.run(Bits(query, &rows, vec![[7; 2]; rows.len()]));
                    assert_eq!(found, expected, "{}, {n} bytes", level.name());
                }
            }
        }
    }

    struct Codes<'a, const Q: usize>(&'a [CodeGroup], &'a [[[i8; 4]; Q]], [[i32; LANES]; Q]);

    impl<const Q: usize> Task for Codes<'_, Q> {
        type Output = [[i32; LANES]; Q];
        #[inline(always)]
        fn run<S: Simd>(mut self, simd: S) -> Self::Output {
            simd.add_codes(self.0, self.1, &mut self.2);
            self.2
        }
    }

    fn compare<const Q: usize>(groups: usize, byte: impl Fn(usize) -> u8, number: impl Fn(usize) -> i8) {
        let codes: Vec<CodeGroup> =
            (0..groups).map(|g| std::array::from_fn(|i| byte(g * 4 * LANES + i))).collect();
        let queries: Vec<[[i8; 4]; Q]> = (0..groups)
            .map(|g| std::array::from_fn(|q| std::array::from_fn(|d| number((g * Q + q) * 4 + d))))
            .collect();
        let mut exact = [[0i64; LANES]; Q];
        let mut start = [[0i32; LANES]; Q];
        for (rows, queries) in codes.iter().zip(&queries) {
            for q in 0..Q {
                for r in 0..LANES {
                    for d in 0..4 {
                        exact[q][r] += (i64::from(rows[4 * r + d]) - 128) * i64::from(queries[q][d]);
                        start[q][r] -= 128 * i32::from(queries[q][d]);
                    }
                }
            }
        }
        for level in Level::available() {
            let sums = level.run(Codes(&codes, &queries, start));
            assert_eq!(
                sums.map(|row| row.map(i64::from)),
                exact,
                "{}, {Q} queries, {groups} groups",
                level.name()
            );
        }
    }

    #[test]
    fn sums_of_codes_are_exact_on_every_level() {
        for groups in [0, 1, 2, 3, 7, 500] {
            let byte = |i: usize| ((i * 2_654_435_761) >> 7) as u8;
            let number = |i: usize| ((i * 2_246_822_519) >> 5) as i8;
            compare::<1>(groups, byte, number);
            compare::<2>(groups, byte, number);
            compare::<3>(groups, byte, number);
            compare::<12>(groups, byte, number);
        }
        // As large as sums get, of both signs.
        for (byte, number) in [(255, -128), (255, 127), (0, -128), (0, 127)] {
            compare::<1>(CODE_GROUPS, |_| byte, |_| number);
            compare::<4>(CODE_GROUPS, |_| byte, |_| number);
        }
    }
}
