//! What the documentation and the T-SQL wrappers say about a kernel beside its columns and parameters.

use hart_kernels::registry::{Kernel, Kind};

/// What a kernel does in special cases, how exact it is, and what T-SQL's callers must know.
pub fn remarks(kernel: &Kernel) -> Vec<(&'static str, String)> {
    let mut out = vec![
        ("NULL", kernel.nulls.into()),
        ("Empty", kernel.empty.into()),
        ("NaN and infinity", kernel.nan.into()),
        ("Accuracy", kernel.accuracy.into()),
        ("Other elements", kernel.elements.into()),
        ("Chunks", kernel.streaming.describe()),
        ("In T-SQL", in_sql(kernel)),
    ];
    out.retain(|(_, text): &(&str, String)| !text.is_empty());
    out
}

/// The kernel's own words for T-SQL's callers, and what holds for its types.
fn in_sql(kernel: &Kernel) -> String {
    let floats = kernel.outputs.iter().any(|column| column.kind == Kind::Float);
    let float = "FLOAT holds neither NaN nor infinity: such a result arrives as NULL.";
    [kernel.sql, if floats { float } else { "" }].join(" ").trim().into()
}
