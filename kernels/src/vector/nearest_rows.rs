//! The plain search: the distances of all rows, or of listed ones, and the best of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::pairwise::precision::{Accumulate, Precision, with_precision};
use crate::pairwise::reduce::{self, Dot, Euclidean, Manhattan, Pair};
use crate::pairwise::tiles::Tiles;
use crate::parallel;
use crate::parallel::PANEL;
use crate::vector::distance::{Metric, from_dot, from_similarity};

/// A candidate row. Candidates are ordered like the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) distance: f64,
    /// NULL ids come after all others.
    id: (bool, i64),
    pub(crate) row: usize,
}

impl Candidate {
    pub(crate) fn new(distance: f64, id: Option<i64>, row: usize) -> Candidate {
        Candidate { distance, id: (id.is_none(), id.unwrap_or(0)), row }
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        // `partial_cmp`, so that −0 and 0 are a tie; NaN is greater than every number.
        let by_distance = self.distance.partial_cmp(&other.distance);
        let by_distance = by_distance.unwrap_or_else(|| self.distance.is_nan().cmp(&other.distance.is_nan()));
        by_distance.then(self.id.cmp(&other.id)).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

/// Which rows a search is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// As many of the nearest.
    pub(crate) k: usize,
    /// Only rows at a greater distance; NaN is not left out.
    pub(crate) beyond: Option<f64>,
    /// Only rows at that distance or a smaller one, so none of distance NaN.
    pub(crate) within: Option<f64>,
    /// Rows that are left out: one flag a row.
    pub(crate) left_out: Option<&'a [bool]>,
}

impl<'a> Wanted<'a> {
    /// The `k` nearest of all rows.
    pub(crate) fn nearest(k: usize) -> Wanted<'a> {
        Wanted { k, beyond: None, within: None, left_out: None }
    }

    /// Whether a row is left out, whatever its distance.
    #[inline(always)]
    pub(crate) fn leaves_out(&self, row: usize) -> bool {
        self.left_out.is_some_and(|rows| rows[row])
    }

    /// Whether a row of that distance may be among the nearest.
    #[inline(always)]
    fn admits(&self, distance: f64) -> bool {
        self.beyond.is_none_or(|beyond| distance.is_nan() || distance > beyond)
            && self.within.is_none_or(|within| distance <= within)
    }
}

/// The best `k` candidates seen so far.
pub(crate) struct Best {
    k: usize,
    beyond: Option<f64>,
    within: Option<f64>,
    heap: BinaryHeap<Candidate>,
}

impl Best {
    pub(crate) fn new(k: usize) -> Best {
        Best::of(Wanted::nearest(k))
    }

    /// The best of the rows that are wanted; which rows are left out is the caller's to see to.
    pub(crate) fn of(wanted: Wanted<'_>) -> Best {
        let Wanted { k, beyond, within, .. } = wanted;
        Best { k, beyond, within, heap: BinaryHeap::new() }
    }

    /// The distance that a row must not exceed to get in; `None` while there is room. NaN excludes nothing.
    pub(crate) fn worst(&self) -> Option<f64> {
        self.heap
            .peek()
            .filter(|_| self.heap.len() >= self.k)
            .map_or(self.within, |worst| Some(worst.distance))
    }

    /// Nearest first.
    pub(crate) fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec()
    }

    /// Offers a row, whose id is asked for only if its distance may get in: most rows are farther than the worst.
    #[inline(always)]
    pub(super) fn offer_row(&mut self, distance: f64, row: usize, key: Key<'_>) {
        if self.worst().is_some_and(|worst| distance > worst) {
            return;
        }
        self.offer(Candidate::new(distance, key(row), row));
    }

    pub(crate) fn offer(&mut self, candidate: Candidate) {
        let wanted = Wanted { beyond: self.beyond, within: self.within, ..Wanted::nearest(self.k) };
        if !wanted.admits(candidate.distance) {
            return;
        }
        if self.heap.len() < self.k {
            self.heap.push(candidate);
        } else if self.heap.peek().is_some_and(|worst| candidate < *worst) {
            self.heap.pop();
            self.heap.push(candidate);
        }
    }
}

