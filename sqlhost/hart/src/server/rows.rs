//! Rows of a query as Arrow batches.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tiberius::numeric::Numeric;
use tiberius::{ColumnData, ColumnType, Row};
use tokio::io::{AsyncRead, AsyncWrite};

use super::calendar;
use super::connection::Connector;
use super::session::{Server, Undecoded};
use crate::data::BATCH_ROWS;

/// Bytes of text and binary values after which a batch is sent even if it has few rows.
const BATCH_BYTES: usize = 64 << 20;

/// In the schema's metadata, the prefix of the name of an omitted column; the value is the reason.
pub const LEFT_OUT: &str = "left out: ";

/// The reader's messages. A closed channel is not a proper end: only `End` is.
enum Message {
    Columns(SchemaRef),
    Batch(RecordBatch),
    End,
}

/// Rows of a query, read by a separate thread while they are used here; one batch waits.
pub struct QueryRows {
    schema: SchemaRef,
    messages: Receiver<Message>,
    /// Present until the reader has ended.
    reader: Option<JoinHandle<Result<()>>>,
}

impl QueryRows {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Starts reading; `read` passes on columns and rows, and returns false if not all of them were wanted.
    pub fn of(read: impl FnOnce(&mut Reading) -> Result<bool> + Send + 'static) -> Result<QueryRows> {
        QueryRows::start(BATCH_BYTES, move |reading| {
            if read(reading)? {
                reading.end()?;
            }
            Ok(())
        })
    }

    /// Starts reading in a thread that sends what it reads.
    fn start(
        batch_bytes: usize,
        read: impl FnOnce(&mut Reading) -> Result<()> + Send + 'static,
    ) -> Result<QueryRows> {
        let (to, messages) = sync_channel(1);
        let reader = std::thread::Builder::new().name("hart-reader".into()).spawn(move || {
            let mut reading = Reading {
                to,
                columns: Vec::new(),
                code_pages: Vec::new(),
                batch_bytes,
                rows: 0,
                waiting: 0,
                bytes: 0,
            };
            read(&mut reading)
        });
        let mut rows = QueryRows {
            schema: Schema::empty().into(),
            messages,
            reader: Some(reader.context("cannot start the thread that reads the query")?),
        };
        match rows.messages.recv() {
            Ok(Message::Columns(schema)) => rows.schema = schema,
            _ => return Err(rows.why_it_ended()),
        }
        Ok(rows)
    }

    /// Why the reader has stopped without sending `End`.
    fn why_it_ended(&mut self) -> anyhow::Error {
        match self.reader.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => anyhow!(
                "the reader of the query failed after some of its rows; this is a fault of this program: {}",
                said(panic.as_ref())
            ),
            _ => anyhow!(
                "the reader of the query ended before the end of its rows; this is a fault of this program"
            ),
        }
    }
}

/// A panic's message.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason was given")
}

impl Iterator for QueryRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        // The reader has ended, well or not.
        self.reader.as_ref()?;
        match self.messages.recv() {
            Ok(Message::Batch(batch)) => Some(Ok(batch)),
            Ok(Message::End) => match self.reader.take().map(JoinHandle::join) {
                Some(Ok(Ok(()))) => None,
                Some(Ok(Err(error))) => Some(Err(error)),
                _ => Some(Err(anyhow!("the reader of the query failed at its end"))),
            },
            Ok(Message::Columns(_)) | Err(_) => Some(Err(self.why_it_ended())),
        }
    }
}

impl Connector {
    /// Starts reading the rows of a query: its first result set.
    pub fn query(&self, sql: String) -> Result<QueryRows> {
        let mut server = self.connect()?;
        QueryRows::of(move |reading| server.each(&sql, reading))
    }
}

/// Converts rows as they arrive.
pub struct Reading {
    to: SyncSender<Message>,
    /// Columns of the result; those of an unsupported type have no builder.
    columns: Vec<(String, Option<Builder>)>,
    /// Names of the columns whose texts come in a code page.
    code_pages: Vec<String>,
    batch_bytes: usize,
    rows: usize,
    /// Rows of the current batch, and bytes of its values.
    waiting: usize,
    bytes: usize,
}

