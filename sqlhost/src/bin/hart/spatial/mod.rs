//! Projections on the command line: the vectors of a file, a basis for them, and the spatial kernels on both.

mod basis;
mod colours;
pub mod project;
pub mod recall;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array,
};
use arrow_cast::cast;
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use hart_kernels::{Element, registry, text};
use hart_sqlhost::columns::CType;
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::HostColumn;

use crate::data;
use crate::engine::{EngineOptions, Request};
use crate::feed::{host_column, host_field};
use crate::run::{batch_of, param};
use crate::search::{is_text, vectors_of};

/// A column of vectors, ready for kernels that take ids and vectors: the ids are places, from 0.
pub struct Vectors {
    name: String,
    array: ArrayRef,
    element: Element,
    host: [HostColumn; 2],
    /// Places of the rows in the file, where they are not all of it.
    places: Option<Vec<u32>>,
}

impl Vectors {
    fn new(name: &str, array: ArrayRef, element: Element) -> Result<Vectors> {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(array.len())?));
        let host = [host_column("id", &ids, 0)?, host_column(name, &array, 0)?];
        Ok(Vectors { name: name.into(), array, element, host, places: None })
    }

    /// Reads the vectors of a file, from the named or only column of them, and other columns: the named ones, or all.
    pub fn read(
        path: &Path,
        vectors: Option<&str>,
        others: Option<&[String]>,
    ) -> Result<(Vectors, RecordBatch)> {
        let reader = data::open(path)?;
        let schema = reader.schema().clone();
        let (column, element) = vectors_of(&schema, vectors).with_context(|| path.display().to_string())?;
        let name = schema.field(column).name().clone();
        let mut names = vec![name.clone()];
        match others {
            Some(others) => names.extend(others.iter().cloned()),
            None => names.extend(schema.fields().iter().map(|f| f.name().clone()).filter(|n| *n != name)),
        }
        let reader = reader.only(&names)?;
        let schema = reader.schema().clone();
        let whole = concat_batches(&schema, &reader.collect::<Result<Vec<_>>>()?)?;
        let array = packed(&name, whole.column(0)).with_context(|| path.display().to_string())?;
        let rest: Vec<usize> = (1..whole.num_columns()).collect();
        Ok((Vectors::new(&name, array, element)?, whole.project(&rest)?))
    }

    /// Rows, those without a vector included.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Dimensions of the first vector, 0 where there is none.
    pub fn dimension(&self) -> usize {
        let bytes = self.host[1].indicators.iter().find_map(|length| usize::try_from(*length).ok());
        bytes.unwrap_or(0) / self.element.size()
    }

    /// Places of the rows that have a vector.
    pub fn present(&self) -> Vec<u32> {
        (0..self.len() as u32).filter(|row| self.array.is_valid(*row as usize)).collect()
    }

    /// The rows at these places.
    pub fn take(&self, rows: &[u32]) -> Result<Vectors> {
        let array = take(&self.array, &UInt32Array::from(rows.to_vec()), None)?;
        let place = |row: &u32| self.places.as_ref().map_or(*row, |places| places[*row as usize]);
        let places = Some(rows.iter().map(place).collect());
        Ok(Vectors { places, ..Vectors::new(&self.name, array, self.element)? })
    }

    /// The vectors one after the other; `None` where they are not all there or not all of one dimension.
    pub fn bytes(&self) -> Option<&[u8]> {
        let lengths = &self.host[1].indicators;
        let same =
            lengths.windows(2).all(|pair| pair[0] == pair[1]) && lengths.first().is_some_and(|n| *n > 0);
        same.then_some(&self.host[1].bytes)
    }

    /// Runs a kernel on all rows.
    pub fn call(
        &self,
        engine: &EngineOptions,
        kernel: &str,
        mut params: Vec<ParamField>,
    ) -> Result<RecordBatch> {
        let kernel = registry::find(kernel)?;
        let fields =
            vec![host_field("id", &DataType::Int64, false)?, host_field("v", self.array.data_type(), false)?];
        params.push(word("element", self.element.name()));
        let request = Request { script: kernel.name.into(), fields, params };
        let result = engine.run(request, |execute| {
            batch_of(kernel, &execute(self.len(), &self.host)?, Some(self.element), &[])
        });
        result.map_err(|error| self.of_file(error))
    }

    /// The error with the row of the file that it is about, where these rows are some of it. What the external-language library
    /// has written to stderr itself counts the rows that it was given.
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

/// Vectors as bytes: those in JSON are parsed, so that a query can be made of any of them.
fn packed(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    if !is_text(array.data_type()) {
        return Ok(array.clone());
    }
    let texts = cast(array, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    let rows = texts.iter().enumerate().map(|(row, value)| {
        let Some(value) = value else { return Ok(None) };
        let numbers = text::parse_singles(value.as_bytes()).map_err(|error| {
            let (column, row) = (name.to_owned(), row as u64 + 1);
            hart_kernels::Error::Json { column, row, offset: error.offset, problem: error.problem }
        })?;
        Ok(Some(text::pack(Element::F32, &numbers)))
    });
    Ok(Arc::new(rows.collect::<Result<BinaryArray>>()?))
}

/// A parameter that is a word.
fn word(name: &str, value: &str) -> ParamField {
    param(name, CType::Char, value.into())
}

/// A parameter that is a whole number.
fn whole(name: &str, value: u64) -> ParamField {
    param(name, CType::BigInt, value.to_le_bytes().to_vec())
}

/// A column of numbers of a result.
fn numbers<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>> {
    let column = batch.column_by_name(name).with_context(|| format!("the result has no column {name}"))?;
    column.as_primitive_opt::<T>().with_context(|| format!("the result's column {name} has another type"))
}
