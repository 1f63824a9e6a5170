//! Columns of an Arrow batch, after import and before export: their types, and selection of rows.

use std::ops::Range;

use hart_kernels::{Element, Error};

use crate::failure::Failure;
use crate::tree::{Budget, Node};

/// The type of a column, as far as kernels care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    /// An integer of that many bytes.
    Int {
        bytes: usize,
        signed: bool,
    },
    Float(Element),
    Text {
        large: bool,
    },
    Bytes {
        large: bool,
    },
    FixedBytes(usize),
    List {
        large: bool,
        element: Element,
    },
    FixedList {
        dimensions: usize,
        element: Element,
    },
    /// Values of that many bytes that no kernel reads, but that are passed through: dates, times, decimals.
    Opaque(usize),
    /// Any other type, passed through.
    Other,
}

impl Type {
    /// The type of an Arrow format string; `child` is the format of a list's elements.
    pub(crate) fn parse(format: &str, child: Option<&str>) -> Option<Type> {
        let element = || match child? {
            "c" => Some(Element::I8),
            "e" => Some(Element::F16),
            "f" => Some(Element::F32),
            "g" => Some(Element::F64),
            _ => None,
        };
        let int = |bytes, signed| Some(Type::Int { bytes, signed });
        match format {
            "b" => Some(Type::Bool),
            "c" => int(1, true),
            "C" => int(1, false),
            "s" => int(2, true),
            "S" => int(2, false),
            "i" => int(4, true),
            "I" => int(4, false),
            "l" => int(8, true),
            "L" => int(8, false),
            "e" => Some(Type::Float(Element::F16)),
            "f" => Some(Type::Float(Element::F32)),
            "g" => Some(Type::Float(Element::F64)),
            "u" => Some(Type::Text { large: false }),
            "U" => Some(Type::Text { large: true }),
            "z" => Some(Type::Bytes { large: false }),
            "Z" => Some(Type::Bytes { large: true }),
            "+l" => Some(Type::List { large: false, element: element()? }),
            "+L" => Some(Type::List { large: true, element: element()? }),
            "tdD" | "tts" | "ttm" | "tiM" => Some(Type::Opaque(4)),
            "tdm" | "ttu" | "ttn" | "tDs" | "tDm" | "tDu" | "tDn" | "tiD" => Some(Type::Opaque(8)),
            "tin" => Some(Type::Opaque(16)),
            _ => {
                let (kind, rest) = format.split_once(':')?;
                match kind {
                    "w" => rest.parse().ok().map(Type::FixedBytes),
                    "+w" => {
                        let (dimensions, element): (usize, Element) = (rest.parse().ok()?, element()?);
                        dimensions.checked_mul(element.size())?;
                        Some(Type::FixedList { dimensions, element })
                    }
                    "tss" | "tsm" | "tsu" | "tsn" => Some(Type::Opaque(8)),
                    "d" => {
                        let bits: usize = rest.split(',').nth(2).map_or(Some(128), |b| b.parse().ok())?;
                        [32, 64, 128, 256].contains(&bits).then_some(Type::Opaque(bits / 8))
                    }
                    _ => None,
                }
            }
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Type::Bool => "bool".into(),
            Type::Int { bytes, signed } => format!("{}int{}", if *signed { "" } else { "u" }, bytes * 8),
            Type::Float(element) => match element {
                Element::F16 => "float16".into(),
                Element::F32 => "float32".into(),
                _ => "float64".into(),
            },
            Type::Text { large: false } => "utf8".into(),
            Type::Text { large: true } => "large_utf8".into(),
            Type::Bytes { large: false } => "binary".into(),
            Type::Bytes { large: true } => "large_binary".into(),
            Type::FixedBytes(n) => format!("fixed_size_binary({n})"),
            Type::List { large, element } => {
                format!("{}list<{}>", if *large { "large_" } else { "" }, element.name())
            }
            Type::FixedList { dimensions, element } => {
                format!("fixed_size_list<{}>({dimensions})", element.name())
            }
            Type::Opaque(bytes) => format!("a type of {bytes} bytes"),
            Type::Other => "another type".into(),
        }
    }

