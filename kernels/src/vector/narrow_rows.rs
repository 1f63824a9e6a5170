//! The plain search over rows of narrow elements, read as they are: no copy of all rows as singles.
//!
//! A few queries take each row as it comes, and its elements become singles in registers. Many queries take rows that are
//! converted a few at a time, while they are in the cache. Bytes with queries of whole numbers need no singles: their
//! sums are whole numbers, exact in both, so the bits are the same.

use std::ops::Range;

use crate::arch::{F32_BLOCK, LANES, Simd, Task};
use crate::column::vectors::{Vectors, convert};
use crate::error::Error;
use crate::number::element::{Element, Width};
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::pairwise::narrow::{Brain, Byte, Half, Narrow, OfSingles, sums};
use crate::pairwise::one_to_many::Wanted as Sums;
use crate::pairwise::precision::{Accumulate, Single, Widened};
use crate::pairwise::reduce::{self, Dot, Pair};
use crate::parallel::{self, PANEL};
use crate::vector::distance::{Metric, from_dot, from_similarity, of_packed};
use crate::vector::nearest_rows::{
    Best, Candidate, Key, Scan, Wanted, check_k, check_width, merged, packed, search_for,
};

/// Maximum queries that take each row as it comes.
const FEW: usize = 4;
/// Bytes of converted rows per worker: as much as a core's own cache holds.
const CONVERTED: usize = 1 << 18;
/// Greatest dimension for which no lane of singles rounds a sum of products of bytes, and one of squared differences:
/// 2¹⁴ and 255² times a 32nd of it are at most 2²⁴.
const EXACT_PRODUCTS: usize = 32_768;
const EXACT_DIFFERENCES: usize = 8_256;

/// [`search_for`], whatever the elements of the rows are.
pub(crate) fn search_rows(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    queries: &Vectors<'_>,
    wanted: Wanted<'_>,
    metric: Metric,
) -> Result<Vec<Vec<Candidate>>, Error> {
    if !rows.is_narrow() {
        return search_for(compute, rows, key, queries, wanted, metric);
    }
    check_k(wanted.k)?;
    check_width(rows, queries)?;
    let singles = packed(queries)?;
    let whole = if rows.element() == Element::I8 { whole_numbers(&singles, metric) } else { None };
    let search = Search { compute, rows, key, queries, singles: &singles, whole, wanted, metric };
    let copied = Packed::default();
    let best = parallel::fold(
        rows.len(),
        rows.given_bytes().len(),
        || singles.iter().map(|_| Best::of(wanted)).collect::<Vec<_>>(),
        |best, range| {
            if search.whole.is_some() || singles.len() <= FEW {
                compute.level.run(Block { search: &search, range, best })
            } else {
                search.converted(&copied, range, best)
            }
        },
        merged,
    )?;
    Ok(best.into_iter().map(Best::into_sorted).collect())
}

/// Narrow elements as singles, on a level.
struct Convert<'a> {
    element: Element,
    bytes: &'a [u8],
    singles: &'a mut [f32],
}

impl Task for Convert<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.element {
            Element::F16 => blocks::<Half, S>(simd, self.bytes, self.singles),
            Element::Bf16 => blocks::<Brain, S>(simd, self.bytes, self.singles),
            _ => blocks::<Byte, S>(simd, self.bytes, self.singles),
        }
    }
}

#[inline(always)]
fn blocks<N: Narrow, S: Simd>(simd: S, bytes: &[u8], singles: &mut [f32]) {
    for (block, singles) in bytes.chunks(N::BLOCK).zip(singles.chunks_mut(LANES)) {
        let mut out = [0f32; LANES];
        let loaded = if block.len() == N::BLOCK { N::load(simd, block) } else { N::load_tail(simd, block) };
        simd.store_f32(loaded, bytemuck::cast_mut::<_, [u8; F32_BLOCK]>(&mut out));
        singles.copy_from_slice(&out[..singles.len()]);
    }
}

