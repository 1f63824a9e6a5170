//! Rows grouped as SQL Server's partitions are: one group for each value, in ascending order.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_ord::partition::partition;
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_select::take::take_record_batch;

/// The rows of each value of the column `name`, NULL first, every group in the order of the input.
pub fn by(rows: &RecordBatch, name: &str) -> Result<Vec<RecordBatch>> {
    let position = rows.schema().fields().iter().position(|f| f.name().eq_ignore_ascii_case(name));
    let key = rows.column(position.with_context(|| format!("no column named `{name}`"))?).clone();
    // The row number as a second key keeps the order within a group.
    let number: ArrayRef = Arc::new(UInt64Array::from_iter_values(0..rows.num_rows() as u64));
    let by = [key, number].map(|values| SortColumn { values, options: None });
    let order = lexsort_to_indices(&by, None)
        .with_context(|| format!("column {name} has a type that cannot be ordered"))?;
    let sorted = take_record_batch(rows, &order)?;
    let key = sorted.column(position.unwrap_or_default()).clone();
    let groups = partition(&[key])?.ranges();
    Ok(groups.into_iter().map(|range| sorted.slice(range.start, range.len())).collect())
}
