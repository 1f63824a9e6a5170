//! The K-quants: super-blocks of 256 elements whose sub-blocks have their own quantized scales.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// The scales and minima of eight sub-blocks of 32 elements, six bits each, in Q4_K and Q5_K.
///
/// Bytes 0–3 hold scales 0–3 in their lower six bits, bytes 4–7 minima 0–3. Byte 8 + j holds the lower four bits of
/// scale 4 + j below those of minimum 4 + j; their upper two bits are the upper two of bytes j and 4 + j.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Scales([u8; 12]);

impl Scales {
    /// Per sub-block, d·scale and dmin·minimum.
    #[inline(always)]
    fn times(&self, d: Half, dmin: Half) -> ([f32; 8], [f32; 8]) {
        let (d, dmin, bytes) = (d.single(), dmin.single(), &self.0);
        let (mut scales, mut minima) = ([0.0; 8], [0.0; 8]);
        for j in 0..4 {
            scales[j] = d * f32::from(bytes[j] & 63);
            minima[j] = dmin * f32::from(bytes[j + 4] & 63);
            scales[j + 4] = d * f32::from(bytes[j + 8] & 15 | (bytes[j] >> 2) & 48);
            minima[j + 4] = dmin * f32::from(bytes[j + 8] >> 4 | (bytes[j + 4] >> 2) & 48);
        }
        (scales, minima)
    }
}

/// 144 bytes for 256 elements: v = (d·scale)·q − dmin·minimum.
///
/// Bytes 32·i to 32·i + 31 of the quants hold sub-block 2·i in their lower halves and 2·i + 1 in their upper halves.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q4K {
    d: Half,
    dmin: Half,
    scales: Scales,
    quants: [[u8; 32]; 4],
}

impl Block<256> for Q4K {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let (scales, minima) = self.scales.times(self.d, self.dmin);
        for (i, (out, quants)) in out.as_chunks_mut::<64>().0.iter_mut().zip(&self.quants).enumerate() {
            let (s, m) = (&scales[2 * i..2 * i + 2], &minima[2 * i..2 * i + 2]);
            let (first, second) = out.split_at_mut(32);
            for ((first, second), byte) in first.iter_mut().zip(second).zip(quants) {
                *first = s[0] * f32::from(byte & 15) - m[0];
                *second = s[1] * f32::from(byte >> 4) - m[1];
            }
        }
        out
    }
}

/// 176 bytes for 256 elements: as [`Q4K`], where bit s of byte j of `fifth` is the fifth bit of element j of sub-block
/// s.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q5K {
    d: Half,
    dmin: Half,
    scales: Scales,
    fifth: [u8; 32],
    quants: [[u8; 32]; 4],
}

impl Block<256> for Q5K {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let (scales, minima) = self.scales.times(self.d, self.dmin);
        for (i, (out, quants)) in out.as_chunks_mut::<64>().0.iter_mut().zip(&self.quants).enumerate() {
            let (s, m) = (&scales[2 * i..2 * i + 2], &minima[2 * i..2 * i + 2]);
            let (first, second) = out.split_at_mut(32);
            for (((first, second), byte), fifth) in first.iter_mut().zip(second).zip(quants).zip(&self.fifth)
            {
                let bits = fifth >> (2 * i);
                *first = s[0] * f32::from(byte & 15 | (bits & 1) << 4) - m[0];
                *second = s[1] * f32::from(byte >> 4 | (bits & 2) << 3) - m[1];
            }
        }
        out
    }
}

/// 210 bytes for 256 elements: v = (d·scale)·(q − 32), a signed scale for every 16 elements.
///
/// Each half of 128 elements is four runs of 32. Its 64 bytes of `low` hold the lower four bits of run 0, then of run
/// 1, in their lower halves, and those of runs 2 and 3 in their upper halves; bits 2·r and 2·r + 1 of its 32 bytes of
/// `high` are the upper two bits of run r.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q6K {
    low: [[u8; 64]; 2],
    high: [[u8; 32]; 2],
    scales: [[i8; 8]; 2],
    d: Half,
}

impl Block<256> for Q6K {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let d = self.d.single();
        for (h, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            let (low, high, scales) = (&self.low[h], &self.high[h], &self.scales[h]);
            for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                let (run, start) = (part / 2, part % 2 * 16);
                let scale = d * f32::from(scales[part]);
                let low = &low[run % 2 * 32 + start..][..16];
                let high = &high[start..][..16];
                for ((value, low), high) in out.iter_mut().zip(low).zip(high) {
                    let quant = low >> (run / 2 * 4) & 15 | (high >> (run * 2) & 3) << 4;
                    *value = scale * (i32::from(quant) - 32) as f32;
                }
            }
        }
        out
    }
}

/// 84 bytes for 256 elements: v = (d·scale)·q − dmin·minimum, a scale and a minimum for every 16 elements.
///
/// Byte k of `scales` holds scale k below minimum k, four bits each. Each half of 128 elements is four runs of 32; bits
/// 2·r and 2·r + 1 of its 32 bytes of `quants` are the quants of run r.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q2K {
    scales: [[u8; 8]; 2],
    quants: [[u8; 32]; 2],
    d: Half,
    dmin: Half,
}

impl Block<256> for Q2K {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let (d, dmin) = (self.d.single(), self.dmin.single());
        for (h, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                let (run, start) = (part / 2, part % 2 * 16);
                let packed = self.scales[h][part];
                let (scale, minimum) = (d * f32::from(packed & 15), dmin * f32::from(packed >> 4));
                for (value, quants) in out.iter_mut().zip(&self.quants[h][start..][..16]) {
                    *value = scale * f32::from(quants >> (2 * run) & 3) - minimum;
                }
            }
        }
        out
    }
}

/// 110 bytes for 256 elements: v = (d·(scale − 32))·(q − 4), a scale of six bits for every 16 elements.
///
/// The lower two bits of quants are stored as in [`Q2K`]; bit r + 4·h of byte j of `high` is the third bit of element j
/// of run r of half h. Bytes 0–7 of `scales` hold the lower four bits of scales 0–7, and above them those of 8–15; bits
/// 2·(k / 4) and the next of byte 8 + k % 4 are the upper two of scale k.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q3K {
    high: [u8; 32],
    quants: [[u8; 32]; 2],
    scales: [u8; 12],
    d: Half,
}

impl Block<256> for Q3K {
    #[inline(always)]
    fn decode(&self) -> [f32; 256] {
        let mut out = [0.0; 256];
        let d = self.d.single();
        for (h, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                let (run, start, k) = (part / 2, part % 2 * 16, 8 * h + part);
                let low = self.scales[k % 8] >> (k / 8 * 4) & 15;
                let upper = self.scales[8 + k % 4] >> (k / 4 * 2) & 3;
                let scale = d * (i32::from(low | upper << 4) - 32) as f32;
                let pairs = self.quants[h][start..][..16].iter().zip(&self.high[start..][..16]);
                for (value, (quants, high)) in out.iter_mut().zip(pairs) {
                    let quant = quants >> (2 * run) & 3 | (high >> (run + 4 * h) & 1) << 2;
                    *value = scale * (i32::from(quant) - 4) as f32;
                }
            }
        }
        out
    }
}
