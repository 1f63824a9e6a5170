//! Prefetching of the next rows.

use crate::arch::Simd;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Prefetches the next panel while this one's tiles are computed, a part per tile.
pub(crate) struct Ahead<'a> {
    first: &'a [u8],
    /// Offset from the first row at which the next tile begins.
    next: usize,
    end: usize,
    /// Bytes per tile.
    step: usize,
    near: bool,
}

impl<'a> Ahead<'a> {
    /// `near`: into L1 instead of L2.
    pub(crate) fn new(panel: &[(usize, &'a [u8])], tiles: usize, near: bool) -> Self {
        let [(_, first), .., (_, last)] = panel else {
            return Ahead { first: &[], next: 0, end: 0, step: 0, near };
        };
        let size = panel.len() * first.len();
        // The position of scattered rows does not predict the next ones.
        let consecutive =
            (last.as_ptr() as usize).wrapping_sub(first.as_ptr() as usize) == size - first.len();
        let end = if consecutive { 2 * size } else { size };
        Ahead { first, next: size, end, step: size.div_ceil(tiles).next_multiple_of(LINE), near }
    }

    /// One tile's part, spread over its blocks: a burst would take all line-fill buffers from the running loads.
    #[inline(always)]
    pub(crate) fn next(&mut self, blocks: usize) -> Asks<'a> {
        let next = self.next;
        self.next = self.end.min(next + self.step);
        Asks {
            first: self.first,
            next,
            due: next,
            advance: (self.next - next).div_ceil(blocks),
            near: self.near,
        }
    }
}

/// One tile's part of a panel's prefetches.
pub(crate) struct Asks<'a> {
    first: &'a [u8],
    next: usize,
    due: usize,
    /// Bytes per block.
    advance: usize,
    near: bool,
}

impl Asks<'_> {
    /// Prefetches one block's part.
    #[inline(always)]
    pub(crate) fn ask<S: Simd>(&mut self, simd: S) {
        self.due += self.advance;
        while self.next < self.due {
            if self.near {
                simd.prefetch_near(self.first, self.next);
            } else {
                simd.prefetch(self.first, self.next);
            }
            self.next += LINE;
        }
    }
}
