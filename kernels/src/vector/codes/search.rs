//! Filter and refine: candidates from the codes, distances from the vectors.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::bound::{Bounds, Side};
use super::checksum::Checksum;
use super::filter::{self, Filter};
use super::{Codes, Numbers, quantize, stranger};
use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::parallel::{self, PANEL};
use crate::vector::distance::Metric;
use crate::vector::narrow_rows::{search_rows, with_singles};
use crate::vector::nearest_rows::{self, Best, Candidate, Key, Wanted};

/// Maximum queries per tile: their sums with a block of rows stay in registers.
pub(super) const TILE: usize = 12;
/// If more than one row in this many is left, search without codes is faster.
const TOO_MANY: usize = 4;
/// The same for many queries, whose distances cost less without codes: there a row is read once for all queries.
const TOO_MANY_FOR_MANY: usize = 32;
/// From this many queries on.
const MANY: usize = 8;
/// Queries that are searched for together: the rows that are left for them take memory.
const BATCH: usize = 256;
/// This many rows are never too many.
const FEW: usize = 1024;

/// A query and its code.
pub(super) struct Query {
    pub(super) side: Side,
    numbers: Vec<i8>,
    /// −128·Σp: with it, sums of products with bytes are those with the codes.
    pub(super) start: i32,
}

impl Query {
    /// `None` where the vector has other dimensions than the codes, or none.
    pub(super) fn new(
        compute: Compute,
        codes: &Codes,
        queries: &Vectors<'_>,
        vector: &[u8],
    ) -> Option<Query> {
        let (numbers, bytes) = quantize::encoded(compute, queries.element(), vector);
        let side = Side::new(&numbers);
        if bytes.len() != codes.dimensions || bytes.is_empty() {
            return None;
        }
        let numbers: Vec<i8> = bytes.into_iter().map(|byte| (byte ^ 0x80) as i8).collect();
        let sum: i32 = numbers.iter().map(|p| i32::from(*p)).sum();
        Some(Query { side, numbers, start: -128 * sum })
    }
}

/// Some queries, four numbers of each side by side.
pub(super) struct Tile {
    /// The first of its queries, and how many there are.
    pub(super) first: usize,
    pub(super) count: usize,
    /// A number of queries for which there is code; those that are missing are 0.
    pub(super) width: usize,
    pub(super) packed: Vec<[i8; 4]>,
}

/// The queries in tiles of nearly equal size.
pub(super) fn tiles(queries: &[Query], groups: usize) -> Vec<Tile> {
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

/// A row that its code does not exclude.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Bounded {
    /// The computed distance is not less; −∞ where nothing is proven, and the distance may then be NaN.
    pub lower: f64,
    /// The computed distance is not greater; ∞ where nothing is proven.
    pub upper: f64,
    /// Its position in the input, from 0.
    pub row: usize,
}

/// A bound in the order of numbers; it is never NaN.
struct Upper(f64);

impl PartialEq for Upper {
    fn eq(&self, other: &Upper) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Upper {}

impl PartialOrd for Upper {
    fn partial_cmp(&self, other: &Upper) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

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

/// What all queries of a call share.
#[derive(Clone, Copy)]
struct Plan<'a> {
    codes: &'a Codes,
    bounds: &'a Bounds,
    wanted: Wanted<'a>,
    /// Queries that leave more than one row in this many are given up; `None`: none are.
    share: Option<usize>,
}

impl Plan<'_> {
    fn found(&self, query: &Query) -> Found {
        let limit = self.wanted.within.unwrap_or(f64::INFINITY);
        Found {
            filter: self.filter(query, limit),
            limit,
            uppers: BinaryHeap::new(),
            rows: Vec::new(),
            full: 2 * FEW,
            gave_up: false,
        }
    }

    fn filter(&self, query: &Query, limit: f64) -> Filter {
        if filter::suits(&query.side) { Filter::new(self.bounds, &query.side, limit) } else { Filter::NONE }
    }

    /// Whether so many of `seen` rows are too many.
    fn too_many(&self, rows: usize, seen: usize) -> bool {
        self.share.is_some_and(|share| rows > FEW.max(seen / share))
    }
}

