//! Per-process values, because a fork copies those of the parent.

use std::sync::OnceLock;

/// A value per process, across forks. A child has its parent's memory but only one thread: locks that another thread
/// held stay held for ever, and threads that a pool believes in are gone. So a child leaves its parent's values alone,
/// neither using nor dropping them, and starts with its own.
///
/// The process is identified by its number, which [`PerProcess::get`] asks for on each call. A `pthread_atfork` handler
/// would avoid asking; but where the system does not remove it, it outlives an unloaded library, and every fork would
/// have to wait for whoever holds a lock.
#[derive(Debug)]
pub struct PerProcess<T>(OnceLock<Own<T>>);

#[derive(Debug)]
struct Own<T> {
    process: u32,
    value: T,
    /// The value of a child, and so on down. The last one counts: a process number may be reused after its process has
    /// ended.
    child: OnceLock<Box<Own<T>>>,
}

impl<T> PerProcess<T> {
    /// No value yet.
    pub const fn new() -> PerProcess<T> {
        PerProcess(OnceLock::new())
    }

    /// This process's value, which `make` creates at the first call, from the parent's value if there is one.
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
