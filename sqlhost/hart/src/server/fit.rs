//! Which values a table's column accepts: by a result's type, checked before anything is computed, and by value. Only
//! the form of a value changes; the exceptions are those of an INSERT: a float is rounded to the nearest real, and NaN
//! and infinity become NULL.

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use tiberius::{ColumnData, Uuid};

use super::calendar;
use crate::feed::vector_element;

/// Maximum length of a value in the client's bulk load, although the column is (max).
pub const LONGEST_IN_BULK: usize = 65_535;

/// A column of a table, as the catalogue describes it.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// Its type without length; for an alias type, the system type.
    pub type_name: String,
    /// Bytes; −1 is (max).
    pub max_length: i64,
    pub precision: u8,
    pub scale: u8,
    pub nullable: bool,
    pub identity: bool,
    pub computed: bool,
    pub has_default: bool,
    /// For char and varchar.
    pub code_page: u32,
}

/// The kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    Bit,
    Int,
    Real,
    Float,
    Decimal,
    Text { wide: bool },
    Bytes,
    Guid,
    Date(calendar::Form),
    Markup,
    Vector,
}

impl Column {
    fn family(&self) -> Option<Family> {
        use calendar::Form;
        Some(match self.type_name.as_str() {
            "bit" => Family::Bit,
            "tinyint" | "smallint" | "int" | "bigint" => Family::Int,
            "real" => Family::Real,
            "float" => Family::Float,
            "decimal" | "numeric" | "money" | "smallmoney" => Family::Decimal,
            "char" | "varchar" => Family::Text { wide: false },
            "nchar" | "nvarchar" => Family::Text { wide: true },
            "binary" | "varbinary" => Family::Bytes,
            "uniqueidentifier" => Family::Guid,
            "date" => Family::Date(Form::Date),
            "time" => Family::Date(Form::Time),
            "smalldatetime" => Family::Date(Form::Minutes),
            "datetime" => Family::Date(Form::Ticks),
            "datetime2" => Family::Date(Form::DateTime),
            "datetimeoffset" => Family::Date(Form::Offset),
            "xml" | "json" => Family::Markup,
            "vector" => Family::Vector,
            _ => return None,
        })
    }

    /// The type in T-SQL notation.
    pub fn sql(&self) -> String {
        let name = &self.type_name;
        let unit = if name.starts_with('n') { 2 } else { 1 };
        match name.as_str() {
            "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" if self.max_length < 0 => {
                format!("{name}(max)")
            }
            "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" => {
                format!("{name}({})", self.max_length / unit)
            }
            "decimal" | "numeric" => format!("{name}({},{})", self.precision, self.scale),
            "time" | "datetime2" | "datetimeoffset" => format!("{name}({})", self.scale),
            "vector" => format!("{name}({})", self.dimensions()),
            _ => name.clone(),
        }
    }

    /// A VECTOR has eight bytes before its components.
    fn dimensions(&self) -> i64 {
        (self.max_length - 8) / 4
    }

    /// Whether the client's bulk load describes the column to the server correctly. It does not for types whose
    /// precision it omits, fixed-length types, nvarchar(2001) to (4000), and text in UTF-8, which it takes for Latin.
    pub fn goes_in_bulk(&self) -> bool {
        match self.type_name.as_str() {
            "bit" | "tinyint" | "smallint" | "int" | "bigint" | "real" | "float" | "uniqueidentifier"
            | "varbinary" => true,
            "varchar" => self.code_page != 65001,
            "nvarchar" => self.max_length <= 4000,
            _ => false,
        }
    }

    /// The expression that turns a statement's parameter into this column's value. Text and bytes are not cast: a cast
    /// would truncate them.
    pub fn placeholder(&self, number: usize) -> String {
        match self.family() {
            Some(Family::Guid | Family::Decimal | Family::Date(_) | Family::Markup | Family::Vector) => {
                format!("CAST(@P{number} AS {})", self.sql())
            }
            _ => format!("@P{number}"),
        }
    }

