//! How packed numbers become lanes, and the precision in which the lanes accumulate.

use std::ops::Range;

use bytemuck::Pod;

use crate::arch::{F32_BLOCK, F64_BLOCK, LANES, Simd};
use crate::number::element::Width;
use crate::number::range::TINY;

/// Precision in which a kernel accumulates single-precision vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accumulate {
    /// 32 single-precision lanes with fused multiply-add, added in double precision at the end.
    ///
    /// A sum that overflows, or is so small that its terms may have underflowed (below 2⁻¹⁰⁰), is recomputed with the
    /// lanes of [`Accumulate::F64`], so finite vectors never give an infinite or vanishing result.
    #[default]
    F32,
    /// 32 double-precision lanes: the products of singles are exact.
    F64,
}

impl Accumulate {
    /// `f32` or `f64`.
    pub fn parse(name: &str) -> Option<Accumulate> {
        match name {
            "f32" => Some(Accumulate::F32),
            "f64" => Some(Accumulate::F64),
            _ => None,
        }
    }
}

/// How packed bytes become lanes.
pub(crate) trait Precision: Copy {
    /// A block of lanes.
    type Vec<S: Simd>: Copy;
    /// The part of a block that is one register.
    type Register<S: Simd>: Pod;
    /// What a vector holds.
    type Number: Pod + Default;
    /// What a lane holds.
    type Lane: Pod + Default + From<Self::Number>;
    /// Precision of the vectors.
    const WIDTH: Width;
    /// Bytes of one block of lanes.
    const BLOCK: usize;
    /// Whether a step of a dot product is one instruction.
    const FUSED: bool = true;

    fn zero<S: Simd>(simd: S) -> Self::Vec<S>;
    /// `bytes.len() == BLOCK`.
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> Self::Vec<S>;
    /// `bytes.len() < BLOCK`.
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> Self::Vec<S>;
    fn dot<S: Simd>(simd: S, a: Self::Vec<S>, b: Self::Vec<S>, acc: Self::Vec<S>) -> Self::Vec<S>;
    fn square_of_difference<S: Simd>(
        simd: S,
        a: Self::Vec<S>,
        b: Self::Vec<S>,
        acc: Self::Vec<S>,
    ) -> Self::Vec<S>;
    /// |a − b| + acc.
    fn absolute_difference<S: Simd>(
        simd: S,
        a: Self::Vec<S>,
        b: Self::Vec<S>,
        acc: Self::Vec<S>,
    ) -> Self::Vec<S>;
    fn sum<S: Simd>(simd: S, acc: Self::Vec<S>) -> f64;
    /// The registers of a block, in the order of their lanes.
    fn registers<S: Simd>(block: &Self::Vec<S>) -> &[Self::Register<S>];
    fn registers_mut<S: Simd>(block: &mut Self::Vec<S>) -> &mut [Self::Register<S>];
    /// One register of [`Precision::dot`].
    fn dot_register<S: Simd>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        acc: Self::Register<S>,
    ) -> Self::Register<S>;
    /// One register of [`Precision::square_of_difference`].
    fn square_of_difference_register<S: Simd>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        acc: Self::Register<S>,
    ) -> Self::Register<S>;
    /// One register of [`Precision::absolute_difference`].
    fn absolute_difference_register<S: Simd>(
        simd: S,
        a: Self::Register<S>,
        b: Self::Register<S>,
        acc: Self::Register<S>,
    ) -> Self::Register<S>;
    /// The same number in every lane of a register.
    fn splat<S: Simd>(simd: S, number: Self::Number) -> Self::Register<S>;
    /// A block of lanes, widened.
    fn widen<S: Simd>(simd: S, lanes: &[Self::Lane; LANES]) -> S::F64;
    /// Whether the sum may have left the range of its lanes.
    fn suspect(sum: f64) -> bool;
    /// Whether a sum of squares is too small or too large for the product of two of them.
    fn strays(_square: f64) -> bool {
        false
    }
}

/// Single-precision vectors, single-precision lanes.
#[derive(Clone, Copy)]
pub(crate) struct Single;
/// Single-precision vectors, double-precision lanes.
#[derive(Clone, Copy)]
pub(crate) struct Widened;
/// Double-precision vectors and lanes.
#[derive(Clone, Copy)]
pub(crate) struct Double;

#[inline(always)]
fn block<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes.try_into().expect("a block of lanes")
}

