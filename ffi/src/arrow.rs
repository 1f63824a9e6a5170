//! The border of the Arrow C data interface, inwards: turns the caller's batch into checked columns.
//!
//! Everything that can be seen without following a wild pointer is checked: released structures, NULL buffers, negative
//! or overflowing lengths, descending offsets, children that do not fit. The size of a buffer cannot be seen; the
//! caller guarantees it.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};

use crate::abi::{ArrowArray, ArrowSchema};
use crate::arrow_tree;
use crate::columns::{Bits, Column, Data, Field, Refusal, Type};
use crate::failure::Failure;
use crate::raw::{self, In, Span};

/// The caller's memory that an import has read; the call's outputs must not overlap it.
#[derive(Default)]
pub(crate) struct Seen(RefCell<Vec<Span>>);

impl Seen {
    fn input<T>(&self, name: &'static str, pointer: *const T, length: usize) -> Result<In<T>, Failure> {
        let checked = raw::input(name, pointer, length)?;
        self.0.borrow_mut().push(checked.span());
        Ok(checked)
    }

    pub(crate) fn spans(self) -> Vec<Span> {
        self.0.into_inner()
    }
}

pub(crate) fn wrong(place: &str, found: impl Into<String>, expected: impl Into<String>) -> Failure {
    Failure::Arrow { place: place.into(), found: found.into(), expected: expected.into() }
}

/// A length, offset or count of the interface.
pub(crate) fn count(place: &str, what: &str, value: i64) -> Result<usize, Failure> {
    usize::try_from(value).map_err(|_| wrong(place, format!("{what} {value}"), "a number ≥ 0"))
}

/// The end of that many rows or elements from `start` on. The interface counts them in signed 64 bits; a bitmap's size
/// in bytes alone would allow more.
pub(crate) fn end(place: &str, what: &str, start: usize, rows: usize) -> Result<usize, Failure> {
    let end = start.checked_add(rows).filter(|end| i64::try_from(*end).is_ok());
    end.ok_or_else(|| wrong(place, what, "no overflow"))
}

/// # Safety
///
/// `pointer` is NULL or points to a structure that lives and does not change for `'a`.
pub(crate) unsafe fn reference<'a, T>(
    seen: &Seen,
    name: &'static str,
    pointer: *const T,
) -> Result<&'a T, Failure> {
    let span = seen.input(name, pointer, 1)?;
    // SAFETY: `pointer` is not NULL and aligned, as checked; the caller guarantees a structure that lives and does not
    // change for `'a`.
    Ok(&unsafe { span.slice() }[0])
}

/// # Safety
///
/// `pointer` is NULL or points to a text with a terminator that lives and does not change for `'a`.
unsafe fn text<'a>(seen: &Seen, pointer: *const c_char) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Ok("");
    }
    // SAFETY: `pointer` is not NULL; the caller guarantees a terminated text that lives and does not change for `'a`.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    seen.input("a text of an Arrow schema", pointer, bytes.len() + 1)?;
    std::str::from_utf8(bytes).map_err(|_| wrong("a schema", "a text that is not UTF-8", "UTF-8"))
}

/// The metadata of a schema, as bytes for another schema: the number of pairs, then each key and value after its
/// length.
///
/// # Safety
///
/// `pointer` is NULL or points to metadata as the Arrow C data interface defines it, which does not change meanwhile.
unsafe fn metadata(seen: &Seen, place: &str, pointer: *const c_char) -> Result<Option<Vec<u8>>, Failure> {
    const NAME: &str = "the metadata of an Arrow schema";
    if pointer.is_null() {
        return Ok(None);
    }
    let start = pointer.cast::<u8>();
    let whole = |length: usize| raw::input(NAME, start, length);
    let number = |at: usize| {
        let end = at.checked_add(4).ok_or_else(|| wrong(place, "metadata", "no overflow"))?;
        // SAFETY: the caller guarantees well-formed metadata, so it extends at least to its next number, at `at`.
        let bytes = unsafe { whole(end)?.slice() };
        let number = bytes[at..].first_chunk().map_or(0, |b| i32::from_ne_bytes(*b));
        Ok::<_, Failure>((count(place, "a number of metadata", number.into())?, end))
    };
    let (pairs, mut end) = number(0)?;
    for _ in 0..pairs.saturating_mul(2) {
        let (length, start) = number(end)?;
        end = start.checked_add(length).ok_or_else(|| wrong(place, "metadata", "no overflow"))?;
    }
    // SAFETY: the caller guarantees well-formed metadata that does not change meanwhile; its numbers say that it ends
    // at `end`.
    Ok(Some(unsafe { seen.input(NAME, start, end)?.slice() }.to_vec()))
}

