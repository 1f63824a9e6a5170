//! Disjoint sets.

/// Disjoint sets of numbers from 0 on, each a tree with its least number at the root.
pub(super) struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    /// `n` sets of one number. A column has fewer than 2³¹ rows.
    pub(super) fn new(n: usize) -> Forest {
        Forest { parents: (0..n as u32).collect() }
    }

    /// The least number of a set.
    pub(super) fn root(&mut self, mut i: usize) -> usize {
        while self.parents[i] as usize != i {
            // Each second edge is shortened on the way.
            self.parents[i] = self.parents[self.parents[i] as usize];
            i = self.parents[i] as usize;
        }
        i
    }

    /// Makes one set of those of two numbers.
    pub(super) fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b) as u32;
    }

    /// Unites what another forest of the same numbers has united.
    pub(super) fn join(&mut self, other: &Forest) {
        other.parents.iter().enumerate().for_each(|(i, parent)| self.unite(i, *parent as usize));
    }
}