impl Reading {
    /// The columns of the result.
    fn columns(&mut self, columns: &[tiberius::Column]) -> Result<bool> {
        ensure!(!columns.is_empty(), "the query returns no columns");
        self.columns = columns.iter().map(|c| (c.name().to_string(), Builder::of(c.column_type()))).collect();
        let in_a_code_page = |column: &&tiberius::Column| {
            use ColumnType::{BigChar, BigVarChar, Text};
            matches!(column.column_type(), BigVarChar | BigChar | Text)
        };
        self.code_pages = columns.iter().filter(in_a_code_page).map(|c| c.name().to_string()).collect();
        let left_out: HashMap<String, String> = columns
            .iter()
            .zip(&self.columns)
            .filter(|(_, (_, builder))| builder.is_none())
            .map(|(c, (name, _))| {
                let why = format!(
                    "column {name} has a type that no kernel takes ({:?}); CAST it in the query to an integer type, \
                     float, varchar or varbinary",
                    c.column_type()
                );
                (format!("{LEFT_OUT}{name}"), why)
            })
            .collect();
        if let (Some(why), true) = (left_out.values().next(), left_out.len() == columns.len()) {
            bail!("{why}");
        }
        let schema = self.schema().with_metadata(left_out);
        Ok(self.to.send(Message::Columns(schema.into())).is_ok())
    }

    fn schema(&self) -> Schema {
        let fields = self.columns.iter().filter_map(|(name, builder)| {
            builder.as_ref().map(|builder| Field::new(name, builder.data_type(), true))
        });
        Schema::new(fields.collect::<Vec<_>>())
    }

    /// An error of the connection; where the next row's text cannot be read, with the columns that may be meant.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if !error.is::<Undecoded>() {
            return error;
        }
        let (row, columns) = (self.rows + 1, self.code_pages.join(" or "));
        error.context(format!("row {row}, column {columns}: write CAST(… AS nvarchar(max)) in the query"))
    }

    /// Adds the next row; false if no more are wanted.
    fn row(&mut self, row: &Row) -> Result<bool> {
        let cells = || row.cells().map(|(_, data)| data);
        let bytes: usize = cells().map(length).sum();
        // Even a value of the server's maximum length still fits beside what waits.
        if self.waiting > 0 && self.bytes + bytes > self.batch_bytes && !self.send()? {
            return Ok(false);
        }
        for ((name, builder), data) in self.columns.iter_mut().zip(cells()) {
            if let Some(builder) = builder {
                builder.append(data).with_context(|| format!("column {name}, row {}", self.rows + 1))?;
            }
        }
        self.rows += 1;
        self.waiting += 1;
        self.bytes += bytes;
        if self.waiting == BATCH_ROWS { self.send() } else { Ok(true) }
    }

    fn send(&mut self) -> Result<bool> {
        let schema = self.schema();
        let columns = self.columns.iter_mut().filter_map(|(_, b)| b.as_mut().map(Builder::finish)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.waiting));
        let batch = RecordBatch::try_new_with_options(schema.into(), columns, &options)?;
        (self.waiting, self.bytes) = (0, 0);
        Ok(self.to.send(Message::Batch(batch)).is_ok())
    }

    /// Ends the result.
    fn end(&mut self) -> Result<()> {
        ensure!(!self.columns.is_empty(), "the query returns no rows and no columns; expected a SELECT");
        if self.waiting == 0 || self.send()? {
            // After `head` nobody is listening any more.
            let _ = self.to.send(Message::End);
        }
        Ok(())
    }
}

/// Bytes of a value whose type has no fixed width.
fn length(data: &ColumnData<'_>) -> usize {
    match data {
        ColumnData::String(Some(text)) => text.len(),
        ColumnData::Binary(Some(bytes)) => bytes.len(),
        ColumnData::Xml(Some(xml)) => xml.as_ref().as_ref().len(),
        _ => 0,
    }
}

enum Builder {
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    /// Types with which no kernel computes, but that can be passed through.
    AsText(StringBuilder),
    Binary(BinaryBuilder),
}