    /// Fails if values of this type cannot become this column's.
    pub fn takes(&self, data_type: &DataType) -> Result<()> {
        use DataType::*;
        let refused = |what: &str, remedy: &str| {
            bail!("column {} is {}, and the result has {what} there; {remedy}", self.name, self.sql())
        };
        if self.identity {
            return refused(
                "values",
                "an IDENTITY column numbers its rows itself: take a table without it, and copy from there",
            );
        }
        if self.computed || self.type_name == "timestamp" {
            return refused("values", "the server computes that column: take a table where it is none");
        }
        let integer = matches!(data_type, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | Boolean);
        let float = matches!(data_type, Float16 | Float32 | Float64);
        let text = matches!(data_type, Utf8 | LargeUtf8 | Utf8View);
        let bytes = matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_));
        let time = matches!(data_type, Date32 | Timestamp(_, None));
        let decimal = matches!(data_type, Decimal128(..));
        let vector = matches!(data_type, FixedSizeList(..) | List(_) | LargeList(_))
            && vector_element(data_type).is_some();
        let fits = match self.family() {
            None => {
                return refused(
                    &word(data_type),
                    "load into a table with another type there, and copy from there",
                );
            }
            Some(Family::Bit | Family::Int) => integer,
            Some(Family::Real | Family::Float) => integer || float,
            Some(Family::Decimal) => integer || decimal || text,
            Some(Family::Text { .. }) => integer || float || text || time || decimal || vector,
            Some(Family::Bytes) => bytes || vector,
            Some(Family::Guid | Family::Markup) => text,
            Some(Family::Date(_)) => text || time,
            Some(Family::Vector) => vector || bytes || text,
        };
        if fits {
            return Ok(());
        }
        let remedy = if float { "float" } else { natural(integer, text, bytes || vector, decimal) };
        refused(&word(data_type), &format!("a column of type {remedy} takes it"))
    }

    /// The value of row `i`, converted; fails if it does not fit, without naming column and row.
    pub fn value<'a>(&self, array: &'a ArrayRef, i: usize) -> Result<ColumnData<'a>> {
        let family = self.family().context("no column that takes values")?;
        let value = if array.is_null(i) { Value::Null } else { Value::of(array, i)? };
        if matches!(value, Value::Null) {
            ensure!(
                self.nullable,
                "it is NULL (NaN and infinite count as NULL), which {} NOT NULL does not take",
                self.sql()
            );
        }
        let no = || format!("it is {value}, which {} does not hold", self.sql());
        Ok(match family {
            Family::Bit => ColumnData::Bit(match value {
                Value::Null => None,
                Value::Int(v @ (0 | 1)) => Some(v == 1),
                _ => bail!(no()),
            }),
            Family::Int => {
                let v = match value {
                    Value::Null => None,
                    Value::Int(v) => Some(v),
                    _ => bail!(no()),
                };
                match self.type_name.as_str() {
                    "tinyint" => ColumnData::U8(v.map(u8::try_from).transpose().with_context(no)?),
                    "smallint" => ColumnData::I16(v.map(i16::try_from).transpose().with_context(no)?),
                    "int" => ColumnData::I32(v.map(i32::try_from).transpose().with_context(no)?),
                    _ => ColumnData::I64(v),
                }
            }
            Family::Real => ColumnData::F32(match value {
                Value::Null => None,
                Value::Int(v) => {
                    Some(v as f32).filter(|f| *f as i128 == i128::from(v)).with_context(no).map(Some)?
                }
                Value::Float(v) => {
                    let single = v as f32;
                    ensure!(single.is_finite() && (single != 0.0 || v == 0.0), no());
                    Some(single)
                }
                _ => bail!(no()),
            }),
            Family::Float => ColumnData::F64(match value {
                Value::Null => None,
                Value::Int(v) => {
                    Some(v as f64).filter(|f| *f as i128 == i128::from(v)).with_context(no).map(Some)?
                }
                Value::Float(v) => Some(v),
                _ => bail!(no()),
            }),
            Family::Decimal => {
                let text = match &value {
                    Value::Null => None,
                    Value::Int(v) => Some(v.to_string()),
                    Value::Text(text) => Some(text.trim().to_string()),
                    _ => bail!(no()),
                };
                ensure!(text.as_deref().is_none_or(|t| self.holds_decimal(t)), no());
                ColumnData::String(text.map(Cow::Owned))
            }
            Family::Text { wide } => {
                let text = match value {
                    Value::Null => None,
                    Value::Text(text) => Some(text),
                    Value::Vector(vector) => Some(Cow::Owned(json(&vector, false)?)),
                    ref other => Some(Cow::Owned(other.to_string())),
                };
                if let Some(text) = &text {
                    let bytes = self.encoded(text, wide)?;
                    ensure!(
                        self.max_length < 0 || bytes as i64 <= self.max_length,
                        "it has {bytes} bytes, and {} holds {}: {}",
                        self.sql(),
                        self.max_length,
                        shown(text)
                    );
                }
                ColumnData::String(text)
            }
            Family::Bytes => {
                let bytes = match value {
                    Value::Null => None,
                    Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
                    Value::Vector(vector) => Some(Cow::Owned(packed(&vector)?)),
                    _ => bail!(no()),
                };
                if let Some(bytes) = &bytes {
                    let length = bytes.len() as i64;
                    let fixed = self.type_name == "binary";
                    ensure!(
                        self.max_length < 0
                            || length == self.max_length
                            || (!fixed && length < self.max_length),
                        "it has {length} bytes, and {} holds {}{}",
                        self.sql(),
                        if fixed { "exactly " } else { "" },
                        self.max_length
                    );
                }
                ColumnData::Binary(bytes)
            }
            Family::Guid => ColumnData::Guid(match &value {
                Value::Null => None,
                Value::Text(text) => Some(Uuid::parse_str(text.trim()).ok().with_context(no)?),
                _ => bail!(no()),
            }),
            Family::Date(form) => ColumnData::String(match &value {
                Value::Null => None,
                Value::Text(text) => Some(Cow::Owned(form.text(text.trim(), self.scale).with_context(no)?)),
                _ => bail!(no()),
            }),
            Family::Markup => ColumnData::String(match value {
                Value::Null => None,
                Value::Text(text) => Some(text),
                _ => bail!(no()),
            }),
            Family::Vector => {
                let (text, dimensions) = match value {
                    Value::Null => return Ok(ColumnData::String(None)),
                    Value::Vector(vector) => (json(&vector, true)?, vector.len()),
                    Value::Bytes(bytes) => {
                        ensure!(bytes.len().is_multiple_of(4), "{} bytes are no packed singles", bytes.len());
                        let singles =
                            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                        (json_of(singles.map(f64::from), true)?, bytes.len() / 4)
                    }
                    Value::Text(ref text) => {
                        let singles = hart_kernels::text::parse_singles(text.as_bytes());
                        let dimensions = singles.ok().with_context(no)?.len();
                        (text.to_string(), dimensions)
                    }
                    _ => bail!(no()),
                };
                ensure!(
                    dimensions as i64 == self.dimensions(),
                    "the vector has {dimensions} components, and the column is {}",
                    self.sql()
                );
                ColumnData::String(Some(Cow::Owned(text)))
            }
        })
    }

    /// Bytes of a text in the column.
    fn encoded(&self, text: &str, wide: bool) -> Result<usize> {
        if wide {
            return Ok(2 * text.encode_utf16().count());
        }
        if text.is_ascii() || self.code_page == 65001 {
            return Ok(text.len());
        }
        let label = match self.code_page {
            932 => "shift_jis".to_string(),
            936 => "gbk".to_string(),
            949 => "euc-kr".to_string(),
            950 => "big5".to_string(),
            page => format!("windows-{page}"),
        };
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).with_context(|| {
            format!("code page {} is not known here; an nvarchar column takes it", self.code_page)
        })?;
        let (bytes, _, replaced) = encoding.encode(text);
        ensure!(
            !replaced,
            "code page {} of the column has no place for a character of it; an nvarchar column takes it: {}",
            self.code_page,
            shown(text)
        );
        Ok(bytes.len())
    }

    /// Whether a number's digits fit before and after the point.
    fn holds_decimal(&self, text: &str) -> bool {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + part.len() == 0 || !all_digits(whole) || !all_digits(part) {
            return false;
        }
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let (before, after) = match self.type_name.as_str() {
            "money" => (15, 4),
            "smallmoney" => (6, 4),
            _ => (usize::from(self.precision.saturating_sub(self.scale)), usize::from(self.scale)),
        };
        if whole.len() > before || part.len() > after {
            return false;
        }
        // Money is a whole number of ten-thousandths.
        let limit: i128 = match self.type_name.as_str() {
            "money" => i64::MAX.into(),
            "smallmoney" => i32::MAX.into(),
            _ => return true,
        };
        format!("{whole}{part:0<4}").parse::<i128>().is_ok_and(|v| v <= limit)
    }
}