/// The columns of a batch, given as an array of type struct, and its number of rows. Two NULL pointers are a batch
/// without columns and rows.
///
/// # Safety
///
/// Pointers that are not NULL point to structures as the Arrow C data interface defines them, whose buffers are as
/// large as their lengths and offsets say. Nothing of it changes for `'a`.
pub(crate) unsafe fn import<'a>(
    seen: &Seen,
    schema: *const ArrowSchema,
    array: *const ArrowArray,
) -> Result<(Vec<Column<'a>>, usize), Failure> {
    if schema.is_null() && array.is_null() {
        return Ok((Vec::new(), 0));
    }
    // SAFETY: the caller guarantees that pointers which are not NULL point to Arrow structures that do not change for
    // `'a`.
    let (schema, array) = unsafe {
        (
            reference::<ArrowSchema>(seen, "input_schema", schema)?,
            reference::<ArrowArray>(seen, "input", array)?,
        )
    };
    live("input", schema, array)?;
    // SAFETY: both structures are live; the caller guarantees that their texts, children and buffers are as the Arrow C
    // data interface defines them, and do not change for `'a`.
    unsafe {
        let format = text(seen, schema.format)?;
        if format != "+s" {
            return Err(wrong("input", format!("format {format}"), "+s, a batch as an array of type struct"));
        }
        let (rows, start) =
            (count("input", "length", array.length)?, count("input", "offset", array.offset)?);
        let end = end("input", "offset + length", start, rows)?;
        let buffers = buffers(seen, "input", array, 1)?;
        if let Some(bits) = bitmap(seen, "input", buffers[0], array.null_count, start, rows)?
            && (0..rows).any(|i| !bits.get(i))
        {
            return Err(wrong("input", "a row that is NULL as a whole", "NULLs in columns only"));
        }
        let (schemas, arrays) = children(seen, "input", schema, array)?;
        let mut columns = Vec::with_capacity(schemas.len());
        for (i, (schema, array)) in schemas.iter().zip(arrays).enumerate() {
            let place = format!("input column {}", i + 1);
            let (schema, array) = (
                reference(seen, "a child of input_schema", *schema)?,
                reference(seen, "a child of input", *array)?,
            );
            live(&place, schema, array)?;
            let name = text(seen, schema.name)?;
            let place = if name.is_empty() { place } else { format!("input column {name}") };
            if count(&place, "length", array.length)? < end {
                return Err(wrong(&place, format!("length {}", array.length), format!("at least {end}")));
            }
            columns.push(match column(seen, &place, schema, array, start, rows) {
                // A column that no kernel reads may still be passed through; if that fails too, the first reason is the
                // better one.
                Err(Failure::Arrow { place, found, expected }) => {
                    match arrow_tree::node(seen, &place, (schema, array), start, rows, 0) {
                        Ok(node) => Column {
                            field: node.field.clone(),
                            child: None,
                            kind: Type::Other,
                            rows,
                            validity: node.validity,
                            data: Data::Tree(Box::new(node), Refusal { found, expected }),
                        },
                        Err(_) => return Err(Failure::Arrow { place, found, expected }),
                    }
                }
                other => other?,
            });
        }
        Ok((columns, rows))
    }
}

pub(crate) fn live(place: &str, schema: &ArrowSchema, array: &ArrowArray) -> Result<(), Failure> {
    if schema.release.is_none() || array.release.is_none() {
        return Err(wrong(place, "a released structure", "a live one"));
    }
    Ok(())
}

