//! The thread pool of a library's border: made when a kernel has work to share, joined before the library may be unloaded.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

/// A pool that is made on first use, for hosts that may unload the library: rayon's own pool is never joined.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Pool, vector::batch};
/// static POOL: Pool = Pool::new();
/// let (rows, mut out) = (vec![0.5; 1 << 22], vec![0.0; 1 << 12]);
/// POOL.run(2, || batch::norm(&rows, 1 << 10, &mut out))?;
/// assert_eq!(out[0], 16.0);
/// POOL.close();
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Pool(OnceLock<Arc<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    made: Mutex<Option<Threads>>,
    /// Set by [`Pool::close`], so that a call that is still running leaves no threads that nobody would join.
    closed: AtomicBool,
}

impl Pool {
    /// A pool without threads so far.
    pub const fn new() -> Pool {
        Pool(OnceLock::new())
    }

    fn shared(&self) -> &Arc<Shared> {
        self.0.get_or_init(Arc::default)
    }

    /// Runs `work` on the calling thread. Kernels in it that have enough to do share it among that many threads of the pool, which
    /// only then are started; for all else, and mostly with one thread, the calling thread does the work.
    ///
    /// A kernel says [`Error::ParameterValue`] where the threads cannot be started.
    pub fn run<T>(&self, threads: usize, work: impl FnOnce() -> T) -> T {
        let scope = Scope { shared: self.shared().clone(), threads, used: None };
        let _restore = Restore(replace(Some(scope)));
        work()
    }

    /// Lets threads be started, again after [`Pool::close`].
    pub fn open(&self) {
        self.shared().closed.store(false, Ordering::Release);
    }

    /// Ends the threads and waits for them, and so for the calls that use them.
    pub fn close(&self) {
        let made = {
            let mut made = self.shared().made.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared().closed.store(true, Ordering::Release);
            made.take()
        };
        drop(made);
    }
}

/// A pool of threads, which are joined when this is dropped.
#[derive(Debug)]
struct Threads {
    /// Taken only to be dropped before the threads are waited for: without it they end.
    pool: Option<Arc<ThreadPool>>,
    /// Empty where somebody else waits for them.
    handles: Vec<JoinHandle<()>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.pool = None;
        for thread in self.handles.drain(..) {
            // A worker's panic has already been reported by the call that met it.
            let _ = thread.join();
        }
    }
}

impl Threads {
    fn start(threads: usize) -> Result<Threads, Error> {
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
        let mut started = Threads { pool: None, handles: Vec::with_capacity(threads) };
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let builder = std::thread::Builder::new().name(format!("hart-{}", thread.index()));
                started.handles.push(builder.spawn(|| thread.run())?);
                Ok(())
            })
            .build();
        // Where one could not be started, those before it end, and are waited for here.
        let pool = pool.map_err(|e| wrong(format!("a number of threads that can be started ({e})")))?;
        started.pool = Some(Arc::new(pool));
        Ok(started)
    }

    /// The same threads, for which somebody else waits.
    fn used(&self) -> Threads {
        Threads { pool: self.pool.clone(), handles: Vec::new() }
    }
}

impl Shared {
    /// The threads as one call uses them.
    fn threads(&self, count: usize) -> Result<Threads, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |made: &Threads| made.pool.as_ref().map(|pool| pool.current_num_threads());
        match made.as_ref().filter(|made| number(made) == Some(count)) {
            Some(made) => Ok(made.used()),
            None if self.closed.load(Ordering::Acquire) => {
                drop(made);
                // Threads of this call alone, joined at its end.
                Threads::start(count)
            }
            None => {
                let new = Threads::start(count)?;
                let used = new.used();
                let old = made.replace(new);
                drop(made);
                // Waits for the calls that still use the threads of another number.
                drop(old);
                Ok(used)
            }
        }
    }
}

/// The pool of a running call.
struct Scope {
    shared: Arc<Shared>,
    threads: usize,
    /// The call keeps the threads that it once used to its end: so whoever ends them waits for the whole call.
    used: Option<Threads>,
}

thread_local! {
    /// The pool of the call that runs on this thread. Without a destructor, because one that is registered would keep an
    /// unloaded library in memory until the thread ends.
    static CURRENT: RefCell<ManuallyDrop<Option<Scope>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace(scope: Option<Scope>) -> Option<Scope> {
    CURRENT.with(|current| ManuallyDrop::into_inner(current.replace(ManuallyDrop::new(scope))))
}

/// Puts the scope back that a call has replaced, also where the call panics.
struct Restore(Option<Scope>);

impl Drop for Restore {
    fn drop(&mut self) {
        drop(replace(self.0.take()));
    }
}

/// Threads among which work on this thread is shared.
pub(crate) fn threads() -> usize {
    let own = CURRENT.with_borrow(|scope| scope.as_ref().map(|scope| scope.threads));
    match own {
        Some(threads) if rayon::current_thread_index().is_none() => threads,
        _ => rayon::current_num_threads(),
    }
}

/// Runs `work`, which shares itself among threads, where those of the call are: in its pool, or without one in the current pool.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the threads cannot be started.
pub(crate) fn enter<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let pool = CURRENT.with_borrow_mut(|scope| {
        let Some(scope) = scope.as_mut().filter(|_| rayon::current_thread_index().is_none()) else {
            return Ok(None);
        };
        if scope.used.is_none() {
            scope.used = Some(scope.shared.threads(scope.threads)?);
        }
        Ok(scope.used.as_ref().and_then(|threads| threads.pool.clone()))
    })?;
    Ok(match pool {
        Some(pool) => pool.install(work),
        None => work(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Option<String> {
        std::thread::current().name().map(String::from)
    }

    #[test]
    fn threads_start_where_work_is_shared_and_end_with_the_pool() {
        let pool = Pool::new();
        let outside = here();
        pool.run(2, || {
            assert_eq!((here(), threads()), (outside.clone(), 2));
            let inside = enter(|| (here(), threads())).unwrap();
            assert!(inside.0.unwrap().starts_with("hart-"));
            assert_eq!(inside.1, 2);
            // A call in a call has its own number.
            pool.run(3, || assert_eq!(threads(), 3));
            assert_eq!(threads(), 2);
        });
        pool.close();
        assert!(pool.shared().made.lock().unwrap().is_none());
        // Closed: threads of the call alone.
        pool.run(2, || assert!(enter(here).unwrap().unwrap().starts_with("hart-")));
        assert!(pool.shared().made.lock().unwrap().is_none());
    }

    #[test]
    fn a_panic_in_a_call_leaves_neither_its_pool_nor_its_threads() {
        let pool = Pool::new();
        pool.close();
        let kept = Arc::new(());
        let work = || {
            pool.run(2, || {
                let kept = kept.clone();
                enter(move || {
                    let _kept = kept;
                    panic!("in a worker");
                })
            })
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
        assert!(CURRENT.with_borrow(|scope| scope.is_none()));
        assert_eq!(Arc::strong_count(pool.shared()), 1);
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[test]
    fn closing_waits_for_calls() {
        let pool = Pool::new();
        let (enters, entered) = std::sync::mpsc::channel();
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                pool.run(2, || {
                    enter(|| ()).unwrap();
                    enters.send(()).unwrap();
                    // Between two shared pieces of work no thread of the pool is busy, and still it is this call's.
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    enter(|| ()).unwrap();
                    done.store(true, Ordering::Release);
                });
            });
            entered.recv().unwrap();
            pool.close();
            assert!(done.load(Ordering::Acquire));
        });
    }
}
