//! Asking for rows before they are needed.

use crate::arch::Simd;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the panel that follows in memory, a part of it in each tile, so that it comes while the tiles are computed.
pub(crate) struct Ahead<'a> {
    first: &'a [u8],
    /// Where the next tile begins to ask, behind the first row.
    next: usize,
    end: usize,
    /// Bytes for each tile.
    step: usize,
    near: bool,
}

impl<'a> Ahead<'a> {
    /// `near`: whether the first-level cache is asked for, and not the second.
    pub(crate) fn new(panel: &[(usize, &'a [u8])], tiles: usize, near: bool) -> Self {
        let [(_, first), .., (_, last)] = panel else {
            return Ahead { first: &[], next: 0, end: 0, step: 0, near };
        };
        let size = panel.len() * first.len();
        // Rows that lie anywhere say nothing of the next ones.
        let consecutive =
            (last.as_ptr() as usize).wrapping_sub(first.as_ptr() as usize) == size - first.len();
        let end = if consecutive { 2 * size } else { size };
        Ahead { first, next: size, end, step: size.div_ceil(tiles).next_multiple_of(LINE), near }
    }

    /// What a tile of so many blocks asks for. It asks all the time and never for much at once, which would leave no places to
    /// wait in for what is at work.
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

/// A tile's part of what is asked for.
pub(crate) struct Asks<'a> {
    first: &'a [u8],
    next: usize,
    due: usize,
    /// Bytes for each block.
    advance: usize,
    near: bool,
}

impl Asks<'_> {
    /// Asks for a block's part.
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
