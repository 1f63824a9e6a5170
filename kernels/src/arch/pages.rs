//! Memory for large results.

use std::mem::MaybeUninit;

use bytemuck::Zeroable;

use crate::error::Error;
use crate::{memory, parallel};

/// As many zeros, or an error that says what they are for where there is no memory for them. Where the allocator takes a block of its own from the system, as those of C do for large ones, its pages come as
/// they are first written, by whichever thread does so, and are large where the system has such: of small ones, the first write
/// costs more than the numbers that they hold.
///
/// # Errors
///
/// [`Error::Memory`].
pub(crate) fn zeros<T: Zeroable>(what: &str, length: usize) -> Result<Vec<T>, Error> {
    let memory =
        bytemuck::allocation::try_zeroed_vec(length).map_err(|()| memory::refused::<T>(what, length))?;
    prefer_large(memory.as_ptr(), length);
    Ok(memory)
}

/// Memory with any content, set to zero.
fn cleared<T: Zeroable>(memory: &mut [MaybeUninit<T>]) -> &mut [T] {
    memory.fill_with(MaybeUninit::zeroed);
    // SAFETY: all bytes have just been set to zero, and zeros are a value of a type that is `Zeroable`.
    unsafe { &mut *(std::ptr::from_mut(memory) as *mut [T]) }
}

/// A result of so many elements, which `work` computes in pieces of `size`, the last one shorter, for an input of so many bytes. Each
/// piece is set to zero by the thread that computes it, which then has it in its cache; [`zeros`] in memory that an
/// earlier result has left come from one thread, while the others wait. The error is that of the first failing piece, or none
/// where there is no memory for the result.
pub(crate) fn pieces<T: Zeroable + Send>(
    length: usize,
    size: usize,
    bytes: usize,
    work: impl Fn(usize, &mut [T]) -> Result<(), Error> + Sync,
) -> Result<Vec<T>, Option<Error>> {
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|_| None)?;
    prefer_large(out.as_ptr(), length);
    let blank = &mut out.spare_capacity_mut()[..length];
    parallel::each(blank.chunks_mut(size).enumerate(), bytes, |(i, blank)| work(i, cleared(blank)))?;
    // SAFETY: the capacity holds so many, and `each` has given every piece to the closure, which clears it first.
    unsafe { out.set_len(length) };
    Ok(out)
}

/// Asks for large pages for the memory of so many elements that begins there. Linux gives them to memory that wants them, or to
/// all.
#[cfg(target_os = "linux")]
pub(crate) fn prefer_large<T>(start: *const T, length: usize) {
    /// Below this no large page, of 2 MB on most processors, may fit.
    const LARGE: usize = 4 << 20;
    let (block, size) = (start as usize, length.saturating_mul(size_of::<T>()));
    if size >= LARGE {
        // SAFETY: asks for a constant of the system.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // All pages that hold a part of the block: of a mapping of which only a part is asked for, the system makes several.
        let start = block / page * page;
        let size = (block + size).next_multiple_of(page) - start;
        // A system without large pages refuses, and nothing is lost.
        // SAFETY: a hint, which changes no content; of pages that are not mapped the system says so.
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
        assert!(error.to_string().starts_with("a result needs"), "{error}");
        assert_eq!(zeros::<()>("a result", 7).map(|out| out.len()), Ok(7));
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
