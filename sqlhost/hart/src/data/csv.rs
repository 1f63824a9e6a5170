//! CSV with a header line, in UTF-8, with fields separated by commas or by `--delimiter`, quoted as in RFC 4180.
//!
//! All columns are texts, as written in the file. Columns that a kernel computes with get the type that the first rows
//! suggest.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;

use super::source::{BATCH_BYTES, BATCH_ROWS, Source};
use super::{cell, in_cell, types};

/// The number of rows that decide the columns' types.
const INFER_ROWS: usize = 10_000;

/// The mark that some programs, such as Excel, put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = b"\x1f\x8b";

/// The text of a file from its start, decompressed and without the byte order mark.
fn text(file: &File) -> Result<Box<dyn BufRead + Send>, ArrowError> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let mut plain = BufReader::new(file);
    let mut out: Box<dyn BufRead + Send> = match plain.fill_buf()?.starts_with(GZIP) {
        true => Box::new(BufReader::new(MultiGzDecoder::new(plain))),
        false => Box::new(plain),
    };
    let mut start = Vec::new();
    out.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut start)?;
    if start == BYTE_ORDER_MARK {
        start.clear();
    }
    Ok(Box::new(BufReader::new(std::io::Cursor::new(start).chain(out))))
}

/// Reads a CSV file. An empty field is NULL. The default separator is the comma; if the header line suggests another
/// one, the error says so.
pub(super) fn start(
    file: &File,
    delimiter: Option<u8>,
    wanted: Option<Vec<usize>>,
) -> Result<Source, ArrowError> {
    let mut head = Vec::new();
    text(file)?.take(4096).read_to_end(&mut head)?;
    if head.contains(&0) {
        return Err(ArrowError::CsvError("expected UTF-8 text, found binary data".to_owned()));
    }
    let line: &[u8] = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separator = delimiter.unwrap_or(b',');
    if delimiter.is_none() && !line.contains(&b',') {
        for (other, name) in [(b';', "';'"), (b'\t', "tab"), (b'|', "'|'")] {
            if line.contains(&other) {
                return Err(ArrowError::CsvError(format!(
                    "the header line has no comma; say --delimiter {name} if that separates its fields, or --delimiter ',' if \
                     there is one column"
                )));
            }
        }
    }
    // After the header line: the position of a first row in an error is then its own.
    let reader = || {
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(text(file)?);
        let names = reader.headers().map_err(|error| explained(&error))?.clone();
        Ok::<_, ArrowError>((reader, names))
    };
    let (_, names) = reader()?;
    if names.is_empty() {
        return Err(ArrowError::CsvError("expected a header line, found none".to_owned()));
    }
    if names.iter().all(|name| name.trim().parse::<f64>().is_ok()) {
        let line = names.iter().take(5).collect::<Vec<_>>().join(",");
        return Err(ArrowError::CsvError(format!(
            "expected a header line, found only numbers in line 1: {line}"
        )));
    }
    let as_text = |name: &str| Field::new(name, DataType::Utf8, true);
    let schema: SchemaRef = Arc::new(Schema::new(names.iter().map(as_text).collect::<Vec<Field>>()));
    let rows = |columns: Vec<usize>| {
        let schema = Arc::new(schema.project(&columns)?);
        Ok::<_, ArrowError>(Rows { reader: reader()?.0, columns, schema, ended: false })
    };
    let all: Vec<usize> = (0..names.len()).collect();
    let kinds = infer(&schema, rows(all.clone())?)?;
    let typed = |(field, kind): (&Arc<Field>, &Kind)| Field::new(field.name(), kind.data_type(), true);
    let typed: Vec<Field> = schema.fields().iter().zip(&kinds).map(typed).collect();
    let batches = rows(wanted.unwrap_or(all))?;
    Ok(Source { typed: Arc::new(Schema::new(typed)), schema, rows: None, batches: Box::new(batches) })
}

/// The rows after the header line, with these columns, as texts; an empty field is NULL.
struct Rows {
    reader: Reader<Box<dyn BufRead + Send>>,
    columns: Vec<usize>,
    schema: SchemaRef,
    ended: bool,
}

impl Rows {
    /// As many of the next rows as a batch holds.
    fn batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut columns: Vec<StringBuilder> = self.columns.iter().map(|_| StringBuilder::new()).collect();
        let mut record = StringRecord::new();
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            if !self.reader.read_record(&mut record).map_err(|error| explained(&error))? {
                self.ended = true;
                break;
            }
            for (out, column) in columns.iter_mut().zip(&self.columns) {
                out.append_option(record.get(*column).filter(|text| !text.is_empty()));
            }
            rows += 1;
            bytes += record.as_slice().len();
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map(Some)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch().transpose();
        self.ended |= !matches!(batch, Some(Ok(_)));
        batch
    }
}

/// What is wrong with a line.
fn explained(error: &csv::Error) -> ArrowError {
    let line = error.position().map_or(String::new(), |position| format!("line {}: ", position.line()));
    ArrowError::CsvError(match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{line}expected {expected_len} fields, as in the header line, found {len}")
        }
        ErrorKind::Utf8 { err, .. } => format!("{line}field {} is no UTF-8 text", err.field() + 1),
        _ => error.to_string(),
    })
}

