//! Progress bars for long work, on a terminal only.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Advances by rows.
pub fn of_rows(rows: Option<u64>) -> ProgressBar {
    /// Shorter inputs finish before a bar would be noticed.
    const LONG: u64 = 50_000;
    bar(rows.filter(|rows| *rows >= LONG), "{bar:30} {human_pos}/{human_len} rows, {eta} left")
}

/// Advances by elements, with the name of what is worked on.
pub fn of_elements(elements: usize) -> ProgressBar {
    bar(Some(elements as u64), "{bar:30} {percent}%, {eta} left, {wide_msg}")
}

fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    match length.filter(|_| stderr().is_terminal()) {
        None => ProgressBar::hidden(),
        Some(length) => {
            let bar = ProgressBar::new(length);
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        }
    }
}
