//! Filter and refine: candidates from the codes, distances from the vectors.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::bound::{Bounds, Side};
use super::filter::{self, Filter};
use super::{Codes, Numbers, quantize, stranger};
use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel::{self, PANEL};
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::{self, Best, Candidate, Key};

/// Maximum queries per tile: their sums with a block of rows stay in registers.
const TILE: usize = 12;
/// If more than one row in this many is left, search without codes is faster.
const TOO_MANY: usize = 4;
/// The same for many queries, whose distances cost less without codes: there a row is read once for all queries.
const TOO_MANY_FOR_MANY: usize = 32;
/// From this many queries on.
const MANY: usize = 8;
/// This many rows are never too many.
const FEW: usize = 1024;

/// A query and its code.
struct Query {
    side: Side,
    numbers: Vec<i8>,
    /// −128·Σp: with it, sums of products with bytes are those with the codes.
    start: i32,
}

impl Query {
    /// `None` where the codes can exclude no row, or only for another width or other dimensions.
    fn new(compute: Compute, codes: &Codes, queries: &Vectors<'_>, vector: &[u8]) -> Option<Query> {
        let (numbers, bytes) = quantize::encoded(compute, queries.element(), vector);
        let side = Side::new(&numbers);
        if !filter::suits(&side) || bytes.len() != codes.dimensions || bytes.is_empty() {
            return None;
        }
        let numbers: Vec<i8> = bytes.into_iter().map(|byte| (byte ^ 0x80) as i8).collect();
        let sum: i32 = numbers.iter().map(|p| i32::from(*p)).sum();
        Some(Query { side, numbers, start: -128 * sum })
    }
}

/// Some queries, four numbers of each side by side.
struct Tile {
    /// The first of its queries, and how many there are.
    first: usize,
    count: usize,
    /// A number of queries for which there is code; those that are missing are 0.
    width: usize,
    packed: Vec<[i8; 4]>,
}

/// The queries in tiles of nearly equal size.
fn tiles(queries: &[Query], groups: usize) -> Vec<Tile> {
    const WIDTHS: [usize; 7] = [1, 2, 3, 4, 6, 8, TILE];
    let tiles = queries.len().div_ceil(TILE);
    let mut first = 0;
    (0..tiles)
        .map(|i| {
            let count = (queries.len() + i) / tiles;
            let width = WIDTHS.into_iter().find(|width| *width >= count).unwrap_or(TILE);
            let mut packed = vec![[0; 4]; groups * width];
            for (place, query) in queries[first..first + count].iter().enumerate() {
                for (group, numbers) in query.numbers.chunks(4).enumerate() {
                    packed[group * width + place][..numbers.len()].copy_from_slice(numbers);
                }
            }
            first += count;
            Tile { first: first - count, count, width, packed }
        })
        .collect()
}

/// A row that the codes do not exclude, with its bounds: −∞ and ∞ where nothing is proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounded {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) row: usize,
}

/// A bound, ordered as a number; it is never NaN.
#[derive(PartialEq, PartialOrd)]
struct Upper(f64);

impl Eq for Upper {}

impl Ord for Upper {
    fn cmp(&self, other: &Upper) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What one thread has found for one query.
struct Found {
    filter: Filter,
    /// No row of a greater lower bound is wanted.
    limit: f64,
    /// The `k` least upper bounds.
    uppers: BinaryHeap<Upper>,
    rows: Vec<Bounded>,
    /// Length of `rows` at which those that the limit has come to exclude are removed.
    full: usize,
    /// Whether too many rows are left.
    gave_up: bool,
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// The `k` nearest rows; queries that leave more than one row in `share` are given up.
    Nearest { k: usize, share: usize },
}

impl Wanted {
    fn found(self, bounds: &Bounds, query: &Query) -> Found {
        let limit = match self {
            Wanted::Nearest { .. } => f64::INFINITY,
        };
        Found {
            filter: Filter::new(bounds, &query.side, limit),
            limit,
            uppers: BinaryHeap::new(),
            rows: Vec::new(),
            full: 2 * FEW,
            gave_up: false,
        }
    }
}

impl Found {
    /// A row that passed the filter.
    fn offer(
        &mut self,
        wanted: Wanted,
        bounds: &Bounds,
        query: &Query,
        row: usize,
        numbers: &Numbers,
        dot: i32,
    ) {
        if numbers.is_null() {
            return;
        }
        let proven = bounds.of(&query.side, &Side::new(numbers), dot);
        let [lower, upper] = proven.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        if lower > self.limit {
            return;
        }
        self.rows.push(Bounded { lower, upper, row });
        let Wanted::Nearest { k, .. } = wanted;
        // A row of which nothing is proven may have the distance NaN: it is none of the k.
        if proven.is_some() {
            self.lower(bounds, query, k, upper);
        }
    }