impl Found {
    /// A row that passed the filter.
    fn offer(&mut self, plan: &Plan<'_>, query: &Query, row: usize, numbers: &Numbers, dot: i32) {
        if numbers.is_null() || plan.wanted.leaves_out(row) {
            return;
        }
        let proven = plan.bounds.of(&query.side, &Side::new(numbers), dot);
        let [lower, upper] = proven.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        let beyond = plan.wanted.beyond;
        if lower > self.limit || proven.is_some() && beyond.is_some_and(|beyond| upper <= beyond) {
            return;
        }
        self.rows.push(Bounded { lower, upper, row });
        // A row of which nothing is proven may have the distance NaN, and one that is not certain to lie beyond may be
        // left out: they are none of the k.
        if proven.is_some() && beyond.is_none_or(|beyond| lower > beyond) {
            self.lower(plan, query, upper);
        }
    }

    /// Lowers the limit to the `k`-th least upper bound.
    fn lower(&mut self, plan: &Plan<'_>, query: &Query, upper: f64) {
        if plan.wanted.k == usize::MAX {
            return;
        }
        if self.uppers.len() < plan.wanted.k {
            self.uppers.push(Upper(upper));
        } else if self.uppers.peek().is_some_and(|greatest| upper < greatest.0) {
            self.uppers.pop();
            self.uppers.push(Upper(upper));
        }
        if self.uppers.len() < plan.wanted.k {
            return;
        }
        if let Some(greatest) = self.uppers.peek()
            && greatest.0 < self.limit
        {
            self.limit = greatest.0;
            self.filter = plan.filter(query, self.limit);
        }
    }

    /// Removes rows that the limit has come to exclude.
    fn tidy(&mut self) {
        let limit = self.limit;
        self.rows.retain(|row| row.lower <= limit);
    }
}

/// A range of blocks against all queries.
struct Sift<'a> {
    plan: &'a Plan<'a>,
    queries: &'a [Query],
    tiles: &'a [Tile],
    range: Range<usize>,
    found: &'a mut [Found],
    /// Rows that this thread has looked at before.
    seen: usize,
}

impl Task for Sift<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for block in self.range.clone() {
            for tile in self.tiles {
                // Where the codes exclude too few rows, they are not read to the end.
                if self.found[tile.first..tile.first + tile.count].iter().all(|found| found.gave_up) {
                    continue;
                }
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
    }
}

impl Sift<'_> {
    #[inline(always)]
    fn tile<S: Simd, const Q: usize>(&mut self, simd: S, block: usize, tile: &Tile) {
        let range = tile.first..tile.first + tile.count;
        let (queries, found) = (&self.queries[range.clone()], &mut self.found[range]);
        let codes = self.plan.codes;
        let mut sums = [[0; LANES]; Q];
        for (sums, query) in sums.iter_mut().zip(queries) {
            *sums = [query.start; LANES];
        }
        simd.add_codes(codes.block(block), tile.packed.as_chunks().0, &mut sums);
        let (lanes, numbers) = (&codes.lanes[block], &codes.numbers[block * LANES..]);
        for ((found, query), sums) in found.iter_mut().zip(queries).zip(&sums) {
            let mut mask = match self.plan.bounds.metric {
                Metric::Euclidean => found.filter.passes::<true>(lanes, sums),
                Metric::Cosine | Metric::Dot | Metric::Manhattan => found.filter.passes::<false>(lanes, sums),
            };
            if mask == 0 || found.gave_up {
                continue;
            }
            // The last block may have fewer rows.
            for (place, (numbers, dot)) in numbers.iter().zip(sums).enumerate() {
                if mask & 1 == 1 {
                    found.offer(self.plan, query, block * LANES + place, numbers, *dot);
                }
                mask >>= 1;
                if mask == 0 {
                    break;
                }
            }
            if found.rows.len() >= found.full {
                found.tidy();
                let seen = self.seen + (block + 1 - self.range.start) * LANES;
                if self.plan.too_many(found.rows.len(), seen) {
                    (found.gave_up, found.rows) = (true, Vec::new());
                }
                found.full = 2 * found.rows.len().max(FEW);
            }
        }
    }
}

/// The rows that the codes leave for a query, and the limit.
type Left = (Vec<Bounded>, f64);

