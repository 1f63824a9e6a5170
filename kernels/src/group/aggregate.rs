//! The loop over groups: small ones are shared among threads, large ones one after the other by all threads.

use std::ops::Range;

use super::keys::Groups;
use super::sums::{LARGEST_FACTOR, Row, STRIP, Unfit};
use super::{By, Grouped, NotFinite};
use crate::arch::{Level, zeros};
use crate::column::vectors::{PackedVectors, Vectors, decode};
use crate::error::{Error, Place};
use crate::memory::check_memory;
use crate::number::element::{Element, Width};
use crate::parallel;

/// Bytes from which on a group is shared among threads.
pub(super) const LARGE: usize = 16 << 20;
/// Bytes of the groups that a thread takes at once.
const PIECE: usize = 1 << 21;

/// What is made of a group's vectors.
pub(super) trait Aggregate: Sync {
    /// What has been seen of a group.
    type State: Send;
    /// Result vectors of a group, each as long as its vectors.
    const RESULTS: usize;

    /// Of no vectors with `n` dimensions.
    fn state(&self, n: usize) -> Self::State;
    /// Bytes of that.
    fn bytes(&self, n: usize) -> u64;
    /// Back to no vectors.
    fn clear(&self, state: &mut Self::State, n: usize);
    /// Adds at most [`STRIP`] vectors.
    fn add(&self, level: Level, state: &mut Self::State, width: Width, rows: &[Row<'_>])
    -> Result<(), Unfit>;
    fn merge(&self, a: Self::State, b: Self::State) -> Self::State;
    /// The results of `count` vectors, at least one; `false` where they have none.
    fn finish(&self, state: &mut Self::State, count: u64, results: &mut [Vec<f64>]) -> bool;
}

/// The input of an aggregation.
pub(super) struct Source<'a> {
    pub(super) by: &'a By<'a>,
    pub(super) vectors: &'a Vectors<'a>,
    pub(super) weights: Option<&'a [Option<f64>]>,
    pub(super) groups: Groups,
    pub(super) level: Level,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        by: &'a By<'a>,
        vectors: &'a Vectors<'a>,
        weights: Option<&'a [Option<f64>]>,
    ) -> Result<Source<'a>, Error> {
        for (name, count) in [("keys", Some(by.keys.len())), ("weights", weights.map(<[_]>::len))] {
            if let Some(count) = count.filter(|count| *count != vectors.len()) {
                return Err(Error::ParameterValue {
                    name: name.into(),
                    value: format!("{count} values"),
                    expected: format!("{}, one for each vector", vectors.len()),
                });
            }
        }
        Ok(Source { by, vectors, weights, groups: Groups::of(by.keys)?, level: by.level().level })
    }

    /// The dimensions of a group's vectors: those of its first; 0 where all are NULL.
    pub(super) fn dimensions(&self, group: usize) -> usize {
        self.groups.rows(group).find_map(|row| self.vectors.dimensions(row)).unwrap_or(0)
    }

    /// The vector and the weight of a row that counts.
    ///
    /// # Errors
    ///
    /// [`Error::Dimensions`]; [`Error::Value`] for a weight that is negative, not finite or too large.
    pub(super) fn row(&self, row: usize, n: usize) -> Result<Option<Row<'_>>, Error> {
        let Some(bytes) = self.vectors.row(row) else { return Ok(None) };
        let width = self.vectors.width();
        if bytes.len() != n * width.bytes() {
            return Err(self.vectors.mismatch(row, Place::whole("the group's first vector"), n));
        }
        let weight = match self.weights.map(|weights| weights[row]) {
            None => 1.0,
            Some(None) => return Ok(None),
            Some(Some(weight)) if (0.0..LARGEST_FACTOR).contains(&weight) => weight,
            Some(Some(weight)) => {
                return Err(Error::Value {
                    place: "weight".into(),
                    row: row as u64 + 1,
                    found: format!("{weight:?}"),
                    expected: "a finite number ≥ 0 and below 2⁴⁷⁰, or NULL to leave the row out".into(),
                });
            }
        };
        if self.by.not_finite == NotFinite::LeaveOut && !is_finite(width, bytes) {
            return Ok(None);
        }
        Ok(Some((bytes, weight)))
    }

    /// The error for a row with a number that cannot be added.
    pub(super) fn unfit(&self, row: usize) -> Error {
        let bytes = self.vectors.row(row).unwrap_or_default();
        let numbers = decode(self.vectors.wide_element(), bytes);
        let (found, expected) = match numbers.iter().position(|v| !v.is_finite()) {
            Some(at) => (
                format!("{} as component {}", numbers[at], at + 1),
                "finite numbers; not_finite = leave_out leaves such vectors out",
            ),
            None => (
                "a number of 2⁴⁷⁰ or more".into(),
                "smaller ones, whose products can be added; scale the vectors",
            ),
        };
        let place = self.vectors.place().clone();
        Error::Value { place, row: row as u64 + 1, found, expected: expected.into() }
    }

    /// Adds the rows at these places to a state; returns how many counted.
    pub(super) fn add<A: Aggregate>(
        &self,
        aggregate: &A,
        state: &mut A::State,
        places: Range<usize>,
        n: usize,
    ) -> Result<u64, Error> {
        let mut strip: [Row<'_>; STRIP] = [(&[], 0.0); STRIP];
        let mut rows = [0; STRIP];
        let (mut used, mut count) = (0, 0);
        let mut next = places.start;
        while next < places.end || used > 0 {
            if next < places.end {
                let row = self.groups.row(next);
                next += 1;
                if let Some(found) = self.row(row, n)? {
                    (strip[used], rows[used]) = (found, row);
                    used += 1;
                }
            }
            if used == STRIP || next == places.end {
                let added = aggregate.add(self.level, state, self.vectors.width(), &strip[..used]);
                added.map_err(|Unfit(at)| self.unfit(rows[at]))?;
                count += used as u64;
                used = 0;
            }
        }
        Ok(count)
    }

    /// A group's state and how many rows counted, by all threads.
    pub(super) fn large<A: Aggregate>(
        &self,
        aggregate: &A,
        group: usize,
        n: usize,
    ) -> Result<(A::State, u64), Error> {
        let places = self.groups.places(group);
        parallel::fold(
            places.len(),
            places.len() * n * self.vectors.width().bytes(),
            || (aggregate.state(n), 0),
            |(state, count), range| {
                let places = places.start + range.start..places.start + range.end;
                *count += self.add(aggregate, state, places, n)?;
                Ok(())
            },
            |a, b| (aggregate.merge(a.0, b.0), a.1 + b.1),
        )
    }
}

