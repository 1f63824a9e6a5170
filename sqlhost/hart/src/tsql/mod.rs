//! T-SQL derived from the registry: one wrapper procedure per kernel, and the table types that they use.
//!
//! Everything is generated from the registry alone, so a new kernel needs no code here. Callers' values reach a kernel
//! as parameters; the only text that a wrapper runs is its `@source`, which is the caller's own query and runs with the
//! caller's permissions.

mod ascii;
mod example;
mod literal;
mod types;
mod wrapper;

pub use example::call as example_call;
pub use literal::{shown, text};
pub(crate) use types::POINT;
pub use types::{
    SCHEMA, TABLE_TYPES, TableType, WORK_SCHEMA, param_type, quoted, result_type, row_type, table_type,
    takes_source,
};
pub use wrapper::{
    BY_PART, PARALLEL, PART, ROWS_PER_READ, SOURCE, SOURCE_ROWS, is_row_by_row, packed_name, procedure,
};

use std::fmt::Write;

use hart_kernels::registry::KERNELS;

/// First line of every generated batch, which identifies a wrapper on a server.
pub const MARK: &str = "-- Generated from the registry by `hart sql`; do not edit.\n";

/// First statement of every script: settings that procedures store, and that are off in sqlcmd by default; without
/// them, methods of spatial types, JSON and indexed views fail.
pub const SETTINGS: &str = "SET QUOTED_IDENTIFIER, ANSI_NULLS ON;";

/// Every file of `sql/generated` by name: `types.sql`, one for each kernel, `all.sql` that installs them, `drop.sql`.
pub fn files() -> Vec<(String, String)> {
    let head = format!("{SETTINGS}\nGO\n{MARK}");
    let mut files = vec![("types.sql".to_string(), format!("{head}\n{}", types::script()))];
    for kernel in KERNELS {
        files.push((format!("{}.sql", kernel.sql_name()), format!("{head}{}", procedure(kernel))));
    }
    let mut all = format!(
        "{MARK}-- Installs the table types and the wrappers: sqlcmd -b -d <database> -i generated/all.sql, in the folder sql.\n"
    );
    for (name, _) in &files {
        // Writing to a string cannot fail.
        let _ = writeln!(all, ":r generated/{name}");
    }
    let mut drop = format!("{head}-- Removes the wrappers and then the table types.\n");
    for kernel in KERNELS {
        let _ = writeln!(drop, "DROP PROCEDURE IF EXISTS [{SCHEMA}].[{}];", kernel.sql_name());
    }
    for table in TABLE_TYPES {
        let _ = writeln!(drop, "DROP TYPE IF EXISTS [{SCHEMA}].[{}];", table.name);
    }
    drop.push_str("GO\n");
    files.push(("all.sql".into(), all));
    files.push(("drop.sql".into(), drop));
    files
}
