//! CSV with a header line, in UTF-8, fields separated by commas and quoted as RFC 4180 has it.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_csv::reader::{Format, ReaderBuilder};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::cell;
use super::read::{BATCH_ROWS, Source};

/// So many rows decide the types of the columns.
const INFER_ROWS: usize = 10_000;

/// The mark that some programs, Excel among them, put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a CSV file. An empty field is NULL.
pub(super) fn start(mut file: File, head: &[u8], wanted: Option<Vec<usize>>) -> Result<Source, ArrowError> {
    let begin = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() as u64 } else { 0 };
    let format = Format::default().with_header(true);
    file.seek(SeekFrom::Start(begin))?;
    let (schema, _) = format.infer_schema(BufReader::new(&file), Some(INFER_ROWS))?;
    if schema.fields().is_empty() {
        return Err(ArrowError::CsvError("expected a header line, found none".to_owned()));
    }
    if schema.fields().iter().all(|field| field.name().trim().parse::<f64>().is_ok()) {
        let line: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).take(5).collect();
        let line = line.join(",");
        return Err(ArrowError::CsvError(format!(
            "expected a header line, found only numbers in line 1: {line}"
        )));
    }
    let schema: SchemaRef = Arc::new(Schema::new(
        schema.fields().iter().map(|field| with_content(field.as_ref())).collect::<Vec<Field>>(),
    ));
    file.seek(SeekFrom::Start(begin))?;
    let mut builder = ReaderBuilder::new(schema.clone()).with_format(format).with_batch_size(BATCH_ROWS);
    if let Some(wanted) = wanted {
        builder = builder.with_projection(wanted);
    }
    let all = schema.clone();
    let batches = builder.build(file)?.map(move |batch| batch.map_err(|error| explain(error, &all)));
    Ok(Source { schema, rows: None, batches: Box::new(batches) })
}

/// The error with the name of the column in place of its number, and without the row, which is repeated in full.
fn explain(error: ArrowError, schema: &Schema) -> ArrowError {
    let text = error.to_string();
    let explained = || {
        let (problem, place) = text.strip_prefix("Parser error: ")?.split_once(" for column ")?;
        let (column, row) = place.split(". Row data:").next()?.split_once(" at line ")?;
        let column = schema.fields().get(column.parse::<usize>().ok()?)?.name();
        Some(format!(
            "{problem} for column `{column}` in row {row} (the first {INFER_ROWS} rows decide the types)"
        ))
    };
    explained().map_or(error, ArrowError::ParseError)
}

/// A column that is empty in all the rows looked at may still have text further down.
fn with_content(field: &Field) -> Field {
    match field.data_type() {
        DataType::Null => field.clone().with_data_type(DataType::Utf8),
        _ => field.clone(),
    }
}

/// Writes a header line and the rows; returns their number. NULL is an empty field, an empty text a quoted one.
pub(super) fn encode(
    out: &mut dyn Write,
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut line = String::new();
    for (number, field) in schema.fields().iter().enumerate() {
        push(&mut line, number, Some(field.name()));
    }
    line.push('\n');
    out.write_all(line.as_bytes())?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (number, column) in batch.columns().iter().enumerate() {
                let text = if cell::is_null(column, row) { None } else { Some(cell::text(column, row)?) };
                push(&mut line, number, text.as_deref());
            }
            // A blank line is no row to most readers.
            line.push_str(if line.is_empty() { "\"\"\n" } else { "\n" });
            out.write_all(line.as_bytes())?;
        }
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

/// Appends a field, in quotes where RFC 4180 wants them.
fn push(line: &mut String, number: usize, text: Option<&str>) {
    if number > 0 {
        line.push(',');
    }
    match text {
        None => {}
        Some(text) if text.is_empty() || text.contains([',', '"', '\r', '\n']) => {
            line.push('"');
            line.push_str(&text.replace('"', "\"\""));
            line.push('"');
        }
        Some(text) => line.push_str(text),
    }
}
