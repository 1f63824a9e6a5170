//! Landmarks of rows that are read in parts, several times.

use std::ops::Range;

use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::spatial::basis::landmarks::{Sum, distances, first_dimension, widened};

/// Chooses landmarks from rows that need not be in memory at once: the caller passes all rows in parts, again and again.
///
/// The choice is that of [`landmarks`](crate::spatial::landmarks) for ids that rise with the rows, with the same bits for
/// any parts. It takes `count` + 2 passes, one more if the sum of the rows leaves the range of doubles, and holds eight bytes a
/// row.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Vectors, spatial::Landmarking};
/// let parts = [Vectors::matrix(&[0.0, 0.0, 1.0, 0.0], 2)?, Vectors::matrix(&[9.0, 0.0, 2.0, 3.0], 2)?];
/// let mut choosing = Landmarking::new(Compute::new(), 2);
/// while choosing.wants_rows() {
///     parts.iter().try_for_each(|part| choosing.add(part))?;
///     choosing.end_pass();
/// }
/// assert_eq!((choosing.chosen()[0].0, choosing.chosen()[1]), (2, (0, 9.0)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Landmarking {
    compute: Compute,
    count: usize,
    pass: Pass,
    /// Rows of the current pass so far.
    seen: usize,
    rows: usize,
    bytes: usize,
    width: Width,
    dimension: Option<usize>,
    /// Distances of the rows from the nearest landmark, or from the mean; −1 for NULL rows.
    nearest: Vec<f64>,
    /// The row that is farthest in the current pass, its distance, and its vector.
    farthest: Option<(usize, f64, Vec<u8>)>,
    chosen: Vec<(usize, f64)>,
}

#[derive(Clone, Debug)]
enum Pass {
    /// Counts the rows.
    Count,
    /// Adds them up in the blocks in which the whole would be added.
    Mean { blocks: Vec<Range<usize>>, at: usize, sum: Sum, total: Sum },
    /// Measures them from this vector.
    Measure(Vec<u8>),
    /// All are chosen.
    Done,
}

impl Landmarking {
    /// Starts without rows, to choose so many landmarks.
    pub fn new(compute: Compute, count: usize) -> Landmarking {
        Landmarking {
            compute,
            count,
            pass: Pass::Count,
            seen: 0,
            rows: 0,
            bytes: 0,
            width: Width::F32,
            dimension: None,
            nearest: Vec::new(),
            farthest: None,
            chosen: Vec::new(),
        }
    }

    /// Whether all rows are wanted once more.
    pub fn wants_rows(&self) -> bool {
        !matches!(self.pass, Pass::Done)
    }

    /// Bytes of all vectors, in the width in which they are computed; known after the first pass.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next part of the current pass.
    ///
    /// # Errors
    ///
    /// As [`landmarks`](crate::spatial::landmarks); a row is counted from the start of the pass.
    ///
    /// # Panics
    ///
    /// If a pass has more rows than the first one, or if no more rows are wanted.
    pub fn add(&mut self, part: &Vectors<'_>) -> Result<(), Error> {
        let start = self.seen;
        self.seen += part.len();
        match &mut self.pass {
            Pass::Count => {
                self.rows += part.len();
                self.bytes += part.bytes().len();
                self.width = part.width();
                self.dimension = self.dimension.or_else(|| first_dimension(part));
                Ok(())
            }
            Pass::Mean { blocks, at, sum, total } => {
                let mut row = start;
                while row < self.seen {
                    let end = blocks[*at].end.min(self.seen);
                    let added = sum.add(part, row - start..end - start);
                    added.map_err(|error| error.after_rows(start as u64))?;
                    row = end;
                    if row == blocks[*at].end {
                        total.add_sum(sum);
                        *sum = sum.emptied();
                        *at += 1;
                    }
                }
                Ok(())
            }
            Pass::Measure(from) => {
                let distances = distances(self.compute, part, from)?;
                let nearest = &mut self.nearest[start..self.seen];
                for (row, (nearest, distance)) in nearest.iter_mut().zip(distances).enumerate() {
                    // Distances from the mean choose the first landmark only.
                    *nearest = if self.chosen.len() < 2 { distance } else { nearest.min(distance) };
                    let farther = self.farthest.as_ref().is_none_or(|(_, most, _)| *nearest > *most);
                    if *nearest >= 0.0 && farther {
                        let vector = part.row(row).unwrap_or_default().to_vec();
                        self.farthest = Some((start + row, *nearest, vector));
                    }
                }
                Ok(())
            }
            Pass::Done => panic!("all landmarks are chosen"),
        }
    }

    /// Ends the current pass: all rows have been passed.
    ///
    /// # Panics
    ///
    /// If it had fewer rows than the first one.
    pub fn end_pass(&mut self) {
        assert_eq!(self.seen, self.rows, "each pass has all rows");
        self.seen = 0;
        self.pass = match std::mem::replace(&mut self.pass, Pass::Done) {
            Pass::Count if self.count > 0 && self.rows > 0 => self.adding(1.0),
            Pass::Count | Pass::Done => Pass::Done,
            Pass::Mean { total, .. } => match total.mean() {
                Some(mean) => {
                    self.nearest = vec![-1.0; self.rows];
                    Pass::Measure(widened(&mean, self.width))
                }
                None => self.adding(Sum::SMALL),
            },
            Pass::Measure(_) => match self.farthest.take() {
                Some((row, distance, vector)) if distance > 0.0 || self.chosen.is_empty() => {
                    self.chosen.push((row, distance));
                    if self.chosen.len() < self.count.min(self.rows) {
                        Pass::Measure(vector)
                    } else {
                        Pass::Done
                    }
                }
                _ => Pass::Done,
            },
        };
    }

    fn adding(&self, scale: f64) -> Pass {
        let sum = Sum::new(self.dimension.unwrap_or(0), scale);
        Pass::Mean { blocks: parallel::ranges(self.rows, self.bytes), at: 0, sum: sum.clone(), total: sum }
    }

    /// The landmarks in the order of choice: their rows, counted from 0, and their distances as those of
    /// [`landmarks`](crate::spatial::landmarks).
    pub fn chosen(&self) -> &[(usize, f64)] {
        &self.chosen
    }
}
