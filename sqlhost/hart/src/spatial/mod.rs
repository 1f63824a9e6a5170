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
use hart_kernels::registry::{self, Kernel};
use hart_kernels::{Element, text};
use hart_sqlhost::columns::{CType, Field as HostField};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::HostColumn;
use hart_sqlhost::sys::SQL_NULL_DATA;

use crate::call::{nothing, too_large};
use crate::data::{self, ReadOptions, Wanted, cell, guarded, types};
use crate::engine::{EngineOptions, Request};
use crate::feed::{Column, append, empty_column, host_field, json_of};
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

/// A file with a column of vectors, which can be read several times.
pub struct Source<'a> {
    path: &'a Path,
    options: &'a ReadOptions,
    /// All columns of the file.
    pub schema: SchemaRef,
    /// The position of the vectors among them.
    pub column: usize,
    pub element: Element,
    field: HostField,
}

/// The rows of a file in parts, at least one: the columns for kernels that take ids and vectors, and other columns.
pub struct Parts<'a> {
    source: &'a Source<'a>,
    reader: data::Reader,
    /// Rows of the parts so far; none before the first part.
    done: Option<usize>,
    /// The positions of the other columns.
    rest: Vec<usize>,
}

impl<'a> Source<'a> {
    /// A file with its named or only vector column.
    pub fn open(path: &'a Path, options: &'a ReadOptions, vectors: Option<&str>) -> Result<Source<'a>> {
        let shown = path.display();
        let mut reader = data::open(path, options)?;
        let schema = reader.schema().clone();
        let find = |name: &str| data::find(&schema, name).map_err(|problem| anyhow!("{shown}: {problem}"));
        let named = match vectors {
            Some(name) => Some(find(name)?),
            None => reader.next().transpose()?.and_then(|rows| json_column(&rows)),
        };
        let (column, element) = vectors_of(&schema, named).with_context(|| shown.to_string())?;
        let data_type = schema.field(column).data_type();
        let packed = if types::is_text(data_type) { &DataType::Binary } else { data_type };
        let field = host_field("v", packed, false)?;
        Ok(Source { path, options, schema, column, element, field })
    }

    /// The rows from the first, with these of the other columns.
    pub fn parts(&'a self, others: &[Wanted]) -> Result<Parts<'a>> {
        let wanted: Vec<Wanted> =
            std::iter::once(Wanted::Typed(self.column)).chain(others.iter().copied()).collect();
        let reader = data::open(self.path, self.options)?.only(&wanted)?;
        Ok(Parts { source: self, reader, done: None, rest: (1..wanted.len()).collect() })
    }

    /// Another column in one piece, with its computed type.
    pub fn other(&self, column: usize) -> Result<ArrayRef> {
        let mut parts = Vec::new();
        for batch in data::open(self.path, self.options)?.only(&[Wanted::Typed(column)])? {
            parts.push(batch?.column(0).clone());
        }
        let field = self.schema.field(column);
        if parts.is_empty() {
            return Ok(arrow_array::new_empty_array(field.data_type()));
        }
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
        guarded(|| concat(&parts)).map_err(|error| too_large(field.name(), &error))
    }

    /// A call of a kernel that takes ids and vectors.
    pub fn request(&self, kernel: &Kernel, params: Vec<ParamField>) -> Result<Request> {
        request(kernel, self.element, self.field.clone(), params)
    }

    /// All vectors.
    pub fn whole(&self) -> Result<Vectors> {
        let reader = data::open(self.path, self.options)?.only(&[Wanted::Typed(self.column)])?;
        let mut host = [empty_column(CType::BigInt), empty_column(self.field.ctype)];
        // If the file states its number of rows, memory is allocated once.
        if let Some(rows) = reader.rows().and_then(|rows| usize::try_from(rows).ok()) {
            let field = self.schema.field(self.column);
            let fixed = matches!(field.data_type(), DataType::FixedSizeList(..));
            let each = if fixed { self.field.size } else { 0 };
            memory::grow(&mut host[1].bytes, rows.saturating_mul(each as usize), 0, field.name())?;
        }
        for batch in reader {
            let before = host[1].indicators.len();
            self.append(batch?.column(0), before, &mut host[1])?;
        }
        number(&mut host)?;
        Ok(Vectors { element: self.element, field: self.field.clone(), host, places: None })
    }

    /// Up to so many evenly spaced rows with a vector: those that `spatial_fit` takes of all. Rows before the first
    /// vector come too, so that an error that names the first vector's row names that of the file.
    pub fn sample(&self, limit: usize) -> Result<Vectors> {
        let mut present = 0;
        for part in self.parts(&[])? {
            present += part?.0[1].indicators.iter().filter(|length| **length != SQL_NULL_DATA).count();
        }
        let taken = present.min(limit);
        let place = |n: usize| (n as u128 * present as u128 / taken.max(1) as u128) as usize;
        let mut host = [empty_column(CType::BigInt), empty_column(self.field.ctype)];
        let (mut places, mut row, mut there, mut next) = (Vec::new(), 0u32, 0, 0);
        for part in self.parts(&[])? {
            let ([_, vectors], _) = part?;
            let mut start = 0;
            for length in vectors.indicators {
                let bytes = usize::try_from(length).unwrap_or(0);
                let is_there = length != SQL_NULL_DATA;
                if (is_there && next < taken && there == place(next)) || (!is_there && there == 0) {
                    let name = self.schema.field(self.column).name();
                    memory::grow(&mut host[1].bytes, bytes, 0, name)?;
                    host[1].bytes.extend_from_slice(&vectors.bytes[start..start + bytes]);
                    host[1].indicators.push(length);
                    places.push(row);
                    next += usize::from(is_there);
                }
                there += usize::from(is_there);
                start += bytes;
                row = row.checked_add(1).context("the file has more than 4,294,967,295 rows")?;
            }
        }
        number(&mut host)?;
        Ok(Vectors { element: self.element, field: self.field.clone(), host, places: Some(places) })
    }

    /// The rows at these places, in this order.
    pub fn rows_at(&self, places: &[usize]) -> Result<Vectors> {
        let mut found: Vec<(i32, Vec<u8>)> = vec![(SQL_NULL_DATA, Vec::new()); places.len()];
        let mut row = 0;
        for part in self.parts(&[])? {
            let ([_, vectors], _) = part?;
            let mut start = 0;
            for length in vectors.indicators {
                let bytes = usize::try_from(length).unwrap_or(0);
                if let Some(n) = places.iter().position(|place| *place == row) {
                    found[n] = (length, vectors.bytes[start..start + bytes].to_vec());
                }
                start += bytes;
                row += 1;
            }
        }
        let mut host = [empty_column(CType::BigInt), empty_column(self.field.ctype)];
        for (length, bytes) in found {
            host[1].bytes.extend_from_slice(&bytes);
            host[1].indicators.push(length);
        }
        number(&mut host)?;
        let places = places.iter().map(|place| u32::try_from(*place)).collect::<Result<Vec<_>, _>>()?;
        Ok(Vectors { element: self.element, field: self.field.clone(), host, places: Some(places) })
    }

    /// Appends vectors, of which `before` precede them in the file.
    fn append(&self, array: &ArrayRef, before: usize, out: &mut HostColumn) -> Result<()> {
        let field = self.schema.field(self.column);
        let appended = match types::is_text(field.data_type()) {
            true => append_texts(field.name(), array, before, out),
            false => append(
                &Column {
                    name: field.name(),
                    kind: Some(hart_kernels::registry::Kind::Vector),
                    before,
                    beside: 0,
                },
                array,
                out,
            ),
        };
        appended.with_context(|| self.path.display().to_string())
    }
}

