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

/// A double (IEEE 754 binary64), little-endian, rounded to the nearest single.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F64([u8; 8]);

impl Block<1> for F64 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        [f64::from_le_bytes(self.0) as f32]
    }
}

/// Eight bits with four of exponent and three of fraction, without infinities.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F8E4m3(u8);

impl Block<1> for F8E4m3 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        /// 2⁻⁹: the unit of subnormal numbers.
        const UNIT: f32 = 1.0 / (1 << 9) as f32;
        /// Converts the exponent, bias 7, to that of a single, bias 127.
        const REBIAS: u32 = (127 - 7) << 23;
        let magnitude = u32::from(self.0 & 0x7f);
        let single = match magnitude {
            0..8 => (magnitude as f32 * UNIT).to_bits(),
            0x7f => f32::NAN.to_bits(),
            _ => (magnitude << 20) + REBIAS,
        };
        [f32::from_bits(single | u32::from(self.0 & 0x80) << 24)]
    }
}

/// The upper byte of a half.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F8E5m2(u8);

impl Block<1> for F8E5m2 {
    #[inline(always)]
    fn decode(&self) -> [f32; 1] {
        let single = Half::of(u16::from(self.0) << 8).single();
        // Two fraction bits cannot distinguish NaNs.
        [if single.is_nan() { f32::NAN.copysign(single) } else { single }]
    }
}
