//! Values as literals of T-SQL.

use hart_kernels::registry::Cell;
use hart_sqlhost::hex;

/// A text.
pub fn text(value: &str) -> String {
    format!("N'{}'", value.replace('\'', "''"))
}

/// A value of an example, as people read it.
pub fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".into(),
        Cell::Int(v) => v.to_string(),
        Cell::Float(v) => v.to_string(),
        Cell::Text(v) => format!("'{v}'"),
        Cell::Binary(v) => hex::literal(v),
        Cell::Vector(v) => format!("[{}]", v.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A value of an example, as a server reads it; `None` for NaN and infinity, for which T-SQL has no literal.
pub(super) fn value(cell: &Cell, binary: bool) -> Option<String> {
    Some(match cell {
        Cell::Null => "NULL".into(),
        Cell::Int(v) => v.to_string(),
        Cell::Float(v) => v.is_finite().then(|| format!("{v:e}"))?,
        Cell::Text(v) => text(v),
        Cell::Binary(v) => hex::literal(v),
        Cell::Vector(v) if binary => {
            hex::literal(&v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
        }
        Cell::Vector(v) if v.iter().all(|x| x.is_finite()) => {
            format!("'[{}]'", v.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
        }
        Cell::Vector(_) => return None,
    })
}
