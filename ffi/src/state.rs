//! Per-process state: the thread pool and its number of threads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use hart_kernels::{Error, Pool};

use crate::failure::Failure;

static POOL: Pool = Pool::new();
/// 0 means one thread per processor.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// More threads than that are a mistake: no machine has that many processors.
pub(crate) const MAX_THREADS: u32 = 4096;

/// Threads that large calls use.
pub(crate) fn threads() -> usize {
    // Determined once: on Linux it takes reading files, which costs more than a medium-sized call.
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    match THREADS.load(Ordering::Relaxed) {
        0 => *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from)),
        threads => threads,
    }
}

/// Sets the number of threads, 0 for the default, and ends the running ones.
pub(crate) fn set_threads(threads: u32) -> Result<(), Failure> {
    if threads > MAX_THREADS {
        return Err(Error::ParameterValue {
            name: "threads".into(),
            value: threads.to_string(),
            expected: format!("at most {MAX_THREADS}"),
        }
        .into());
    }
    THREADS.store(threads as usize, Ordering::Relaxed);
    shut_down();
    Ok(())
}

/// Ends the threads and waits for them. A later call starts new ones.
pub(crate) fn shut_down() {
    POOL.close();
    POOL.open();
}

/// Calls kernels that may share their work among the library's threads.
#[inline]
pub(crate) fn run<T>(work: impl FnOnce() -> T) -> T {
    POOL.run(threads(), work)
}
