//! Memory for large results.

use std::mem::MaybeUninit;
use std::slice::ChunksMut;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytemuck::Zeroable;

use crate::error::{self, Error};

/// A zeroed `Vec`, or an error that says what it is for. Pages of large blocks are faulted in by the first thread to
/// write them, as huge pages where available.
///
/// # Errors
///
/// [`Error::Memory`].
pub(crate) fn zeros<T: Zeroable>(what: &str, length: usize) -> Result<Vec<T>, Error> {
    let memory =
        bytemuck::allocation::try_zeroed_vec(length).map_err(|()| error::refused::<T>(what, length))?;
    prefer_large(memory.as_ptr(), length);
    Ok(memory)
}

/// A piece of a [`filled`] result, uninitialized.
pub(crate) struct Blank<'a, T> {
    memory: &'a mut [MaybeUninit<T>],
    cleared: &'a AtomicUsize,
}

impl<'a, T: Zeroable> Blank<'a, T> {
    /// The piece, set to zero.
    pub(crate) fn clear(self) -> &'a mut [T] {
        self.memory.fill_with(MaybeUninit::zeroed);
        self.cleared.fetch_add(self.memory.len(), Ordering::Relaxed);
        // SAFETY: all bytes have just been set to zero, and all zeros is a valid value of a `Zeroable` type.
        unsafe { &mut *(std::ptr::from_mut(self.memory) as *mut [T]) }
    }
}

/// A result of `length` elements that `fill` writes in pieces of `size`, the last one shorter. `fill` must
/// [clear](Blank::clear) every piece unless it fails. The error is that of `fill`, or `None` if there is no memory for
/// the result.
///
/// # Panics
///
/// If `fill` succeeds but has not cleared every piece.
pub(crate) fn filled<T: Zeroable, E>(
    length: usize,
    size: usize,
    fill: impl FnOnce(Blanks<'_, T>) -> Result<(), E>,
) -> Result<Vec<T>, Option<E>> {
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|_| None)?;
    prefer_large(out.as_ptr(), length);
    let cleared = AtomicUsize::new(0);
    let pieces = out.spare_capacity_mut()[..length].chunks_mut(size);
    fill(Blanks { pieces, cleared: &cleared })?;
    assert_eq!(cleared.into_inner(), length, "every piece of a result is filled");
    // SAFETY: the capacity holds `length` elements. Each piece adds its length to `cleared` once, after it is zeroed,
    // so all elements are initialized: the assertion has just checked that.
    unsafe { out.set_len(length) };
    Ok(out)
}

/// The pieces of a [`filled`] result, in order.
pub(crate) struct Blanks<'a, T> {
    pieces: ChunksMut<'a, MaybeUninit<T>>,
    cleared: &'a AtomicUsize,
}

impl<'a, T> Iterator for Blanks<'a, T> {
    type Item = Blank<'a, T>;

    fn next(&mut self) -> Option<Blank<'a, T>> {
        self.pieces.next().map(|memory| Blank { memory, cleared: self.cleared })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pieces.size_hint()
    }
}

impl<T> ExactSizeIterator for Blanks<'_, T> {}

/// Asks Linux for huge pages for the `length` elements from `start` on.
#[cfg(target_os = "linux")]
pub(crate) fn prefer_large<T>(start: *const T, length: usize) {
    /// A smaller block may hold no whole huge page (2 MB on most processors).
    const LARGE: usize = 4 << 20;
    let (block, size) = (start as usize, length.saturating_mul(size_of::<T>()));
    if size >= LARGE {
        // SAFETY: `sysconf` only reads a system constant.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // Whole pages only: `madvise` on part of a page would split the mapping.
        let start = block / page * page;
        let size = (block + size).next_multiple_of(page) - start;
        // A system without huge pages refuses, which changes nothing. SAFETY: `MADV_HUGEPAGE` is a hint and changes no
        // content; for unmapped pages the system returns an error.
        unsafe { libc::madvise(start as *mut libc::c_void, size, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn prefer_large<T>(_start: *const T, _length: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_any_length() {
        for length in [0, 1, 1000, (5 << 20) + 3] {
            let mut out: Vec<f32> = zeros("a result", length).unwrap();
            assert!(out.len() == length && out.iter().all(|x| *x == 0.0));
            out.fill(1.0);
            assert_eq!(zeros::<u8>("a result", length), Ok(vec![0; length]));
        }
        let error = zeros::<f64>("a result", usize::MAX / 16).unwrap_err();
        assert!(error.to_string().starts_with("a result would take"), "{error}");
        assert_eq!(zeros::<()>("a result", 7).map(|out| out.len()), Ok(7));
    }
}
