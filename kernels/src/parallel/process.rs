//! Values of which each process has its own, for a fork copies those of its parent.

use std::sync::OnceLock;

/// A value for each process that a fork makes of one. A child has its parent's memory but one thread only: locks that another thread
/// held stay locked for ever, and threads are gone that a pool believes to be there. So a child leaves its parents' values alone, which
/// are neither used nor dropped, and begins with one of its own.
///
/// The process is known by its number, which [`PerProcess::get`] asks for. A handler of `pthread_atfork` would do the same
/// without asking; but it outlives a library that is unloaded where the system does not take it back, and it would have to wait
/// in every fork for whoever holds a lock.
#[derive(Debug)]
pub struct PerProcess<T>(OnceLock<Own<T>>);

#[derive(Debug)]
struct Own<T> {
    process: u32,
    value: T,
    /// That of a child, and so on. The last one counts: a number may come back once its process has ended.
    child: OnceLock<Box<Own<T>>>,
}

impl<T> PerProcess<T> {
    /// No value so far.
    pub const fn new() -> PerProcess<T> {
        PerProcess(OnceLock::new())
    }

    /// This process's value, which `make` makes at the first call, from the parent's if that had one.
    pub fn get(&self, make: impl Fn(Option<&T>) -> T) -> &T {
        let process = std::process::id();
        let new = |parent: Option<&T>| Own { process, value: make(parent), child: OnceLock::new() };
        let mut own = self.0.get_or_init(|| new(None));
        loop {
            own = match own.child.get() {
                Some(child) => child,
                None if own.process == process => return &own.value,
                None => own.child.get_or_init(|| Box::new(new(Some(&own.value)))),
            };
        }
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> PerProcess<T> {
        PerProcess::new()
    }
}