    /// Bytes per value for fixed-width types; `None` for types with offsets, and for bits.
    pub(crate) fn width(&self) -> Option<usize> {
        match self {
            Type::Int { bytes, .. } | Type::FixedBytes(bytes) | Type::Opaque(bytes) => Some(*bytes),
            Type::Float(element) => Some(element.size()),
            // `parse` has checked that it fits.
            Type::FixedList { dimensions, element } => Some(dimensions * element.size()),
            Type::Bool | Type::Text { .. } | Type::Bytes { .. } | Type::List { .. } | Type::Other => None,
        }
    }

    /// Bytes per element of a variable-length value.
    pub(crate) fn unit(&self) -> usize {
        match self {
            Type::List { element, .. } | Type::FixedList { element, .. } => element.size(),
            _ => 1,
        }
    }

    /// Whether its offsets are 64-bit.
    pub(crate) fn large(&self) -> bool {
        match self {
            Type::Text { large } | Type::Bytes { large } | Type::List { large, .. } => *large,
            _ => false,
        }
    }

    /// The element type of a list.
    pub(crate) fn list_element(&self) -> Option<Element> {
        match self {
            Type::List { element, .. } | Type::FixedList { element, .. } => Some(*element),
            _ => None,
        }
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Type::Int { .. })
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Bool | Type::Int { .. } | Type::Float(_))
    }
}

/// A bitmap that starts at some bit of its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    pub bytes: &'a [u8],
    pub offset: usize,
}

impl Bits<'_> {
    pub(crate) fn get(&self, i: usize) -> bool {
        let bit = self.offset + i;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }
}

/// The values of a column.
#[derive(Clone, Debug)]
pub(crate) enum Data<'a> {
    Bits(Bits<'a>),
    /// One value after the other.
    Fixed {
        width: usize,
        bytes: &'a [u8],
    },
    /// Value `i` is at bytes `offsets[i]..offsets[i + 1]`.
    Variable {
        offsets: Vec<usize>,
        bytes: &'a [u8],
    },
    /// A column that no kernel reads, and why.
    Tree(Box<Node<'a>>, Refusal),
}

/// Why a column cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub found: String,
    pub expected: String,
}

/// Schema information on a column or on a list's elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub name: String,
    pub format: String,
    /// `ARROW_FLAG_…`.
    pub flags: i64,
    /// As in the schema.
    pub metadata: Option<Vec<u8>>,
}

impl Field {
    /// `ARROW_FLAG_NULLABLE`.
    const NULLABLE: i64 = 2;

    pub(crate) fn nullable(name: &str, format: &str) -> Field {
        Field { name: name.into(), format: format.into(), flags: Field::NULLABLE, metadata: None }
    }
}

/// A column of an imported batch. Its buffers have been checked against its lengths and offsets.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    pub field: Field,
    /// The field of a list's elements.
    pub child: Option<Field>,
    pub kind: Type,
    pub rows: usize,
    /// `None` if no row is NULL.
    pub validity: Option<Bits<'a>>,
    pub data: Data<'a>,
}

impl<'a> Column<'a> {
    /// Its type, for messages.
    pub(crate) fn type_name(&self) -> String {
        if self.kind == Type::Other { format!("format {}", self.field.format) } else { self.kind.name() }
    }

    pub(crate) fn is_null(&self, i: usize) -> bool {
        self.validity.is_some_and(|bits| !bits.get(i))
    }