/// # Safety
///
/// As [`import`], for this array.
pub(crate) unsafe fn buffers<'a>(
    seen: &Seen,
    place: &str,
    array: &'a ArrowArray,
    expected: usize,
) -> Result<&'a [*const c_void], Failure> {
    if array.n_buffers != expected as i64 {
        return Err(wrong(
            place,
            format!("{} buffers", array.n_buffers),
            format!("{expected} for its format"),
        ));
    }
    let pointers = seen.input("the buffers of an Arrow array", array.buffers.cast_const(), expected)?;
    // SAFETY: the caller guarantees that `array` is a live Arrow array, which has the `n_buffers` pointers compared
    // above.
    Ok(unsafe { pointers.slice() })
}

type Children<'a> = (&'a [*mut ArrowSchema], &'a [*mut ArrowArray]);

/// # Safety
///
/// As [`import`], for this pair.
pub(crate) unsafe fn children<'a>(
    seen: &Seen,
    place: &str,
    schema: &'a ArrowSchema,
    array: &'a ArrowArray,
) -> Result<Children<'a>, Failure> {
    let expected = count(place, "children in the schema", schema.n_children)?;
    if array.n_children != schema.n_children {
        return Err(wrong(
            place,
            format!("{} children", array.n_children),
            format!("{expected}, as in the schema"),
        ));
    }
    let schemas = seen.input("the children of an Arrow schema", schema.children.cast_const(), expected)?;
    let arrays = seen.input("the children of an Arrow array", array.children.cast_const(), expected)?;
    // SAFETY: the caller guarantees live Arrow structures, which have the `n_children` pointers compared above.
    Ok(unsafe { (schemas.slice(), arrays.slice()) })
}

/// The validity bitmap; `None` if all rows are valid.
///
/// # Safety
///
/// As [`import`], for this buffer.
pub(crate) unsafe fn bitmap<'a>(
    seen: &Seen,
    place: &str,
    buffer: *const c_void,
    null_count: i64,
    start: usize,
    rows: usize,
) -> Result<Option<Bits<'a>>, Failure> {
    if null_count == 0 || rows == 0 {
        return Ok(None);
    }
    if buffer.is_null() {
        // −1 means that nobody has counted; without a bitmap there are no NULLs.
        let found = || format!("null count {null_count} and no bitmap");
        return if null_count == -1 { Ok(None) } else { Err(wrong(place, found(), "a bitmap, or no NULLs")) };
    }
    // SAFETY: the caller guarantees a bitmap with a bit for each row that its array's length and offset say.
    let bytes = unsafe { bytes(seen, place, buffer, start / 8, (start % 8 + rows).div_ceil(8))? };
    Ok(Some(Bits { bytes, offset: start % 8 }))
}

/// `length` bytes of a buffer from `start` on.
///
/// # Safety
///
/// As [`import`], for this buffer.
pub(crate) unsafe fn bytes<'a>(
    seen: &Seen,
    place: &str,
    buffer: *const c_void,
    start: usize,
    length: usize,
) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if buffer.is_null() {
        return Err(wrong(place, "a NULL buffer", format!("{length} bytes")));
    }
    let end = start.checked_add(length).ok_or_else(|| wrong(place, "a buffer's end", "no overflow"))?;
    let whole = seen.input("a buffer of an Arrow array", buffer.cast::<u8>(), end)?;
    // SAFETY: the caller guarantees a buffer as large as its array's length, offset and offsets say, which does not
    // change for `'a`.
    Ok(&unsafe { whole.slice() }[start..])
}

/// The fields of a live schema, except its children.
///
/// # Safety
///
/// As [`import`], for this schema.
pub(crate) unsafe fn field(seen: &Seen, place: &str, schema: &ArrowSchema) -> Result<Field, Failure> {
    // SAFETY: the caller guarantees a live Arrow schema, whose texts are terminated and whose metadata is well-formed.
    unsafe {
        Ok(Field {
            name: text(seen, schema.name)?.into(),
            format: text(seen, schema.format)?.into(),
            flags: schema.flags,
            metadata: metadata(seen, place, schema.metadata)?,
        })
    }
}

