//! Memory for large results.

use bytemuck::Zeroable;

/// As many zeros. Where the allocator takes a block of its own from the system, as those of C do for large ones, its pages come as
/// they are first written, by whichever thread does so, and are large where the system has such: of small ones, the first write
/// costs more than the numbers that they hold.
///
/// # Panics
///
/// Where there is no memory for them.
pub(crate) fn zeros<T: Zeroable>(length: usize) -> Vec<T> {
    let none = |()| panic!("there is no memory for {length} elements of {} bytes", size_of::<T>());
    try_zeros(length).unwrap_or_else(none)
}

/// [`zeros`], or an error where there is no memory for them.
pub(crate) fn try_zeros<T: Zeroable>(length: usize) -> Result<Vec<T>, ()> {
    bytemuck::allocation::try_zeroed_vec(length).map(preferred)
}

/// The same memory, for which large pages have been asked. Linux gives them to memory that wants them, or to all.
#[cfg(target_os = "linux")]
fn preferred<T>(memory: Vec<T>) -> Vec<T> {
    /// Below this no large page, of 2 MB on most processors, may fit.
    const LARGE: usize = 4 << 20;
    let (block, size) = (memory.as_ptr() as usize, size_of_val(memory.as_slice()));
    if size >= LARGE {
        // SAFETY: asks for a constant of the system.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // All pages that hold a part of the block: of a mapping of which only a part is asked for, the system makes several.
        let start = block / page * page;
        let size = (block + size).next_multiple_of(page) - start;
        // A system without large pages refuses, and nothing is lost.
        // SAFETY: a hint, which changes no content. The pages are mapped, because the vector holds the block.
        unsafe { libc::madvise(start as *mut libc::c_void, size, libc::MADV_HUGEPAGE) };
    }
    memory
}

#[cfg(not(target_os = "linux"))]
fn preferred<T>(memory: Vec<T>) -> Vec<T> {
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_any_length() {
        for length in [0, 1, 1000, (5 << 20) + 3] {
            let mut out: Vec<f32> = zeros(length);
            assert!(out.len() == length && out.iter().all(|x| *x == 0.0));
            out.fill(1.0);
            assert_eq!(try_zeros::<u8>(length), Ok(vec![0; length]));
        }
        assert_eq!(try_zeros::<f64>(usize::MAX / 16), Err(()));
        assert_eq!(zeros::<()>(7).len(), 7);
    }
}
