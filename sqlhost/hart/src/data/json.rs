//! JSON: an array with one object per row.

use std::io::Write;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{cell, in_cell, types};

/// Writes the rows, one per line; returns their number.
pub(super) fn encode(
    out: &mut dyn Write,
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut keys = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut key = String::new();
        cell::serialize(&mut key, field.name())?;
        keys.push(key);
    }
    let mut rows = 0;
    let mut line = String::new();
    for batch in batches {
        let batch = batch?;
        let columns = batch.columns().iter().map(types::plain).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            line.clear();
            line.push_str(if rows == 0 { "[\n{" } else { ",\n{" });
            for (number, (key, column)) in keys.iter().zip(&columns).enumerate() {
                line.push_str(if number == 0 { "" } else { "," });
                line.push_str(key);
                line.push(':');
                cell::json(&mut line, column, row).map_err(|e| in_cell(schema, number, rows, &e))?;
            }
            line.push('}');
            out.write_all(line.as_bytes())?;
            rows += 1;
        }
    }
    out.write_all(if rows == 0 { b"[]\n" } else { b"\n]\n" })?;
    Ok(rows)
}
