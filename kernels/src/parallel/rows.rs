//! Rows in parallel, with results that do not depend on the number of threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytemuck::Zeroable;
use rayon::prelude::*;

use crate::arch;
use crate::error::Error;
use crate::parallel::pool;

/// Rows per panel; packed, they stay in L2. Divisible by the row count of every tile.
pub(crate) const PANEL: usize = 24;
/// Below this many bytes of input one thread is faster than waking others.
const SEQUENTIAL: usize = 1 << 20;
/// Input bytes per block: large enough to make the hand-over free, small enough to balance two or two hundred threads.
const BLOCK: usize = 1 << 22;

/// Workers for an input of that size.
pub(crate) fn workers(bytes: usize) -> usize {
    // Asking for the pool's size would start it; small inputs must not.
    if bytes < SEQUENTIAL { 1 } else { pool::threads() }
}

/// Whether an input of that size in that many pieces is shared among threads.
pub(crate) fn splits(pieces: usize, bytes: usize) -> bool {
    pieces > 1 && workers(bytes) > 1
}

/// Splits `rows` into consecutive ranges of about a block each, and of whole panels where a block holds several. The
/// split depends on the input alone.
pub(crate) fn ranges(rows: usize, bytes: usize) -> Vec<Range<usize>> {
    let blocks = (bytes / BLOCK).clamp(1, rows.max(1));
    let mut step = rows.div_ceil(blocks).max(1);
    if step > PANEL {
        step = step.next_multiple_of(PANEL);
    }
    (0..rows).step_by(step).map(|start| start..(start + step).min(rows)).collect()
}

/// Calls `work` with every number below `count`, shared among the call's threads. Nothing here is generic, so rayon's
/// machinery is compiled once and not per kernel.
fn share(count: usize, work: &(dyn Fn(usize) + Sync)) -> Result<(), Error> {
    pool::enter(|| (0..count).into_par_iter().for_each(work))
}

/// A piece before the work, and its result after.
type Slot<P, T> = Mutex<(Option<P>, Option<Result<T, Error>>)>;

/// The result of `work` for each piece, in order, or the error of the first piece that failed, whatever the timing.
fn results<P: Send, T: Send>(
    pieces: impl Iterator<Item = P>,
    work: impl Fn(P) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let slots: Vec<Slot<P, T>> = pieces.map(|piece| Mutex::new((Some(piece), None))).collect();
    share(slots.len(), &|i| {
        // The lock is uncontended, and a poisoned value is never read: the panic reaches the caller.
        let mut slot = slots[i].lock().unwrap_or_else(PoisonError::into_inner);
        slot.1 = slot.0.take().map(&work);
    })?;
    let result = |slot: Slot<P, T>| {
        let (_, result) = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.unwrap_or_else(|| unreachable!("each piece has been worked on"))
    };
    slots.into_iter().map(result).collect()
}

/// Runs `work` over blocks of rows in the current thread pool and returns the results in order, or the error of
/// the first failing block.
pub(crate) fn blocks<T: Send>(
    rows: usize,
    bytes: usize,
    work: impl Fn(Range<usize>) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let ranges = ranges(rows, bytes);
    if !splits(ranges.len(), bytes) {
        return ranges.into_iter().map(work).collect();
    }
    results(ranges.into_iter(), work)
}

/// Folds blocks of rows into one value. Each worker has its own accumulator, so memory grows with the workers, not with
/// the rows. `merge` must not depend on order. The error is that of the first failing block, whatever the timing.
pub(crate) fn fold<T: Send>(
    rows: usize,
    bytes: usize,
    none: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, Range<usize>) -> Result<(), Error> + Sync,
    merge: impl Fn(T, T) -> T,
) -> Result<T, Error> {
    let ranges = ranges(rows, bytes);
    if !splits(ranges.len(), bytes) {
        let mut value = none();
        ranges.into_iter().try_for_each(|range| work(&mut value, range))?;
        return Ok(value);
    }
    let next = AtomicUsize::new(0);
    let parts = results(0..workers(bytes).min(ranges.len()), |_| {
        let mut value = None;
        // A worker's blocks ascend, so it stops at its first error; among several workers the first block's error
        // counts.
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(range) = ranges.get(at)
        {
            if let Err(error) = work(value.get_or_insert_with(&none), range.clone()) {
                return Ok(Err((at, error)));
            }
        }
        // A worker that got no block has nothing.
        Ok(Ok(value))
    })?;
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Ok(value) => values.extend(value),
            Err(error) => errors.push(error),
        }
    }
    match errors.into_iter().min_by_key(|(at, _)| *at) {
        Some((_, error)) => Err(error),
        None => Ok(values.into_iter().reduce(merge).unwrap_or_else(none)),
    }
}

/// Fills equally long rows of `out` in blocks. `work` gets a range of rows and their part of `out`; the error is that
/// of the first failing block.
pub(crate) fn rows_into<T: Send>(
    rows: usize,
    bytes: usize,
    out: &mut [T],
    work: impl Fn(Range<usize>, &mut [T]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let ranges = ranges(rows, bytes);
    let width = out.len().checked_div(rows).unwrap_or(0);
    if width == 0 || !splits(ranges.len(), bytes) {
        return work(0..rows, out);
    }
    let parts = out.chunks_mut(ranges[0].len() * width);
    each(ranges.into_iter().zip(parts), bytes, |(range, out)| work(range, out))
}

/// Runs independent pieces of work, each of which owns its output, on an input of that size. The error is that of the
/// first failing piece.
pub(crate) fn each<P: Send>(
    pieces: impl IntoIterator<Item = P, IntoIter: ExactSizeIterator>,
    bytes: usize,
    work: impl Fn(P) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let mut pieces = pieces.into_iter();
    if !splits(pieces.len(), bytes) {
        return pieces.try_for_each(work);
    }
    results(pieces, work).map(|_: Vec<()>| ())
}

/// A result of `length` elements that `work` computes in pieces of `size` (the last may be shorter) from an input of
/// `bytes`. The thread that computes a piece also zeroes it, so that it is in that thread's cache. The error is that of
/// the first failing piece, or `None` if there is no memory for the result.
pub(crate) fn pieces<T: Zeroable + Send>(
    length: usize,
    size: usize,
    bytes: usize,
    work: impl Fn(usize, &mut [T]) -> Result<(), Error> + Sync,
) -> Result<Vec<T>, Option<Error>> {
    arch::filled(length, size, |blanks| each(blanks.enumerate(), bytes, |(i, blank)| work(i, blank.clear())))
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
                Ok(())
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

    #[test]
    fn pieces_of_any_size() {
        for (length, size) in [(0, 3), (7, 3), (9, 3), (2, 100), (1 << 20, 1000)] {
            for bytes in [0, usize::MAX] {
                let out = pieces(length, size, bytes, |i, piece| {
                    assert!(piece.len() <= size && piece.iter().all(|x| *x == 0));
                    piece.iter_mut().enumerate().for_each(|(j, x)| *x = i * size + j);
                    Ok(())
                });
                assert!(out.unwrap().into_iter().eq(0..length));
            }
        }
        let error = |i: usize| Error::Setting { setting: i.to_string(), problem: String::new() };
        let failing = |i: usize, _: &mut [u8]| if i < 3 { Ok(()) } else { Err(error(i)) };
        assert_eq!(pieces(10, 2, usize::MAX, failing), Err(Some(error(3))));
        assert_eq!(pieces(usize::MAX, 2, 0, |_, _: &mut [u64]| Ok(())), Err(None));
    }
}