/// The rows that the codes leave for each query; `None` where they leave too many. `bytes` is the size
/// of the input that decides how many threads share the work.
fn sift(
    compute: Compute,
    plan: &Plan<'_>,
    queries: &[Query],
    bytes: usize,
) -> Result<Vec<Option<Left>>, Error> {
    let tiles = tiles(queries, plan.codes.dimensions.div_ceil(4));
    let none = || (0, queries.iter().map(|query| plan.found(query)).collect::<Vec<_>>());
    let (_, found) = parallel::fold(
        plan.codes.lanes.len(),
        bytes,
        none,
        |(seen, found), range| {
            let rows = range.len() * LANES;
            compute.level.run(Sift { plan, queries, tiles: &tiles, range, found, seen: *seen });
            *seen += rows;
            Ok(())
        },
        |(seen, mut all), (more, others)| {
            for ((found, other), query) in all.iter_mut().zip(others).zip(queries) {
                other.uppers.into_iter().for_each(|upper| found.lower(plan, query, upper.0));
                found.rows.extend(other.rows);
                found.gave_up |= other.gave_up;
            }
            (seen + more, all)
        },
    )?;
    let one = |mut found: Found| {
        found.tidy();
        let few = !found.gave_up && !plan.too_many(found.rows.len(), plan.codes.len());
        few.then_some((found.rows, found.limit))
    };
    Ok(found.into_iter().map(one).collect())
}

/// The vectors that belong to codes.
pub(crate) struct Source<'a> {
    /// Number of rows, and bytes of all of them.
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) element: Element,
    pub(crate) place: &'a Place,
    /// Calls the function with the listed rows as a column.
    pub(crate) gather: Gather<'a>,
    /// Searches all rows for some queries.
    pub(crate) plain: Plain<'a>,
}

/// See [`Source::plain`].
pub(crate) type Plain<'a> = &'a (dyn Fn(&Vectors<'_>) -> Result<Vec<Vec<Candidate>>, Error> + Sync);

/// See [`Source::gather`].
pub(crate) type Gather<'a> =
    &'a (dyn Fn(&[usize], &mut dyn FnMut(&Vectors<'_>) -> Result<(), Error>) -> Result<(), Error> + Sync);

/// The wanted rows nearest to each query among the rows of a column: those of [`search_rows`].
pub(crate) fn search_column(
    compute: Compute,
    rows: &Vectors<'_>,
    codes: &Codes,
    key: Key<'_>,
    queries: &Vectors<'_>,
    wanted: Wanted<'_>,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    let source = Source {
        rows: rows.len(),
        bytes: rows.given_bytes().len(),
        element: rows.element(),
        place: rows.place(),
        gather: &|list, work| {
            if rows.is_narrow() {
                with_singles(compute, rows, list.iter().copied(), &mut Vec::new(), work)
            } else {
                work(&rows.picked(list))
            }
        },
        plain: &|queries| search_rows(compute, rows, key, queries, wanted, metric),
    };
    search(compute, &source, codes, key, queries, wanted, metric)
}

