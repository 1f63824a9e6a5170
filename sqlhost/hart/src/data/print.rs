//! Results on standard output.

use std::io::{BufWriter, ErrorKind, IsTerminal, Write};

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{csv, json, table};

/// The forms in which rows can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Style {
    Table,
    Json,
    Csv,
}

/// Writes the rows to standard output as they arrive and returns their number. It is not an error if the reader of a
/// pipe closes it early.
pub(crate) fn print(
    style: Style,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let stdout = std::io::stdout();
    let look = table::Look {
        width: stdout
            .is_terminal()
            .then(terminal_size::terminal_size)
            .flatten()
            .map(|(width, _)| width.0.into()),
        bold: stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let mut rows = 0;
    let mut batches = batches.into_iter().inspect(|batch| {
        if let Ok(batch) = batch {
            rows += batch.num_rows() as u64;
        }
    });
    let mut out = BufWriter::new(stdout.lock());
    let shown = match style {
        Style::Table => table::draw(&mut out, schema, &mut batches, look),
        Style::Json => json::encode(&mut out, schema, &mut batches).map(drop),
        Style::Csv => csv::encode(&mut out, schema, &mut batches, ',').map(drop),
    };
    match shown.and_then(|()| Ok(out.flush()?)) {
        Err(error) if !is_closed_pipe(&error) => Err(error),
        _ => Ok(rows),
    }
}

/// Whether the reader of the output has gone: `hart … | head` is not an error.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}
