//! Groups rows like SQL Server's partitions: one group per value, in ascending order.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_ord::partition::partition;
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take;

use crate::call::too_large;
use crate::data::guarded;

/// The rows of each value of the given column, NULL first, every group in input order.
pub fn by<'a>(
    batches: &'a [RecordBatch],
    schema: &SchemaRef,
    place: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<'a>> {
    let name = schema.field(place).name().clone();
    let keys: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
    let key: ArrayRef = if keys.is_empty() {
        arrow_array::new_empty_array(schema.field(place).data_type())
    } else {
        guarded(|| concat(&keys)).map_err(|error| too_large(&name, &error))?
    };
    // The row number as a second key keeps input order within a group.
    let number: ArrayRef = Arc::new(UInt64Array::from_iter_values(0..key.len() as u64));
    let by = [key.clone(), number].map(|values| SortColumn { values, options: None });
    let order = guarded(|| lexsort_to_indices(&by, None))
        .with_context(|| format!("column {name} has a type that cannot be ordered"))?;
    let groups = partition(&[take(&key, &order, None)?])?.ranges();
    let places: Vec<(usize, usize)> = batches
        .iter()
        .enumerate()
        .flat_map(|(part, batch)| (0..batch.num_rows()).map(move |row| (part, row)))
        .collect();
    let parts: Vec<&RecordBatch> = batches.iter().collect();
    Ok(groups.into_iter().map(move |range| {
        let rows: Vec<_> = order.values()[range].iter().map(|row| places[*row as usize]).collect();
        guarded(|| interleave_record_batch(&parts, &rows))
            .map_err(|error| too_large("of a partition", &error))
    }))
}