/// The type with which a column can be computed.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Only NULLs so far.
    Empty,
    /// Whole numbers in canonical form: no plus sign, no leading zeros.
    Integer,
    Number,
    /// true and false, in any case.
    Truth,
    /// Hexadecimal bytes after 0x.
    Hex,
    Text,
}

impl Kind {
    fn of(text: &str) -> Kind {
        if integer(text).is_some() {
            Kind::Integer
        } else if text.trim().parse::<f64>().is_ok() {
            Kind::Number
        } else if truth(text).is_some() {
            Kind::Truth
        } else if cell::unhex(text).is_some() {
            Kind::Hex
        } else {
            Kind::Text
        }
    }

    fn and(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Empty, other) => other,
            (one, other) if one == other => one,
            (Kind::Integer | Kind::Number, Kind::Integer | Kind::Number) => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// A column that is empty in all examined rows may still have text further down.
    fn data_type(self) -> DataType {
        match self {
            Kind::Integer => DataType::Int64,
            Kind::Number => DataType::Float64,
            Kind::Truth => DataType::Boolean,
            Kind::Hex => DataType::Binary,
            Kind::Empty | Kind::Text => DataType::Utf8,
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    let word = text.trim();
    let is = |one: &str| word.eq_ignore_ascii_case(one);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// The whole number of which this text is the canonical form.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && (!digits.starts_with('0') || text == "0");
    text.parse().ok().filter(|_| plain)
}

fn infer(
    schema: &Schema,
    rows: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<Vec<Kind>, ArrowError> {
    let mut kinds = vec![Kind::Empty; schema.fields().len()];
    let mut left = INFER_ROWS;
    for batch in rows {
        let batch = batch?;
        for (kind, column) in kinds.iter_mut().zip(batch.columns()) {
            for text in column.as_string::<i32>().iter().take(left).flatten() {
                if *kind == Kind::Text {
                    break;
                }
                *kind = kind.and(Kind::of(text));
            }
        }
        left = left.saturating_sub(batch.num_rows());
        if left == 0 {
            break;
        }
    }
    Ok(kinds)
}

/// Texts converted to the type that [`start`] has given their column; `before` rows preceded them.
pub(super) fn typed(column: &ArrayRef, field: &Field, before: u64) -> Result<ArrayRef, ArrowError> {
    let texts = column.as_string::<i32>();
    macro_rules! parsed {
        ($builder:expr, $read:expr, $what:literal) => {{
            let mut out = $builder;
            for (row, text) in texts.iter().enumerate() {
                let value = text.map(|text| {
                    $read(text).ok_or_else(|| {
                        ArrowError::ParseError(format!(
                            "column `{}`, row {}: `{text}` is no {}, as the first {INFER_ROWS} rows are",
                            field.name(),
                            before + row as u64 + 1,
                            $what
                        ))
                    })
                });
                out.append_option(value.transpose()?);
            }
            Ok(Arc::new(out.finish()))
        }};
    }
    match field.data_type() {
        DataType::Int64 => parsed!(Int64Builder::new(), integer, "whole number"),
        DataType::Float64 => {
            parsed!(Float64Builder::new(), |text: &str| text.trim().parse::<f64>().ok(), "number")
        }
        DataType::Boolean => parsed!(BooleanBuilder::new(), truth, "true or false"),
        DataType::Binary => parsed!(BinaryBuilder::new(), cell::unhex, "bytes in hexadecimal after 0x"),
        _ => Ok(column.clone()),
    }
}

/// Writes a header line and the rows; returns their number. NULL is an empty field, an empty text a quoted one.
pub(super) fn encode(
    out: &mut dyn Write,
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    separator: char,
) -> Result<u64> {
    let mut line = String::new();
    for (number, field) in schema.fields().iter().enumerate() {
        push(&mut line, number, Some(field.name()), separator);
    }
    line.push('\n');
    out.write_all(line.as_bytes())?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        let columns = batch.columns().iter().map(types::plain).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (number, column) in columns.iter().enumerate() {
                let text = match cell::is_null(column, row) {
                    true => None,
                    false => Some(cell::text(column, row).map_err(|e| in_cell(schema, number, rows, &e))?),
                };
                push(&mut line, number, text.as_deref(), separator);
            }
            // Most readers skip a blank line.
            line.push_str(if line.is_empty() { "\"\"\n" } else { "\n" });
            out.write_all(line.as_bytes())?;
            rows += 1;
        }
    }
    Ok(rows)
}

/// Appends a field, quoted if RFC 4180 requires it.
fn push(line: &mut String, number: usize, text: Option<&str>, separator: char) {
    if number > 0 {
        line.push(separator);
    }
    match text {
        None => {}
        Some(text) if text.is_empty() || text.contains([separator, '"', '\r', '\n']) => {
            line.push('"');
            line.push_str(&text.replace('"', "\"\""));
            line.push('"');
        }
        Some(text) => line.push_str(text),
    }
}
