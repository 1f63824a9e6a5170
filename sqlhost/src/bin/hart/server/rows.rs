//! Rows of a server as Arrow batches, and back.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tiberius::{ColumnData, ColumnType, Row, TokenRow};

use super::connection::{Connector, Server};
use crate::data::BATCH_ROWS;

/// Rows of a query, read by a thread of its own while they are used here; at most two batches wait.
pub struct QueryRows {
    schema: SchemaRef,
    batches: Receiver<Result<RecordBatch>>,
}

impl QueryRows {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for QueryRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.recv().ok()
    }
}

impl Connector {
    /// Begins to read the rows of a query: its first result set.
    pub fn query(&self, sql: String) -> Result<QueryRows> {
        let mut server = self.connect()?;
        let (to_schema, from_schema) = sync_channel(1);
        let (to_batches, batches) = sync_channel(2);
        std::thread::spawn(move || {
            let mut reading = Reading {
                to_schema: Some(to_schema),
                to_batches,
                names: Vec::new(),
                builders: Vec::new(),
                rows: 0,
            };
            let result = server.each(&sql, &mut reading).and_then(|()| reading.end());
            if let Err(error) = result {
                // Whoever still listens is told; nobody is left after `head`.
                match reading.to_schema.take() {
                    Some(to_schema) => drop(to_schema.send(Err(error))),
                    None => drop(reading.to_batches.send(Err(error))),
                }
            }
        });
        let schema = from_schema.recv().context("the reader of the query ended without a word")??;
        Ok(QueryRows { schema, batches })
    }
}

/// What becomes of rows as they come.
pub(super) struct Reading {
    to_schema: Option<SyncSender<Result<SchemaRef>>>,
    to_batches: SyncSender<Result<RecordBatch>>,
    names: Vec<(String, ColumnType)>,
    builders: Vec<Builder>,
    rows: usize,
}

impl Reading {
    /// The columns of the result.
    pub(super) fn columns(&mut self, columns: &[tiberius::Column]) -> Result<()> {
        self.names = columns.iter().map(|c| (c.name().to_string(), c.column_type())).collect();
        ensure!(!self.names.is_empty(), "the query returns no columns");
        Ok(())
    }

    /// The next row; false where nobody wants more.
    pub(super) fn row(&mut self, row: Row) -> Result<bool> {
        if self.to_schema.is_some() {
            // The width of an integer column is known from its values, NULL or not.
            let builders = row.cells().map(|(c, data)| Builder::of(c.name(), c.column_type(), Some(data)));
            self.builders = builders.collect::<Result<_>>()?;
            self.tell_schema()?;
        }
        for ((column, data), builder) in row.cells().zip(&mut self.builders) {
            builder
                .append(data)
                .with_context(|| format!("column {}, row {}", column.name(), self.rows + 1))?;
        }
        self.rows += 1;
        if self.rows.is_multiple_of(BATCH_ROWS) { self.send() } else { Ok(true) }
    }

    fn tell_schema(&mut self) -> Result<()> {
        let fields = self.names.iter().zip(&self.builders);
        let fields = fields.map(|((name, _), b)| Field::new(name, b.data_type(), true)).collect::<Vec<_>>();
        if let Some(to_schema) = self.to_schema.take() {
            // Nobody listens: the first batch will tell.
            let _ = to_schema.send(Ok(Arc::new(Schema::new(fields))));
        }
        Ok(())
    }

    fn send(&mut self) -> Result<bool> {
        let fields = self.names.iter().zip(&self.builders);
        let schema = Schema::new(
            fields.map(|((name, _), b)| Field::new(name, b.data_type(), true)).collect::<Vec<_>>(),
        );
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(schema.into(), columns)?;
        Ok(self.to_batches.send(Ok(batch)).is_ok())
    }