/// Bytes of a value in a bulk load, for types whose length is limited there.
pub fn length_in_bulk(data: &ColumnData<'_>) -> usize {
    match data {
        ColumnData::Binary(Some(bytes)) => bytes.len(),
        // At most twice its UTF-8 bytes, in UTF-16 and in every code page.
        ColumnData::String(Some(text)) => 2 * text.len(),
        _ => 0,
    }
}

/// A value independent of its type's width.
enum Value<'a> {
    Null,
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    Vector(ArrayRef),
}

impl<'a> Value<'a> {
    fn of(array: &'a ArrayRef, i: usize) -> Result<Value<'a>> {
        macro_rules! int {
            ($arrow:ty) => {
                Value::Int(array.as_primitive::<$arrow>().value(i).into())
            };
        }
        // REAL and FLOAT cannot hold NaN or infinity.
        let float = |v: f64| if v.is_finite() { Value::Float(v) } else { Value::Null };
        Ok(match array.data_type() {
            DataType::Boolean => Value::Int(array.as_boolean().value(i).into()),
            DataType::Int8 => int!(Int8Type),
            DataType::Int16 => int!(Int16Type),
            DataType::Int32 => int!(Int32Type),
            DataType::Int64 => int!(Int64Type),
            DataType::UInt8 => int!(UInt8Type),
            DataType::UInt16 => int!(UInt16Type),
            DataType::UInt32 => int!(UInt32Type),
            DataType::Float16 => float(array.as_primitive::<Float16Type>().value(i).into()),
            DataType::Float32 => float(array.as_primitive::<Float32Type>().value(i).into()),
            DataType::Float64 => float(array.as_primitive::<Float64Type>().value(i)),
            DataType::Utf8 => Value::Text(array.as_string::<i32>().value(i).into()),
            DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(i).into()),
            DataType::Utf8View => Value::Text(array.as_string_view().value(i).into()),
            DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(i)),
            DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(i)),
            DataType::BinaryView => Value::Bytes(array.as_binary_view().value(i)),
            DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(i)),
            DataType::Decimal128(..) => {
                Value::Text(array.as_primitive::<Decimal128Type>().value_as_string(i).into())
            }
            DataType::Date32 | DataType::Timestamp(..) => Value::Text(calendar::iso(array, i)?.into()),
            DataType::FixedSizeList(..) => Value::Vector(array.as_fixed_size_list().value(i)),
            DataType::List(_) => Value::Vector(array.as_list::<i32>().value(i)),
            DataType::LargeList(_) => Value::Vector(array.as_list::<i64>().value(i)),
            other => bail!("it has type {other}, which cannot be loaded"),
        })
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Int(v) => v.fmt(f),
            Value::Float(v) => write!(f, "{v:?}"),
            Value::Text(text) => f.write_str(&shown(text)),
            Value::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Value::Vector(vector) => write!(f, "a vector of {} components", vector.len()),
        }
    }
}

