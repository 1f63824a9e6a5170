//! The checksum that ties a code to its vector.
//!
//! The bytes, padded with zeros, are blocks of 16 little-endian words of 64 bits. With the key kᵢ + b·[`STEP`] of word i of
//! block b, t = word ⊕ key, and
//!
//! > S = n + Σ (t mod 2³²)·⌊t / 2³²⌋ mod 2⁶⁴, n the number of bytes,
//!
//! the checksum is the upper half of S after the finalizer of MurmurHash3. The products are those of NH (Black, Halevi,
//! Krawczyk, Krovetz and Rogaway 1999, "UMAC: Fast and Secure Message Authentication"), for which every level has an
//! instruction. Two different vectors have the same checksum with odds of about 1 in 2³²; it is no defence against somebody
//! who looks for two that do.

use crate::arch::{Simd, Task, padded};

/// Words of a block.
const WORDS: usize = 16;
/// Bytes of a block: as many as a block of single lanes has.
pub(super) const BLOCK: usize = 8 * WORDS;
/// What keys grow by from block to block: 2⁶⁴ divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The keys of the first block: the finalizer of 1 … 16 times [`STEP`].
const KEYS: [u64; WORDS] = {
    let mut keys = [0; WORDS];
    let mut i = 0;
    while i < WORDS {
        keys[i] = finalized(STEP.wrapping_mul(i as u64 + 1));
        i += 1;
    }
    keys
};

/// The finalizer of MurmurHash3.
const fn finalized(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ x >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ x >> 33
}

/// The sums of blocks.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    keys: [u64; WORDS],
    sums: [u64; WORDS],
}

impl Sums {
    pub(super) const NONE: Sums = Sums { keys: KEYS, sums: [0; WORDS] };

    #[inline(always)]
    pub(super) fn add(&mut self, block: &[u8; BLOCK]) {
        for (i, word) in block.as_chunks().0.iter().enumerate() {
            let t = u64::from_le_bytes(*word) ^ self.keys[i];
            self.sums[i] = self.sums[i].wrapping_add((t & 0xFFFF_FFFF).wrapping_mul(t >> 32));
            self.keys[i] = self.keys[i].wrapping_add(STEP);
        }
    }

    /// The checksum of the blocks' `bytes`.
    #[inline(always)]
    pub(super) fn finish(&self, bytes: usize) -> u32 {
        let sum = self.sums.iter().fold(bytes as u64, |sum, lane| sum.wrapping_add(*lane));
        (finalized(sum) >> 32) as u32
    }
}

/// The checksum of a vector's bytes.
pub(super) struct Checksum<'a>(pub(super) &'a [u8]);

impl Task for Checksum<'_> {
    type Output = u32;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> u32 {
        let (blocks, tail) = self.0.as_chunks();
        let mut sums = Sums::NONE;
        for block in blocks {
            sums.add(block);
        }
        if !tail.is_empty() {
            sums.add(&padded(tail));
        }
        sums.finish(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::arch::Level;

    fn checksum(bytes: &[u8]) -> u32 {
        let found: Vec<u32> = Level::available().iter().map(|level| level.run(Checksum(bytes))).collect();
        assert!(found.iter().all(|sum| *sum == found[0]), "{found:?}");
        found[0]
    }

    /// By the definition, word by word.
    #[test]
    fn is_what_it_is_defined_to_be() {
        for n in [0usize, 1, 8, 127, 128, 129, 1000] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * i + 7 * i) as u8).collect();
            let mut sum = n as u64;
            for (at, word) in bytes.chunks(8).enumerate() {
                let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                let t = word ^ KEYS[at % 16].wrapping_add((at as u64 / 16).wrapping_mul(STEP));
                sum = sum.wrapping_add((t % (1 << 32)).wrapping_mul(t >> 32));
            }
            // The words that fill the last block.
            for at in n.div_ceil(8)..n.next_multiple_of(BLOCK) / 8 {
                let key = KEYS[at % 16].wrapping_add((at as u64 / 16).wrapping_mul(STEP));
                sum = sum.wrapping_add((key % (1 << 32)).wrapping_mul(key >> 32));
            }
            assert_eq!(checksum(&bytes), (finalized(sum) >> 32) as u32, "{n} bytes");
        }
    }

    #[test]
    fn changes_that_vectors_undergo_change_it() {
        let vector: Vec<f32> = (0..200).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
        let bytes = |vector: &[f32]| vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let mut seen = HashSet::new();
        let mut new = |vector: &[f32], what: &str| {
            assert!(seen.insert(checksum(&bytes(vector))), "{what}");
        };
        new(&vector, "itself");
        new(&vector.iter().map(|x| -x).collect::<Vec<_>>(), "of the other sign");
        for factor in [2.0, 0.5, 1.0001] {
            new(&vector.iter().map(|x| x * factor).collect::<Vec<_>>(), "scaled");
        }
        for i in 0..vector.len() {
            new(&vector[..i], "shortened");
            for bit in 0..32 {
                let mut other = vector.clone();
                other[i] = f32::from_bits(other[i].to_bits() ^ 1 << bit);
                new(&other, "another bit");
            }
            if i > 0 {
                let mut other = vector.clone();
                other.rotate_left(i);
                new(&other, "rotated");
            }
        }
        for i in 0..150 {
            let mut other = vector.clone();
            other.swap(i, i + 1 + i % 40);
            if other != vector {
                new(&other, "two components exchanged");
            }
        }
        new(&[vector.clone(), vec![0.0]].concat(), "a zero more");
    }
}