    /// All bytes, which contain each value; bits have none.
    pub(crate) fn buffer(&self) -> &'a [u8] {
        match &self.data {
            Data::Bits(_) | Data::Tree(..) => &[],
            Data::Fixed { bytes, .. } | Data::Variable { bytes, .. } => bytes,
        }
    }

    /// The position of value `i` in [`Column::buffer`], NULL or not.
    pub(crate) fn range(&self, i: usize) -> Range<usize> {
        match &self.data {
            Data::Bits(_) | Data::Tree(..) => 0..0,
            Data::Fixed { width, .. } => i * width..(i + 1) * width,
            Data::Variable { offsets, .. } => offsets[i]..offsets[i + 1],
        }
    }

    /// The bytes of value `i`; `None` where it is NULL.
    pub(crate) fn value(&self, i: usize) -> Option<&'a [u8]> {
        (!self.is_null(i)).then(|| &self.buffer()[self.range(i)])
    }

    /// An integer column's value `i`.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for an unsigned value beyond 2⁶³ − 1.
    pub(crate) fn integer(&self, i: usize) -> Result<Option<i64>, Error> {
        let Type::Int { bytes, signed } = self.kind else { return Ok(None) };
        let Some(value) = self.value(i) else { return Ok(None) };
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(value);
        let shift = 64 - 8 * bytes as u32;
        let raw = u64::from_le_bytes(wide);
        if signed {
            return Ok(Some((raw << shift).cast_signed() >> shift));
        }
        i64::try_from(raw).map(Some).map_err(|_| Error::Value {
            place: self.field.name.as_str().into(),
            row: i as u64 + 1,
            found: raw.to_string(),
            expected: format!("at most {}", i64::MAX),
        })
    }

    /// A number column's value `i`.
    pub(crate) fn number(&self, i: usize) -> Option<f64> {
        if self.is_null(i) {
            return None;
        }
        if let Data::Bits(bits) = &self.data {
            return Some(f64::from(u8::from(bits.get(i))));
        }
        let value = self.value(i)?;
        match self.kind {
            Type::Float(element) => hart_kernels::decode(element, value).first().copied(),
            Type::Int { bytes: 8, signed: false } => {
                Some(value.first_chunk().map_or(0, |b| u64::from_le_bytes(*b)) as f64)
            }
            _ => self.integer(i).ok().flatten().map(|v| v as f64),
        }
    }
}

/// A column made by the library, to be exported.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub field: Field,
    pub rows: usize,
    pub nulls: usize,
    /// A bitmap; `None` if no row is NULL.
    pub validity: Option<Vec<u8>>,
    /// Whether its type has no bitmap at all.
    pub bare: bool,
    /// Buffers after the bitmap.
    pub buffers: Vec<Vec<u8>>,
    /// The parts of lists, structures and the like.
    pub children: Vec<Made>,
    pub dictionary: Option<Box<Made>>,
}

impl Made {
    /// The same with the elements of its lists, `unit` bytes each.
    pub(crate) fn with_elements(mut self, field: Field, bytes: Vec<u8>, unit: usize) -> Made {
        self.children.push(Made { field, rows: bytes.len() / unit, buffers: vec![bytes], ..Made::default() });
        self
    }

    pub(crate) fn of(mut self, format: &str) -> Made {
        self.field.format = format.into();
        self
    }
}

/// Collects a bitmap.
#[derive(Default)]
pub(crate) struct BitmapBuilder {
    bytes: Vec<u8>,
    length: usize,
    zeros: usize,
}

impl BitmapBuilder {
    pub(crate) fn with_capacity(bits: usize) -> BitmapBuilder {
        BitmapBuilder { bytes: Vec::with_capacity(bits.div_ceil(8)), length: 0, zeros: 0 }
    }

    pub(crate) fn push(&mut self, bit: bool) {
        if self.length.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.length % 8);
        }
        self.length += 1;
        self.zeros += usize::from(!bit);
    }

    /// The bitmap as bits.
    pub(crate) fn bits(self) -> Vec<u8> {
        self.bytes
    }

    /// The validity bitmap and the number of NULLs; no bitmap if there are none.
    pub(crate) fn validity(self) -> (Option<Vec<u8>>, usize) {
        ((self.zeros > 0).then_some(self.bytes), self.zeros)
    }
}

