//! Averages of groups whose rows come and go.
//!
//! Exact sums do not depend on the order of their terms, so a row that leaves a group is subtracted, and what remains has
//! the bits of a sum that never held it.

use super::aggregate::LARGE;
use super::average::averages;
use super::sums::{Row, STRIP, Signed, Sums, Term};
use crate::arch::{Level, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::parallel;

/// Sums of the rows of each group, finite vectors of one dimension.
pub(crate) struct Running {
    /// Each row's group when the sums were last brought up to date; `u32::MAX` for none.
    groups: Vec<u32>,
    counts: Vec<i64>,
    width: Width,
    level: Level,
    totals: Totals,
}

enum Totals {
    Singles(Vec<Sums<Signed<2>>>),
    Doubles(Vec<Sums<Signed<3>>>),
}

/// A row that comes to a group (weight 1) or leaves it (weight −1).
type Change = (usize, f64);

impl Running {
    /// Bytes of the sums.
    pub(crate) fn bytes(width: Width, groups: usize, n: usize) -> u64 {
        let one = match width {
            Width::F32 => Sums::<Signed<2>>::bytes(n),
            Width::F64 => Sums::<Signed<3>>::bytes(n),
        };
        one.saturating_mul(groups as u64)
    }

    /// Of `groups` groups without rows, each of vectors of `n` dimensions.
    pub(crate) fn new(compute: Compute, vectors: &Vectors<'_>, groups: usize, n: usize) -> Running {
        let width = vectors.width();
        let totals = match width {
            Width::F32 => Totals::Singles((0..groups).map(|_| Sums::new(n)).collect()),
            Width::F64 => Totals::Doubles((0..groups).map(|_| Sums::new(n)).collect()),
        };
        Running {
            groups: vec![u32::MAX; vectors.len()],
            counts: vec![0; groups],
            width,
            level: compute.level,
            totals,
        }
    }

    /// Moves the listed rows to the groups that they have now.
    pub(crate) fn update(
        &mut self,
        vectors: &Vectors<'_>,
        list: &[usize],
        group: impl Fn(usize) -> u32,
    ) -> Result<(), Error> {
        let mut changes: Vec<Vec<Change>> = vec![Vec::new(); self.counts.len()];
        for row in list {
            let (now, before) = (group(*row), &mut self.groups[*row]);
            if now == *before {
                continue;
            }
            if *before != u32::MAX {
                changes[*before as usize].push((*row, -1.0));
                self.counts[*before as usize] -= 1;
            }
            changes[now as usize].push((*row, 1.0));
            self.counts[now as usize] += 1;
            *before = now;
        }
        let change = Changes { vectors, width: self.width, level: self.level };
        match &mut self.totals {
            Totals::Singles(sums) => change.all(sums, &changes),
            Totals::Doubles(sums) => change.all(sums, &changes),
        }
    }

    /// Writes the averages of all groups that have rows, with the bits of [`super::average()`] rounded to the vectors'
    /// width; `out` has a place for each group.
    pub(crate) fn averages(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let Running { counts, width, totals, .. } = self;
        match totals {
            Totals::Singles(sums) => write(*width, counts, sums, out),
            Totals::Doubles(sums) => write(*width, counts, sums, out),
        }
    }
}

fn write<T: Term>(width: Width, counts: &[i64], sums: &mut [Sums<T>], out: &mut [u8]) -> Result<(), Error> {
    let (bytes, size) = (64 * out.len(), out.len() / counts.len().max(1));
    let pieces = counts.iter().zip(sums).zip(out.chunks_mut(size.max(1)));
    parallel::each(pieces, bytes, |((count, sums), out)| {
        if *count == 0 {
            return Ok(());
        }
        let mut values = vec![0.0; size / width.bytes()];
        averages(sums, *count as f64, &mut values);
        match width {
            Width::F32 => {
                for (out, v) in out.as_chunks_mut().0.iter_mut().zip(&values) {
                    *out = (*v as f32).to_le_bytes();
                }
            }
            Width::F64 => {
                for (out, v) in out.as_chunks_mut().0.iter_mut().zip(&values) {
                    *out = v.to_le_bytes();
                }
            }
        }
        Ok(())
    })
}

/// What changes, and how it is added.
struct Changes<'a> {
    vectors: &'a Vectors<'a>,
    width: Width,
    level: Level,
}

