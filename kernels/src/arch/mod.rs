//! The one place that knows instruction sets.
//!
//! A [`Level`] is a proof token: it can only be made where detection has seen the instructions, so that
//! running code for it is sound. Kernels are written once, over the private trait `Simd`, and compiled once for every
//! level; each level gives the same bits, because the trait fixes the number of virtual lanes
//! ([`LANES`]), the use of fused multiply-add and the order in which the lanes are added.
//!
//! 32 lanes were chosen by measurement (see `benches/README.md`): a single pair gets no faster with 64, and 32
//! leave registers for blocks of queries × rows.
//!
#![doc = include_str!("definition.md")]
#![allow(unsafe_code)]

use std::fmt;
use std::sync::OnceLock;

use bytemuck::Pod;

use crate::error::Error;

#[cfg(not(target_endian = "little"))]
compile_error!("packed vectors are little-endian; a big-endian target would need a byte swap in every load");

/// One register after the other: a loop, because a closure given to a library function would be compiled without the
/// level's instructions unless the optimizer happens to inline it.
macro_rules! registers {
    ($start:expr, |$r:ident| $value:expr) => {{
        let mut out = $start;
        let mut $r = 0;
        while $r < out.len() {
            out[$r] = $value;
            $r += 1;
        }
        out
    }};
}
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pages;
mod scalar;
#[cfg(windows)]
mod windows;

pub(crate) use pages::{pieces, prefer_large, zeros};
#[cfg(windows)]
pub(crate) use windows::memory;

/// Virtual lanes of every sum: part of the definition of the results, not a tuning knob.
pub const LANES: usize = 32;
/// Bytes of one block of single-precision lanes.
pub(crate) const F32_BLOCK: usize = LANES * 4;
/// Bytes of one block of double-precision lanes.
pub(crate) const F64_BLOCK: usize = LANES * 8;

/// Operations on blocks of [`LANES`] virtual lanes, on unaligned little-endian bytes.
///
/// Implementations must agree bit for bit; `tests/levels.rs` compares each with [`scalar`].
pub(crate) trait Simd: Copy {
    /// A block of single-precision lanes.
    type F32: Copy;
    /// A block of double-precision lanes.
    type F64: Copy;
    /// A part of a block of single-precision lanes that is one register.
    type R32: Pod;
    /// A part of a block of double-precision lanes that is one register.
    type R64: Pod;
    /// Whether the sums of 24 pairs, a register each, or of 12 rows of a matrix, a block each, fit the registers beside what
    /// is loaded, as they do in 32 of 512 bits.
    const WIDE_TILE: bool;

    /// Runs the part in a function of its own that enables the level's instructions.
    fn run<P: Part<Self>>(self, part: P) -> P::Output;

    /// Asks for the cache line at that distance behind the block, which may lie outside of any object, in the second-level
    /// cache: there are many more places to wait in for it than for the first level, which what is at work fills as well.
    fn prefetch(self, block: &[u8], distance: usize);
    /// As [`Simd::prefetch`], in the first-level cache.
    fn prefetch_near(self, block: &[u8], distance: usize);

    fn zero_f32(self) -> Self::F32;
    fn load_f32(self, block: &[u8; F32_BLOCK]) -> Self::F32;
    /// A last, incomplete block: the missing lanes are +0.
    fn load_f32_tail(self, tail: &[u8]) -> Self::F32;
    /// The same number in every lane.
    fn splat_f32(self, value: f32) -> Self::F32;
    fn store_f32(self, a: Self::F32, block: &mut [u8; F32_BLOCK]);
    fn sub_f32(self, a: Self::F32, b: Self::F32) -> Self::F32;
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
    /// a·b + c, rounded twice.
    fn mul_add_f64(self, a: Self::F64, b: Self::F64, c: Self::F64) -> Self::F64;
    /// a·b + c where a and b are widened single-precision numbers, whose product is exact: fused or not is the same.
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
    /// One register of [`Simd::fma_f32`].
    fn fma_r32(self, a: Self::R32, b: Self::R32, c: Self::R32) -> Self::R32;
    /// One register of [`Simd::mul_add_f64`].
    fn mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64;
    /// One register of [`Simd::exact_mul_add_f64`].
    fn exact_mul_add_r64(self, a: Self::R64, b: Self::R64, c: Self::R64) -> Self::R64;
}