impl Builder {
    fn of(column_type: ColumnType) -> Option<Builder> {
        use ColumnType::*;
        Some(match column_type {
            Bit | Bitn => Builder::Boolean(BooleanBuilder::new()),
            Int1 | Int2 => Builder::Int16(Int16Builder::new()),
            Int4 => Builder::Int32(Int32Builder::new()),
            Int8 | Intn => Builder::Int64(Int64Builder::new()),
            Float4 => Builder::Float32(Float32Builder::new()),
            Float8 | Floatn => Builder::Float64(Float64Builder::new()),
            BigVarChar | BigChar | NVarchar | NChar | Text | NText => Builder::Text(StringBuilder::new()),
            BigVarBin | BigBinary | Image => Builder::Binary(BinaryBuilder::new()),
            Decimaln | Numericn | Money | Money4 | Guid | Xml | Daten | Timen | Datetime2
            | DatetimeOffsetn | Datetimen | Datetime | Datetime4 => Builder::AsText(StringBuilder::new()),
            _ => return None,
        })
    }

    fn data_type(&self) -> DataType {
        match self {
            Builder::Boolean(_) => DataType::Boolean,
            Builder::Int16(_) => DataType::Int16,
            Builder::Int32(_) => DataType::Int32,
            Builder::Int64(_) => DataType::Int64,
            Builder::Float32(_) => DataType::Float32,
            Builder::Float64(_) => DataType::Float64,
            Builder::Text(_) | Builder::AsText(_) => DataType::Utf8,
            Builder::Binary(_) => DataType::Binary,
        }
    }

