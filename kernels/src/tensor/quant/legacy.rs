//! The layouts of the replaced SQLCLR assembly, which differ from GGUF's: quants that share bytes are neighbours, and
//! the larger blocks have no separate scales for their parts.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// 36 bytes for 32 elements: v = d·q, where d is a little-endian single.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q8_0 {
    d: [u8; 4],
    quants: [i8; 32],
}

impl Block<32> for Q8_0 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let d = f32::from_le_bytes(self.d);
        for (value, quant) in out.iter_mut().zip(&self.quants) {
            *value = d * f32::from(*quant);
        }
        out
    }
}

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
        nibbles(&self.quants, &mut out, |q| d * (q - 8) as f32);
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
        nibbles(&self.quants, &mut out, |q| d * q as f32 + m);
        out
    }
}

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
        five_bits(&self.fifth, &self.quants, &mut out, |q| d * (q - 16) as f32);
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
        five_bits(&self.fifth, &self.quants, &mut out, |q| d * q as f32 + m);
        out
    }
}

/// 68 bytes for 128 elements: v = d·q + m.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q4K {
    d: Half,
    m: Half,
    quants: [u8; 64],
}

impl Block<128> for Q4K {
    #[inline(always)]
    fn decode(&self) -> [f32; 128] {
        let mut out = [0.0; 128];
        let (d, m) = (self.d.single(), self.m.single());
        nibbles(&self.quants, &mut out, |q| d * q as f32 + m);
        out
    }
}

/// 82 bytes for 128 elements: v = d·(q − 16).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q5K {
    d: Half,
    fifth: [u8; 16],
    quants: [u8; 64],
}

impl Block<128> for Q5K {
    #[inline(always)]
    fn decode(&self) -> [f32; 128] {
        let mut out = [0.0; 128];
        let d = self.d.single();
        five_bits(&self.fifth, &self.quants, &mut out, |q| d * (q - 16) as f32);
        out
    }
}

/// 98 bytes for 128 elements: v = d·(q − 32), where three bytes are a little-endian 24-bit integer that holds four
/// quants, the first lowest.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q6K {
    d: Half,
    quants: [[u8; 3]; 32],
}

impl Block<128> for Q6K {
    #[inline(always)]
    fn decode(&self) -> [f32; 128] {
        let mut out = [0.0; 128];
        let d = self.d.single();
        for (values, [a, b, c]) in out.as_chunks_mut::<4>().0.iter_mut().zip(&self.quants) {
            let quants = [a & 63, a >> 6 | (b & 15) << 2, b >> 4 | (c & 3) << 4, c >> 2];
            for (value, quant) in values.iter_mut().zip(quants) {
                *value = d * (i32::from(quant) - 32) as f32;
            }
        }
        out
    }
}

/// Byte j holds quant 2·j in its lower half and quant 2·j + 1 in its upper half.
#[inline(always)]
fn nibbles(quants: &[u8], out: &mut [f32], value: impl Fn(i32) -> f32) {
    for (values, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(quants) {
        *values = [value(i32::from(byte & 15)), value(i32::from(byte >> 4))];
    }
}

/// As [`nibbles`], where bit j of `fifth`, counted from the lowest of the first byte, is the fifth bit of quant j.
#[inline(always)]
fn five_bits(fifth: &[u8], quants: &[u8], out: &mut [f32], value: impl Fn(i32) -> f32) {
    let eights = out.as_chunks_mut::<8>().0.iter_mut().zip(quants.as_chunks::<4>().0);
    for ((values, quants), fifth) in eights.zip(fifth) {
        for (j, (values, byte)) in values.as_chunks_mut::<2>().0.iter_mut().zip(quants).enumerate() {
            let bits = i32::from(fifth >> (2 * j));
            *values = [
                value(i32::from(byte & 15) | (bits & 1) << 4),
                value(i32::from(byte >> 4) | (bits & 2) << 3),
            ];
        }
    }
}
