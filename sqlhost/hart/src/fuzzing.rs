//! What the programs in fuzz/ call: the readers of files and of a server's answers.

use std::path::Path;

use anyhow::{Result, ensure};

pub use crate::fault::quiet;
pub use crate::server::replay;

use crate::data::{self, ReadOptions, cell, types};
use crate::feed::{Column, append, empty_column, host_field};

/// Reads a file to its end, its values as text and, where a kernel takes their type, as a host's column. Returns the
/// number of rows.
pub fn read(path: &Path) -> Result<usize> {
    let reader = data::open(path, &ReadOptions::default())?;
    let schema = reader.schema().clone();
    let mut rows = 0;
    for batch in reader {
        let batch = batch?;
        ensure!(batch.schema() == schema, "a batch has other columns than the file");
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let values = types::plain(column)?;
            for row in (0..values.len()).filter(|row| !cell::is_null(&values, *row)) {
                cell::text(&values, row)?;
            }
            if let Ok(declared) = host_field(field.name(), field.data_type(), false) {
                let mut out = empty_column(declared.ctype);
                let from = Column {
                    name: field.name(),
                    kind: Some(hart_kernels::registry::Kind::Vector),
                    before: rows,
                    beside: 0,
                };
                append(&from, column, &mut out)?;
                assert_eq!(out.indicators.len(), batch.num_rows());
            }
        }
        rows += batch.num_rows();
    }
    Ok(rows)
}
