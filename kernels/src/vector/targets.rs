//! The nearest of a few vectors for each row.

use crate::arch::{Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::pairwise::precision::{Accumulate, with_precision};
use crate::pairwise::reduce::{Dot, Pair};
use crate::pairwise::tiles::Tiles;
use crate::parallel::{self, PANEL};
use crate::vector::Metric;
use crate::vector::nearest_rows::panel_distances;

/// The nearest of the vectors looked at, and how far the next one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) index: u32,
    pub(crate) distance: f64,
    /// Infinite where there is only one.
    pub(crate) second: f64,
}

/// Distances with the bits of `vector_distance`, rows against vectors that are all as long.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) compute: Compute,
    pub(crate) metric: Metric,
    pub(crate) vectors: &'a [&'a [u8]],
    /// One of them, as errors speak of it.
    pub(crate) name: &'a str,
}

impl Targets<'_> {
    /// The nearest vector of each listed row, none of which is NULL; the first of equal ones, and after all others NaN.
    /// `work` is the size of the input that the rows stand for.
    pub(crate) fn nearest(&self, rows: &Vectors<'_>, list: &[usize]) -> Result<Vec<Nearest>, Error> {
        let none = |index| Nearest { index, distance: f64::NAN, second: f64::NAN };
        let mut out = vec![none(0); list.len()];
        let packed = Packed::default();
        let row_bytes = rows.bytes().len() / rows.len().max(1);
        parallel::rows_into(list.len(), list.len() * row_bytes * self.weight(), &mut out, |range, out| {
            self.compute.level.run(Scan {
                targets: *self,
                rows,
                list: &list[range],
                packed: &packed,
                each: |at: usize, distances: &[f64], panel: usize| {
                    let mut found = Nearest { index: 0, distance: f64::INFINITY, second: f64::INFINITY };
                    for (index, distances) in distances.chunks_exact(PANEL).enumerate() {
                        let distance = distances[panel];
                        if distance < found.distance {
                            let second = found.distance;
                            found = Nearest { index: index as u32, distance, second };
                        } else if distance < found.second {
                            found.second = distance;
                        }
                    }
                    if found.distance == f64::INFINITY {
                        // None is smaller: all are +∞ or NaN.
                        let one = distances.chunks_exact(PANEL).position(|d| !d[panel].is_nan()).unwrap_or(0);
                        found.index = one as u32;
                        found.distance = distances[one * PANEL + panel];
                    }
                    out[at] = found;
                },
            })
        })?;
        Ok(out)
    }

    /// Calls `each` with the listed rows' distances from all vectors: the row's position in the list, and its distances.
    pub(crate) fn distances(
        &self,
        rows: &Vectors<'_>,
        list: &[usize],
        mut each: impl FnMut(usize, &mut dyn Iterator<Item = f64>),
    ) -> Result<(), Error> {
        self.compute.level.run(Scan {
            targets: *self,
            rows,
            list,
            packed: &Packed::default(),
            each: |at: usize, distances: &[f64], panel: usize| {
                each(at, &mut distances.chunks_exact(PANEL).map(|d| d[panel]));
            },
        })
    }

    /// Work for each byte of a row, in bytes that are read.
    fn weight(&self) -> usize {
        (self.vectors.len() / 8).max(1)
    }
}

struct Scan<'a, F> {
    targets: Targets<'a>,
    rows: &'a Vectors<'a>,
    list: &'a [usize],
    packed: &'a Packed,
    each: F,
}

impl<F: FnMut(usize, &[f64], usize)> Task for Scan<'_, F> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Self::Output {
        let Targets { compute, metric, vectors, name } = self.targets;
        let (width, accumulate): (_, Accumulate) = (self.rows.width(), compute.accumulate);
        let mut distances = vec![0.0; vectors.len() * PANEL];
        let mut panel: Vec<(usize, &[u8])> = Vec::with_capacity(PANEL);
        let copied = (!metric.of_differences()).then_some(self.packed);
        with_precision!(width, accumulate, M => {
            let mut squares = vec![0.0; vectors.len()];
            if metric == Metric::Cosine {
                for (square, vector) in squares.iter_mut().zip(vectors) {
                    *square = simd.run(Pair { form: Dot, width, accumulate, a: vector, b: vector });
                }
            }
            let mut tiles = Tiles::<M, S>::new(simd, vectors, copied).scattered();
            for (chunk, list) in self.list.chunks(PANEL).enumerate() {
                panel.clear();
                for row in list {
                    let bytes = self.rows.row(*row).unwrap_or_default();
                    if bytes.len() != vectors[0].len() {
                        let n = vectors[0].len() / width.bytes();
                        return Err(self.rows.mismatch(*row, Place::whole(name), n));
                    }
                    panel.push((*row, bytes));
                }
                panel_distances::<M, S>(simd, metric, &mut tiles, (vectors, &squares), &panel, &mut distances);
                for i in 0..list.len() {
                    (self.each)(chunk * PANEL + i, &distances, i);
                }
            }
        });
        Ok(())
    }
}