/// One column, or the elements of a list, from `start` on after its own offset.
///
/// # Safety
///
/// As [`import`], for this pair.
unsafe fn column<'a>(
    seen: &Seen,
    place: &str,
    schema: &ArrowSchema,
    array: &ArrowArray,
    start: usize,
    rows: usize,
) -> Result<Column<'a>, Failure> {
    let too_large = || wrong(place, "lengths and offsets", "no overflow");
    // SAFETY: the caller guarantees, as for `import`, that `schema` is a live Arrow schema.
    let field = unsafe { field(seen, place, schema)? };
    let own = count(place, "offset", array.offset)?;
    let start = end(place, "offset + length", own, start)?;
    end(place, "offset + length", start, rows)?;
    // SAFETY: the caller guarantees, as for `import`, that `schema` and `array` are live Arrow structures.
    let (schemas, arrays) = unsafe { children(seen, place, schema, array)? };
    let child = match (schemas, arrays) {
        // SAFETY: the children of live Arrow structures, which the caller guarantees to be Arrow structures too.
        ([schema], [array]) => Some(unsafe {
            (
                reference::<ArrowSchema>(seen, "a child of a schema", *schema)?,
                reference::<ArrowArray>(seen, "a child of an array", *array)?,
            )
        }),
        _ => None,
    };
    let mut child_field = None;
    if let Some((schema, array)) = child {
        live(place, schema, array)?;
        // SAFETY: `live` has seen that the child is not released; the caller guarantees that it is an Arrow schema.
        child_field = Some(unsafe { self::field(seen, place, schema)? });
    }
    let format = match &child_field {
        Some(child) => format!("format {} of {}", field.format, child.format),
        None => format!("format {}", field.format),
    };
    let encoded = [Some((schema, array)), child].into_iter().flatten();
    if encoded.into_iter().any(|(s, a)| !s.dictionary.is_null() || !a.dictionary.is_null()) {
        return Err(wrong(place, format!("{format} with a dictionary"), "plain values"));
    }
    let kind = Type::parse(&field.format, child_field.as_ref().map(|child| child.format.as_str()));
    let kind = kind.filter(|kind| kind.list_element().is_some() == child.is_some()).ok_or_else(|| {
        let expected = "integers, floats, bool, utf8, binary, dates and times, or a list of int8, float16, float32 or float64";
        wrong(place, format, expected)
    })?;
    // No buffer limits the number of such rows.
    if kind.width() == Some(0) && rows > 0 {
        return Err(wrong(place, format!("{rows} rows of format {}", field.format), "a width above 0"));
    }
    let nested = matches!(kind, Type::FixedList { .. });
    let listed = matches!(kind, Type::List { .. });
    let expected = match kind {
        Type::Text { .. } | Type::Bytes { .. } => 3,
        _ if nested => 1,
        _ => 2,
    };
    // SAFETY: the caller guarantees that `array` has a pointer per buffer, and that its bitmap covers its length and
    // offset.
    let (pointers, validity) = unsafe {
        let pointers = buffers(seen, place, array, expected)?;
        (pointers, bitmap(seen, place, pointers[0], array.null_count, start, rows)?)
    };
    // A list's values are in its child, where some may be NULL.
    let mut missing = None;
    let mut values = |first: usize, length: usize| {
        // SAFETY: the caller guarantees, for `array` and its child, buffers as large as their lengths and offsets say.
        unsafe {
            let Some((_, array)) = child else {
                return bytes(seen, place, pointers[expected - 1], first, length);
            };
            let (bytes, bits) = elements(seen, place, array, first, length, kind.unit())?;
            missing = bits;
            Ok(bytes)
        }
    };
    let data = if let Some(width) = kind.width() {
        let (first, length) =
            (start.checked_mul(width).ok_or_else(too_large)?, rows.checked_mul(width).ok_or_else(too_large)?);
        Data::Fixed { width, bytes: values(first, length)? }
    } else if kind == Type::Bool {
        // SAFETY: the caller guarantees that the buffer has a bit for each row that the array's length and offset say.
        let bits = unsafe {
            bytes(
                seen,
                place,
                pointers[1],
                start / 8,
                if rows == 0 { 0 } else { (start % 8 + rows).div_ceil(8) },
            )?
        };
        Data::Bits(Bits { bytes: bits, offset: start % 8 })
    } else {
        debug_assert!(listed || expected == 3);
        let size = if kind.large() { 8 } else { 4 };
        let room = |n: usize| n.checked_mul(size).ok_or_else(too_large);
        let raw = match rows {
            0 => &[][..],
            // SAFETY: the caller guarantees that the buffer has an offset for each row that the array's length and
            // offset say, and one more.
            rows => unsafe {
                bytes(
                    seen,
                    place,
                    pointers[1],
                    room(start)?,
                    room(rows.checked_add(1).ok_or_else(too_large)?)?,
                )?
            },
        };
        let offsets = parse_offsets(place, raw, kind)?;
        let (first, last) = (offsets[0], offsets[rows]);
        let bytes = values(first, last - first)?;
        Data::Variable { offsets: offsets.into_iter().map(|offset| offset - first).collect(), bytes }
    };
    let column = Column { field, child: child_field, kind, rows, validity, data };
    if let Some(bits) = missing {
        // Elements under a NULL list do not count.
        let unit = kind.unit();
        let elements = |row: &usize| column.range(*row).step_by(unit).any(|byte| !bits.get(byte / unit));
        if let Some(row) = (0..rows).filter(|row| !column.is_null(*row)).find(elements) {
            return Err(wrong(place, format!("a NULL among the elements of row {}", row + 1), "numbers"));
        }
    }
    Ok(column)
}

