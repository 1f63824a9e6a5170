//! Projections on the command line: the vectors of a file, a basis for them, and the spatial kernels on both.

mod basis;
mod colours;
pub mod project;
pub mod recall;

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat;
use hart_kernels::{Element, registry, text};
use hart_sqlhost::columns::{CType, Field as HostField};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::HostColumn;
use hart_sqlhost::sys::SQL_NULL_DATA;

use crate::call::too_large;
use crate::data::{self, ReadOptions, Wanted, cell, guarded, types};
use crate::engine::{EngineOptions, Request};
use crate::feed::{append, empty_column, host_field, json_of};
use crate::memory;
use crate::run::{batch_of, param};
use crate::search::{json_column, vectors_of};

/// A vector column for kernels that take ids and vectors; the ids are row numbers, from 0.
pub struct Vectors {
    element: Element,
    field: HostField,
    host: [HostColumn; 2],
    /// Row numbers in the file, if these are not all of its rows.
    places: Option<Vec<u32>>,
}

/// The other columns of a file, as stored.
pub struct Others {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

impl Others {
    /// A column in one piece.
    pub fn whole(&self, column: usize) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        if parts.is_empty() {
            return Ok(arrow_array::new_empty_array(self.schema.field(column).data_type()));
        }
        guarded(|| concat(&parts)).map_err(|error| too_large(self.schema.field(column).name(), &error))
    }
}

impl Vectors {
    /// Reads the vectors of a file, from the named or only vector column, and other columns, which `others` picks from
    /// the file's columns and the position of the vectors among them.
    pub fn read(
        path: &Path,
        options: &ReadOptions,
        vectors: Option<&str>,
        others: impl FnOnce(&SchemaRef, usize) -> Result<Vec<Wanted>>,
    ) -> Result<(Vectors, Others)> {
        let shown = path.display();
        let mut reader = data::open(path, options)?;
        let schema = reader.schema().clone();
        let find = |name: &str| data::find(&schema, name).map_err(|problem| anyhow!("{shown}: {problem}"));
        let named = match vectors {
            Some(name) => Some(find(name)?),
            None => reader.next().transpose()?.and_then(|rows| json_column(&rows)),
        };
        let (column, element) = vectors_of(&schema, named).with_context(|| shown.to_string())?;
        let mut wanted = vec![Wanted::Typed(column)];
        wanted.extend(others(&schema, column)?);
        let reader = reader.only(&wanted)?;
        let rest: Vec<usize> = (1..wanted.len()).collect();
        let name = schema.field(column).name();
        let is_text = types::is_text(schema.field(column).data_type());
        let field = match is_text {
            true => host_field("v", &DataType::Binary, false)?,
            false => host_field("v", schema.field(column).data_type(), false)?,
        };
        let mut host = [empty_column(CType::BigInt), empty_column(field.ctype)];
        // If the file states its number of rows, memory is allocated once.
        if let Some(rows) = reader.rows().and_then(|rows| usize::try_from(rows).ok()) {
            let each = if matches!(schema.field(column).data_type(), DataType::FixedSizeList(..)) {
                field.size
            } else {
                0
            };
            memory::grow(&mut host[1].bytes, rows.saturating_mul(each as usize), name)?;
        }
        let mut out = Others { schema: reader.schema().project(&rest)?.into(), batches: Vec::new() };
        for batch in reader {
            let batch = batch?;
            let before = host[1].indicators.len();
            let appended = match is_text {
                true => append_texts(name, batch.column(0), before, &mut host[1]),
                false => append(name, batch.column(0), true, before, &mut host[1]),
            };
            appended.with_context(|| shown.to_string())?;
            out.batches.push(batch.project(&rest)?);
        }
        number(&mut host)?;
        Ok((Vectors { element, field, host, places: None }, out))
    }

    /// Rows, including those without a vector.
    pub fn len(&self) -> usize {
        self.host[1].indicators.len()
    }

    /// Dimensions of the first vector; 0 if there is none.
    pub fn dimension(&self) -> usize {
        let bytes = self.host[1].indicators.iter().find_map(|length| usize::try_from(*length).ok());
        bytes.unwrap_or(0) / self.element.size()
    }

    /// Rows with a vector.
    pub fn present(&self) -> usize {
        self.host[1].indicators.iter().filter(|length| **length != SQL_NULL_DATA).count()
    }

    /// The rows at these positions.
    pub fn take(&self, rows: &[u32]) -> Result<Vectors> {
        let mut starts = Vec::with_capacity(self.len());
        let mut end = 0;
        for length in &self.host[1].indicators {
            starts.push(end);
            end += (*length).max(0) as usize;
        }
        let mut host = [empty_column(CType::BigInt), empty_column(self.field.ctype)];
        for row in rows {
            let (start, length) = (starts[*row as usize], self.host[1].indicators[*row as usize]);
            host[1].bytes.extend_from_slice(&self.host[1].bytes[start..][..length.max(0) as usize]);
            host[1].indicators.push(length);
        }
        number(&mut host)?;
        let place = |row: &u32| self.places.as_ref().map_or(*row, |places| places[*row as usize]);
        let places = Some(rows.iter().map(place).collect());
        Ok(Vectors { element: self.element, field: self.field.clone(), host, places })
    }

