//! The one place that knows instruction sets.
//!
//! A [`Level`] is a proof token: it can be made only after detection has seen the instructions, so running code for it
//! is sound. Kernels are written once, over the private trait `Simd`, and compiled once per level. All levels give the
//! same bits, because the trait fixes the number of virtual lanes ([`LANES`]), the use of fused multiply-add and the
//! order in which the lanes are added.
//!
//! 32 lanes were chosen by measurement (see `benches/README.md`): a single pair gets no faster with 64, and 32
//! leave registers for blocks of queries × rows.
//!
#![doc = include_str!("definition.md")]
#![allow(unsafe_code)]

#[cfg(not(target_endian = "little"))]
compile_error!("packed vectors are little-endian; a big-endian target would need a byte swap in every load");

/// Maps over registers with a loop, because a closure passed to a library function would be compiled without the
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
mod level;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pages;
mod scalar;
mod simd;
#[cfg(windows)]
mod windows;

pub use level::{Level, MAX_LEVEL_VARIABLE, MIN_LEVEL_VARIABLE};
pub(crate) use pages::{filled, prefer_large, zeros};
pub use simd::LANES;
pub(crate) use simd::{
    CODE_GROUPS, CodeGroup, F32_BLOCK, F64_BLOCK, HALF, HALF_BLOCK, Part, Simd, Task, padded, tree_sum,
};
#[cfg(windows)]
pub(crate) use windows::memory;
