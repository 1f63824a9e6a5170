//! Matches an input's columns to the declared ones: the rule that all hosts share.

use super::{Kernel, Kind, RowShape};
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
/// position, if the counts match. A name that occurs twice matches nothing. Last comes that of the optional column, if
/// the input has one of its name.
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
/// let search = registry::find("vector_top_k")?;
/// assert_eq!(registry::bind(search, &[column("left_out"), column("id"), column("v")])?, [1, 2, 0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn bind(kernel: &Kernel, offered: &[Offered<'_>]) -> Result<Vec<usize>, Error> {
    let named = |name: &str| {
        let mut matches = (0..offered.len()).filter(|&i| offered[i].name.eq_ignore_ascii_case(name));
        matches.next().filter(|_| matches.next().is_none())
    };
    let by_name: Option<Vec<usize>> = kernel.inputs.iter().map(|c| named(c.name)).collect();
    let optional: Vec<usize> = kernel.optional.iter().filter_map(|c| named(c.name)).collect();
    let free: Vec<usize> =
        (0..offered.len()).filter(|i| !offered[*i].partition && !optional.contains(i)).collect();
    let bound = by_name.or_else(|| (free.len() == kernel.inputs.len()).then_some(free));
    bound.map(|bound| [bound, optional].concat()).ok_or_else(|| {
        let describe = |(i, column): (usize, &Offered<'_>)| {
            let note = if column.partition { " (partition, not counted)" } else { "" };
            format!("{} {}{note}", label(column.name, i), column.type_name)
        };
        let found: Vec<String> = offered.iter().enumerate().map(describe).collect();
        Error::Columns {
            expected: kernel.expected(),
            found: if found.is_empty() { "none".into() } else { found.join(", ") },
        }
    })
}

/// Where a column of a result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel computes it: the next column of [`Output::columns`](super::Output::columns).
    Computed,
    /// The values of the input column at this position, in the rows of the result.
    Input(usize),
}

/// The name of a column that is carried along, beside columns of those names: its own, or with the prefix `input_` where
/// that is taken, without regard to case.
///
/// # Examples
///
/// ```
/// use hart_kernels::registry::free_name;
/// assert_eq!(free_name("Cluster", &["id".into(), "cluster".into()]), "input_Cluster");
/// ```
pub fn free_name(name: &str, taken: &[String]) -> String {
    let mut name = name.to_owned();
    while taken.iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
        name.insert_str(0, "input_");
    }
    name
}

/// Where the result's columns come from: the declared ones, of which the id is copied from the input, and after them the
/// input columns that no declared one takes, which are carried along. Rows that come from no input row still belong to a
/// partition, so they carry the columns of the partition only.
///
/// `declared` are the positions that [`bind`] returns; every kernel that returns an id takes one.
///
/// # Examples
///
/// ```
/// use hart_kernels::registry::{self, Offered, Origin};
/// let column = |name| Offered { name, type_name: "", partition: false };
/// let offered = [column("v"), column("title"), column("id")];
/// let kernel = registry::find("vector_norm")?;
/// let declared = registry::bind(kernel, &offered)?;
/// let origins = registry::origins(kernel, &declared, &offered);
/// assert_eq!(origins, [Origin::Input(2), Origin::Computed, Origin::Input(1)]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn origins(kernel: &Kernel, declared: &[usize], offered: &[Offered<'_>]) -> Vec<Origin> {
    let id = kernel.inputs.iter().zip(declared).find(|(column, _)| column.kind == Kind::Id);
    let outputs = kernel.outputs.iter().map(|column| match id.filter(|_| column.kind == Kind::Id) {
        Some((_, position)) => Origin::Input(*position),
        None => Origin::Computed,
    });
    let carried = (0..offered.len()).filter(|position| {
        !declared.contains(position) && (kernel.rows != RowShape::Made || offered[*position].partition)
    });
    outputs.chain(carried.map(Origin::Input)).collect()
}