    fn append(&mut self, data: &ColumnData<'static>) -> Result<()> {
        match (self, data) {
            (Builder::Boolean(b), ColumnData::Bit(v)) => b.append_option(*v),
            (Builder::Int16(b), ColumnData::U8(v)) => b.append_option(v.map(i16::from)),
            (Builder::Int16(b), ColumnData::I16(v)) => b.append_option(*v),
            (Builder::Int32(b), ColumnData::I32(v)) => b.append_option(*v),
            (Builder::Int64(b), ColumnData::I64(v)) => b.append_option(*v),
            (Builder::Float32(b), ColumnData::F32(v)) => b.append_option(*v),
            (Builder::Float64(b), ColumnData::F64(v)) => b.append_option(*v),
            (Builder::Text(b), ColumnData::String(v)) => b.append_option(v.as_deref()),
            (Builder::AsText(b), data) => b.append_option(as_text(data)?),
            (Builder::Binary(b), ColumnData::Binary(v)) => b.append_option(v.as_deref()),
            (builder, _) => {
                bail!("the server sent another type than {}, which it had announced", builder.data_type())
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Boolean(b) => Arc::new(b.finish()),
            Builder::Int16(b) => Arc::new(b.finish()),
            Builder::Int32(b) => Arc::new(b.finish()),
            Builder::Int64(b) => Arc::new(b.finish()),
            Builder::Float32(b) => Arc::new(b.finish()),
            Builder::Float64(b) => Arc::new(b.finish()),
            Builder::Text(b) | Builder::AsText(b) => Arc::new(b.finish()),
            Builder::Binary(b) => Arc::new(b.finish()),
        }
    }
}

/// A value in the text form that the server uses.
fn as_text(data: &ColumnData<'static>) -> Result<Option<String>> {
    Ok(match data {
        ColumnData::Numeric(v) => v.map(decimal),
        ColumnData::F64(v) => v.map(money).transpose()?,
        ColumnData::F32(v) => v.map(|v| money(v.into())).transpose()?,
        ColumnData::Guid(v) => v.map(|v| v.to_string().to_uppercase()),
        ColumnData::Xml(v) => v.as_ref().map(|v| v.as_ref().as_ref().to_string()),
        ColumnData::String(v) => v.as_ref().map(ToString::to_string),
        data => calendar::of_server(data)?,
    })
}

fn decimal(number: Numeric) -> String {
    let (scale, digits) = (usize::from(number.scale()), number.value().unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if number.value() < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Money arrives as a double.
fn money(v: f64) -> Result<String> {
    /// Beyond this, neighbouring doubles are more than a ten-thousandth apart.
    const LARGEST: f64 = 900_719_925_474.0;
    ensure!(
        v.abs() <= LARGEST,
        "{v} is too large to be carried exactly as money; CAST it to decimal(19,4) in the query"
    );
    Ok(format!("{v:.4}"))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Server<S> {
    /// Runs a query and passes on its columns and rows; false if not all of them were wanted.
    pub fn each(&mut self, sql: &str, reading: &mut Reading) -> Result<bool> {
        let mut wanted = true;
        let streamed = self.stream(sql, |item| {
            wanted = match item {
                tiberius::QueryItem::Metadata(m) if m.result_index() == 0 => reading.columns(m.columns())?,
                tiberius::QueryItem::Row(row) if row.result_index() == 0 => reading.row(&row)?,
                _ => bail!("the query returns more than one result; expected one SELECT"),
            };
            Ok(wanted)
        });
        streamed.map_err(|error| reading.explain(error))?;
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader of rows with texts of these lengths, which then ends as `end` says.
    fn rows(
        lengths: &'static [usize],
        batch_bytes: usize,
        end: impl FnOnce(&mut Reading) -> Result<()> + Send + 'static,
    ) -> QueryRows {
        let start = QueryRows::start(batch_bytes, move |reading| {
            reading.columns(&[tiberius::Column::new("t".into(), ColumnType::NVarchar)])?;
            for length in lengths {
                let text = Some("x".repeat(*length).into());
                let row = Row::builder().column("t", ColumnType::NVarchar, ColumnData::String(text)).build();
                reading.row(&row)?;
            }
            end(reading)
        });
        start.unwrap()
    }

    #[test]
    fn batches_are_cut_by_bytes() {
        let counts =
            |lengths| rows(lengths, 10, Reading::end).map(|b| b.unwrap().num_rows()).collect::<Vec<_>>();
        assert_eq!(counts(&[4, 6, 1]), [2, 1]);
        assert_eq!(counts(&[4, 7, 3, 1]), [1, 2, 1]);
        // A value longer than a batch gets its own.
        assert_eq!(counts(&[1, 30, 1]), [1, 1, 1]);
        assert_eq!(counts(&[0, 0, 0]), [3]);
        assert_eq!(counts(&[]), [0usize; 0]);
    }

    /// A reader that ends without saying so is an error, after the rows that it has sent.
    #[test]
    fn a_reader_that_fails_is_no_end() {
        type End = fn(&mut Reading) -> Result<()>;
        let ends: [(End, &str); 4] = [
            (|_| panic!("an array is full"), "an array is full"),
            (|_| panic!("row {}", 3), "row 3"),
            (|_| Err(anyhow!("the connection broke")), "the connection broke"),
            (|_| Ok(()), "before the end"),
        ];
        for (end, word) in ends {
            let mut rows = rows(&[8, 8], 10, end);
            assert_eq!(rows.next().unwrap().unwrap().num_rows(), 1);
            let error = rows.next().unwrap().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(rows.next().is_none());
        }
        let panics = QueryRows::start(10, |_| panic!("at the start"));
        assert!(panics.err().unwrap().to_string().contains("at the start"));
        // A panic after `End` was sent.
        let after: End = |reading| {
            reading.end()?;
            panic!("late")
        };
        let all: Vec<_> = rows(&[1], 10, after).collect();
        assert!(all.len() == 2 && all[0].is_ok() && all[1].is_err());
    }

    #[test]
    fn numbers_as_the_server_writes_them() {
        let number = |value, scale| decimal(Numeric::new_with_scale(value, scale));
        assert_eq!(number(-1205, 2), "-12.05");
        assert_eq!(number(5, 3), "0.005");
        assert_eq!(number(-5, 0), "-5");
        assert_eq!(money(-0.5).unwrap(), "-0.5000");
        assert_eq!(money(900_719_925_473.125).unwrap(), "900719925473.1250");
        assert!(money(922_337_203_685_477.0).is_err());
    }
}
