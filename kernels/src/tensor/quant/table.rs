//! Four bits per element that index a table: IQ4_NL, IQ4_XS and MXFP4. Byte j holds element j in its lower half and
//! element j + 16 in its upper half.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// The steps of IQ4, closer together around zero.
const NEAR_ZERO: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The four-bit floating-point numbers, doubled: sign, two bits of exponent, one of fraction.
const FP4: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

#[inline(always)]
fn choose(table: &[i8; 16], scale: f32, quants: &[u8; 16], out: &mut [f32]) {
    let (first, second) = out.split_at_mut(16);
    for ((first, second), byte) in first.iter_mut().zip(second).zip(quants) {
        *first = scale * f32::from(table[usize::from(byte & 15)]);
        *second = scale * f32::from(table[usize::from(byte >> 4)]);
    }
}

/// 18 bytes for 32 elements: v = d·t(q).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Iq4Nl {
    d: Half,
    quants: [u8; 16],
}

impl Block<32> for Iq4Nl {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        choose(&NEAR_ZERO, self.d.single(), &self.quants, &mut out);
        out
    }
}

/// 136 bytes for 256 elements in eight sub-blocks of 32: v = (d·(scale − 32))·t(q).
///
/// The lower four bits of scale 2·j are the lower ones of byte j of `low`, those of scale 2·j + 1 the upper ones; bits
/// 2·s and 2·s + 1 of the little-endian `high` are the upper two of scale s.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Iq4Xs {
    d: Half,
    high: [u8; 2],
    low: [u8; 4],
    quants: [[u8; 16]; 8],
}

impl Block<256> for Iq4Xs {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let (d, high) = (self.d.single(), u16::from_le_bytes(self.high));
        for (s, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let low = self.low[s / 2] >> (s % 2 * 4) & 15;
            let scale = i32::from(low) | i32::from(high >> (2 * s) & 3) << 4;
            choose(&NEAR_ZERO, d * (scale - 32) as f32, &self.quants[s], out);
        }
        out
    }
}

/// 17 bytes for 32 elements: v = 2^(e − 128)·t(q), where e is the first byte.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Mxfp4 {
    exponent: u8,
    quants: [u8; 16],
}

impl Block<32> for Mxfp4 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let e = u32::from(self.exponent);
        // The two smallest scales are subnormal.
        let scale = if e < 2 { 0x0020_0000 << e } else { (e - 1) << 23 };
        choose(&FP4, f32::from_bits(scale), &self.quants, &mut out);
        out
    }
}