impl Changes<'_> {
    /// Makes the changes of all groups: those with many by all threads, one after the other, the others side by side.
    fn all<T: Term>(&self, sums: &mut [Sums<T>], changes: &[Vec<Change>]) -> Result<(), Error> {
        let n = sums.first().map_or(0, Sums::dimensions);
        let row_bytes = n * self.width.bytes();
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for (sums, changes) in sums.iter_mut().zip(changes) {
            let is_large = changes.len() * row_bytes > LARGE;
            if is_large { &mut many } else { &mut few }.push((sums, changes.as_slice()));
        }
        let bytes = changes.iter().map(Vec::len).sum::<usize>() * row_bytes;
        parallel::each(few, bytes, |(sums, changes)| {
            self.level.run(Make { changes: self, sums, rows: changes });
            Ok(())
        })?;
        for (sums, changes) in many {
            let none = || Sums::new(n);
            let part = parallel::fold(
                changes.len(),
                changes.len() * row_bytes,
                none,
                |part, range| {
                    self.level.run(Make { changes: self, sums: part, rows: &changes[range] });
                    Ok(())
                },
                Sums::merged,
            )?;
            let before = std::mem::replace(sums, none());
            *sums = before.merged(part);
        }
        Ok(())
    }
}

/// Adds the rows of one group's changes.
struct Make<'a, T> {
    changes: &'a Changes<'a>,
    sums: &'a mut Sums<T>,
    rows: &'a [Change],
}

impl<T: Term> Task for Make<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let strip = |changes: &[Change]| {
            let mut strip: [Row<'_>; STRIP] = [(&[], 0.0); STRIP];
            for (place, (row, weight)) in strip.iter_mut().zip(changes) {
                *place = (self.changes.vectors.row(*row).unwrap_or_default(), *weight);
            }
            (strip, changes.len())
        };
        let mut strips = self.rows.chunks(STRIP).map(strip).peekable();
        while let Some((rows, count)) = strips.next() {
            let next = strips.peek().map_or(&[][..], |(next, count)| &next[..*count]);
            let added = self.sums.add(simd, self.changes.width, &rows[..count], next);
            debug_assert!(added.is_ok(), "the vectors are finite");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{self, By};

    #[test]
    fn rows_that_come_and_go_leave_the_averages_of_those_that_are_there() {
        // Numbers of widely different magnitudes, so that some leave every window.
        let value = |i: usize| {
            let h = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            ((h % 2001) as f64 - 1000.0) * [1.0, 1e-9, 1e-30, 3e20][h % 4]
        };
        let n = 37;
        let doubles: Vec<f64> = (0..500 * n).map(value).collect();
        let singles: Vec<f32> = doubles.iter().map(|v| *v as f32).collect();
        let (doubles, singles): (&[u8], &[u8]) =
            (bytemuck::cast_slice(&doubles), bytemuck::cast_slice(&singles));
        for (element, bytes) in [("f32", singles), ("f64", doubles)] {
            let element = crate::Element::parse(element).unwrap();
            let vectors = Vectors::packed_matrix("v", element, bytes, n).unwrap();
            let compute = Compute::new();
            let mut running = Running::new(compute, &vectors, 4, n);
            let list: Vec<usize> = (0..500).filter(|row| row % 50 != 7).collect();
            for round in 0..6usize {
                let group = |row: usize| ((row / (round + 1) + round * row / 77) % 4) as u32;
                running.update(&vectors, &list, group).unwrap();
                let mut out = vec![0; 4 * n * element.size()];
                running.averages(&mut out).unwrap();
                let keys: Vec<Option<i64>> =
                    (0..500).map(|row| (row % 50 != 7).then(|| i64::from(group(row)))).collect();
                let expected = group::average(&By::new(&keys).as_input(), &vectors).unwrap();
                let skipped = expected.results[0].bytes.len() - out.len();
                let size = element.size();
                for (at, (a, b)) in
                    expected.results[0].bytes[skipped..].chunks(size).zip(out.chunks(size)).enumerate()
                {
                    assert_eq!(a, b, "{element:?}, round {round}, group {}, component {}", at / n, at % n);
                }
            }
        }
    }
}
