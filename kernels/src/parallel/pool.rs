//! The thread pool of a loadable library: started when a kernel has work to share, joined before the library is
//! unloaded.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;
use crate::parallel::process::PerProcess;

/// A pool started on first use, for hosts that may unload the library: rayon's global pool is never joined.
///
/// Its threads belong to the process that started them. After a fork the child starts its own.
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
pub struct Pool {
    /// Its name in [`MADE`]; 0 until it has one. A pool that has run nothing large thus holds no memory that an
    /// unloaded library would leak.
    name: AtomicU64,
    closed: AtomicBool,
}

/// The threads of all pools of this process, each with its pool's name. A pool has several entries while calls with
/// different thread counts run.
static MADE: PerProcess<Mutex<Vec<(u64, Threads)>>> = PerProcess::new();
/// How often pools have been closed. A call that runs during a close must not leave threads that nobody would join.
static CLOSES: AtomicU64 = AtomicU64::new(0);

fn made() -> MutexGuard<'static, Vec<(u64, Threads)>> {
    MADE.get(|_| Mutex::default()).lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool without threads yet.
    pub const fn new() -> Pool {
        Pool { name: AtomicU64::new(0), closed: AtomicBool::new(false) }
    }

    fn name(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        match self.name.load(Ordering::Acquire) {
            0 => {
                let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
                let other = self.name.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire);
                other.err().unwrap_or(new)
            }
            name => name,
        }
    }

    /// Runs `work` on the calling thread. Kernels in it that have enough to do share their work among `threads` threads
    /// of the pool, which start only then. Everything else, and mostly everything when `threads` is 1, runs on the
    /// calling thread.
    ///
    /// A nested call may ask for another thread count; it then gets its own threads beside those of the outer call.
    ///
    /// A kernel returns [`Error::ParameterValue`] if the threads cannot be started.
    pub fn run<T>(&self, threads: usize, work: impl FnOnce() -> T) -> T {
        let closes = (!self.closed.load(Ordering::Acquire)).then(|| CLOSES.load(Ordering::Acquire));
        let scope = Scope { pool: self.name(), threads, closes, used: None };
        let _restore = Restore(replace(Some(scope)));
        work()
    }

    /// Allows threads to start, also again after [`Pool::close`].
    pub fn open(&self) {
        self.closed.store(false, Ordering::Release);
    }

    /// Ends the threads and waits for them, and thus for the calls that use them. Must not be called from within such a
    /// call.
    pub fn close(&self) {
        let name = self.name();
        let mut made = made();
        self.closed.store(true, Ordering::Release);
        CLOSES.fetch_add(1, Ordering::AcqRel);
        let ended: Vec<_>;
        // Replaces the list: a new empty one holds no memory.
        (ended, *made) = std::mem::take(&mut *made).into_iter().partition(|(of, _)| *of == name);
        drop(made);
        drop(ended);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if *self.name.get_mut() != 0 {
            self.close();
        }
    }
}

/// A pool of threads; dropping it joins them.
#[derive(Debug)]
struct Threads {
    /// The process that owns the threads.
    process: u32,
    /// Dropped before the threads are joined: they end without it.
    pool: Option<Arc<ThreadPool>>,
    /// Empty where another owner joins them.
    handles: Vec<JoinHandle<()>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // A fork's child has none of these threads, and may find their locks held.
            std::mem::forget((self.pool.take(), std::mem::take(&mut self.handles)));
            return;
        }
        self.pool = None;
        for thread in self.handles.drain(..) {
            // The call that met a worker's panic has already reported it.
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
        // 0 would mean rayon's default, under which no later call would find the threads.
        let most = rayon::max_num_threads();
        if !(1..=most).contains(&threads) {
            return Err(wrong(format!("an integer from 1 to {most}")));
        }
        let mut started = Threads { process: std::process::id(), pool: None, handles: Vec::new() };
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let builder = std::thread::Builder::new().name(format!("hart-{}", thread.index()));
                started.handles.push(builder.spawn(|| thread.run())?);
                Ok(())
            })
            .build();
        // If one cannot be started, those started before it end and are joined here.
        let pool = pool.map_err(|e| wrong(format!("a number of threads that can be started ({e})")))?;
        started.pool = Some(Arc::new(pool));
        Ok(started)
    }

    /// A handle to the same threads; another owner joins them.
    fn used(&self) -> Threads {
        Threads { process: self.process, pool: self.pool.clone(), handles: Vec::new() }
    }

    fn count(&self) -> usize {
        self.pool.as_ref().map_or(0, |pool| pool.current_num_threads())
    }

    /// Whether no call uses them.
    fn idle(&self) -> bool {
        self.pool.as_ref().is_none_or(|pool| Arc::strong_count(pool) == 1)
    }
}

