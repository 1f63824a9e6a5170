//! NumPy's .npy files: a short header in text, then the numbers of one array.
//!
//! The header is parsed here rather than by a crate: it is one line in a fixed form, and its claims must be checked
//! against the length of the file before anything is sized by them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, UInt8Array,
};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use half::f16;

use super::source::{BATCH_BYTES, BATCH_ROWS, Source};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a file with a 1-D array as the column `value`, with a 2-D array as `id` (the row, from 0) and the vector `v`.
/// Types that SQL lacks are widened: float16 to float32, unsigned integers to the next larger signed ones.
pub(super) fn start(file: File, length: u64, wanted: Option<Vec<usize>>) -> Result<Source> {
    let mut file = BufReader::new(file);
    let (text, data_begin) = header(&mut file, length)?;
    let element = Element::parse(&text)?;
    let fortran = after_key(&text, "fortran_order")?.starts_with("True");
    let shape = shape(&text)?;
    let (rows, size) = match shape[..] {
        [rows] => (rows, None),
        [rows, size] => (rows, Some(size)),
        _ => bail!("expected an array of 1 or 2 dimensions, found {} dimensions {shape:?}", shape.len()),
    };
    if let Some(size) = size {
        ensure!(
            !fortran,
            "expected rows one after the other, found Fortran order; save numpy.ascontiguousarray(a)"
        );
        ensure!(
            element.fits_vectors(),
            "expected vectors of float32, float64, float16 or int8, found the NumPy type {}",
            element.name
        );
        ensure!(
            (1..=i32::MAX as u64).contains(&size),
            "expected vectors of 1 to {} elements, found {size}",
            i32::MAX
        );
    }
    let row_bytes = size.unwrap_or(1).saturating_mul(element.bytes as u64);
    let expected = rows.saturating_mul(row_bytes);
    let found = length - data_begin;
    ensure!(
        found == expected,
        "expected {expected} bytes of numbers for the shape {shape:?} of {}, found {found}{}",
        element.name,
        if found < expected { ": the file is cut off" } else { "" }
    );
    // The file holds at least one whole such row, or there are none.
    let row_bytes = usize::try_from(row_bytes).context("the rows are larger than the memory")?;

    let schema = schema(&element, size);
    let names = wanted.unwrap_or_else(|| (0..schema.fields().len()).collect());
    let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS);
    let full = schema.clone();
    let mut done = 0;
    let batches = std::iter::from_fn(move || {
        let count = usize::try_from(rows - done).unwrap_or(usize::MAX).min(batch_rows);
        if count == 0 {
            return None;
        }
        let first = done;
        done += count as u64;
        let mut bytes = vec![0; count * row_bytes];
        Some(file.read_exact(&mut bytes).map_err(ArrowError::from).and_then(|()| {
            let numbers = element.array(&bytes, first * size.unwrap_or(1))?;
            let columns = match full.field(full.fields().len() - 1).data_type() {
                DataType::FixedSizeList(item, size) => {
                    let ids = Int64Array::from_iter_values((first..done).map(|row| row as i64));
                    vec![
                        Arc::new(ids) as ArrayRef,
                        Arc::new(FixedSizeListArray::try_new(item.clone(), *size, numbers, None)?),
                    ]
                }
                _ => vec![numbers],
            };
            RecordBatch::try_new(full.clone(), columns)?.project(&names)
        }))
    });
    Ok(Source { typed: schema.clone(), schema, rows: Some(rows), batches: Box::new(batches) })
}

fn schema(element: &Element, size: Option<u64>) -> SchemaRef {
    let number = element.data_type();
    Arc::new(Schema::new(match size {
        None => vec![Field::new("value", number, false)],
        Some(size) => {
            let item = Arc::new(Field::new("item", number, false));
            // Checked above to fit an i32.
            let vector = DataType::FixedSizeList(item, size as i32);
            vec![Field::new("id", DataType::Int64, false), Field::new("v", vector, false)]
        }
    }))
}

/// The text of the header, and the offset of the numbers.
fn header(file: &mut impl Read, length: u64) -> Result<(String, u64)> {
    let mut start = [0; 8];
    file.read_exact(&mut start).context("the header is cut off")?;
    let (text_length, begin) = match start[6] {
        1 => {
            let mut bytes = [0; 2];
            file.read_exact(&mut bytes).context("the header is cut off")?;
            (u64::from(u16::from_le_bytes(bytes)), 10)
        }
        2 | 3 => {
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes).context("the header is cut off")?;
            (u64::from(u32::from_le_bytes(bytes)), 12)
        }
        other => bail!("expected version 1, 2 or 3 of the .npy format, found {other}"),
    };
    ensure!(begin + text_length <= length, "the header is cut off");
    let mut text = String::new();
    file.take(text_length).read_to_string(&mut text).context("the header is not text")?;
    Ok((text, begin + text_length))
}

/// The text after that key in the header, which is a Python dictionary such as `{'descr': '<f4', 'fortran_order':
/// False, 'shape': (10, 384), }`.
fn after_key<'a>(header: &'a str, key: &str) -> Result<&'a str> {
    let quoted = format!("'{key}':");
    let (_, rest) = header.split_once(&quoted).with_context(|| format!("the header has no {key}"))?;
    Ok(rest.trim_start())
}

