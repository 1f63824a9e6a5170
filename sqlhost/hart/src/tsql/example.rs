//! The registry's examples as T-SQL.

use hart_kernels::registry::{Cell, Kernel, Kind};

use super::types::{POINT, SCHEMA, quoted};
use super::wrapper::{has_result_vectors, takes_source};

/// A text as a literal.
pub(super) fn text(value: &str) -> String {
    format!("N'{}'", value.replace('\'', "''"))
}

/// Bytes as a literal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    format!("0x{}", bytes.iter().map(|b| format!("{b:02X}")).collect::<String>())
}

/// A value as a literal; `None` for NaN and infinity, for which T-SQL has no literal.
fn literal(cell: &Cell, binary: bool) -> Option<String> {
    Some(match cell {
        Cell::Null => "NULL".into(),
        Cell::Int(v) => v.to_string(),
        Cell::Float(v) => v.is_finite().then(|| format!("{v:e}"))?,
        Cell::Text(v) => text(v),
        Cell::Binary(v) => hexadecimal(v),
        Cell::Vector(v) if binary => {
            hexadecimal(&v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
        }
        Cell::Vector(v) if v.iter().all(|x| x.is_finite()) => {
            format!("'[{}]'", v.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
        }
        Cell::Vector(_) => return None,
    })
}

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
            cells.map(|(c, cell)| Some(cast(c.kind, &literal(cell, c.kind == Kind::Binary)?))).collect();
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
        arguments.push(format!("@{name} = {}", literal(cell, binary)?));
    }
    if has_result_vectors(kernel) {
        arguments.push("@result_vectors = 'json'".into());
    }
    let arguments = arguments.join(",\n    ");
    let name = format!("EXEC [{SCHEMA}].[{}]", kernel.sql_name());
    Some(if arguments.is_empty() { format!("{name};") } else { format!("{name}\n    {arguments};") })
}
