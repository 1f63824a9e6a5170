//! Pseudorandom numbers that are the same everywhere.

/// SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// Uniform in [−1, 1), a multiple of 2⁻⁵².
    pub(crate) fn symmetric(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::midpoint(self.symmetric(), 1.0)
    }

    pub(crate) fn row(&mut self, dimension: usize) -> Vec<f64> {
        (0..dimension).map(|_| self.symmetric()).collect()
    }
}