/// The wanted rows nearest to each query.
pub(crate) fn search(
    compute: Compute,
    source: &Source<'_>,
    codes: &Codes,
    key: Key<'_>,
    queries: &Vectors<'_>,
    wanted: Wanted<'_>,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    codes.check(source)?;
    // Its errors are those of search without codes, which bound no Manhattan distance.
    if wanted.k == 0 || queries.width() != source.element.width() || metric == Metric::Manhattan {
        return (source.plain)(queries);
    }
    let packed = nearest_rows::packed(queries)?;
    let share = if packed.len() < MANY { TOO_MANY } else { TOO_MANY_FOR_MANY };
    let bounds = Bounds::new(metric, codes.element.width(), codes.dimensions);
    let plan = Plan { codes, bounds: &bounds, wanted, share: Some(share) };
    let mut found = Vec::with_capacity(packed.len());
    for batch in packed.chunks(BATCH) {
        found.extend(search_batch(compute, source, &plan, key, queries, batch)?);
    }
    // Without codes all of them are searched for at once.
    let open: Vec<usize> = (0..found.len()).filter(|q| found[*q].is_none()).collect();
    if !open.is_empty() {
        for (q, list) in open.iter().zip((source.plain)(&queries.picked(&open))?) {
            found[*q] = Some(list);
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// The nearest rows of some of the queries, given as bytes; `None` where the codes exclude too few rows.
fn search_batch(
    compute: Compute,
    source: &Source<'_>,
    plan: &Plan<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    batch: &[&[u8]],
) -> Result<Vec<Option<Vec<Candidate>>>, Error> {
    let coded = batch.iter().map(|vector| Query::new(compute, plan.codes, queries, vector));
    let coded: Vec<Option<Query>> = coded.map(|query| query.filter(|q| filter::suits(&q.side))).collect();
    let places: Vec<usize> = (0..coded.len()).filter(|q| coded[*q].is_some()).collect();
    let coded: Vec<Query> = coded.into_iter().flatten().collect();
    let mut found = vec![None; batch.len()];
    if coded.is_empty() {
        return Ok(found);
    }
    let left = sift(compute, plan, &coded, source.bytes)?;
    let work: usize = left.iter().flatten().map(|(left, _)| left.len()).sum();
    let bytes = work.saturating_mul(source.bytes / source.rows.max(1));
    let refined = parallel::blocks(left.len(), bytes, |range| {
        let one = |i: usize| {
            let Some((left, limit)) = &left[i] else { return Ok(None) };
            let refine = Refine { compute, source, plan, key, query: (queries.place(), batch[places[i]]) };
            refine.nearest(left.clone(), *limit).map(Some)
        };
        range.map(one).collect::<Result<Vec<_>, Error>>()
    })?;
    for (place, list) in places.into_iter().zip(refined.into_iter().flatten()) {
        found[place] = list;
    }
    Ok(found)
}

/// One query whose rows are computed.
struct Refine<'a> {
    compute: Compute,
    source: &'a Source<'a>,
    plan: &'a Plan<'a>,
    key: Key<'a>,
    query: (&'a Place, &'a [u8]),
}

impl Refine<'_> {
    /// The nearest of the rows that were left, whose distances are computed by rising lower bound until it exceeds the
    /// `k`-th distance.
    fn nearest(&self, mut left: Vec<Bounded>, mut limit: f64) -> Result<Vec<Candidate>, Error> {
        left.sort_unstable_by(|a, b| a.lower.total_cmp(&b.lower).then(a.row.cmp(&b.row)));
        let wanted = self.plan.wanted;
        let mut best = Best::of(wanted);
        // The first rows in any case, then some at a time.
        let (first, rest) = left.split_at(wanted.k.min(left.len()));
        for some in std::iter::once(first).chain(rest.chunks(PANEL)) {
            let some = &some[..some.partition_point(|row| row.lower <= limit)];
            if some.is_empty() {
                continue;
            }
            for candidate in self.distances(some)? {
                best.offer(candidate);
            }
            // A distance of NaN is greater than every number, so it excludes nothing.
            if let Some(worst) = best.worst().filter(|worst| *worst < limit) {
                limit = worst;
            }
        }
        Ok(best.into_sorted())
    }

    /// The distances of some rows, each of which is compared with the row's code.
    fn distances(&self, some: &[Bounded]) -> Result<Vec<Candidate>, Error> {
        let list: Vec<usize> = some.iter().map(|bounded| bounded.row).collect();
        let all: Vec<usize> = (0..list.len()).collect();
        let mut found = Best::new(list.len());
        (self.source.gather)(&list, &mut |rows| {
            for (i, row) in list.iter().enumerate() {
                let found = rows.row(i).map(|vector| self.compute.level.run(Checksum(vector)));
                if found != Some(self.plan.codes.numbers[*row].checksum) {
                    return Err(stranger(self.source.place, *row));
                }
            }
            let key = |i: usize| (self.key)(list[i]);
            let metric = self.plan.bounds.metric;
            nearest_rows::offer_rows(self.compute, rows, &key, self.query, metric, &all, &mut found)
        })?;
        let mut found = found.into_sorted();
        for candidate in &mut found {
            let own = some[candidate.row];
            let proven = own.lower > f64::NEG_INFINITY;
            if proven && !(own.lower..=own.upper).contains(&candidate.distance) {
                return Err(stranger(self.source.place, own.row));
            }
            candidate.row = own.row;
        }
        Ok(found)
    }
}

/// Blocks of [`LANES`] rows that [`within`] looks at before it hands over what they leave.
const WITHIN: usize = 16;

/// Bytes that [`within`] takes for so many queries among so many rows.
pub(crate) fn within_bytes(queries: usize, rows: usize) -> u64 {
    (queries * rows.next_power_of_two().min(WITHIN * LANES) * size_of::<Bounded>()) as u64
}

/// Calls `take` with each of some queries, by its place, and each row, from block `first` of [`LANES`] rows on, whose code
/// does not prove that it lies beyond a distance from the query; the queries are as long as the coded vectors. On the
/// thread of the caller.
pub(crate) fn within(
    compute: Compute,
    codes: &Codes,
    first: usize,
    queries: &Vectors<'_>,
    distance: f64,
    metric: Metric,
    mut take: impl FnMut(usize, Bounded),
) {
    let query = |i| Query::new(compute, codes, queries, queries.row(i).unwrap_or_default());
    let coded: Vec<Query> = (0..queries.len()).filter_map(query).collect();
    debug_assert_eq!(coded.len(), queries.len());
    let bounds = Bounds::new(metric, codes.element.width(), codes.dimensions);
    let wanted = Wanted { within: Some(distance), ..Wanted::nearest(usize::MAX) };
    let plan = Plan { codes, bounds: &bounds, wanted, share: None };
    let mut found: Vec<Found> = coded.iter().map(|query| plan.found(query)).collect();
    let tiles = tiles(&coded, codes.dimensions.div_ceil(4));
    let end = codes.lanes.len();
    for start in (first..end).step_by(WITHIN) {
        compute.level.run(Sift {
            plan: &plan,
            queries: &coded,
            tiles: &tiles,
            range: start..end.min(start + WITHIN),
            found: &mut found,
            seen: 0,
        });
        for (query, found) in found.iter_mut().enumerate() {
            found.rows.drain(..).for_each(|row| take(query, row));
        }
    }
}

/// The rows whose codes do not exclude them from the wanted ones, with their bounds, for each query by rising lower
/// bound and then by position.
pub(crate) fn candidates(
    compute: Compute,
    codes: &Codes,
    queries: &Vectors<'_>,
    wanted: Wanted<'_>,
    metric: Metric,
) -> Result<Vec<Vec<Bounded>>, Error> {
    nearest_rows::check_k(wanted.k)?;
    let packed = nearest_rows::packed(queries)?;
    if let (true, Some(vector)) = (codes.dimensions > 0, packed.first()) {
        if queries.element().width() != codes.element.width() {
            return Err(Error::ParameterValue {
                name: queries.name().into(),
                value: queries.element().name().into(),
                expected: format!("{} elements, as the codes are of", codes.element.name()),
            });
        }
        if vector.len() != codes.dimensions * codes.element.width().bytes() {
            return Err(queries.mismatch(0, Place::whole("a code"), codes.dimensions));
        }
    }
    let coded: Option<Vec<Query>> =
        packed.iter().map(|vector| Query::new(compute, codes, queries, vector)).collect();
    let coded = coded.filter(|_| metric != Metric::Manhattan);
    // There is no code, or no component, or no bound.
    let Some(coded) = coded.filter(|coded| !coded.is_empty()) else {
        let all = codes.numbers.iter().enumerate().filter(|(_, numbers)| !numbers.is_null());
        let all = all.map(|(row, _)| Bounded { lower: f64::NEG_INFINITY, upper: f64::INFINITY, row });
        return Ok(vec![all.collect(); packed.len()]);
    };
    let bounds = Bounds::new(metric, codes.element.width(), codes.dimensions);
    let plan = Plan { codes, bounds: &bounds, wanted, share: None };
    let bytes = codes.len().saturating_mul(codes.dimensions);
    let found = sift(compute, &plan, &coded, bytes)?;
    let one = |found: Option<Left>| {
        let (mut rows, _) = found.unwrap_or_default();
        rows.sort_unstable_by(|a, b| a.lower.total_cmp(&b.lower).then(a.row.cmp(&b.row)));
        rows
    };
    Ok(found.into_iter().map(one).collect())
}
