//! Memory for input: an error where it would exceed the limit or run out.

use std::sync::OnceLock;

use anyhow::{Result, bail};
use hart_kernels::Error;
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

/// Reserves capacity for `more` items of a column.
pub fn grow<T>(items: &mut Vec<T>, more: usize, column: &str) -> Result<()> {
    let bytes = ((items.len() + more) as u64).saturating_mul(size_of::<T>() as u64);
    let refused = |limit| Error::Memory { what: format!("holding column {column}"), bytes, limit };
    if let Some(limit) = limit()?.filter(|limit| bytes > *limit) {
        bail!(refused(limit));
    }
    // Grows by halves, so that many small steps do not copy repeatedly, and a large one does not take twice what it
    // needs.
    let room = more.max(if items.len() + more > items.capacity() { items.len() / 2 } else { 0 });
    if items.try_reserve_exact(room).is_err() && items.try_reserve_exact(more).is_err() {
        bail!(refused(Error::REFUSED));
    }
    Ok(())
}
