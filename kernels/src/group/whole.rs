//! Groups of which a result needs all vectors at once.

use super::aggregate::{LARGE, Source, is_finite};
use super::sums::Row;
use crate::error::Error;
use crate::memory::check_memory;
use crate::number::element::Width;
use crate::parallel;

/// A group's vectors that count, all of `n` dimensions and finite.
pub(super) struct Members<'a> {
    pub(super) n: usize,
    pub(super) width: Width,
    pub(super) rows: Vec<Row<'a>>,
}

impl Members<'_> {
    /// Component `j` of a row.
    #[inline]
    pub(super) fn number(&self, row: usize, j: usize) -> f64 {
        let bytes = self.rows[row].0;
        match self.width {
            Width::F32 => f64::from(f32::from_le_bytes(bytes.as_chunks().0[j])),
            Width::F64 => f64::from_le_bytes(bytes.as_chunks().0[j]),
        }
    }

    /// All numbers as doubles, row after row.
    pub(super) fn doubles(&self) -> Vec<f64> {
        (0..self.rows.len()).flat_map(|row| (0..self.n).map(move |j| self.number(row, j))).collect()
    }

    /// Puts the rows into the order of their numbers, whatever order they came in: rows that compare equal are the same.
    pub(super) fn sort(&mut self) {
        let width = self.width;
        let key = |bytes: &[u8], j: usize| match width {
            Width::F32 => f64::from(f32::from_le_bytes(bytes.as_chunks().0[j])),
            Width::F64 => f64::from_le_bytes(bytes.as_chunks().0[j]),
        };
        let n = self.n;
        self.rows.sort_unstable_by(|(a, _), (b, _)| {
            (0..n)
                .map(|j| key(a, j).total_cmp(&key(b, j)))
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    }
}

/// What `work` makes of each group with vectors, and how many count. Groups are shared among threads; for the large ones
/// `work` may share its own. It takes `bytes` for each byte of vectors.
pub(super) fn whole<T: Send>(
    source: &Source<'_>,
    bytes: u64,
    work: impl Fn(&mut Members<'_>) -> Result<T, Error> + Sync,
) -> Result<Vec<(Option<T>, i64)>, Error> {
    let width = source.vectors.width();
    let size = |group: usize| source.groups.places(group).len() * source.dimensions(group) * width.bytes();
    let one = |group: usize| {
        let n = source.dimensions(group);
        let mut members = Members { n, width, rows: Vec::new() };
        for row in source.groups.rows(group) {
            if let Some(found) = source.row(row, n)? {
                if !is_finite(width, found.0) {
                    return Err(source.unfit(row));
                }
                members.rows.push(found);
            }
        }
        let count = members.rows.len() as i64;
        let made = if count > 0 { Some(work(&mut members)?) } else { None };
        Ok((made, count))
    };
    let (groups, all) = (source.groups.len(), source.vectors.bytes().len());
    let sizes: Vec<usize> = (0..groups).map(size).collect();
    let most = sizes.iter().copied().max().unwrap_or(0) as u64;
    let shared = most.min(LARGE as u64) * parallel::workers(all) as u64;
    check_memory("the vectors of a group", most.max(shared).saturating_mul(bytes), source.by.limit)?;
    let blocks = parallel::blocks(groups, all, |range| {
        range
            .map(|group| if sizes[group] > LARGE { Ok((None, 0)) } else { one(group) })
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut made: Vec<_> = blocks.into_iter().flatten().collect();
    for group in (0..groups).filter(|group| sizes[*group] > LARGE) {
        made[group] = one(group)?;
    }
    Ok(made)
}

/// Rows left out of each group.
pub(super) fn left_out<T>(source: &Source<'_>, made: &[(Option<T>, i64)]) -> Vec<i64> {
    made.iter().enumerate().map(|(g, (_, count))| source.groups.places(g).len() as i64 - count).collect()
}