/// The beginning of a text, for messages.
fn shown(text: &str) -> String {
    /// Maximum characters shown.
    const FIRST: usize = 40;
    let first: String = text.chars().take(FIRST).collect();
    let more = if first.len() < text.len() { "…" } else { "" };
    format!("'{first}{more}'")
}

fn components(vector: &ArrayRef) -> Result<Vec<f64>> {
    ensure!(vector.null_count() == 0, "the vector has a NULL component");
    let doubles = arrow_cast::cast(vector, &DataType::Float64)?;
    Ok(doubles.as_primitive::<Float64Type>().values().to_vec())
}

/// A vector as a JSON array.
fn json(vector: &ArrayRef, singles: bool) -> Result<String> {
    let singles = singles || matches!(vector.data_type(), DataType::Float32 | DataType::Float16);
    json_of(components(vector)?.into_iter(), singles)
}

fn json_of(components: impl Iterator<Item = f64>, singles: bool) -> Result<String> {
    use std::fmt::Write;
    let mut out = String::from("[");
    for (n, v) in components.enumerate() {
        let finite = if singles { (v as f32).is_finite() } else { v.is_finite() };
        ensure!(finite, "component {} of the vector is {v}, which no JSON array holds", n + 1);
        if n > 0 {
            out.push(',');
        }
        if singles { write!(out, "{:?}", v as f32)? } else { write!(out, "{v:?}")? }
    }
    out.push(']');
    Ok(out)
}

/// A vector as packed elements.
fn packed(vector: &ArrayRef) -> Result<Vec<u8>> {
    ensure!(vector.null_count() == 0, "the vector has a NULL component");
    Ok(match vector.data_type() {
        DataType::Float32 => {
            vector.as_primitive::<Float32Type>().values().iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        DataType::Float64 => {
            vector.as_primitive::<Float64Type>().values().iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        DataType::Float16 => {
            vector.as_primitive::<Float16Type>().values().iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        DataType::Int8 => vector.as_primitive::<Int8Type>().values().iter().map(|v| *v as u8).collect(),
        other => bail!("vectors of {other} cannot be loaded"),
    })
}

/// A result's type in T-SQL's terms.
fn word(data_type: &DataType) -> String {
    use DataType::*;
    match data_type {
        Boolean => "bit".into(),
        UInt8 => "tinyint".into(),
        Int8 | Int16 => "smallint".into(),
        UInt16 | Int32 => "int".into(),
        UInt32 | Int64 => "bigint".into(),
        Float16 | Float32 => "real".into(),
        Float64 => "float".into(),
        Utf8 | LargeUtf8 | Utf8View => "text".into(),
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => "varbinary".into(),
        Date32 => "date".into(),
        Timestamp(..) => "datetime2".into(),
        Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        FixedSizeList(..) | List(_) => "vectors".into(),
        other => other.to_string(),
    }
}

/// The column type that accepts all such values.
fn natural(integer: bool, text: bool, bytes: bool, decimal: bool) -> &'static str {
    match (integer, text, bytes, decimal) {
        (true, ..) => "bigint",
        (_, true, ..) => "nvarchar(max)",
        (_, _, true, _) => "varbinary(max)",
        (_, _, _, true) => "decimal",
        _ => "datetime2",
    }
}
