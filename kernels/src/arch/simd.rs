//! The operations that every level has, on blocks of virtual lanes.

use bytemuck::Pod;

/// Virtual lanes of every sum: part of the results' definition, not a tuning knob.
pub const LANES: usize = 32;
/// Bytes of one block of single-precision lanes.
pub(crate) const F32_BLOCK: usize = LANES * 4;
/// Bytes of one block of double-precision lanes.
pub(crate) const F64_BLOCK: usize = LANES * 8;

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
    /// The same number in every lane.
    fn splat_f32(self, value: f32) -> Self::F32;
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]);
    fn sub_f32(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// |a| + c.
    fn add_absolute_f32(self, a: Self::F32, c: Self::F32) -> Self::F32;
    /// a·b + c, rounded once.
    fn fma_f32(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
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
pub(super) fn padded<const N: usize>(tail: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    block[..tail.len()].copy_from_slice(tail);
    block
}
