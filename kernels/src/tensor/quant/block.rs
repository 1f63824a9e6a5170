//! Shared by all layouts: blocks of known size, halves, and the loop over blocks.

use bytemuck::{AnyBitPattern, Pod, Zeroable};

use crate::arch::{Level, Simd, Task};

/// One block of a layout, as its bytes are in the payload: all fields are bytes, so it has no alignment and no gaps.
pub(super) trait Block<const ELEMENTS: usize>: AnyBitPattern {
    /// The block's elements. Must be `#[inline(always)]`, and so must everything it calls. Returned by value, because
    /// the compiler does not vectorize if block and output might overlap.
    fn decode(&self) -> [f32; ELEMENTS];
}

/// A half-precision number (IEEE 754 binary16), little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Half([u8; 2]);

impl Half {
    /// The half with these bits.
    #[inline(always)]
    pub(super) fn of(bits: u16) -> Half {
        Half(bits.to_le_bytes())
    }

    /// The same number in single precision: exact, subnormals included. A NaN keeps its sign and payload bits.
    ///
    /// It selects between integers, so that loops vectorize; no subnormal single is involved, so a process that flushes
    /// subnormals to zero gets the same result.
    #[inline(always)]
    pub(super) fn single(self) -> f32 {
        /// 2⁻²⁴: the unit of subnormal halves.
        const UNIT: f32 = 1.0 / (1 << 24) as f32;
        /// Converts the exponent of a half, bias 15, to that of a single, bias 127.
        const REBIAS: u32 = (127 - 15) << 23;
        let bits = u32::from(u16::from_le_bytes(self.0));
        let magnitude = bits & 0x7fff;
        let normal = (magnitude << 13) + REBIAS;
        let single = if magnitude < 0x0400 {
            (magnitude as i32 as f32 * UNIT).to_bits()
        } else if magnitude < 0x7c00 {
            normal
        } else {
            // Infinity and NaN: from exponent 31 + 112 to 255.
            normal + REBIAS
        };
        f32::from_bits(single | (bits & 0x8000) << 16)
    }
}

/// How to decode the blocks of one payload type.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Bytes of a block.
    pub(super) bytes: usize,
    /// Elements of a block.
    pub(super) elements: usize,
    /// Decodes whole blocks into as many elements as they hold.
    pub(super) decode: fn(Level, &[u8], &mut [f32]),
}

impl Layout {
    pub(super) const fn of<B: Block<ELEMENTS>, const ELEMENTS: usize>() -> Layout {
        Layout {
            bytes: size_of::<B>(),
            elements: ELEMENTS,
            decode: |level, bytes, out| {
                level.run(Blocks::<B, ELEMENTS> {
                    blocks: bytemuck::cast_slice(bytes),
                    out: out.as_chunks_mut().0,
                });
            },
        }
    }
}

struct Blocks<'a, B, const ELEMENTS: usize> {
    blocks: &'a [B],
    out: &'a mut [[f32; ELEMENTS]],
}

impl<B: Block<ELEMENTS>, const ELEMENTS: usize> Task for Blocks<'_, B, ELEMENTS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (block, out) in self.blocks.iter().zip(self.out) {
            *out = block.decode();
            // Does nothing, but keeps the compiler from vectorizing across blocks, with a load or store per element,
            // instead of across the elements of a block.
            if ELEMENTS > 1 {
                std::hint::black_box(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_becomes_the_same_single() {
        for bits in 0..=u16::MAX {
            let (got, expected) = (Half(bits.to_le_bytes()).single(), half::f16::from_bits(bits));
            if expected.is_nan() {
                let payload = u32::from(bits & 0x03ff) << 13 | u32::from(bits & 0x8000) << 16;
                assert_eq!(got.to_bits(), 0x7f80_0000 | payload, "{bits:#06x}");
            } else {
                assert_eq!(got.to_bits(), expected.to_f32().to_bits(), "{bits:#06x}");
            }
        }
    }
}
