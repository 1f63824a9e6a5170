//! Faults of the program itself, reported like errors: in one line.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use anyhow::{Result, anyhow};

thread_local! {
    /// The location of this thread's last panic.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keeps a panic from writing to standard error; the code that catches it reports it.
pub fn quiet() {
    set_hook(Box::new(|panic| PLACE.set(panic.location().map(ToString::to_string))));
}

/// Runs `work`; a panic becomes an error, with its text and location.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T> {
    // State left by a panic is dropped and never read.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let place = PLACE.take().map_or(String::new(), |place| format!(" ({place})"));
        anyhow!("internal error, please report it: {}{place}", text.replace(['\r', '\n'], " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error has the text, in one line, and the command's hook writes none.
    #[test]
    fn a_panic_is_an_error_in_one_line() {
        quiet();
        assert_eq!(caught(|| 7).unwrap(), 7);
        let error = caught(|| panic!("a\nb")).unwrap_err().to_string();
        assert!(error.starts_with("internal error, please report it: a b ("), "{error}");
        assert!(error.contains("fault.rs:") && error.lines().count() == 1, "{error}");
        let _ = std::panic::take_hook();
    }
}