fn shape(header: &str) -> Result<Vec<u64>> {
    let rest = after_key(header, "shape")?;
    let inside = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inside, _)| inside);
    let inside = inside.context("the header has no shape in parentheses")?;
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    // Python 2 writes whole numbers with an L.
    let number = |size: &str| size.strip_suffix('L').unwrap_or(size).parse();
    sizes.map(|size| number(size).with_context(|| format!("the shape has a size of `{size}`"))).collect()
}

/// The type of the numbers.
struct Element {
    /// NumPy's name for it, such as `<f4`.
    name: String,
    kind: Kind,
    bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Int,
    Unsigned,
    Float,
}

impl Element {
    fn parse(header: &str) -> Result<Element> {
        const EXPECTED: &str = "expected numbers (bool, int, uint or float of up to 64 bits)";
        let rest = after_key(header, "descr")?;
        let name = rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(name, _)| name);
        let name = name.with_context(|| format!("{EXPECTED}, found a structured type"))?;
        let code = name.trim_start_matches(['<', '>', '|', '=']);
        let (kind, bytes) = match code {
            "b1" => (Kind::Bool, 1),
            "i1" => (Kind::Int, 1),
            "i2" => (Kind::Int, 2),
            "i4" => (Kind::Int, 4),
            "i8" => (Kind::Int, 8),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            "f2" => (Kind::Float, 2),
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            _ => bail!("{EXPECTED}, found the NumPy type {name}"),
        };
        Ok(Element { name: name.to_owned(), kind, bytes, big_endian: name.starts_with('>') })
    }

    fn fits_vectors(&self) -> bool {
        self.kind == Kind::Float || (self.kind == Kind::Int && self.bytes == 1)
    }

    /// The type of the column for these numbers.
    fn data_type(&self) -> DataType {
        match (self.kind, self.bytes) {
            (Kind::Bool, _) => DataType::Boolean,
            (Kind::Int, 1) => DataType::Int8,
            (Kind::Int, 2) => DataType::Int16,
            (Kind::Int, 4) | (Kind::Unsigned, 2) => DataType::Int32,
            (Kind::Int, _) | (Kind::Unsigned, 4 | 8) => DataType::Int64,
            (Kind::Unsigned, _) => DataType::UInt8,
            (Kind::Float, 2 | 4) => DataType::Float32,
            (Kind::Float, _) => DataType::Float64,
        }
    }

    /// The numbers in `bytes`, which begin with number `first` of the array.
    fn array(&self, bytes: &[u8], first: u64) -> Result<ArrayRef, ArrowError> {
        let big = self.big_endian;
        Ok(match (self.kind, self.bytes) {
            (Kind::Bool, _) => Arc::new(BooleanArray::from_iter(bytes.iter().map(|byte| Some(*byte != 0)))),
            (Kind::Int, 1) => Arc::new(Int8Array::from_iter_values(decode(bytes, big, i8::from_le_bytes))),
            (Kind::Int, 2) => Arc::new(Int16Array::from_iter_values(decode(bytes, big, i16::from_le_bytes))),
            (Kind::Int, 4) => Arc::new(Int32Array::from_iter_values(decode(bytes, big, i32::from_le_bytes))),
            (Kind::Int, _) => Arc::new(Int64Array::from_iter_values(decode(bytes, big, i64::from_le_bytes))),
            (Kind::Unsigned, 2) => {
                Arc::new(Int32Array::from_iter_values(decode(bytes, big, u16::from_le_bytes).map(i32::from)))
            }
            (Kind::Unsigned, 4) => {
                Arc::new(Int64Array::from_iter_values(decode(bytes, big, u32::from_le_bytes).map(i64::from)))
            }
            (Kind::Unsigned, 8) => {
                let mut numbers = Vec::with_capacity(bytes.len() / 8);
                for (at, number) in decode(bytes, big, u64::from_le_bytes).enumerate() {
                    numbers.push(i64::try_from(number).map_err(|_| {
                        let row = first + at as u64;
                        ArrowError::ParseError(format!(
                            "row {row}: expected at most {}, found {number}",
                            i64::MAX
                        ))
                    })?);
                }
                Arc::new(Int64Array::from(numbers))
            }
            (Kind::Unsigned, _) => Arc::new(UInt8Array::from(bytes.to_vec())),
            (Kind::Float, 2) => Arc::new(Float32Array::from_iter_values(
                decode(bytes, big, f16::from_le_bytes).map(f16::to_f32),
            )),
            (Kind::Float, 4) => {
                Arc::new(Float32Array::from_iter_values(decode(bytes, big, f32::from_le_bytes)))
            }
            (Kind::Float, _) => {
                Arc::new(Float64Array::from_iter_values(decode(bytes, big, f64::from_le_bytes)))
            }
        })
    }
}

fn decode<const N: usize, T>(
    bytes: &[u8],
    big_endian: bool,
    from: fn([u8; N]) -> T,
) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |chunk| {
        let mut chunk = *chunk;
        if big_endian {
            chunk.reverse();
        }
        from(chunk)
    })
}
