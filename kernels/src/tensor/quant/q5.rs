//! Five bits per element: Q5_0 and Q5_1. The lower four bits are stored as in Q4_0; bit j of a little-endian 32-bit
//! integer is the fifth bit of element j.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// 22 bytes for 32 elements: v = d·(q − 16).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q5_0 {
    d: Half,
    fifth: [u8; 4],
    quants: [u8; 16],
}

impl Block<32> for Q5_0 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let d = self.d.single();
        for_each(self.fifth, &self.quants, &mut out, |q| d * (q - 16) as f32);
        out
    }
}

/// 24 bytes for 32 elements: v = d·q + m.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q5_1 {
    d: Half,
    m: Half,
    fifth: [u8; 4],
    quants: [u8; 16],
}

impl Block<32> for Q5_1 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let (d, m) = (self.d.single(), self.m.single());
        for_each(self.fifth, &self.quants, &mut out, |q| d * q as f32 + m);
        out
    }
}

/// Assembles the 32 quants and writes the value of each.
#[inline(always)]
fn for_each(fifth: [u8; 4], quants: &[u8; 16], out: &mut [f32; 32], value: impl Fn(i32) -> f32) {
    let fifth = u32::from_le_bytes(fifth);
    let (first, second) = out.split_at_mut(16);
    for (j, ((first, second), byte)) in first.iter_mut().zip(second).zip(quants).enumerate() {
        let bits = fifth >> j;
        *first = value((u32::from(byte & 15) | (bits & 1) << 4) as i32);
        *second = value((u32::from(byte >> 4) | (bits >> 12) & 16) as i32);
    }
}
