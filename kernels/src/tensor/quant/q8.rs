//! Eight bits per element: Q8_0.

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Half};

/// 34 bytes for 32 elements: v = d·q.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q8_0 {
    d: Half,
    quants: [i8; 32],
}

impl Block<32> for Q8_0 {
    #[inline(always)]
    fn decode(&self) -> [f32; 32] {
        let mut out = [0.0; 32];
        let d = self.d.single();
        for (value, quant) in out.iter_mut().zip(&self.quants) {
            *value = d * f32::from(*quant);
        }
        out
    }
}