/// The pool of a running call.
struct Scope {
    /// Its name in [`MADE`].
    pool: u64,
    threads: usize,
    /// [`CLOSES`] at the start of the call; `None` if the pool was closed.
    closes: Option<u64>,
    /// Threads once used are kept until the call ends, so whoever ends them waits for the whole call.
    used: Option<Threads>,
}

impl Scope {
    /// The threads for this call.
    fn start(&self) -> Result<Threads, Error> {
        let mut made = made();
        let own = |(of, threads): &(u64, Threads)| *of == self.pool && threads.count() == self.threads;
        if let Some((_, threads)) = made.iter().find(|made| own(made)) {
            return Ok(threads.used());
        }
        if self.closes != Some(CLOSES.load(Ordering::Acquire)) {
            drop(made);
            // Threads for this call alone, joined at its end.
            return Threads::start(self.threads);
        }
        let new = Threads::start(self.threads)?;
        let used = new.used();
        // Ends idle threads of other counts. Busy ones, perhaps of a surrounding call, are not waited for.
        let (ended, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut *made)
            .into_iter()
            .partition(|(of, threads)| *of == self.pool && threads.idle());
        others.push((self.pool, new));
        *made = others;
        drop(made);
        drop(ended);
        Ok(used)
    }
}

thread_local! {
    /// The pool of the call that runs on this thread. It has no destructor, because a registered one would keep an
    /// unloaded library in memory until the thread ends.
    static CURRENT: RefCell<ManuallyDrop<Option<Scope>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace(scope: Option<Scope>) -> Option<Scope> {
    CURRENT.with(|current| ManuallyDrop::into_inner(current.replace(ManuallyDrop::new(scope))))
}

/// Restores the scope that a call has replaced, also if the call panics.
struct Restore(Option<Scope>);

impl Drop for Restore {
    fn drop(&mut self) {
        drop(replace(self.0.take()));
    }
}

/// The number of threads that share work on this thread.
pub(crate) fn threads() -> usize {
    let own = CURRENT.with_borrow(|scope| scope.as_ref().map(|scope| scope.threads));
    match own {
        Some(threads) if rayon::current_thread_index().is_none() => threads,
        _ => rayon::current_num_threads(),
    }
}

/// Runs `work`, which splits itself among threads, in the pool of the call, or without one in the current rayon pool.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the threads cannot be started.
pub(crate) fn enter<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let pool = CURRENT.with_borrow_mut(|scope| {
        let Some(scope) = scope.as_mut().filter(|_| rayon::current_thread_index().is_none()) else {
            return Ok(None);
        };
        // A child forked within the call has none of its threads.
        if scope.used.as_ref().is_none_or(|used| used.process != std::process::id()) {
            scope.used = Some(scope.start()?);
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

    /// How many thread counts a pool has.
    fn numbers(pool: &Pool) -> usize {
        made().iter().filter(|(of, _)| *of == pool.name()).count()
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
            // A nested call has its own count.
            pool.run(3, || assert_eq!(threads(), 3));
            assert_eq!(threads(), 2);
        });
        assert_eq!(numbers(&pool), 1);
        pool.close();
        assert_eq!(numbers(&pool), 0);
        // Closed: the call gets threads of its own.
        pool.run(2, || assert!(enter(here).unwrap().unwrap().starts_with("hart-")));
        assert_eq!(numbers(&pool), 0);
        pool.open();
        pool.run(2, || enter(here).unwrap());
        assert_eq!(numbers(&pool), 1);
    }

    #[test]
    fn a_call_in_a_call_may_have_another_number_of_threads() {
        let pool = Pool::new();
        let count = || enter(rayon::current_num_threads).unwrap();
        pool.run(2, || {
            assert_eq!(count(), 2);
            for _ in 0..3 {
                assert_eq!(pool.run(3, count), 3);
                assert_eq!(count(), 2);
            }
            // The same on another thread: nobody waits for the surrounding call.
            std::thread::scope(|scope| scope.spawn(|| assert_eq!(pool.run(4, count), 4)).join().unwrap());
        });
        // Idle threads end when another count is used.
        pool.run(5, count);
        assert_eq!(numbers(&pool), 1);
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
        assert_eq!((numbers(&pool), Arc::strong_count(&kept)), (0, 1));
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
                    // Between two pieces of shared work no pool thread is busy, yet the threads still belong to this
                    // call.
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
