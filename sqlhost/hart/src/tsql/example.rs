//! The registry's examples as T-SQL.

use hart_kernels::registry::{Cell, Kernel, Kind};

use super::literal::{text, value};
use super::types::{POINT, SCHEMA, has_result_vectors, quoted, takes_source};

fn cast(kind: Kind, literal: &str) -> String {
    let sql = match kind {
        Kind::Id | Kind::BigInt => "bigint",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::LongText => "nvarchar(max)",
        Kind::Text => "nvarchar(4000)",
        Kind::Binary => "varbinary(max)",
        Kind::Point => POINT,
        Kind::Vector => "varchar(max)",
    };
    format!("CAST({literal} AS {sql})")
}

/// The `@source` of a kernel's example: a SELECT without a table.
fn source(kernel: &Kernel) -> Option<String> {
    let row = |row: &&[Cell]| {
        let cells = kernel.inputs.iter().zip(row.iter());
        let cells: Option<Vec<String>> =
            cells.map(|(c, cell)| Some(cast(c.kind, &value(cell, c.kind == Kind::Binary)?))).collect();
        Some(format!("({})", cells?.join(", ")))
    };
    let rows: Option<Vec<String>> = kernel.example.inputs.iter().map(row).collect();
    let rows = rows.filter(|rows| !rows.is_empty())?;
    let names = kernel.inputs.iter().map(|c| quoted(c.name)).collect::<Vec<_>>().join(", ");
    Some(format!("SELECT {names} FROM (VALUES {}) AS [example] ({names})", rows.join(", ")))
}

/// The call of a kernel's worked example, with vectors as JSON; `None` if T-SQL has no literal for one of its values.
pub fn call(kernel: &Kernel) -> Option<String> {
    let mut arguments = Vec::new();
    if takes_source(kernel) {
        let source = match kernel.inputs {
            [] => "SELECT CAST(1 AS bigint) AS [value]".to_string(),
            _ => source(kernel)?,
        };
        arguments.push(format!("@source = {}", text(&source)));
    }
    for (name, cell) in kernel.example.params {
        let declared = kernel.params.iter().find(|p| p.name == *name)?;
        let binary = declared.kind == hart_kernels::registry::ParamKind::Binary;
        arguments.push(format!("@{name} = {}", value(cell, binary)?));
    }
    if has_result_vectors(kernel) {
        arguments.push("@result_vectors = 'json'".into());
    }
    let arguments = arguments.join(",\n    ");
    let name = format!("EXEC [{SCHEMA}].[{}]", kernel.sql_name());
    Some(if arguments.is_empty() { format!("{name};") } else { format!("{name}\n    {arguments};") })
}
