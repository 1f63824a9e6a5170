//! Rows in parallel, with results that do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Error;
use crate::pool;

/// Below this many bytes of input one thread is faster than waking others.
const SEQUENTIAL: usize = 1 << 20;
/// Input bytes of one block: enough to make the hand-over free, few enough to balance two or two hundred threads.
const BLOCK: usize = 1 << 22;

/// How many workers an input of that size gets.
pub(crate) fn workers(bytes: usize) -> usize {
    // Without a pool of the call, asking starts rayon's own, which small inputs never need.
    if bytes < SEQUENTIAL { 1 } else { pool::threads() }
}

/// Whether so many pieces of work on an input of that size are shared among threads.
pub(crate) fn splits(pieces: usize, bytes: usize) -> bool {
    pieces > 1 && workers(bytes) > 1
}

/// Splits `rows` into consecutive ranges of about a block each. The split depends on the input alone.
pub(crate) fn ranges(rows: usize, bytes: usize) -> Vec<Range<usize>> {
    let blocks = (bytes / BLOCK).clamp(1, rows.max(1));
    let step = rows.div_ceil(blocks).max(1);
    (0..rows).step_by(step).map(|start| start..(start + step).min(rows)).collect()
}

/// The results in order, or the error of the first that failed.
pub(crate) fn first_error<T: Send, C: FromIterator<T>>(
    results: impl IndexedParallelIterator<Item = Result<T, Error>>,
) -> Result<C, Error> {
    // Collected before the errors are looked at: otherwise which error is reported would be a matter of timing.
    let results: Vec<Result<T, Error>> = pool::enter(|| results.collect())?;
    results.into_iter().collect()
}

/// Runs `work` over blocks of rows in the current thread pool and returns the results in order, or the error of
/// the first failing block.
pub(crate) fn blocks<T: Send>(
    rows: usize,
    bytes: usize,
    work: impl Fn(Range<usize>) -> Result<T, Error> + Sync + Send,
) -> Result<Vec<T>, Error> {
    let ranges = ranges(rows, bytes);
    if !splits(ranges.len(), bytes) {
        return ranges.into_iter().map(work).collect();
    }
    first_error(ranges.into_par_iter().map(work))
}

/// Folds blocks of rows into one value, by workers that each have their own: memory grows with the workers, not with the
/// rows. `merge` must not care about order. The error is that of the first failing block, whatever the timing.
pub(crate) fn fold<T: Send>(
    rows: usize,
    bytes: usize,
    none: impl Fn() -> T + Sync + Send,
    work: impl Fn(&mut T, Range<usize>) -> Result<(), Error> + Sync + Send,
    merge: impl Fn(T, T) -> T + Sync + Send,
) -> Result<T, Error> {
    let ranges = ranges(rows, bytes);
    let mut value = none();
    if !splits(ranges.len(), bytes) {
        ranges.into_iter().try_for_each(|range| work(&mut value, range))?;
        return Ok(value);
    }
    // A worker's ranges ascend, so it stops at its first error; of several workers' errors the one of the first row counts.
    type Partial<T> = Result<T, (usize, Error)>;
    let step = |partial: Partial<T>, range: Range<usize>| {
        let (mut value, start) = (partial?, range.start);
        work(&mut value, range).map(|()| value).map_err(|e| (start, e))
    };
    let join = |a: Partial<T>, b: Partial<T>| match (a, b) {
        (Ok(a), Ok(b)) => Ok(merge(a, b)),
        (Err(a), Err(b)) => Err(if a.0 <= b.0 { a } else { b }),
        (Err(e), _) | (_, Err(e)) => Err(e),
    };
    let fold = || ranges.into_par_iter().fold(|| Ok(none()), step).reduce(|| Ok(none()), join);
    let folded = pool::enter(fold)?;
    folded.map_err(|(_, error)| error)
}

/// As [`blocks`], where block `i` also owns `outputs[i]`.
pub(crate) fn blocks_into(
    ranges: Vec<Range<usize>>,
    bytes: usize,
    outputs: Vec<&mut [u8]>,
    work: impl Fn(Range<usize>, &mut [u8]) + Sync + Send,
) -> Result<(), Error> {
    if !splits(ranges.len(), bytes) {
        ranges.into_iter().zip(outputs).for_each(|(range, out)| work(range, out));
        return Ok(());
    }
    pool::enter(|| ranges.into_par_iter().zip(outputs).for_each(|(range, out)| work(range, out)))
}

/// Fills rows of `out`, which are equally long, in blocks. `work` gets the range of rows and their part of `out`.
pub(crate) fn rows_into<T: Send>(
    rows: usize,
    bytes: usize,
    out: &mut [T],
    work: impl Fn(Range<usize>, &mut [T]) + Sync + Send,
) -> Result<(), Error> {
    let ranges = ranges(rows, bytes);
    let width = out.len().checked_div(rows).unwrap_or(0);
    if width == 0 || !splits(ranges.len(), bytes) {
        work(0..rows, out);
        return Ok(());
    }
    let step = ranges[0].len();
    let fill = |(block, out): (usize, &mut [T])| {
        let start = block * step;
        work(start..start + out.len() / width, out);
    };
    pool::enter(|| out.par_chunks_mut(step * width).enumerate().for_each(fill))
}

/// Does independent pieces of work, each of which owns what it writes, on an input of that size. The error is that of the
/// first failing piece.
pub(crate) fn each<T: Send>(
    pieces: Vec<T>,
    bytes: usize,
    work: impl Fn(T) -> Result<(), Error> + Sync + Send,
) -> Result<(), Error> {
    if !splits(pieces.len(), bytes) {
        return pieces.into_iter().try_for_each(work);
    }
    first_error(pieces.into_par_iter().map(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_row_once() {
        for (rows, bytes) in [(0, 0), (1, 1 << 30), (10, 100), (1000, 50 << 20), (7, 3 << 20)] {
            let ranges = ranges(rows, bytes);
            assert_eq!(ranges.iter().map(|r| r.len()).sum::<usize>(), rows);
            assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
        }
    }

    #[test]
    fn rows_of_an_output_are_filled_once() {
        for (rows, width, bytes) in [(0, 3, 0), (5, 0, 0), (7, 2, 64 << 20), (1000, 3, 64 << 20), (9, 1, 10)]
        {
            let mut out = vec![0; rows * width];
            rows_into(rows, bytes, &mut out, |range, out| {
                assert_eq!(out.len(), range.len() * width);
                for (i, value) in out.iter_mut().enumerate() {
                    *value += range.start * width + i + 1;
                }
            })
            .unwrap();
            assert!(out.iter().copied().eq(1..=rows * width));
        }
    }

    #[test]
    fn the_first_error_wins() {
        let error = |i: usize| Error::Setting { setting: i.to_string(), problem: String::new() };
        for _ in 0..20 {
            let out = blocks(1000, 64 << 20, |r| if r.start >= 300 { Err(error(r.start)) } else { Ok(()) });
            let first = ranges(1000, 64 << 20).into_iter().find(|r| r.start >= 300).unwrap().start;
            assert_eq!(out, Err(error(first)));
            let fail =
                |_: &mut usize, r: Range<usize>| if r.start >= 300 { Err(error(r.start)) } else { Ok(()) };
            assert_eq!(fold(1000, 64 << 20, || 0, fail, |a, b| a + b), Err(error(first)));
        }
    }
}