    /// Lowers the limit to the `k`-th least upper bound.
    fn lower(&mut self, bounds: &Bounds, query: &Query, k: usize, upper: f64) {
        if self.uppers.len() < k {
            self.uppers.push(Upper(upper));
        } else if self.uppers.peek().is_some_and(|greatest| upper < greatest.0) {
            self.uppers.pop();
            self.uppers.push(Upper(upper));
        }
        if self.uppers.len() < k {
            return;
        }
        if let Some(greatest) = self.uppers.peek()
            && greatest.0 < self.limit
        {
            self.limit = greatest.0;
            self.filter = Filter::new(bounds, &query.side, self.limit);
        }
    }

    /// Removes rows that the limit has come to exclude.
    fn tidy(&mut self) {
        let limit = self.limit;
        self.rows.retain(|row| !(row.lower > limit));
    }
}

/// Ranges of blocks against all queries.
struct Sift<'a> {
    codes: &'a Codes,
    bounds: &'a Bounds,
    wanted: Wanted,
    queries: &'a [Query],
    tiles: &'a [Tile],
    range: Range<usize>,
    found: &'a mut [Found],
    /// Rows that this thread has looked at before and with this range.
    seen: usize,
}

impl Task for Sift<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for block in self.range.clone() {
            for tile in self.tiles {
                match tile.width {
                    1 => self.tile::<S, 1>(simd, block, tile),
                    2 => self.tile::<S, 2>(simd, block, tile),
                    3 => self.tile::<S, 3>(simd, block, tile),
                    4 => self.tile::<S, 4>(simd, block, tile),
                    6 => self.tile::<S, 6>(simd, block, tile),
                    8 => self.tile::<S, 8>(simd, block, tile),
                    _ => self.tile::<S, TILE>(simd, block, tile),
                }
            }
        }
        let Wanted::Nearest { share, .. } = self.wanted;
        for found in self.found.iter_mut() {
            if found.rows.len() >= found.full {
                found.tidy();
                found.gave_up |= found.rows.len() > FEW.max(self.seen / share);
                found.full = 2 * found.rows.len().max(FEW);
            }
        }
    }
}

impl Sift<'_> {
    #[inline(always)]
    fn tile<S: Simd, const Q: usize>(&mut self, simd: S, block: usize, tile: &Tile) {
        let range = tile.first..tile.first + tile.count;
        let (queries, found) = (&self.queries[range.clone()], &mut self.found[range]);
        let mut sums = [[0; LANES]; Q];
        for (sums, query) in sums.iter_mut().zip(queries) {
            *sums = [query.start; LANES];
        }
        simd.add_codes(self.codes.block(block), tile.packed.as_chunks().0, &mut sums);
        let (lanes, numbers) = (&self.codes.lanes[block], &self.codes.numbers[block * LANES..]);
        for ((found, query), sums) in found.iter_mut().zip(queries).zip(&sums) {
            let mut mask = match self.bounds.metric {
                Metric::Euclidean => found.filter.passes::<true>(lanes, sums),
                Metric::Cosine | Metric::Dot => found.filter.passes::<false>(lanes, sums),
            };
            if mask == 0 || found.gave_up {
                continue;
            }
            // The last block may have fewer rows.
            for (place, (numbers, dot)) in numbers.iter().zip(sums).enumerate() {
                if mask & 1 == 1 {
                    let row = block * LANES + place;
                    found.offer(self.wanted, self.bounds, query, row, numbers, *dot);
                }
                mask >>= 1;
                if mask == 0 {
                    break;
                }
            }
        }
    }
}

/// The rows that the codes leave for each query, and the limit; `None` where they leave too many.
fn sift(
    compute: Compute,
    rows: &Vectors<'_>,
    codes: &Codes,
    bounds: &Bounds,
    queries: &[Query],
    wanted: Wanted,
) -> Result<Vec<Option<(Vec<Bounded>, f64)>>, Error> {
    let tiles = tiles(queries, codes.dimensions.div_ceil(4));
    let none = || (0, queries.iter().map(|query| wanted.found(bounds, query)).collect::<Vec<_>>());
    let (_, found) = parallel::fold(
        codes.lanes.len(),
        rows.bytes().len(),
        none,
        |(seen, found), range| {
            *seen += range.len() * LANES;
            let seen = *seen;
            compute.level.run(Sift { codes, bounds, wanted, queries, tiles: &tiles, range, found, seen });
            Ok(())
        },
        |(seen, mut all), (more, others)| {
            for ((found, other), query) in all.iter_mut().zip(others).zip(queries) {
                let Wanted::Nearest { k, .. } = wanted;
                other.uppers.into_iter().for_each(|upper| found.lower(bounds, query, k, upper.0));
                found.rows.extend(other.rows);
                found.gave_up |= other.gave_up;
            }
            (seen + more, all)
        },
    )?;
    let Wanted::Nearest { share, .. } = wanted;
    let one = |mut found: Found| {
        found.tidy();
        let few = !found.gave_up && found.rows.len() <= FEW.max(codes.len() / share);
        few.then_some((found.rows, found.limit))
    };
    Ok(found.into_iter().map(one).collect())
}

