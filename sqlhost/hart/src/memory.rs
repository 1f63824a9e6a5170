//! Memory for input: an error where it would exceed the limit or run out.

use std::sync::OnceLock;

use anyhow::{Result, bail};
use arrow_array::{Array, RecordBatch};
use hart_kernels::Error;
use hart_sqlhost::local::HostColumn;
use hart_sqlhost::settings::Settings;

/// Bytes that this command may use for its input, if there is a limit.
pub fn limit() -> Result<Option<u64>> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    if let Some(limit) = LIMIT.get() {
        return Ok(*limit);
    }
    let settings = Settings::read("", |name| std::env::var(name).ok())?;
    Ok(*LIMIT.get_or_init(|| settings.max_memory_mb.map(|mb| mb << 20)))
}

/// Reserves capacity for `more` items of a column. The limit is for the whole input: the call reads `beside` bytes of it
/// elsewhere.
pub fn grow<T>(items: &mut Vec<T>, more: usize, beside: u64, column: &str) -> Result<()> {
    let bytes = ((items.len() + more) as u64).saturating_mul(size_of::<T>() as u64).saturating_add(beside);
    let what = || format!("holding the input up to column {column}");
    check(bytes, what)?;
    // Grows by halves, so that many small steps do not copy repeatedly, and a large one does not take twice what it
    // needs.
    let room = more.max(if items.len() + more > items.capacity() { items.len() / 2 } else { 0 });
    if items.try_reserve_exact(room).is_err() && items.try_reserve_exact(more).is_err() {
        bail!(Error::Memory { what: what(), bytes, limit: Error::REFUSED });
    }
    Ok(())
}

/// Checks the bytes of an input against the limit.
pub fn check(bytes: u64, what: impl FnOnce() -> String) -> Result<()> {
    match limit()?.filter(|limit| bytes > *limit) {
        Some(limit) => {
            bail!("{}; HART_MAX_MEMORY_MB sets it", Error::Memory { what: what(), bytes, limit })
        }
        None => Ok(()),
    }
}

/// Bytes of columns in the host's layout.
pub fn of_host(columns: &[HostColumn]) -> u64 {
    columns.iter().map(|column| (column.bytes.len() + size_of_val(&column.indicators[..])) as u64).sum()
}

/// Bytes of a batch's columns at these positions; those of a slice, not those of all that it is a slice of.
pub fn of_batch(batch: &RecordBatch, columns: impl IntoIterator<Item = usize>) -> u64 {
    let bytes = |column: usize| {
        let column = batch.column(column);
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) as u64
    };
    columns.into_iter().map(bytes).sum()
}
