//! The id column of the input, if none was named: one rule for all commands (docs/FILES.md).

use anyhow::{Result, anyhow};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, Schema};

use crate::call::Origin;
use crate::data::{self, Wanted, types};
use crate::input::Input;

/// The column named `id`; else, in a file, the only named column of whole numbers, if its numbers are unique; else the
/// row numbers. A query is not run twice to find out. `taken` are columns with another use.
pub fn choose(input: &Input, schema: &Schema, taken: &[usize]) -> Result<Origin> {
    let named = schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case("id"));
    if named {
        let found = data::find(schema, "id").map_err(|problem| anyhow!("{input}: {problem}"))?;
        if !taken.contains(&found) {
            return Ok(Origin::Column(found));
        }
    }
    let whole = (0..schema.fields().len()).filter(|&column| {
        let field = schema.field(column);
        types::is_integer(field.data_type()) && !field.name().is_empty() && !taken.contains(&column)
    });
    let whole: Vec<usize> = whole.collect();
    match whole[..] {
        [only] if !matches!(input, Input::Query { .. }) && is_unique(input, only)? => {
            Ok(Origin::Column(only))
        }
        _ => Ok(Origin::RowNumber),
    }
}

/// Whether the column's numbers are unique, without NULL.
fn is_unique(input: &Input, column: usize) -> Result<bool> {
    let mut numbers: Vec<i64> = Vec::new();
    for batch in input.open()?.only(&[Wanted::Typed(column)])? {
        let batch = batch?;
        let column = types::exact(batch.column(0), &DataType::Int64)?;
        if column.null_count() > 0 {
            return Ok(false);
        }
        numbers.extend_from_slice(column.as_primitive::<Int64Type>().values());
    }
    numbers.sort_unstable();
    Ok(numbers.windows(2).all(|pair| pair[0] != pair[1]))
}
