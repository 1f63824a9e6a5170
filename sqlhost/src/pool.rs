//! The thread pool of this process: made when a call is large enough to use it, joined before the library may be unloaded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hart_kernels::Error;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Inputs smaller than this are computed on the calling thread. Conversion makes bytes grow fourfold at most, so what the
/// kernels would split (1 MiB) always finds the pool and never starts a global one.
const SMALL: usize = 1 << 18;

type Made = (Arc<ThreadPool>, Vec<JoinHandle<()>>);

/// A pool that is made on first use.
#[derive(Default)]
pub struct Pool {
    made: Mutex<Option<Made>>,
    /// Set by Cleanup, so that a call that is still running starts no threads that nobody would join.
    closed: AtomicBool,
}

impl Pool {
    /// Runs `work` in the pool where the input is large, or `always`, where `work` asks about threads.
    ///
    /// # Errors
    ///
    /// What `work` says; [`Error::ParameterValue`] where the threads cannot be started.
    pub fn run<T: Send>(
        &self,
        threads: usize,
        input_bytes: usize,
        always: bool,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        if input_bytes < SMALL && !always {
            return work();
        }
        let pool = {
            let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match made.as_ref().filter(|(pool, _)| pool.current_num_threads() == threads) {
                Some((pool, _)) => pool.clone(),
                None if self.closed.load(Ordering::Acquire) => return work(),
                None => made.insert(build(threads)?).0.clone(),
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
        if let Some((pool, threads)) = made {
            drop(pool);
            for thread in threads {
                // A worker's panic has already been reported by the call that met it.
                let _ = thread.join();
            }
        }
    }
}

fn build(threads: usize) -> Result<Made, Error> {
    let mut handles = Vec::with_capacity(threads);
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .spawn_handler(|thread| {
            let builder = std::thread::Builder::new().name(format!("hart-{}", thread.index()));
            handles.push(builder.spawn(|| thread.run())?);
            Ok(())
        })
        .build()
        .map_err(|e| Error::ParameterValue {
            name: "threads".into(),
            value: threads.to_string(),
            expected: format!("a number of threads that can be started ({e})"),
        })?;
    Ok((Arc::new(pool), handles))
}
