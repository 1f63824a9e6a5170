//! The border of the Arrow C data interface for columns of any type: those that `arrow` does not take apart for
//! kernels.
#![allow(unsafe_code)]

use crate::abi::{ArrowArray, ArrowSchema};
use crate::arrow::{
    Seen, bitmap, buffers, bytes, children, count, end, field, live, parse_offsets, reference, wrong,
};
use crate::columns::{Bits, Type};
use crate::failure::Failure;
use crate::tree::{Layout, Node};

/// Maximum nesting of types: more is a mistake, or meant to exhaust the stack.
const DEEPEST: usize = 64;

/// Rows `start..start + rows` of an array, after its own offset.
///
/// # Safety
///
/// As `arrow::import`, for this pair.
pub(crate) unsafe fn node<'a>(
    seen: &Seen,
    place: &str,
    (schema, array): (&ArrowSchema, &ArrowArray),
    start: usize,
    rows: usize,
    depth: usize,
) -> Result<Node<'a>, Failure> {
    let too_large = || wrong(place, "lengths and offsets", "no overflow");
    if depth > DEEPEST {
        return Err(wrong(place, format!("more than {DEEPEST} types within each other"), "fewer"));
    }
    live(place, schema, array)?;
    // SAFETY: the caller guarantees, as for `arrow::import`, that `schema` is an Arrow schema; `live` has seen it
    // unreleased.
    let field = unsafe { field(seen, place, schema)? };
    let length = count(place, "length", array.length)?;
    if start.checked_add(rows).is_none_or(|end| end > length) {
        return Err(wrong(place, format!("length {length}"), format!("at least {start} + {rows}")));
    }
    let own = count(place, "offset", array.offset)?;
    let start = end(place, "offset + length", own, start)?;
    end(place, "offset + length", start, rows)?;
    // SAFETY: the caller guarantees that both are Arrow structures, with a pointer for each child that they say.
    let (schemas, arrays) = unsafe { children(seen, place, schema, array)? };
    let expected = |n: usize| match schemas.len() == n {
        true => Ok(()),
        false => Err(wrong(
            place,
            format!("format {} with {} children", field.format, schemas.len()),
            n.to_string(),
        )),
    };
    let child = |i: usize| {
        // SAFETY: the children of live Arrow structures, which the caller guarantees to be Arrow structures too.
        unsafe {
            let schema = reference::<ArrowSchema>(seen, "a child of a schema", schemas[i])?;
            Ok::<_, Failure>((schema, reference::<ArrowArray>(seen, "a child of an array", arrays[i])?))
        }
    };
    // SAFETY: a child's structures, for which the caller guarantees the same as for this pair.
    let inner =
        |i: usize, start: usize, rows: usize| unsafe { node(seen, place, child(i)?, start, rows, depth + 1) };
    let whole = |i: usize| count(place, "length", child(i)?.1.length);
    // SAFETY: the caller guarantees that `array` has a pointer for each buffer that it says.
    let pointers = |n: usize| unsafe { buffers(seen, place, array, n) };
    // SAFETY: the caller guarantees buffers as large as the array's length and offset and its own offsets say.
    let piece = |pointer, first: usize, length: usize| unsafe { bytes(seen, place, pointer, first, length) };
    // The numbers in a buffer, four or eight bytes each.
    let numbers = |pointer, large: bool, more: usize| {
        let size = if large { 8 } else { 4 };
        let count = if rows == 0 { 0 } else { rows.checked_add(more).ok_or_else(too_large)? };
        let (first, length) = (start.checked_mul(size), count.checked_mul(size));
        piece(pointer, first.ok_or_else(too_large)?, length.ok_or_else(too_large)?)
    };
    let plain = |raw: &[u8], large: bool| {
        let mut out = Vec::new();
        let size = if large { 8 } else { 4 };
        out.try_reserve_exact(raw.len() / size)
            .map_err(|_| Failure::OutOfMemory { what: "the offsets of an Arrow array", bytes: raw.len() })?;
        for bytes in raw.chunks_exact(size) {
            let value = match bytes.first_chunk::<8>() {
                Some(b) => i64::from_le_bytes(*b),
                None => bytes.first_chunk::<4>().map_or(0, |b| i32::from_le_bytes(*b)).into(),
            };
            out.push(count(place, "an offset or size of", value)?);
        }
        Ok::<Vec<usize>, Failure>(out)
    };

    let (mut validity, mut inside): (Option<Bits<'a>>, Vec<Node<'a>>) = (None, Vec::new());
    // SAFETY: the caller guarantees a bitmap with a bit for each row that the array's length and offset say.
    let nulls = |pointer| unsafe { bitmap(seen, place, pointer, array.null_count, start, rows) };
    let kind = Type::parse(&field.format, None);
    let layout = match (field.format.as_str(), kind) {
        ("n", _) => {
            pointers(0)?;
            expected(0)?;
            Layout::Null
        }
        (_, Some(kind)) => {
            expected(0)?;
            if kind.width() == Some(0) && rows > 0 {
                return Err(wrong(
                    place,
                    format!("{rows} rows of format {}", field.format),
                    "a width above 0",
                ));
            }
            let variable = matches!(kind, Type::Text { .. } | Type::Bytes { .. });
            let found = pointers(if variable { 3 } else { 2 })?;
            validity = nulls(found[0])?;
            if let Some(width) = kind.width() {
                let (first, length) = (start.checked_mul(width), rows.checked_mul(width));
                let bytes = piece(found[1], first.ok_or_else(too_large)?, length.ok_or_else(too_large)?)?;
                Layout::Fixed { width, bytes }
            } else if variable {
                let mut offsets = parse_offsets(place, numbers(found[1], kind.large(), 1)?, kind)?;
                let (first, last) = (offsets[0], offsets[rows]);
                offsets.iter_mut().for_each(|offset| *offset -= first);
                Layout::Variable {
                    large: kind.large(),
                    offsets,
                    bytes: piece(found[2], first, last - first)?,
                }
            } else {
                let length = if rows == 0 { 0 } else { (start % 8 + rows).div_ceil(8) };
                Layout::Bits(Bits { bytes: piece(found[1], start / 8, length)?, offset: start % 8 })
            }
        }
        ("vu" | "vz", _) => {
            expected(0)?;
            let total = count(place, "buffers", array.n_buffers)?;
            let Some(many) = total.checked_sub(3) else {
                return Err(wrong(place, format!("{total} buffers"), "at least 3 for its format"));
            };
            let found = pointers(total)?;
            validity = nulls(found[0])?;
            let (first, length) = (start.checked_mul(16), rows.checked_mul(16));
            let views = piece(found[1], first.ok_or_else(too_large)?, length.ok_or_else(too_large)?)?;
            let sizes = piece(found[total - 1], 0, many.checked_mul(8).ok_or_else(too_large)?)?;
            let mut buffers = Vec::new();
            for (pointer, size) in found[2..total - 1].iter().zip(plain(sizes, true)?) {
                buffers.push(piece(*pointer, 0, size)?);
            }
            Layout::View { views, buffers }
        }
        ("+l" | "+L" | "+m", _) => {
            expected(1)?;
            let (found, large) = (pointers(2)?, field.format == "+L");
            validity = nulls(found[0])?;
            let mut offsets = parse_offsets(place, numbers(found[1], large, 1)?, Type::Bytes { large })?;
            let (first, last) = (offsets[0], offsets[rows]);
            offsets.iter_mut().for_each(|offset| *offset -= first);
            inside.push(inner(0, first, last - first)?);
            Layout::List { large, offsets }
        }
        ("+vl" | "+vL", _) => {
            expected(1)?;
            let (found, large) = (pointers(3)?, field.format == "+vL");
            validity = nulls(found[0])?;
            let (starts, lengths) =
                (plain(numbers(found[1], large, 0)?, large)?, plain(numbers(found[2], large, 0)?, large)?);
            let all = whole(0)?;
            let outside =
                |(start, length): (&usize, &usize)| start.checked_add(*length).is_none_or(|end| end > all);
            if let Some(row) = starts.iter().zip(&lengths).position(outside) {
                return Err(wrong(
                    place,
                    format!("a list outside of its elements in row {}", row + 1),
                    "one inside",
                ));
            }
            inside.push(inner(0, 0, all)?);
            Layout::ListView { large, starts, lengths }
        }
        ("+s", _) => {
            validity = nulls(pointers(1)?[0])?;
            for i in 0..schemas.len() {
                inside.push(inner(i, start, rows)?);
            }
            Layout::Struct
        }
        ("+r", _) => {
            pointers(0)?;
            expected(2)?;
            let (of_ends, of_values) = (whole(0)?, whole(1)?);
            let ends = inner(0, 0, of_ends)?;
            let Layout::Fixed { width: width @ (2 | 4 | 8), bytes } = ends.layout else {
                return Err(wrong(place, format!("runs of format {}", ends.field.format), "s, i or l"));
            };
            let read = |b: &[u8]| b.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
            let counted: Vec<usize> = bytes.chunks_exact(width).map(|b| read(b) as usize).collect();
            // A negative end reads as larger than any row.
            if of_values < of_ends || counted.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(wrong(
                    place,
                    "ends of runs that do not ascend, or without values",
                    "ascending ones",
                ));
            }
            inside.push(ends);
            inside.push(inner(1, 0, of_values)?);
            Layout::RunEnd { ends: counted, start }
        }
        (format, _) => match format.split_once(':') {
            Some(("+w", n)) => {
                expected(1)?;
                let n: usize =
                    n.parse().map_err(|_| wrong(place, format!("format {format}"), "+w: and a number"))?;
                validity = nulls(pointers(1)?[0])?;
                let (first, length) = (start.checked_mul(n), rows.checked_mul(n));
                inside.push(inner(0, first.ok_or_else(too_large)?, length.ok_or_else(too_large)?)?);
                Layout::FixedList(n)
            }
            Some((kind @ ("+us" | "+ud"), listed)) => {
                let dense = kind == "+ud";
                let found = pointers(if dense { 2 } else { 1 })?;
                let known: Vec<&str> = listed.split(',').filter(|code| !code.is_empty()).collect();
                expected(known.len())?;
                let codes = piece(found[0], start, rows)?;
                let mut of = Vec::new();
                for (row, code) in codes.iter().enumerate() {
                    let code = code.cast_signed().to_string();
                    let child = known.iter().position(|known| *known == code);
                    of.push(
                        child
                            .ok_or_else(|| wrong(place, format!("code {code} in row {}", row + 1), listed))?,
                    );
                }
                let places = if dense { Some(plain(numbers(found[1], false, 0)?, false)?) } else { None };
                for i in 0..known.len() {
                    inside.push(match dense {
                        true => inner(i, 0, whole(i)?)?,
                        false => inner(i, start, rows)?,
                    });
                }
                let outside = |(child, row): (&usize, &usize)| *row >= inside[*child].rows;
                if let Some(row) = of.iter().zip(places.iter().flatten()).position(outside) {
                    return Err(wrong(
                        place,
                        format!("row {} behind the end of its child", row + 1),
                        "one inside",
                    ));
                }
                Layout::Union { codes, of, rows: places }
            }
            _ => return Err(wrong(place, format!("format {format}"), "a type of Arrow")),
        },
    };
    let mut dictionary = None;
    if !schema.dictionary.is_null() || !array.dictionary.is_null() {
        // SAFETY: the dictionary's structures, for which the caller guarantees the same as for this pair.
        dictionary = Some(unsafe {
            let values = (
                reference::<ArrowSchema>(seen, "a dictionary of a schema", schema.dictionary)?,
                reference::<ArrowArray>(seen, "a dictionary of an array", array.dictionary)?,
            );
            let rows = count(place, "length", values.1.length)?;
            Box::new(node(seen, place, values, 0, rows, depth + 1)?)
        });
    }
    Ok(Node { field, rows, validity, layout, children: inside, dictionary })
}
