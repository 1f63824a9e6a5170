//! Failures as status codes, with a text per thread; and the guard around every export.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hart_kernels::{Error, Level};

use crate::abi::{
    HART_OK, HART_STATUS_ALIGNMENT, HART_STATUS_ARROW, HART_STATUS_CAPACITY, HART_STATUS_CONSTANT,
    HART_STATUS_HANDLE, HART_STATUS_LENGTH, HART_STATUS_NULL_POINTER, HART_STATUS_OUT_OF_MEMORY,
    HART_STATUS_OVERLAP, HART_STATUS_PANIC, HART_STATUS_STRUCT_SIZE,
};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// From a typed call, whose arguments are not columns.
    #[error("{}", .0.to_string().replace("column ", ""))]
    Kernel(#[from] Error),
    /// From a call by name.
    #[error("{0}")]
    Columns(Error),
    /// From a call by name whose limit can be set.
    #[error("{0}; memory_limit sets it")]
    Limit(Error),
    #[error("{name} is NULL")]
    NullPointer { name: &'static str },
    #[error("{name} is at address {address:#x}; expected a multiple of {alignment}")]
    Alignment { name: &'static str, address: usize, alignment: usize },
    #[error("{name}: {counts:?} elements of {size} bytes do not fit the address space")]
    Length { name: &'static str, counts: Vec<usize>, size: usize },
    #[error("{name} overlaps {other}")]
    Overlap { name: &'static str, other: &'static str },
    #[error("{name} has size {found}; expected {expected}")]
    StructSize { name: &'static str, found: u32, expected: String },
    #[error("the index was never created, or has been released")]
    Handle,
    #[error("{place}: {found}; expected {expected}")]
    Arrow { place: String, found: String, expected: String },
    #[error("{name} has room for {capacity}; expected {needed}")]
    Capacity { name: &'static str, capacity: usize, needed: usize },
    #[error("{name} is {value}; expected {expected}")]
    Constant { name: &'static str, value: i64, expected: String },
    #[error("{bytes} bytes for {what} could not be taken")]
    OutOfMemory { what: &'static str, bytes: usize },
    #[error("internal error: {0}")]
    Panic(String),
}

impl Failure {
    /// The same failure for a call by name with that limit.
    pub(crate) fn of_columns(self, limit: u64) -> Failure {
        match self {
            Failure::Kernel(error) if matches!(&error, Error::Memory { limit: found, .. } if *found == limit) => {
                Failure::Limit(error)
            }
            Failure::Kernel(error) => Failure::Columns(error),
            other => other,
        }
    }

    fn status(&self) -> i32 {
        match self {
            Failure::Kernel(error) | Failure::Columns(error) | Failure::Limit(error) => {
                i32::from(error.code())
            }
            Failure::NullPointer { .. } => HART_STATUS_NULL_POINTER,
            Failure::Alignment { .. } => HART_STATUS_ALIGNMENT,
            Failure::Length { .. } => HART_STATUS_LENGTH,
            Failure::Overlap { .. } => HART_STATUS_OVERLAP,
            Failure::StructSize { .. } => HART_STATUS_STRUCT_SIZE,
            Failure::Handle => HART_STATUS_HANDLE,
            Failure::Arrow { .. } => HART_STATUS_ARROW,
            Failure::Capacity { .. } => HART_STATUS_CAPACITY,
            Failure::Constant { .. } => HART_STATUS_CONSTANT,
            Failure::OutOfMemory { .. } => HART_STATUS_OUT_OF_MEMORY,
            Failure::Panic(_) => HART_STATUS_PANIC,
        }
    }
}

/// Maximum bytes kept of a text.
const ROOM: usize = 2000;

/// A status and its text.
struct Last {
    status: i32,
    length: usize,
    text: [u8; ROOM],
}

thread_local! {
    /// It has no destructor, because a registered one would keep an unloaded library in memory until the thread ends.
    static LAST: RefCell<Last> = const { RefCell::new(Last { status: HART_OK, length: 0, text: [0; ROOM] }) };
}

/// Runs `work`; a panic in it becomes a failure.
#[inline]
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Failure::Panic(text.unwrap_or_else(|| "a panic without text".into())))
    })
}

/// Runs the body of an export: panics do not leave it, and a failure becomes this thread's last one. A wrong setting in
/// the environment fails every call.
#[inline]
pub(crate) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> i32 {
    match caught(|| {
        Level::from_environment()?;
        work()
    }) {
        Ok(()) => HART_OK,
        Err(failure) => remember(&failure),
    }
}

#[cold]
fn remember(failure: &Failure) -> i32 {
    let text = failure.to_string();
    let length = (0..=text.len().min(ROOM)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    LAST.with_borrow_mut(|last| {
        (last.status, last.length) = (failure.status(), length);
        last.text[..length].copy_from_slice(&text.as_bytes()[..length]);
    });
    failure.status()
}

/// Status and text of this thread's last failure.
pub(crate) fn last() -> (i32, String) {
    LAST.with_borrow(|last| (last.status, String::from_utf8_lossy(&last.text[..last.length]).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status_with_its_text() {
        assert_eq!(guard(|| panic!("row {}", 7)), HART_STATUS_PANIC);
        assert_eq!(last(), (HART_STATUS_PANIC, "internal error: row 7".into()));
        assert_eq!(guard(|| Ok(())), HART_OK);
        assert_eq!(guard(|| Err(Failure::Handle)), HART_STATUS_HANDLE);
        std::thread::spawn(|| assert_eq!(last(), (HART_OK, String::new()))).join().unwrap();
        assert_eq!(last().0, HART_STATUS_HANDLE);
        assert_eq!(guard(|| panic!("{}", "é".repeat(ROOM))), HART_STATUS_PANIC);
        assert_eq!(last().1, format!("internal error: {}", "é".repeat((ROOM - 16) / 2)));
    }
}
