//! Vectors stored as one column per dimension.

use std::sync::Arc;

use anyhow::{Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, Float64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::types;

/// The columns of such vectors.
pub(super) struct Wide {
    name: String,
    /// By dimension.
    pub(super) columns: Vec<usize>,
    item: DataType,
}

impl Wide {
    /// The columns whose names are the prefix and a number, counting from 0 or 1 without a gap.
    pub(super) fn of(schema: &Schema, prefix: &str) -> Result<Wide> {
        let number = |field: &Field| field.name().strip_prefix(prefix)?.parse::<usize>().ok();
        let mut found: Vec<(usize, usize)> = schema
            .fields()
            .iter()
            .enumerate()
            .filter_map(|(column, field)| Some((number(field)?, column)))
            .collect();
        found.sort_unstable();
        ensure!(!found.is_empty(), "--wide {prefix}: no column is named {prefix}0 or {prefix}1");
        let first = found[0].0;
        let gap = found.iter().enumerate().find(|(n, (number, _))| first + n != *number);
        ensure!(
            first <= 1 && gap.is_none(),
            "--wide {prefix}: expected columns that count from 0 or 1, each number once; there is no {prefix}{}",
            gap.map_or(1, |(n, _)| first + n)
        );
        let columns: Vec<usize> = found.into_iter().map(|(_, column)| column).collect();
        let types: Vec<&DataType> = columns.iter().map(|column| schema.field(*column).data_type()).collect();
        let other = columns.iter().find(|column| !schema.field(**column).data_type().is_numeric());
        if let Some(other) = other {
            let field = schema.field(*other);
            anyhow::bail!(
                "--wide {prefix}: column {} has type {}; expected numbers",
                field.name(),
                field.data_type()
            );
        }
        let single = |of: &&DataType| matches!(of, DataType::Float32 | DataType::Float16);
        let item = if types.iter().all(single) { DataType::Float32 } else { DataType::Float64 };
        let name = prefix.trim_end_matches(['_', '.', '-', ' ']).to_owned();
        Ok(Wide { name: if name.is_empty() { "v".into() } else { name }, columns, item })
    }

    /// The vectors as a single column.
    pub(super) fn field(&self) -> Field {
        let item = Arc::new(Field::new("item", self.item.clone(), true));
        Field::new(&self.name, DataType::FixedSizeList(item, self.columns.len() as i32), true)
    }

    /// The vectors from their columns in order; `before` rows preceded them. A row without any component is NULL.
    pub(super) fn gather(&self, columns: &[ArrayRef], before: u64) -> Result<ArrayRef, ArrowError> {
        let columns = columns
            .iter()
            .map(|column| types::exact(column, &DataType::Float64))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = columns.first().map_or(0, |column| column.len());
        let mut values = Vec::with_capacity(rows * columns.len());
        let mut there = Vec::with_capacity(rows);
        for row in 0..rows {
            let missing = columns.iter().filter(|column| column.is_null(row)).count();
            if missing > 0 && missing < columns.len() {
                let row = before + row as u64 + 1;
                return Err(ArrowError::ParseError(format!(
                    "--wide: row {row} has {missing} NULLs among its components"
                )));
            }
            there.push(missing == 0);
            let value = |column: &ArrayRef| {
                if missing > 0 { 0.0 } else { column.as_primitive::<Float64Type>().value(row) }
            };
            values.extend(columns.iter().map(value));
        }
        let values: ArrayRef = match self.item {
            // They were singles originally.
            DataType::Float32 => {
                Arc::new(Float32Array::from_iter_values(values.into_iter().map(|v| v as f32)))
            }
            _ => Arc::new(Float64Array::from(values)),
        };
        let item = Arc::new(Field::new("item", self.item.clone(), true));
        let nulls = Some(NullBuffer::from(there)).filter(|nulls| nulls.null_count() > 0);
        Ok(Arc::new(FixedSizeListArray::try_new(item, columns.len() as i32, values, nulls)?))
    }
}