    fn end(&mut self) -> Result<()> {
        ensure!(!self.names.is_empty(), "the query returns no rows and no columns; expected a SELECT");
        if self.to_schema.is_some() {
            let builders = self.names.iter().map(|(name, column_type)| Builder::of(name, *column_type, None));
            self.builders = builders.collect::<Result<_>>()?;
            self.tell_schema()?;
        }
        if !self.rows.is_multiple_of(BATCH_ROWS) {
            self.send()?;
        }
        Ok(())
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
    Binary(BinaryBuilder),
}

impl Builder {
    fn of(name: &str, column_type: ColumnType, data: Option<&ColumnData<'_>>) -> Result<Builder> {
        use ColumnType::*;
        Ok(match (column_type, data) {
            (Bit | Bitn, _) => Builder::Boolean(BooleanBuilder::new()),
            (_, Some(ColumnData::U8(_) | ColumnData::I16(_))) | (Int1 | Int2, _) => {
                Builder::Int16(Int16Builder::new())
            }
            (_, Some(ColumnData::I32(_))) | (Int4, _) => Builder::Int32(Int32Builder::new()),
            (Int8 | Intn, _) => Builder::Int64(Int64Builder::new()),
            (_, Some(ColumnData::F32(_))) | (Float4, _) => Builder::Float32(Float32Builder::new()),
            (Float8 | Floatn, _) => Builder::Float64(Float64Builder::new()),
            (BigVarChar | BigChar | NVarchar | NChar | Text | NText, _) => {
                Builder::Text(StringBuilder::new())
            }
            (BigVarBin | BigBinary | Image, _) => Builder::Binary(BinaryBuilder::new()),
            _ => bail!(
                "column {name} has a type that no kernel takes ({column_type:?}); CAST it in the query to an integer \
                 type, float, varchar or varbinary"
            ),
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
            Builder::Text(_) => DataType::Utf8,
            Builder::Binary(_) => DataType::Binary,
        }
    }

    fn append(&mut self, data: &ColumnData<'_>) -> Result<()> {
        match (self, data) {
            (Builder::Boolean(b), ColumnData::Bit(v)) => b.append_option(*v),
            (Builder::Int16(b), ColumnData::U8(v)) => b.append_option(v.map(i16::from)),
            (Builder::Int16(b), ColumnData::I16(v)) => b.append_option(*v),
            (Builder::Int32(b), ColumnData::I32(v)) => b.append_option(*v),
            (Builder::Int64(b), ColumnData::I64(v)) => b.append_option(*v),
            (Builder::Float32(b), ColumnData::F32(v)) => b.append_option(*v),
            (Builder::Float64(b), ColumnData::F64(v)) => b.append_option(*v),
            (Builder::Text(b), ColumnData::String(v)) => b.append_option(v.as_deref()),
            (Builder::Binary(b), ColumnData::Binary(v)) => b.append_option(v.as_deref()),
            (builder, data) => bail!("the server sent {data:?} in a column of {}", builder.data_type()),
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
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Binary(b) => Arc::new(b.finish()),
        }
    }
}

/// A table of a server that takes rows.
pub struct Target {
    connector: Connector,
    /// Its name in brackets.
    table: String,
}

impl Target {
    /// Fails where the table's name is none, or the server does not show the table: before anything is computed for it.
    pub fn open(connector: Connector, table: &str) -> Result<Target> {
        let table = quoted_name(table)?;
        connector
            .connect()?
            .run(format!("SELECT TOP (0) * FROM {table}"))
            .with_context(|| format!("--into {table}: nothing was computed or loaded"))?;
        Ok(Target { connector, table })
    }

    /// Appends the rows by bulk load: all or none. Vectors become packed elements.
    pub fn load(&self, batches: &[RecordBatch]) -> Result<u64> {
        let Some(first) = batches.first() else { return Ok(0) };
        let names: Vec<String> =
            first.schema().fields().iter().map(|f| format!("[{}]", f.name().replace(']', "]]"))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plain = batches.iter().map(plain).collect::<Result<Vec<_>>>()?;
        let rows = plain.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(move |i| {
                let mut row = TokenRow::with_capacity(batch.num_columns());
                batch.columns().iter().for_each(|column| row.push(value(column, i)));
                row
            })
        });
        let table = &self.table;
        let mut server =
            self.connector.connect().with_context(|| format!("--into {table}: nothing was loaded"))?;
        server
            .bulk(table, &names, rows)
            .map_err(|failure| failure.explain(&format!("--into {table}: the load"), "the table"))
    }
}

/// A table's name of one to three parts, each in brackets.
fn quoted_name(name: &str) -> Result<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = name;
    loop {
        let part = match rest.strip_prefix('[') {
            Some(inside) => {
                // ]] within brackets is one bracket.
                let mut end = 0;
                loop {
                    let at = inside[end..]
                        .find(']')
                        .with_context(|| format!("the name {name} has an open bracket"))?;
                    end += at;
                    if !inside[end + 1..].starts_with(']') {
                        break;
                    }
                    end += 2;
                }
                rest = &inside[end + 1..];
                inside[..end].replace("]]", "]")
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let part = rest[..end].to_string();
                rest = &rest[end..];
                part
            }
        };
        ensure!(
            !part.is_empty() && !part.contains(char::is_control),
            "{name} is no name of a table; expected SCHEMA.TABLE"
        );
        parts.push(format!("[{}]", part.replace(']', "]]")));
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None if rest.is_empty() => break,
            None => bail!("{name} is no name of a table; expected SCHEMA.TABLE"),
        }
    }
    ensure!(parts.len() <= 3, "{name} has {} parts; expected SCHEMA.TABLE", parts.len());
    Ok(parts.join("."))
}