impl Precision for Single {
    type Vec<S: Simd> = S::F32;
    type Register<S: Simd> = S::R32;
    type Number = f32;
    type Lane = f32;
    const WIDTH: Width = Width::F32;
    const BLOCK: usize = F32_BLOCK;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F32 {
        simd.zero_f32()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F32 {
        simd.load_f32(block(bytes))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F32 {
        simd.load_f32_tail(bytes)
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F32, b: S::F32, acc: S::F32) -> S::F32 {
        simd.fma_f32(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F32, b: S::F32, acc: S::F32) -> S::F32 {
        let d = simd.sub_f32(a, b);
        simd.fma_f32(d, d, acc)
    }
    #[inline(always)]
    fn absolute_difference<S: Simd>(simd: S, a: S::F32, b: S::F32, acc: S::F32) -> S::F32 {
        simd.add_absolute_f32(simd.sub_f32(a, b), acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F32) -> f64 {
        simd.sum_f32(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F32) -> &[S::R32] {
        S::registers_f32(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F32) -> &mut [S::R32] {
        S::registers_f32_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R32, b: S::R32, acc: S::R32) -> S::R32 {
        simd.fma_r32(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R32, b: S::R32, acc: S::R32) -> S::R32 {
        let d = simd.sub_r32(a, b);
        simd.fma_r32(d, d, acc)
    }
    #[inline(always)]
    fn absolute_difference_register<S: Simd>(simd: S, a: S::R32, b: S::R32, acc: S::R32) -> S::R32 {
        simd.add_absolute_r32(simd.sub_r32(a, b), acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f32) -> S::R32 {
        simd.splat_r32(number)
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f32; LANES]) -> S::F64 {
        simd.widen(simd.load_f32(bytemuck::cast_ref(lanes)))
    }
    #[inline(always)]
    fn suspect(sum: f64) -> bool {
        // A step that underflowed lost at most 2⁻¹⁵⁰, so n steps lost at most n·2⁻⁴⁹ of the sum. NaN is suspect.
        const TINY: f64 = 1.0 / (1u128 << 100) as f64;
        !(TINY..f64::INFINITY).contains(&sum.abs())
    }
}

impl Precision for Widened {
    type Vec<S: Simd> = S::F64;
    type Register<S: Simd> = S::R64;
    type Number = f32;
    type Lane = f64;
    const WIDTH: Width = Width::F32;
    const BLOCK: usize = F32_BLOCK;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F64 {
        simd.zero_f64()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.widen(simd.load_f32(block(bytes)))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.widen(simd.load_f32_tail(bytes))
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        simd.exact_mul_add_f64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        Double::square_of_difference(simd, a, b, acc)
    }
    #[inline(always)]
    fn absolute_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        Double::absolute_difference(simd, a, b, acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F64) -> f64 {
        simd.sum_f64(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F64) -> &[S::R64] {
        S::registers_f64(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F64) -> &mut [S::R64] {
        S::registers_f64_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        simd.exact_mul_add_r64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        Double::square_of_difference_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn absolute_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        Double::absolute_difference_register(simd, a, b, acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f32) -> S::R64 {
        Double::splat(simd, f64::from(number))
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f64; LANES]) -> S::F64 {
        Double::widen(simd, lanes)
    }
    #[inline(always)]
    fn suspect(_: f64) -> bool {
        false
    }
}

impl Precision for Double {
    type Vec<S: Simd> = S::F64;
    type Register<S: Simd> = S::R64;
    type Number = f64;
    type Lane = f64;
    const WIDTH: Width = Width::F64;
    const BLOCK: usize = F64_BLOCK;
    const FUSED: bool = false;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::F64 {
        simd.zero_f64()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.load_f64(block(bytes))
    }
    #[inline(always)]
    fn load_tail<S: Simd>(simd: S, bytes: &[u8]) -> S::F64 {
        simd.load_f64_tail(bytes)
    }
    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        simd.mul_add_f64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        let d = simd.sub_f64(a, b);
        simd.mul_add_f64(d, d, acc)
    }
    #[inline(always)]
    fn absolute_difference<S: Simd>(simd: S, a: S::F64, b: S::F64, acc: S::F64) -> S::F64 {
        simd.add_absolute_f64(simd.sub_f64(a, b), acc)
    }
    #[inline(always)]
    fn sum<S: Simd>(simd: S, acc: S::F64) -> f64 {
        simd.sum_f64(acc)
    }
    #[inline(always)]
    fn registers<S: Simd>(block: &S::F64) -> &[S::R64] {
        S::registers_f64(block)
    }
    #[inline(always)]
    fn registers_mut<S: Simd>(block: &mut S::F64) -> &mut [S::R64] {
        S::registers_f64_mut(block)
    }
    #[inline(always)]
    fn dot_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        simd.mul_add_r64(a, b, acc)
    }
    #[inline(always)]
    fn square_of_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        let d = simd.sub_r64(a, b);
        simd.mul_add_r64(d, d, acc)
    }
    #[inline(always)]
    fn absolute_difference_register<S: Simd>(simd: S, a: S::R64, b: S::R64, acc: S::R64) -> S::R64 {
        simd.add_absolute_r64(simd.sub_r64(a, b), acc)
    }
    #[inline(always)]
    fn splat<S: Simd>(simd: S, number: f64) -> S::R64 {
        simd.splat_r64(number)
    }
    #[inline(always)]
    fn widen<S: Simd>(simd: S, lanes: &[f64; LANES]) -> S::F64 {
        simd.load_f64(bytemuck::cast_ref(lanes))
    }
    #[inline(always)]
    fn suspect(sum: f64) -> bool {
        // NaN is suspect.
        !(TINY..f64::INFINITY).contains(&sum.abs())
    }
    #[inline(always)]
    fn strays(square: f64) -> bool {
        // 2⁻⁴⁸⁰ and 2⁴⁸⁰.
        const SAFE: Range<f64> = f64::from_bits((1023 - 480) << 52)..f64::from_bits((1023 + 480) << 52);
        !SAFE.contains(&square)
    }
}

/// Runs `$body` with `$mode` as the type for the vectors' width and the wanted precision.
macro_rules! with_precision {
    ($width:expr, $accumulate:expr, $mode:ident => $body:expr) => {
        match ($width, $accumulate) {
            (crate::number::element::Width::F32, crate::pairwise::precision::Accumulate::F32) => {
                type $mode = crate::pairwise::precision::Single;
                $body
            }
            (crate::number::element::Width::F32, crate::pairwise::precision::Accumulate::F64) => {
                type $mode = crate::pairwise::precision::Widened;
                $body
            }
            (crate::number::element::Width::F64, _) => {
                type $mode = crate::pairwise::precision::Double;
                $body
            }
        }
    };
}
pub(crate) use with_precision;