/// Work that is compiled once for every level. `run` must be `#[inline(always)]`, and so must all that it
/// calls with the token, so that it ends up inside the function that enables the instructions.
pub(crate) trait Task {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Work of tasks that is compiled once for a level, and not within each task that does it.
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Scalar(scalar::Scalar),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

/// An instruction-set level that this machine has.
///
/// All levels give the same bits; they differ in speed only.
///
/// # Examples
///
/// ```
/// use hart_kernels::Level;
/// assert!(Level::available().contains(&Level::current()?));
/// assert_eq!(Level::scalar().name(), "scalar");
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(Token);

/// All level names, slowest first.
const NAMES: [&str; 4] = ["scalar", "neon", "avx2", "avx512"];
/// Caps the level: a name of the list, `scalar` reproduces a report on the plainest code.
pub const MAX_LEVEL_VARIABLE: &str = "HART_MAX_LEVEL";
/// Demands a level: every call fails where this machine has less, so that a test run cannot skip unnoticed.
pub const MIN_LEVEL_VARIABLE: &str = "HART_MIN_LEVEL";

impl Level {
    /// The portable level, which every machine has.
    pub const fn scalar() -> Level {
        Level(Token::Scalar(scalar::Scalar))
    }

    /// Every level that this machine has, slowest first, whatever the environment asks for.
    pub fn available() -> Vec<Level> {
        let mut levels = vec![Level::scalar()];
        #[cfg(target_arch = "aarch64")]
        levels.extend(neon::Neon::detect().map(|t| Level(Token::Neon(t))));
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(avx2::Avx2::detect().map(|t| Level(Token::Avx2(t))));
            levels.extend(avx512::Avx512::detect().map(|t| Level(Token::Avx512(t))));
        }
        levels
    }

    /// The fastest level of this machine, detected once, within [`MAX_LEVEL_VARIABLE`] and [`MIN_LEVEL_VARIABLE`].
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a variable holds no level's name, or demands one that is not here.
    pub fn current() -> Result<Level, Error> {
        static CURRENT: OnceLock<Result<Level, Error>> = OnceLock::new();
        CURRENT
            .get_or_init(|| {
                let read = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
                choose(&Level::available(), read(MAX_LEVEL_VARIABLE), read(MIN_LEVEL_VARIABLE))
            })
            .clone()
    }

    /// `scalar`, `neon`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        NAMES[self.rank()]
    }

    fn rank(self) -> usize {
        match self.0 {
            Token::Scalar(_) => 0,
            #[cfg(target_arch = "aarch64")]
            Token::Neon(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => 2,
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => 3,
        }
    }

    /// Runs the task's body as compiled for this level.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Token::Scalar(token) => token.run(task),
            #[cfg(target_arch = "aarch64")]
            Token::Neon(token) => token.run(task),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => token.run(task),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.run(task),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The fastest of `levels` within the two bounds.
fn choose(levels: &[Level], max: Option<String>, min: Option<String>) -> Result<Level, Error> {
    let rank = |variable: &str, value: Option<String>| match value {
        None => Ok(None),
        Some(value) => match NAMES.iter().position(|name| name.eq_ignore_ascii_case(&value)) {
            Some(rank) => Ok(Some(rank)),
            None => Err(Error::Setting {
                setting: variable.into(),
                problem: format!("`{value}` is not a level; expected one of {}", NAMES.join(", ")),
            }),
        },
    };
    let max = rank(MAX_LEVEL_VARIABLE, max)?.unwrap_or(usize::MAX);
    let min = rank(MIN_LEVEL_VARIABLE, min)?.unwrap_or(0);
    let best = levels.iter().copied().filter(|l| l.rank() <= max).max_by_key(|l| l.rank());
    let best = best.unwrap_or(Level::scalar());
    if best.rank() < min {
        return Err(Error::Setting {
            setting: MIN_LEVEL_VARIABLE.into(),
            problem: format!("demands `{}`, but the fastest level here is `{}`", NAMES[min], best.name()),
        });
    }
    Ok(best)
}

/// Sum of 32 widened lanes as the definition's tree. What a level does with wider registers must equal this.
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

/// Copies an incomplete block into one that is filled up with zero bytes.
#[inline(always)]
fn padded<const N: usize>(tail: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    block[..tail.len()].copy_from_slice(tail);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_caps_and_demands() {
        let levels = Level::available();
        let best = *levels.last().unwrap();
        let some = |s: &str| Some(s.to_string());
        assert_eq!(choose(&levels, None, None).unwrap(), best);
        assert_eq!(choose(&levels, some("SCALAR"), None).unwrap(), Level::scalar());
        assert_eq!(choose(&levels, some("avx512"), some("scalar")).unwrap(), best);
        let unmet = choose(&levels[..1], None, some("avx512")).unwrap_err().to_string();
        assert!(unmet.contains("HART_MIN_LEVEL") && unmet.contains("`scalar`"), "{unmet}");
        let unknown = choose(&levels, some("sse9"), None).unwrap_err().to_string();
        assert!(unknown.contains("HART_MAX_LEVEL") && unknown.contains("sse9"), "{unknown}");
    }
}