/// Some of the rows as singles.
///
/// # Errors
///
/// [`Error::Memory`] and what [`Vectors::packed`] returns.
pub(crate) fn with_singles(
    compute: Compute,
    rows: &Vectors<'_>,
    list: impl Iterator<Item = usize>,
    singles: &mut Vec<f32>,
    work: &mut dyn FnMut(&Vectors<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    singles.clear();
    let mut lengths = Vec::new();
    for row in list {
        let Some(bytes) = rows.given_row(row) else {
            lengths.push(-1);
            continue;
        };
        let before = singles.len();
        singles.resize(before + bytes.len() / rows.element().size(), 0.0);
        compute.level.run(Convert { element: rows.element(), bytes, singles: &mut singles[before..] });
        // A row has at most 2³¹ bytes, its dimensions are those of the query, and a query is one value.
        lengths.push(i32::try_from(4 * (singles.len() - before)).unwrap_or(i32::MAX));
    }
    work(&Vectors::packed(rows.place().clone(), Element::F32, bytemuck::cast_slice(singles), &lengths)?)
}

/// The queries as bytes, if all their numbers are whole ones in the range of bytes, and sums of that many products or
/// differences are exact in single lanes.
fn whole_numbers(queries: &[&[u8]], metric: Metric) -> Option<Vec<Vec<u8>>> {
    let most = match metric {
        Metric::Cosine | Metric::Dot => EXACT_PRODUCTS,
        Metric::Euclidean => EXACT_DIFFERENCES,
        Metric::Manhattan => return None,
    };
    let byte = |single: &[u8; 4]| {
        let number = f32::from_le_bytes(*single);
        (f32::from(number as i8) == number).then_some((number as i8).cast_unsigned())
    };
    let bytes = |query: &&[u8]| query.as_chunks::<4>().0.iter().map(byte).collect();
    queries.iter().map(|query| if query.len() <= 4 * most { bytes(query) } else { None }).collect()
}

struct Search<'a> {
    compute: Compute,
    rows: &'a Vectors<'a>,
    key: Key<'a>,
    queries: &'a Vectors<'a>,
    /// The queries' numbers, as singles.
    singles: &'a [&'a [u8]],
    /// The same as bytes, where sums of bytes are exact.
    whole: Option<Vec<Vec<u8>>>,
    wanted: Wanted<'a>,
    metric: Metric,
}

impl Search<'_> {
    /// Searches a range of rows, some at a time, as singles.
    fn converted(&self, copied: &Packed, range: Range<usize>, best: &mut [Best]) -> Result<(), Error> {
        let Some(query) = self.singles.first() else { return Ok(()) };
        let copied = (!self.metric.of_differences()).then_some(copied);
        let step = (CONVERTED / query.len().max(4)).max(1);
        let mut singles = Vec::new();
        for first in range.clone().step_by(step) {
            let end = (first + step).min(range.end);
            self.check(first..end)?;
            with_singles(self.compute, self.rows, first..end, &mut singles, &mut |block| {
                self.compute.level.run(Scan {
                    rows: block,
                    first,
                    key: self.key,
                    queries: self.singles,
                    copied,
                    query: self.queries.place(),
                    metric: self.metric,
                    accumulate: self.compute.accumulate,
                    list: None,
                    left_out: self.wanted.left_out,
                    range: 0..end - first,
                    best: &mut *best,
                })
            })?;
        }
        Ok(())
    }

    /// Checks that the wanted rows of a range have the dimensions of the queries.
    fn check(&self, range: Range<usize>) -> Result<(), Error> {
        let Some(expected) = self.queries.dimensions(0) else { return Ok(()) };
        let wrong = |row: &usize| {
            !self.wanted.leaves_out(*row) && self.rows.dimensions(*row).is_some_and(|found| found != expected)
        };
        match range.clone().find(wrong) {
            Some(row) => Err(self.rows.mismatch(row, self.queries.place().clone(), expected)),
            None => Ok(()),
        }
    }
}