/// Whether all numbers are finite.
pub(crate) fn is_finite(width: Width, bytes: &[u8]) -> bool {
    match width {
        Width::F32 => {
            let finite = |b: &[u8; 4]| f32::from_le_bytes(*b).is_finite();
            bytes.as_chunks().0.iter().fold(true, |all, b| all & finite(b))
        }
        Width::F64 => {
            let finite = |b: &[u8; 8]| f64::from_le_bytes(*b).is_finite();
            bytes.as_chunks().0.iter().fold(true, |all, b| all & finite(b))
        }
    }
}

/// Consecutive groups with the places of their results.
struct Piece<'a> {
    groups: Range<usize>,
    /// Of the results.
    width: Width,
    results: Vec<&'a mut [u8]>,
    lengths: &'a mut [i32],
    counts: &'a mut [i64],
}

/// Aggregates the vectors of each group.
pub(super) fn run<A: Aggregate>(source: &Source<'_>, aggregate: &A) -> Result<Grouped, Error> {
    let Source { by, vectors, groups, .. } = source;
    let element = by.element.unwrap_or(vectors.element().of_result());
    let size = element.width().bytes();
    let dimensions: Vec<usize> = (0..groups.len()).map(|g| source.dimensions(g)).collect();
    let (total, most) = (dimensions.iter().sum::<usize>(), dimensions.iter().copied().max().unwrap_or(0));
    let workers = parallel::workers(vectors.bytes().len()) as u64;
    let states = (aggregate.bytes(most) + 8 * most as u64).saturating_mul(workers + 1);
    let results = (total * size * A::RESULTS) as u64 + 32 * groups.len() as u64;
    check_memory("the aggregates", states.saturating_add(results + results / 2), by.limit)?;
    for n in &dimensions {
        if i32::try_from(n * size).is_err() {
            return Err(Error::Memory {
                what: "a result vector".into(),
                bytes: (n * size) as u64,
                limit: i32::MAX as u64,
            });
        }
    }
    let mut bytes: Vec<Vec<u8>> =
        (0..A::RESULTS).map(|_| zeros("the aggregates", total * size)).collect::<Result<_, _>>()?;
    // A NULL result is marked; where a group has one, all of its results are NULL.
    let mut lengths: Vec<i32> = dimensions.iter().map(|n| (n * size) as i32).collect();
    let mut counts = vec![0; groups.len()];
    let (small, large) = pieces(source, &dimensions, element.width(), &mut bytes, &mut lengths, &mut counts);
    let input = vectors.bytes().len();
    parallel::each(small, input, |piece| small_groups(source, aggregate, &dimensions, piece))?;
    for piece in large {
        let (group, n) = (piece.groups.start, dimensions[piece.groups.start]);
        let (mut state, count) = source.large(aggregate, group, n)?;
        let mut results = vec![Vec::new(); A::RESULTS];
        write(aggregate, &mut state, count, n, &mut results, piece);
    }
    let left_out = (0..groups.len()).map(|g| groups.places(g).len() as i64 - counts[g]).collect();
    let results = bytes.into_iter().map(|bytes| packed(element, bytes, &dimensions, &lengths, size));
    Ok(Grouped { keys: groups.keys.clone(), vectors: counts, left_out, results: results.collect() })
}