/// The `k` rows nearest to each query: those of [`nearest_rows::search`].
pub(crate) fn search(
    compute: Compute,
    rows: &Vectors<'_>,
    codes: &Codes,
    key: Key<'_>,
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    codes.check(rows)?;
    let plain = |queries: &Vectors<'_>| nearest_rows::search(compute, rows, key, queries, k, metric);
    // Its errors are those of search without codes.
    if k == 0 || queries.width() != rows.width() {
        return plain(queries);
    }
    let packed = nearest_rows::packed(queries)?;
    let share = if packed.len() < MANY { TOO_MANY } else { TOO_MANY_FOR_MANY };
    let bounds = Bounds::new(metric, rows.width(), codes.dimensions);
    let coded = packed.iter().map(|vector| Query::new(compute, codes, queries, vector));
    let coded: Vec<Option<Query>> = coded.collect();
    let places: Vec<usize> = (0..coded.len()).filter(|q| coded[*q].is_some()).collect();
    let coded: Vec<Query> = coded.into_iter().flatten().collect();
    let left = match coded.as_slice() {
        [] => Vec::new(),
        coded => sift(compute, rows, codes, &bounds, coded, Wanted::Nearest { k, share })?,
    };
    let work: usize = left.iter().flatten().map(|(left, _)| left.len()).sum();
    let bytes = work.saturating_mul(rows.bytes().len() / rows.len().max(1));
    let refined = parallel::blocks(left.len(), bytes, |range| {
        let one = |i: usize| {
            let Some((left, limit)) = &left[i] else { return Ok(None) };
            let query = (queries.name(), packed[places[i]]);
            refine(compute, rows, codes, key, query, metric, k, left.clone(), *limit).map(Some)
        };
        range.map(one).collect::<Result<Vec<_>, Error>>()
    })?;
    let mut found: Vec<Option<Vec<Candidate>>> = vec![None; packed.len()];
    for (place, list) in places.into_iter().zip(refined.into_iter().flatten()) {
        found[place] = list;
    }
    let open: Vec<usize> = (0..found.len()).filter(|q| found[*q].is_none()).collect();
    if !open.is_empty() {
        for (q, list) in open.iter().zip(plain(&queries.picked(&open))?) {
            found[*q] = Some(list);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// The nearest of the rows that were left, whose distances are computed by rising lower bound until it exceeds the
/// `k`-th distance.
fn refine(
    compute: Compute,
    rows: &Vectors<'_>,
    codes: &Codes,
    key: Key<'_>,
    query: (&str, &[u8]),
    metric: Metric,
    k: usize,
    mut left: Vec<Bounded>,
    mut limit: f64,
) -> Result<Vec<Candidate>, Error> {
    left.sort_unstable_by(|a, b| a.lower.total_cmp(&b.lower).then(a.row.cmp(&b.row)));
    let mut best = Best::new(k);
    // The first rows in any case, then some at a time.
    let (first, rest) = left.split_at(k.min(left.len()));
    for some in std::iter::once(first).chain(rest.chunks(PANEL)) {
        let some = &some[..some.partition_point(|row| !(row.lower > limit))];
        if some.is_empty() {
            continue;
        }
        for candidate in distances(compute, rows, codes, key, query, metric, some)? {
            best.offer(candidate);
        }
        // A distance of NaN is greater than every number, so it excludes nothing.
        if let Some(worst) = best.worst().filter(|worst| *worst < limit) {
            limit = worst;
        }
    }
    Ok(best.into_sorted())
}

/// The distances of some rows from a query, each of which is compared with the row's code.
fn distances(
    compute: Compute,
    rows: &Vectors<'_>,
    codes: &Codes,
    key: Key<'_>,
    query: (&str, &[u8]),
    metric: Metric,
    some: &[Bounded],
) -> Result<Vec<Candidate>, Error> {
    for Bounded { row, .. } in some {
        if rows.row(*row).map(crc32fast::hash) != Some(codes.numbers[*row].checksum) {
            return Err(stranger(rows, *row));
        }
    }
    let list: Vec<usize> = some.iter().map(|bounded| bounded.row).collect();
    let mut all = Best::new(list.len());
    nearest_rows::offer_rows(compute, rows, key, query, metric, &list, &mut all)?;
    let found = all.into_sorted();
    let mut by_row: Vec<&Bounded> = some.iter().collect();
    by_row.sort_unstable_by_key(|bounded| bounded.row);
    for candidate in &found {
        let own = by_row.binary_search_by_key(&candidate.row, |bounded| bounded.row);
        let own = own.map(|at| by_row[at]).expect("a row of the list");
        let proven = own.lower > f64::NEG_INFINITY;
        if proven && !(own.lower..=own.upper).contains(&candidate.distance) {
            return Err(stranger(rows, candidate.row));
        }
    }
    Ok(found)
}
