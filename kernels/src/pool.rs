//! The thread pool of a library's border: made when a call is large enough to use it, joined before the library may be unloaded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

type Made = (Arc<ThreadPool>, Vec<JoinHandle<()>>);

/// A pool that is made on first use, for hosts that may unload the library: rayon's own pool is never joined.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Pool, vector::batch};
/// static POOL: Pool = Pool::new();
/// let (rows, mut out) = (vec![0.5; 1 << 20], vec![0.0; 1 << 10]);
/// POOL.run(2, rows.len() * 4, false, || batch::norm(&rows, 1 << 10, &mut out))?;
/// assert_eq!(out[0], 16.0);
/// POOL.close();
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Pool {
    made: Mutex<Option<Made>>,
    /// Set by [`Pool::close`], so that a call that is still running leaves no threads that nobody would join.
    closed: AtomicBool,
}

impl Pool {
    /// Bytes of input below which work runs on the calling thread. Conversion makes bytes grow fourfold at most, so what
    /// the kernels would split (1 MiB) always finds the pool and never starts a global one.
    pub const SMALL: usize = 1 << 18;

    /// A pool without threads so far.
    pub const fn new() -> Pool {
        Pool { made: Mutex::new(None), closed: AtomicBool::new(false) }
    }

    /// Runs `work` in the pool where the input is large, or `always`, where `work` asks about threads.
    ///
    /// # Errors
    ///
    /// What `work` says; [`Error::ParameterValue`] where there are 0 threads, more than rayon can have, or they cannot be started.
    pub fn run<T: Send>(
        &self,
        threads: usize,
        input_bytes: usize,
        always: bool,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        if input_bytes < Pool::SMALL && !always {
            return work();
        }
        let pool = {
            let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match made.as_ref().filter(|(pool, _)| pool.current_num_threads() == threads) {
                Some((pool, _)) => pool.clone(),
                None if self.closed.load(Ordering::Acquire) => {
                    drop(made);
                    // Threads of this call alone, joined at its end.
                    let own = build(threads)?;
                    let result = own.0.install(work);
                    join(own);
                    return result;
                }
                None => {
                    let new = build(threads)?;
                    let pool = new.0.clone();
                    let old = made.replace(new);
                    drop(made);
                    // Waits for the calls that still use the threads of another number.
                    old.into_iter().for_each(join);
                    pool
                }
            }
        };
        pool.install(work)
    }

    /// Lets threads be started, again after [`Pool::close`].
    pub fn open(&self) {
        self.closed.store(false, Ordering::Release);
    }

    /// Ends the threads and waits for them.
    pub fn close(&self) {
        let made = {
            let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            self.closed.store(true, Ordering::Release);
            made.take()
        };
        if let Some(made) = made {
            join(made);
        }
    }
}

fn join((pool, threads): Made) {
    drop(pool);
    for thread in threads {
        // A worker's panic has already been reported by the call that met it.
        let _ = thread.join();
    }
}

fn build(threads: usize) -> Result<Made, Error> {
    let wrong = |expected: String| Error::ParameterValue {
        name: "threads".into(),
        value: threads.to_string(),
        expected,
    };
    // 0 would be rayon's default, which no later call would find again.
    let most = rayon::max_num_threads();
    if !(1..=most).contains(&threads) {
        return Err(wrong(format!("an integer from 1 to {most}")));
    }
    let mut handles = Vec::with_capacity(threads);
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .spawn_handler(|thread| {
            let builder = std::thread::Builder::new().name(format!("hart-{}", thread.index()));
            handles.push(builder.spawn(|| thread.run())?);
            Ok(())
        })
        .build()
        .map_err(|e| wrong(format!("a number of threads that can be started ({e})")))?;
    Ok((Arc::new(pool), handles))
}