pub(super) const CANDIDATES: &str = "the candidates of the search";

/// The memory a search may take: each worker may hold the best of all queries, and the result holds them once more.
pub(super) fn candidates_bytes(rows: usize, bytes: usize, queries: &Vectors<'_>, k: usize) -> u64 {
    hits_bytes(rows, bytes, queries.len(), k)
}

/// [`candidates_bytes`] of that many queries.
pub(super) fn hits_bytes(rows: usize, bytes: usize, queries: usize, k: usize) -> u64 {
    let hits = (queries as u64).saturating_mul(k.min(rows) as u64);
    let workers = parallel::workers(bytes) as u64;
    hits.saturating_mul(size_of::<Candidate>() as u64 * (2 * workers + 2))
}

/// Id of a row; `None` where it is NULL.
pub(crate) type Key<'a> = &'a (dyn Fn(usize) -> Option<i64> + Sync);

pub(super) fn check_k(k: usize) -> Result<(), Error> {
    if k > 0 {
        return Ok(());
    }
    Err(Error::ParameterValue { name: "k".into(), value: "0".into(), expected: "an integer ≥ 1".into() })
}

/// Combines the finds of two workers.
pub(super) fn merged(mut best: Vec<Best>, other: Vec<Best>) -> Vec<Best> {
    for (best, other) in best.iter_mut().zip(other) {
        other.heap.into_iter().for_each(|candidate| best.offer(candidate));
    }
    best
}

/// The `k` nearest rows of each query.
pub(crate) fn search(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    search_for(compute, rows, key, queries, Wanted::nearest(k), metric)
}

/// Checks that queries have the width of the rows.
pub(crate) fn check_width(rows: &Vectors<'_>, queries: &Vectors<'_>) -> Result<(), Error> {
    if queries.width() == rows.width() {
        return Ok(());
    }
    Err(Error::ParameterValue {
        name: queries.name().into(),
        value: queries.element().name().into(),
        expected: format!("{} elements, as {}", rows.element().name(), rows.place()),
    })
}

/// The nearest of the wanted rows of each query.
pub(crate) fn search_for(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    wanted: Wanted<'_>,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    check_k(wanted.k)?;
    check_width(rows, queries)?;
    let packed = packed(queries)?;
    let copied = Packed::default();
    let copied = (!metric.of_differences()).then_some(&copied);
    let none = || packed.iter().map(|_| Best::of(wanted)).collect::<Vec<_>>();
    let best = parallel::fold(
        rows.len(),
        rows.bytes().len(),
        none,
        |best, range| {
            compute.level.run(Scan {
                rows,
                first: 0,
                key,
                queries: &packed,
                copied,
                query: queries.place(),
                metric,
                accumulate: compute.accumulate,
                list: None,
                left_out: wanted.left_out,
                range,
                best,
            })
        },
        merged,
    )?;
    Ok(best.into_iter().map(Best::into_sorted).collect())
}

/// The bytes of all queries; an error if one is NULL or their dimensions differ.
pub(crate) fn packed<'a>(queries: &'a Vectors<'_>) -> Result<Vec<&'a [u8]>, Error> {
    let packed: Option<Vec<&[u8]>> = (0..queries.len()).map(|q| queries.row(q)).collect();
    let packed = packed.ok_or_else(|| Error::ParameterValue {
        name: queries.name().into(),
        value: "NULL".into(),
        expected: "a vector".into(),
    })?;
    if let Some(other) = packed.iter().position(|query| query.len() != packed[0].len()) {
        return Err(queries.mismatch(other, Place::whole("row 1"), queries.dimensions(0).unwrap_or(0)));
    }
    Ok(packed)
}

/// Offers the listed rows to one query's best, with the same distances as [`search`].
pub(crate) fn offer_rows(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    query: (&Place, &[u8]),
    metric: Metric,
    list: &[usize],
    best: &mut Best,
) -> Result<(), Error> {
    compute.level.run(Scan {
        rows,
        first: 0,
        key,
        queries: &[query.1],
        copied: None,
        query: query.0,
        metric,
        accumulate: compute.accumulate,
        list: Some(list),
        left_out: None,
        range: 0..list.len(),
        best: std::slice::from_mut(best),
    })
}