impl Parts<'_> {
    /// The other columns.
    pub fn rest(&self) -> Result<SchemaRef> {
        Ok(self.reader.schema().project(&self.rest)?.into())
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<([HostColumn; 2], RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next() {
            None if self.done.is_none() => Ok(nothing(self.reader.schema())),
            next => next?,
        };
        let before = self.done.unwrap_or(0);
        let part = batch.and_then(|batch| {
            self.done = Some(before + batch.num_rows());
            let mut host = [empty_column(CType::BigInt), empty_column(self.source.field.ctype)];
            self.source.append(batch.column(0), before, &mut host[1])?;
            number(&mut host)?;
            Ok((host, batch.project(&self.rest)?))
        });
        Some(part)
    }
}

impl Vectors {
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
    pub fn call(&self, engine: &EngineOptions, kernel: &str, params: Vec<ParamField>) -> Result<RecordBatch> {
        let kernel = registry::find(kernel)?;
        let request = request(kernel, self.element, self.field.clone(), params)?;
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

/// A call of a kernel that takes ids and vectors.
fn request(
    kernel: &Kernel,
    element: Element,
    vectors: HostField,
    mut params: Vec<ParamField>,
) -> Result<Request> {
    params.push(word("element", element.name()));
    let fields = vec![host_field("id", &DataType::Int64, false)?, vectors];
    Ok(Request { script: kernel.name.into(), fields, params })
}

/// Gives the vectors the ids 0, 1, 2 and so on.
fn number(host: &mut [HostColumn; 2]) -> Result<()> {
    let rows = host[1].indicators.len();
    let [ids, vectors] = host;
    *ids = empty_column(CType::BigInt);
    let beside = memory::of_host(std::slice::from_ref(vectors));
    memory::grow(&mut ids.bytes, rows * size_of::<i64>(), beside, "id")?;
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
        memory::grow(&mut out.bytes, packed.len(), 0, name)?;
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