/// One block of rows against few queries, or against queries of whole numbers.
struct Block<'a, 's> {
    search: &'a Search<'s>,
    range: Range<usize>,
    best: &'a mut [Best],
}

impl Task for Block<'_, '_> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        self.search.check(self.range.clone())?;
        match (self.search.compute.accumulate, self.search.rows.element()) {
            (Accumulate::F32, Element::F16) => self.scan::<Single, Half, S>(simd),
            (Accumulate::F32, Element::Bf16) => self.scan::<Single, Brain, S>(simd),
            (Accumulate::F32, _) => self.scan::<Single, Byte, S>(simd),
            (Accumulate::F64, Element::F16) => self.scan::<Widened, Half, S>(simd),
            (Accumulate::F64, Element::Bf16) => self.scan::<Widened, Brain, S>(simd),
            (Accumulate::F64, _) => self.scan::<Widened, Byte, S>(simd),
        }
        Ok(())
    }
}

impl Block<'_, '_> {
    #[inline(always)]
    fn scan<M: OfSingles, N: Narrow, S: Simd>(self, simd: S) {
        let Block { search, range, best } = self;
        let (metric, accumulate) = (search.metric, search.compute.accumulate);
        let squares: Vec<f64> = search
            .singles
            .iter()
            .map(|query| simd.run(Pair { form: Dot, width: Width::F32, accumulate, a: query, b: query }))
            .collect();
        let mut again = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let (mut numbers, mut panel, mut filled) = ([0; PANEL], [&[][..]; PANEL], 0);
            while filled < PANEL && next < range.end {
                if let Some(row) = search.rows.given_row(next).filter(|_| !search.wanted.leaves_out(next)) {
                    (numbers[filled], panel[filled]) = (next, row);
                    filled += 1;
                }
                next += 1;
            }
            let panel = &panel[..filled];
            for (q, (query, best)) in search.singles.iter().zip(best.iter_mut()).enumerate() {
                let mut distances = [0.0; PANEL];
                if let Some(whole) = &search.whole {
                    let mut found = [[0; 2]; PANEL];
                    if metric == Metric::Dot {
                        simd.dot_bytes::<false>(&whole[q], panel, &mut found);
                    } else {
                        simd.dot_bytes::<true>(&whole[q], panel, &mut found);
                    }
                    for (distance, found) in distances.iter_mut().zip(&found[..filled]) {
                        *distance = of_whole(metric, squares[q], *found);
                    }
                } else {
                    let wanted = match metric {
                        Metric::Dot => Sums::Dot,
                        Metric::Cosine => Sums::DotAndSquare,
                        Metric::Euclidean => Sums::EuclideanDistance,
                        Metric::Manhattan => Sums::ManhattanDistance,
                    };
                    for (distance, row) in distances.iter_mut().zip(panel) {
                        let found = sums::<M, N, S>(simd, wanted, query, row);
                        *distance = match of_sums::<M>(metric, squares[q], found) {
                            Some(distance) => distance,
                            None => {
                                again.resize(query.len() / 4, 0.0);
                                convert(search.rows.element(), row, &mut again);
                                let row = bytemuck::cast_slice(&again);
                                of_packed(search.compute, metric, Width::F32, query, row)
                            }
                        };
                    }
                }
                for (row, distance) in numbers[..filled].iter().zip(distances) {
                    best.offer_row(distance, *row, search.key);
                }
            }
        }
    }
}

/// The distance, given the sum of the query with a row and the row's square; `None` where a sum may have left the range
/// of its lanes.
#[inline(always)]
fn of_sums<M: OfSingles>(metric: Metric, square: f64, [sum, row_square]: [f64; 2]) -> Option<f64> {
    match metric {
        Metric::Manhattan => sum.is_finite().then_some(sum),
        _ if M::suspect(sum) => None,
        Metric::Dot => Some(from_dot(sum)),
        Metric::Euclidean => Some(sum.sqrt()),
        Metric::Cosine if M::suspect(row_square) => None,
        Metric::Cosine => Some(from_similarity(reduce::cosine_of_sums(sum, square, row_square))),
    }
}

