//! Numbers that are not quantized: a block is one element.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// A single (IEEE 754 binary32), little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F32([u8; 4]);

impl Block<1> for F32 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        [f32::from_le_bytes(self.0)]
    }
}

/// A half (IEEE 754 binary16), little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F16(Half);

impl Block<1> for F16 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        [self.0.single()]
    }
}

/// The upper two bytes of a single, little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Bf16([u8; 2]);

impl Block<1> for Bf16 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        [f32::from_bits(u32::from(u16::from_le_bytes(self.0)) << 16)]
    }
}