/// One block of rows, or of positions in a list of rows, against all queries.
pub(super) struct Scan<'a> {
    pub rows: &'a Vectors<'a>,
    /// Position of the first of `rows` in the whole input.
    pub first: usize,
    pub key: Key<'a>,
    pub queries: &'a [&'a [u8]],
    pub copied: Option<&'a Packed>,
    pub query: &'a Place,
    pub metric: Metric,
    pub accumulate: Accumulate,
    pub list: Option<&'a [usize]>,
    /// One flag for each row of the whole input.
    pub left_out: Option<&'a [bool]>,
    pub range: Range<usize>,
    pub best: &'a mut [Best],
}

impl Task for Scan<'_> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let mut distances = vec![0.0; self.queries.len() * PANEL];
        let mut panel: Vec<(usize, &[u8])> = Vec::with_capacity(PANEL);
        with_precision!(self.rows.width(), self.accumulate, M => {
            let mut squares = vec![0.0; self.queries.len()];
            if self.metric == Metric::Cosine {
                for (square, query) in squares.iter_mut().zip(self.queries) {
                    let (width, accumulate) = (self.rows.width(), self.accumulate);
                    *square = simd.run(Pair { form: Dot, width, accumulate, a: query, b: query });
                }
            }
            let mut tiles = Tiles::<M, S>::new(simd, self.queries, self.copied);
            if self.list.is_some() {
                tiles = tiles.scattered();
            }
            let mut next = self.range.start;
            while next < self.range.end {
                panel.clear();
                while next < self.range.end && panel.len() < PANEL {
                    let at = self.list.map_or(next, |list| list[next]);
                    let there = self.left_out.is_none_or(|left_out| !left_out[self.first + at]);
                    if let Some(row) = self.rows.row(at).filter(|_| there) {
                        if let Some(query) = self.queries.first().filter(|q| q.len() != row.len()) {
                            let dimensions = query.len() / self.rows.width().bytes();
                            return Err(self.rows.mismatch(at, self.query.clone(), dimensions));
                        }
                        panel.push((at, row));
                    }
                    next += 1;
                }
                let queries = (self.queries, &squares[..]);
                panel_distances::<M, S>(simd, self.metric, &mut tiles, queries, &panel, &mut distances);
                for (best, distances) in self.best.iter_mut().zip(distances.chunks_exact(PANEL)) {
                    for ((row, _), distance) in panel.iter().zip(distances) {
                        best.offer_row(*distance, self.first + *row, self.key);
                    }
                }
            }
        });
        Ok(())
    }
}

/// Distances of a panel's rows from all queries, `PANEL` places per query; `squares` are the queries' dot products with
/// themselves.
#[inline(always)]
pub(crate) fn panel_distances<M: Precision, S: Simd>(
    simd: S,
    metric: Metric,
    tiles: &mut Tiles<'_, M, S>,
    (queries, squares): (&[&[u8]], &[f64]),
    panel: &[(usize, &[u8])],
    distances: &mut [f64],
) {
    match metric {
        Metric::Euclidean => return tiles.distances::<Euclidean>(simd, panel, distances),
        Metric::Manhattan => return tiles.distances::<Manhattan>(simd, panel, distances),
        Metric::Cosine | Metric::Dot => {}
    }
    tiles.dots(simd, panel, metric == Metric::Cosine, distances);
    for ((query, square), distances) in queries.iter().zip(squares).zip(distances.chunks_exact_mut(PANEL)) {
        for ((distance, row_square), (_, row)) in distances.iter_mut().zip(tiles.squares()).zip(panel) {
            *distance = match metric {
                Metric::Cosine => {
                    let sums = [*distance, *square, *row_square];
                    from_similarity(reduce::checked_cosine::<M, S>(simd, sums, query, row))
                }
                Metric::Dot | Metric::Euclidean | Metric::Manhattan => from_dot(*distance),
            };
        }
    }
}
