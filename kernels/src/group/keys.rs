//! Rows by group.

use rayon::prelude::*;

use crate::error::Error;
use crate::memory::room;
use crate::parallel;
use crate::parallel::pool;

/// The rows of each group, groups by ascending key with NULL first, rows in input order.
pub(crate) struct Groups {
    /// Input rows, group after group; empty where the input has them so already.
    order: Vec<usize>,
    /// Where each group begins in that order, and the end.
    starts: Vec<usize>,
    pub(crate) keys: Vec<Option<i64>>,
}

impl Groups {
    /// Groups rows by their keys.
    pub(crate) fn of(keys: &[Option<i64>]) -> Result<Groups, Error> {
        let mut order: Vec<usize> = Vec::new();
        // `None` is less than every key.
        if !keys.is_sorted() {
            order = room("the order of the groups", keys.len())?;
            order.extend(0..keys.len());
            if parallel::splits(keys.len(), keys.len() * 64) {
                pool::enter(|| order.par_sort_unstable_by_key(|row| (keys[*row], *row)))?;
            } else {
                order.sort_unstable_by_key(|row| (keys[*row], *row));
            }
        }
        let row = |at: usize| order.get(at).copied().unwrap_or(at);
        let mut groups = Groups { starts: Vec::new(), keys: Vec::new(), order: Vec::new() };
        for at in 0..keys.len() {
            let key = keys[row(at)];
            if groups.keys.last() != Some(&key) {
                groups.starts.push(at);
                groups.keys.push(key);
            }
        }
        groups.starts.push(keys.len());
        groups.order = order;
        Ok(groups)
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The places of a group's rows, for [`Groups::row`].
    pub(crate) fn places(&self, group: usize) -> std::ops::Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    /// The input row at that place.
    #[inline]
    pub(crate) fn row(&self, place: usize) -> usize {
        if self.order.is_empty() { place } else { self.order[place] }
    }

    /// The input rows of a group.
    pub(crate) fn rows(&self, group: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.places(group).map(|place| self.row(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sorted_and_rows_keep_their_order() {
        let keys = [Some(5), None, Some(-1), Some(5), None, Some(7)];
        let groups = Groups::of(&keys).unwrap();
        assert_eq!(groups.keys, [None, Some(-1), Some(5), Some(7)]);
        let rows: Vec<Vec<usize>> = (0..groups.len()).map(|g| groups.rows(g).collect()).collect();
        assert_eq!(rows, [vec![1, 4], vec![2], vec![0, 3], vec![5]]);
        let sorted = Groups::of(&[None, Some(1), Some(1), Some(2)]).unwrap();
        assert!(sorted.order.is_empty());
        assert_eq!(sorted.places(1), 1..3);
        assert_eq!(Groups::of(&[]).unwrap().len(), 0);
    }
}