    /// Splits the rows with a vector by whether their number among them is chosen. Nothing is held twice.
    pub fn split(mut self, chosen: impl Fn(usize) -> bool) -> Result<(Vectors, Vectors)> {
        let vectors = &mut self.host[1];
        let mut other = empty_column(self.field.ctype);
        let (mut places, mut other_places) = (Vec::new(), Vec::new());
        let (mut from, mut to, mut number_there) = (0, 0, 0);
        let lengths = std::mem::take(&mut vectors.indicators);
        for (row, length) in lengths.into_iter().enumerate() {
            let Ok(bytes) = usize::try_from(length) else { continue };
            let row = u32::try_from(row)?;
            if chosen(number_there) {
                other.bytes.extend_from_slice(&vectors.bytes[from..from + bytes]);
                other.indicators.push(length);
                other_places.push(row);
            } else {
                vectors.bytes.copy_within(from..from + bytes, to);
                to += bytes;
                vectors.indicators.push(length);
                places.push(row);
            }
            from += bytes;
            number_there += 1;
        }
        vectors.bytes.truncate(to);
        number(&mut self.host)?;
        self.places = Some(places);
        let mut host = [empty_column(CType::BigInt), other];
        number(&mut host)?;
        let other =
            Vectors { element: self.element, field: self.field.clone(), host, places: Some(other_places) };
        Ok((self, other))
    }

    /// The vectors back to back; `None` if some are missing or their dimensions differ.
    pub fn bytes(&self) -> Option<&[u8]> {
        let lengths = &self.host[1].indicators;
        let same =
            lengths.windows(2).all(|pair| pair[0] == pair[1]) && lengths.first().is_some_and(|n| *n > 0);
        same.then_some(&self.host[1].bytes)
    }

    /// Runs a kernel on all rows. If these are only some rows of a file, they are computed in this process, so that an
    /// error can name the file's row: the library counts the rows that it gets.
    pub fn call(
        &self,
        engine: &EngineOptions,
        kernel: &str,
        mut params: Vec<ParamField>,
    ) -> Result<RecordBatch> {
        let kernel = registry::find(kernel)?;
        let fields = vec![host_field("id", &DataType::Int64, false)?, self.field.clone()];
        params.push(word("element", self.element.name()));
        let request = Request { script: kernel.name.into(), fields, params };
        let here = engine.here();
        let engine = if self.places.is_some() { &here } else { engine };
        let result = engine
            .run(request, |execute| batch_of(kernel, &execute(self.len(), &self.host)?, Some(self.element)));
        result.map_err(|error| self.of_file(error))
    }

    /// The error with the file's row number, if these are only some of its rows.
    fn of_file(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(places) = &self.places else { return error };
        let text = format!("{error:#}");
        let mapped = text.split_once(", row ").and_then(|(before, after)| {
            let (row, after) = after.split_once(':')?;
            let place = places.get(row.parse::<usize>().ok()?.checked_sub(1)?)?;
            Some(format!("{before}, row {}:{after}", place + 1))
        });
        mapped.map_or(error, anyhow::Error::msg)
    }
}

/// Gives the vectors the ids 0, 1, 2 and so on.
fn number(host: &mut [HostColumn; 2]) -> Result<()> {
    let rows = host[1].indicators.len();
    let [ids, _] = host;
    *ids = empty_column(CType::BigInt);
    memory::grow(&mut ids.bytes, rows * size_of::<i64>(), "id")?;
    ids.bytes.extend((0..rows as i64).flat_map(i64::to_le_bytes));
    ids.indicators.resize(rows, size_of::<i64>() as i32);
    Ok(())
}

/// Appends vectors given as text in packed form, so that any of them can become a query.
fn append_texts(name: &str, array: &ArrayRef, before: usize, out: &mut HostColumn) -> Result<()> {
    let array = types::plain(array)?;
    for row in 0..array.len() {
        if cell::is_null(&array, row) {
            out.indicators.push(SQL_NULL_DATA);
            continue;
        }
        let numbers =
            text::parse_singles(json_of(&cell::text(&array, row)?).as_bytes()).map_err(|error| {
                let (place, row) = (name.into(), (before + row) as u64 + 1);
                hart_kernels::Error::Json { place, row, offset: error.offset, problem: error.problem }
            })?;
        let packed = text::pack(Element::F32, &numbers);
        memory::grow(&mut out.bytes, packed.len(), name)?;
        out.bytes.extend_from_slice(&packed);
        out.indicators.push(i32::try_from(packed.len()).context("a vector of more than 2 GB")?);
    }
    Ok(())
}

/// A word parameter.
fn word(name: &str, value: &str) -> ParamField {
    param(name, CType::Char, value.into())
}

/// A whole-number parameter.
fn whole(name: &str, value: u64) -> ParamField {
    param(name, CType::BigInt, value.to_le_bytes().to_vec())
}

/// A numeric column of a result.
fn numbers<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>> {
    let column = batch.column_by_name(name).with_context(|| format!("the result has no column {name}"))?;
    column.as_primitive_opt::<T>().with_context(|| format!("the result's column {name} has another type"))
}