/// Small groups in pieces of about [`PIECE`] bytes, and large groups.
fn pieces<'a>(
    source: &Source<'_>,
    dimensions: &[usize],
    width: Width,
    bytes: &'a mut [Vec<u8>],
    mut lengths: &'a mut [i32],
    mut counts: &'a mut [i64],
) -> (Vec<Piece<'a>>, Vec<Piece<'a>>) {
    let mut rest: Vec<&mut [u8]> = bytes.iter_mut().map(Vec::as_mut_slice).collect();
    let weight = |g: usize| source.groups.places(g).len() * dimensions[g] * source.vectors.width().bytes();
    let (mut small, mut large) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < dimensions.len() {
        let (mut end, mut sum) = (start + 1, weight(start));
        let is_large = sum > LARGE;
        while !is_large && end < dimensions.len() && sum + weight(end) <= PIECE {
            sum += weight(end);
            end += 1;
        }
        let length = dimensions[start..end].iter().sum::<usize>() * width.bytes();
        let mut own = Vec::with_capacity(rest.len());
        for rest in &mut rest {
            let (first, others) = std::mem::take(rest).split_at_mut(length);
            own.push(first);
            *rest = others;
        }
        let (own_lengths, others) = lengths.split_at_mut(end - start);
        lengths = others;
        let (own_counts, others) = counts.split_at_mut(end - start);
        counts = others;
        let piece =
            Piece { groups: start..end, width, results: own, lengths: own_lengths, counts: own_counts };
        if is_large { &mut large } else { &mut small }.push(piece);
        start = end;
    }
    (small, large)
}

fn small_groups<A: Aggregate>(
    source: &Source<'_>,
    aggregate: &A,
    dimensions: &[usize],
    piece: Piece<'_>,
) -> Result<(), Error> {
    let Piece { groups, width, mut results, lengths, counts } = piece;
    let mut state = aggregate.state(0);
    let mut values = vec![Vec::new(); A::RESULTS];
    for (i, group) in groups.enumerate() {
        let n = dimensions[group];
        aggregate.clear(&mut state, n);
        let count = source.add(aggregate, &mut state, source.groups.places(group), n)?;
        let mut own = Vec::with_capacity(results.len());
        for rest in &mut results {
            let (first, others) = std::mem::take(rest).split_at_mut(n * width.bytes());
            own.push(first);
            *rest = others;
        }
        let (lengths, counts) = (&mut lengths[i..=i], &mut counts[i..=i]);
        let piece = Piece { groups: group..group + 1, width, results: own, lengths, counts };
        write(aggregate, &mut state, count, n, &mut values, piece);
    }
    Ok(())
}

/// Writes the results of one group; `results` is room for them.
fn write<A: Aggregate>(
    aggregate: &A,
    state: &mut A::State,
    count: u64,
    n: usize,
    results: &mut [Vec<f64>],
    piece: Piece<'_>,
) {
    piece.counts[0] = count as i64;
    results.iter_mut().for_each(|result| result.resize(n, 0.0));
    if count == 0 || !aggregate.finish(state, count, results) {
        piece.lengths[0] = -1;
        return;
    }
    for (values, out) in results.iter().zip(piece.results) {
        match piece.width {
            Width::F32 => {
                for (out, v) in out.as_chunks_mut().0.iter_mut().zip(values) {
                    *out = (*v as f32).to_le_bytes();
                }
            }
            Width::F64 => {
                for (out, v) in out.as_chunks_mut().0.iter_mut().zip(values) {
                    *out = v.to_le_bytes();
                }
            }
        }
    }
}

/// The results without the places of NULL ones, in the element type wanted.
fn packed(
    element: Element,
    mut bytes: Vec<u8>,
    dimensions: &[usize],
    lengths: &[i32],
    size: usize,
) -> PackedVectors {
    if lengths.contains(&-1) {
        let (mut from, mut to) = (0, 0);
        for (n, length) in dimensions.iter().zip(lengths) {
            let own = n * size;
            if *length >= 0 {
                bytes.copy_within(from..from + own, to);
                to += own;
            }
            from += own;
        }
        bytes.truncate(to);
    }
    PackedVectors { element: element.width().element(), bytes, lengths: lengths.to_vec() }.rounded(element)
}
