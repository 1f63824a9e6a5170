//! The crate's own calls in the processes of other languages: what the bench `c_library` compares the callers of the C library
//! with, on their own memory. Not part of the C library.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::slice;
use std::time::Instant;

use hart_kernels::vector::{self, batch};

/// Seconds that so many calls of the crate take: cosine similarities of `count` rows of `n` dimensions with the first row or, where
/// `count` is 0, the dot product of the first two rows. NaN where a call fails.
///
/// # Safety
///
/// `rows` points to `count` × `n` numbers, at least two rows, and `out` to `count` numbers that nothing else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_direct(
    rows: *const f32,
    count: usize,
    n: usize,
    out: *mut f64,
    times: u64,
) -> f64 {
    // SAFETY: the caller's promise.
    let (rows, out) =
        unsafe { (slice::from_raw_parts(rows, count.max(2) * n), slice::from_raw_parts_mut(out, count)) };
    let start = Instant::now();
    for _ in 0..times {
        let (rows, query) = (black_box(rows), black_box(&rows[..n]));
        let done = if count == 0 {
            vector::dot_product(query, &rows[n..2 * n]).map(|dot| _ = black_box(dot))
        } else {
            batch::cosine_similarity(rows, query, n, out)
        };
        if done.is_err() {
            return f64::NAN;
        }
    }
    start.elapsed().as_secs_f64()
}