/// Offsets in bytes. They must not be negative or descend.
pub(crate) fn parse_offsets(place: &str, raw: &[u8], kind: Type) -> Result<Vec<usize>, Failure> {
    let read = |value: i64| {
        let offset = count(place, "an offset of", value)?;
        offset.checked_mul(kind.unit()).ok_or_else(|| wrong(place, "an offset", "no overflow"))
    };
    let mut offsets: Vec<usize> = Vec::new();
    // As many as the caller claims.
    let count = (raw.len() / if kind.large() { 8 } else { 4 }).max(1);
    offsets.try_reserve_exact(count).map_err(|_| Failure::OutOfMemory {
        what: "the offsets of an Arrow array",
        bytes: count.saturating_mul(8),
    })?;
    if raw.is_empty() {
        offsets.push(0);
    } else if kind.large() {
        for b in raw.as_chunks().0 {
            offsets.push(read(i64::from_le_bytes(*b))?);
        }
    } else {
        for b in raw.as_chunks().0 {
            offsets.push(read(i32::from_le_bytes(*b).into())?);
        }
    }
    match offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        Some(row) => Err(wrong(place, format!("offsets that go back in row {}", row + 1), "ascending ones")),
        None => Ok(offsets),
    }
}

/// Bytes `first..first + length` of a list's elements, and their validity.
///
/// # Safety
///
/// As [`import`], for this array.
unsafe fn elements<'a>(
    seen: &Seen,
    place: &str,
    array: &ArrowArray,
    first: usize,
    length: usize,
    size: usize,
) -> Result<(&'a [u8], Option<Bits<'a>>), Failure> {
    let (rows, own) =
        (count(place, "elements", array.length)?, count(place, "offset of elements", array.offset)?);
    let (from, number) = (first / size, length / size);
    if from.checked_add(number).is_none_or(|end| end > rows) {
        return Err(wrong(place, format!("{rows} elements"), "as many as its lists say"));
    }
    let what = "an offset of elements";
    let start = end(place, what, own, from)?;
    end(place, what, start, number)?.checked_mul(size).ok_or_else(|| wrong(place, what, "no overflow"))?;
    // SAFETY: the caller guarantees buffers as large as the length and offset of `array` say; the range is within them,
    // as checked above.
    unsafe {
        let pointers = buffers(seen, place, array, 2)?;
        let bits = bitmap(seen, place, pointers[0], array.null_count, start, number)?;
        Ok((bytes(seen, place, pointers[1], start * size, length)?, bits))
    }
}
