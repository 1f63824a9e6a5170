//! Matches an input's columns to the declared ones: the rule that all hosts share.

use super::Kernel;
use crate::error::Error;

/// An input column as a host knows it.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// Its name, possibly empty.
    pub name: &'a str,
    /// Its type as the host names it, for messages.
    pub type_name: &'a str,
    /// Whether it is a partition column, which binding by position skips.
    pub partition: bool,
}

/// The name of a column, or its position where it has none.
pub fn label(name: &str, position: usize) -> String {
    if name.is_empty() { format!("#{} (unnamed)", position + 1) } else { name.into() }
}

/// The input column of each declared one: by name, ignoring case, if the input has all declared names; else by
/// position, if the counts match. A name that occurs twice matches nothing.
///
/// # Errors
///
/// [`Error::Columns`] that lists what was expected and found.
///
/// # Examples
///
/// ```
/// use hart_kernels::registry::{self, Offered};
/// let column = |name| Offered { name, type_name: "", partition: false };
/// let kernel = registry::find("vector_norm")?;
/// assert_eq!(registry::bind(kernel, &[column("V"), column("title"), column("ID")])?, [2, 0]);
/// assert_eq!(registry::bind(kernel, &[column("key"), column("embedding")])?, [0, 1]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn bind(kernel: &Kernel, offered: &[Offered<'_>]) -> Result<Vec<usize>, Error> {
    let named = |name: &str| {
        let mut matches = (0..offered.len()).filter(|&i| offered[i].name.eq_ignore_ascii_case(name));
        matches.next().filter(|_| matches.next().is_none())
    };
    let by_name: Option<Vec<usize>> = kernel.inputs.iter().map(|c| named(c.name)).collect();
    let free: Vec<usize> = (0..offered.len()).filter(|&i| !offered[i].partition).collect();
    by_name.or_else(|| (free.len() == kernel.inputs.len()).then_some(free)).ok_or_else(|| {
        let describe = |(i, column): (usize, &Offered<'_>)| {
            let note = if column.partition { " (partition, not counted)" } else { "" };
            format!("{} {}{note}", label(column.name, i), column.type_name)
        };
        let found: Vec<String> = offered.iter().enumerate().map(describe).collect();
        Error::Columns {
            expected: Kernel::signature(kernel.inputs),
            found: if found.is_empty() { "none".into() } else { found.join(", ") },
        }
    })
}
