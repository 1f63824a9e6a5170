//! The best rows of all chunks, merged from the best of each: `vector_top_k` over more rows than memory holds.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use crate::call::too_large;
use crate::data::guarded;

/// Rows kept before worse ones are dropped.
const HELD: usize = 1 << 16;

/// The column of ids that breaks ties between equal distances; hidden.
const KEY: &str = "\0key";

/// The best `k` rows per query.
pub struct Best {
    k: usize,
    held: Vec<RecordBatch>,
    /// The number of rows held, and how many remained after worse ones were last dropped.
    rows: usize,
    left: usize,
}

impl Best {
    pub fn new(k: usize) -> Best {
        Best { k, held: Vec::new(), rows: 0, left: 0 }
    }

    /// Adds the kernel's finds in a chunk, with the ids by which it ordered rows.
    pub fn add(&mut self, found: &RecordBatch, keys: ArrayRef) -> Result<()> {
        let mut fields: Vec<_> = found.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(KEY, DataType::Int64, true)));
        let mut columns = found.columns().to_vec();
        columns.push(keys);
        self.rows += found.num_rows();
        self.held.push(RecordBatch::try_new(Schema::new(fields).into(), columns)?);
        if self.rows > HELD.max(2 * self.left) {
            let best = self.merged()?;
            (self.rows, self.left) = (best.num_rows(), best.num_rows());
            self.held = vec![best];
        }
        Ok(())
    }

    /// All best rows in the kernel's order: by query, then distance, NULL last, then id, NULL last, then row.
    fn merged(&self) -> Result<RecordBatch> {
        let schema = self.held.first().context("no chunk was searched")?.schema();
        let all =
            guarded(|| concat_batches(&schema, &self.held)).map_err(|e| too_large("of the result", &e))?;
        let column =
            |name: &str| all.column_by_name(name).with_context(|| format!("the result has no column {name}"));
        let query = column("query")?.as_primitive::<Int32Type>();
        let distance = column("distance")?.as_primitive::<Float64Type>();
        let id = column(KEY)?.as_primitive::<Int64Type>();
        let key =
            |i: usize| (query.value(i), distance.is_null(i), distance.value(i), id.is_null(i), id.value(i));
        let mut order: Vec<u32> = (0..u32::try_from(all.num_rows())?).collect();
        order.sort_by(|&x, &y| {
            let (x, y) = (key(x as usize), key(y as usize));
            // The value under a NULL is arbitrary.
            let by_distance = || if x.1 { Ordering::Equal } else { x.2.total_cmp(&y.2) };
            let by_id = || if x.3 { Ordering::Equal } else { x.4.cmp(&y.4) };
            (x.0, x.1).cmp(&(y.0, y.1)).then_with(by_distance).then(x.3.cmp(&y.3)).then_with(by_id)
        });
        let mut seen: HashMap<i32, usize> = HashMap::new();
        order.retain(|row| {
            let seen = seen.entry(query.value(*row as usize)).or_default();
            *seen += 1;
            *seen <= self.k
        });
        Ok(take_record_batch(&all, &UInt32Array::from(order))?)
    }

    /// The best rows of all chunks, with their ranks among them.
    pub fn finish(&self) -> Result<RecordBatch> {
        let best = self.merged()?;
        let query = best.column_by_name("query").context("the result has no column query")?;
        let query = query.as_primitive::<Int32Type>();
        let (mut rank, mut before) = (0, None);
        let ranks: Int32Array = query
            .values()
            .iter()
            .map(|query| {
                rank = if before == Some(*query) { rank + 1 } else { 1 };
                before = Some(*query);
                Some(rank)
            })
            .collect();
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        let schema = best.schema();
        for (field, column) in schema.fields().iter().zip(best.columns()) {
            match field.name().as_str() {
                KEY => {}
                "rank" if columns.len() == 1 => columns.push(("rank", Arc::new(ranks.clone()))),
                name => columns.push((name, column.clone())),
            }
        }
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(RecordBatch::try_new(Schema::new(fields).into(), columns)?)
    }
}
