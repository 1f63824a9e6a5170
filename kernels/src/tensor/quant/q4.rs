//! Four bits per element: Q4_0 and Q4_1. Byte j holds element j in its lower half and element j + 16 in its upper half.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// 18 bytes for 32 elements: v = d·(q − 8).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q4_0 {
    d: Half,
    quants: [u8; 16],
}

impl Block<32> for Q4_0 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let d = self.d.single();
        let (first, second) = out.split_at_mut(16);
        for ((first, second), byte) in first.iter_mut().zip(second).zip(&self.quants) {
            *first = d * (i32::from(byte & 15) - 8) as f32;
            *second = d * (i32::from(byte >> 4) - 8) as f32;
        }
        out
    }
}

/// 20 bytes for 32 elements: v = d·q + m.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q4_1 {
    d: Half,
    m: Half,
    quants: [u8; 16],
}

impl Block<32> for Q4_1 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let (d, m) = (self.d.single(), self.m.single());
        let (first, second) = out.split_at_mut(16);
        for ((first, second), byte) in first.iter_mut().zip(second).zip(&self.quants) {
            *first = d * f32::from(byte & 15) + m;
            *second = d * f32::from(byte >> 4) + m;
        }
        out
    }
}