/// The distance of vectors of whole numbers, given the query's square, their product and the row's square. All of them
/// are less than 2⁵³.
#[inline(always)]
fn of_whole(metric: Metric, square: f64, [dot, row_square]: [i64; 2]) -> f64 {
    match metric {
        Metric::Cosine => from_similarity(reduce::cosine_of_sums(dot as f64, square, row_square as f64)),
        Metric::Euclidean => (square + row_square as f64 - 2.0 * dot as f64).sqrt(),
        Metric::Dot | Metric::Manhattan => from_dot(dot as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Level;
    use crate::text::pack;
    use crate::vector::{Hit, TopK};

    fn found(search: TopK<'_>, rows: &Vectors<'_>, queries: &Vectors<'_>) -> Vec<Vec<(usize, u64)>> {
        let bits =
            |hit: &Hit| (hit.row, if hit.distance.is_nan() { u64::MAX } else { hit.distance.to_bits() });
        let hits = search.search(rows, queries).unwrap();
        hits.iter().map(|list| list.iter().map(bits).collect()).collect()
    }

    /// Rows of 70 numbers, among them zeros, and whole numbers only for bytes.
    fn numbers(element: Element, rows: usize) -> Vec<f32> {
        let scale = if element == Element::I8 { 1.0 } else { 8.0 };
        let number = |i: usize| if i / 70 % 5 == 3 { 0.0 } else { ((i * 37 % 101) as f32 - 50.0) / scale };
        let mut all: Vec<f32> = (0..rows * 70).map(number).collect();
        all[..140].copy_from_slice(&[[-128.0; 70], [127.0; 70]].concat());
        all
    }

    #[test]
    fn narrow_rows_are_found_as_their_singles_are() {
        for element in [Element::F16, Element::Bf16, Element::I8] {
            let singles = numbers(element, 1000);
            let ids: Vec<i64> = (0..1000).rev().collect();
            let left_out: Vec<bool> = (0..1000).map(|i| i % 7 == 2).collect();
            let matrix = Vectors::matrix(&singles, 70).unwrap();
            let bytes = pack(element, &singles);
            let rows = Vectors::packed_matrix("v", element, &bytes, 70).unwrap();
            let halves: Vec<f32> = singles[280..560].iter().map(|x| x / 2.0 + 0.25).collect();
            for (first, count) in [(0, 1), (70, 2), (140, 6)] {
                for query in [&singles[first..], &halves[first % 140..]] {
                    let query: Vec<f32> = query.iter().copied().cycle().take(count * 70).collect();
                    let queries = Vectors::matrix(&query, 70).unwrap();
                    for metric in Metric::ALL {
                        for accumulate in [Accumulate::F32, Accumulate::F64] {
                            for level in Level::available() {
                                let compute = Compute::new().accumulate(accumulate).level(level);
                                let search = TopK::new(9).metric(*metric).ids(&ids).compute(compute);
                                let context =
                                    format!("{metric:?} {element:?} {accumulate:?} {}", level.name());
                                let expected = found(search, &matrix, &queries);
                                assert_eq!(found(search, &rows, &queries), expected, "{context}");
                                let search = search.left_out(&left_out).min_distance(0.5);
                                let expected = found(search, &matrix, &queries);
                                assert_eq!(found(search, &rows, &queries), expected, "{context}, some");
                                assert!(rows.is_narrow(), "{context}: a copy of all rows was made");
                            }
                        }
                    }
                }
            }
            let codes = crate::vector::quantize(&rows).unwrap();
            let rows = Vectors::packed_matrix("v", element, &bytes, 70).unwrap();
            let queries = Vectors::matrix(&singles[700..910], 70).unwrap();
            for metric in Metric::ALL {
                let search = TopK::new(9).metric(*metric).ids(&ids);
                let expected = found(search, &matrix, &queries);
                assert_eq!(found(search.codes(&codes), &rows, &queries), expected, "{metric:?} over codes");
                let hits = search.search_packed(element, &bytes, 70, &queries).unwrap();
                assert_eq!(hits, search.search(&matrix, &queries).unwrap());
            }
            assert!(rows.is_narrow());
        }
    }

    #[test]
    fn special_numbers_and_rows_that_lie_anywhere() {
        for element in [Element::F16, Element::Bf16, Element::I8] {
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 6e-8, -6e-8, 65504.0, 0.0, -0.0];
            let mut singles = numbers(element, 400);
            if element != Element::I8 {
                for (i, x) in singles.iter_mut().enumerate().filter(|(i, _)| i % 97 == 5) {
                    *x = special[i / 97 % special.len()];
                }
            }
            let packed = pack(element, &singles);
            // Gaps of three bytes and NULL rows.
            let size = 70 * element.size();
            let mut bytes = Vec::new();
            let mut ranges = Vec::new();
            for (i, row) in packed.chunks(size).enumerate() {
                bytes.extend_from_slice(&[9; 3]);
                ranges.push((i % 11 != 4).then_some(bytes.len()..bytes.len() + size));
                bytes.extend_from_slice(row);
            }
            let narrow = Vectors::at("v", element, &bytes, ranges.clone()).unwrap();
            let wide = Vectors::at("v", element, &bytes, ranges).unwrap();
            wide.widen().unwrap();
            assert!(narrow.is_narrow() && !wide.is_narrow());
            for count in [1, 2, 3, 20] {
                let queries = Vectors::matrix(&singles[..count * 70], 70).unwrap();
                for metric in Metric::ALL {
                    let search = TopK::new(500).metric(*metric);
                    let expected = found(search, &wide, &queries);
                    assert_eq!(found(search, &narrow, &queries), expected, "{element:?} {metric:?} {count}");
                }
            }
        }
    }

    #[test]
    fn long_rows_of_bytes() {
        for n in [EXACT_DIFFERENCES, EXACT_DIFFERENCES + 1, EXACT_PRODUCTS, EXACT_PRODUCTS + 1] {
            let singles: Vec<f32> =
                (0..4 * n).map(|i| if i / n == i % 2 { -128.0 } else { 127.0 - (i % 3) as f32 }).collect();
            let bytes = pack(Element::I8, &singles);
            let matrix = Vectors::matrix(&singles, n).unwrap();
            let rows = Vectors::packed_matrix("v", Element::I8, &bytes, n).unwrap();
            let queries = Vectors::matrix(&singles[n..2 * n], n).unwrap();
            for metric in Metric::ALL {
                let search = TopK::new(4).metric(*metric);
                let expected = found(search, &matrix, &queries);
                assert_eq!(found(search, &rows, &queries), expected, "{metric:?} {n}");
            }
        }
    }

    #[test]
    fn bad_rows_and_queries_are_named() {
        let query = Vectors::matrix(&[0.0; 70], 70).unwrap();
        let search = TopK::new(1);
        assert!(search.search_packed(Element::F16, &[0; 3], 1, &query).is_err());
        assert!(search.search_packed(Element::F16, &[0; 4], 2, &query).is_err(), "other dimensions");
        assert!(search.ids(&[1, 2]).search_packed(Element::F16, &[0; 140], 70, &query).is_err());
        assert_eq!(search.search_packed(Element::F16, &[], 70, &query).unwrap(), [vec![]]);
        let lengths = [70, 70, 69];
        let rows = Vectors::packed("v", Element::I8, &[1; 209], &lengths).unwrap();
        for count in [1, 3] {
            let numbers = vec![0.5; 70 * count];
            let queries = Vectors::matrix(&numbers, 70).unwrap();
            let error = search.search(&rows, &queries).unwrap_err().to_string();
            assert_eq!(error, "column v, row 3: 69 dimensions, but column matrix has 70", "{count}");
        }
    }
}