/// Offsets of consecutive values, 32-bit or 64-bit, in units of `unit` bytes.
pub(crate) fn offsets(
    column: &str,
    lengths: impl Iterator<Item = usize>,
    unit: usize,
    large: bool,
) -> Result<Vec<u8>, Error> {
    let mut end = 0usize;
    let mut out = Vec::new();
    let mut push = |end: usize| {
        if large {
            out.extend_from_slice(&(end as i64).to_le_bytes());
            return Ok(());
        }
        let end = i32::try_from(end).map_err(|_| Error::Memory {
            what: format!("column {column}, whose offsets are 32-bit,"),
            bytes: end as u64,
            limit: i32::MAX as u64,
        })?;
        out.extend_from_slice(&end.to_le_bytes());
        Ok(())
    };
    push(0)?;
    for length in lengths {
        end += length / unit;
        push(end)?;
    }
    Ok(out)
}

/// Fails before an allocation that would exceed a limit.
pub(crate) fn check_memory(what: String, bytes: u64, limit: u64) -> Result<(), Error> {
    if bytes <= limit { Ok(()) } else { Err(Error::Memory { what, bytes, limit }) }
}

/// The rows `picked` of a column (all in order where `None`), unchanged.
///
/// # Errors
///
/// [`Error::Memory`] if they take more than `limit` bytes, or more than their offsets can address.
pub(crate) fn take(column: &Column<'_>, picked: Option<&[usize]>, limit: u64) -> Result<Made, Failure> {
    if let Data::Tree(node, _) = &column.data {
        let mut budget = Budget { what: format!("column {}", column.field.name), taken: 0, limit };
        return match picked {
            Some(picked) => node.take(picked, &mut budget),
            None => node.all(&mut budget),
        };
    }
    let rows = picked.map_or(column.rows, <[usize]>::len);
    let source = |i: usize| picked.map_or(i, |picked| picked[i]);
    let length = |i: usize| if column.is_null(source(i)) { 0 } else { column.range(source(i)).len() };
    let mut made = Made { field: column.field.clone(), rows, ..Made::default() };
    let total: u64 = match &column.data {
        Data::Bits(_) => rows.div_ceil(8) as u64,
        Data::Fixed { width, .. } => (rows as u64).saturating_mul(*width as u64),
        Data::Variable { .. } => (0..rows).map(|i| length(i) as u64).sum(),
        Data::Tree(..) => 0,
    };
    check_memory(format!("column {}", column.field.name), total, limit)?;
    let mut validity = BitmapBuilder::with_capacity(rows);
    (0..rows).for_each(|i| validity.push(!column.is_null(source(i))));
    (made.validity, made.nulls) = validity.validity();
    let last = match &column.data {
        Data::Tree(..) => Vec::new(),
        Data::Bits(bits) => {
            let mut out = BitmapBuilder::with_capacity(rows);
            (0..rows).for_each(|i| out.push(bits.get(source(i))));
            out.bits()
        }
        Data::Fixed { bytes, .. } => {
            let mut out = Vec::with_capacity(total as usize);
            match picked {
                None => out.extend_from_slice(bytes),
                Some(picked) => {
                    picked.iter().for_each(|row| out.extend_from_slice(&bytes[column.range(*row)]));
                }
            }
            out
        }
        Data::Variable { bytes, .. } => {
            let unit = column.kind.unit();
            made.buffers.push(offsets(&column.field.name, (0..rows).map(length), unit, column.kind.large())?);
            let mut out = Vec::with_capacity(total as usize);
            for i in (0..rows).filter(|i| !column.is_null(source(*i))) {
                out.extend_from_slice(&bytes[column.range(source(i))]);
            }
            out
        }
    };
    Ok(match &column.child {
        Some(child) => made.with_elements(child.clone(), last, column.kind.unit()),
        None => {
            made.buffers.push(last);
            made
        }
    })
}