/// The batch in the types that a bulk load takes.
fn plain(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let column: ArrayRef = match column.data_type() {
            DataType::FixedSizeList(..) | DataType::List(_) => Arc::new(packed(column)?),
            DataType::Boolean | DataType::Int8 | DataType::Int16 => cast(column, &DataType::Int32)?,
            DataType::LargeUtf8 | DataType::Utf8View => cast(column, &DataType::Utf8)?,
            DataType::LargeBinary | DataType::BinaryView => cast(column, &DataType::Binary)?,
            DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::Binary => column.clone(),
            other => bail!("column {} has type {other}, which cannot be loaded", field.name()),
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Schema::new(fields).into(), columns)?)
}

fn packed(column: &ArrayRef) -> Result<arrow_array::BinaryArray> {
    let mut out = BinaryBuilder::new();
    for i in 0..column.len() {
        if column.is_null(i) {
            out.append_null();
            continue;
        }
        let items = match column.data_type() {
            DataType::FixedSizeList(..) => column.as_fixed_size_list().value(i),
            _ => column.as_list::<i32>().value(i),
        };
        let bytes: Vec<u8> = match items.data_type() {
            DataType::Float32 => {
                items.as_primitive::<Float32Type>().values().iter().flat_map(|v| v.to_le_bytes()).collect()
            }
            DataType::Float64 => {
                items.as_primitive::<Float64Type>().values().iter().flat_map(|v| v.to_le_bytes()).collect()
            }
            other => bail!("vectors of {other} cannot be loaded"),
        };
        out.append_value(bytes);
    }
    Ok(out.finish())
}

fn value(column: &ArrayRef, i: usize) -> ColumnData<'static> {
    let there = column.is_valid(i);
    match column.data_type() {
        DataType::Int32 => ColumnData::I32(there.then(|| column.as_primitive::<Int32Type>().value(i))),
        DataType::Int64 => ColumnData::I64(there.then(|| column.as_primitive::<Int64Type>().value(i))),
        // REAL and FLOAT hold neither NaN nor infinity.
        DataType::Float32 => ColumnData::F32(
            there.then(|| column.as_primitive::<Float32Type>().value(i)).filter(|v| v.is_finite()),
        ),
        DataType::Float64 => ColumnData::F64(
            there.then(|| column.as_primitive::<Float64Type>().value(i)).filter(|v| v.is_finite()),
        ),
        DataType::Utf8 => {
            ColumnData::String(there.then(|| column.as_string::<i32>().value(i).to_string().into()))
        }
        _ => ColumnData::Binary(there.then(|| column.as_binary::<i32>().value(i).to_vec().into())),
    }
}

impl Server {
    /// Runs a query and hands over its columns and rows.
    fn each(&mut self, sql: &str, reading: &mut Reading) -> Result<()> {
        self.stream(sql, |item| match item {
            tiberius::QueryItem::Metadata(m) if m.result_index() == 0 => {
                reading.columns(m.columns()).map(|()| true)
            }
            tiberius::QueryItem::Row(row) if row.result_index() == 0 => reading.row(row),
            _ => Err(anyhow!("the query returns more than one result; expected one SELECT")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_number_of_the_server_holds_is_null() {
        let singles: ArrayRef = Arc::new(arrow_array::Float32Array::from(vec![f32::NAN, 2.0, f32::INFINITY]));
        let doubles: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![f64::NAN, 2.0, f64::INFINITY]));
        for i in [0, 2] {
            assert_eq!(value(&singles, i), ColumnData::F32(None));
            assert_eq!(value(&doubles, i), ColumnData::F64(None));
        }
        assert_eq!(value(&singles, 1), ColumnData::F32(Some(2.0)));
    }

    #[test]
    fn names_of_tables() {
        let good = |name: &str| quoted_name(name).unwrap();
        assert_eq!(good("t"), "[t]");
        assert_eq!(good("dbo.t"), "[dbo].[t]");
        assert_eq!(good("[a.b].[c]]d]"), "[a.b].[c]]d]");
        assert_eq!(good("x] DROP TABLE y --"), "[x]] DROP TABLE y --]");
        for name in ["", ".", "a.", "[a", "[a]b", "a.b.c.d", "a\nb"] {
            assert!(quoted_name(name).is_err(), "{name}");
        }
    }
}
