//! Lists of integers as vectors, if the conversion is exact.

use std::ops::Range;

use hart_kernels::{Element, Error};

use crate::columns::{Column, Data, Type};
use crate::tree::{Layout, Node};

/// Vectors of a column of integer lists.
pub(crate) struct Converted {
    pub element: Element,
    pub bytes: Vec<u8>,
    pub ranges: Vec<Option<Range<usize>>>,
}

/// The bound up to which a single holds all whole numbers.
const SINGLES: u64 = 1 << 24;
const DOUBLES: u64 = 1 << 53;

/// The elements of list `row`, as row numbers of the child; `None` if the column holds no lists.
fn elements(node: &Node<'_>, row: usize) -> Option<Range<usize>> {
    match &node.layout {
        Layout::List { offsets, .. } => Some(offsets[row]..offsets[row + 1]),
        Layout::ListView { starts, lengths, .. } => Some(starts[row]..starts[row] + lengths[row]),
        Layout::FixedList(n) => Some(row * n..(row + 1) * n),
        _ => None,
    }
}

/// Whether a column holds lists of integers.
pub(crate) fn holds(column: &Column<'_>) -> bool {
    lists(column).is_some()
}

fn lists<'c, 'a>(column: &'c Column<'a>) -> Option<(&'c Node<'a>, &'a [u8], usize, bool)> {
    let Data::Tree(node, _) = &column.data else { return None };
    let [child] = node.children.as_slice() else { return None };
    if matches!(node.layout, Layout::Struct) || child.dictionary.is_some() || node.dictionary.is_some() {
        return None;
    }
    let Some(Type::Int { bytes: size, signed }) = Type::parse(&child.field.format, None) else { return None };
    let Layout::Fixed { bytes, .. } = child.layout else { return None };
    Some((node, bytes, size, signed))
}

/// The vectors of a column of integer lists, as singles if all numbers fit, else as doubles; `None` if it holds none.
///
/// # Errors
///
/// [`Error::Value`] that names the row where a number is beyond ±2⁵³ or is NULL.
pub(crate) fn converted(column: &Column<'_>, name: &str, wide: bool) -> Option<Result<Converted, Error>> {
    let (node, bytes, size, signed) = lists(column)?;
    let number = |i: usize| {
        let mut raw = [0; 8];
        raw[..size].copy_from_slice(&bytes[i * size..(i + 1) * size]);
        let shift = 64 - 8 * size as u32;
        let value = u64::from_le_bytes(raw);
        match signed {
            true => i128::from((value << shift).cast_signed() >> shift),
            false => i128::from(value),
        }
    };
    let wrong = |row: usize, found: String, expected: &str| {
        Err(Error::Value { place: name.into(), row: row as u64 + 1, found, expected: expected.into() })
    };
    let (mut values, mut ranges, mut largest) = (Vec::new(), Vec::new(), 0u64);
    for row in 0..node.rows {
        if node.validity.is_some_and(|bits| !bits.get(row)) {
            ranges.push(None);
            continue;
        }
        let start = values.len();
        for i in elements(node, row)? {
            if node.children[0].validity.is_some_and(|bits| !bits.get(i)) {
                return Some(wrong(row, "a NULL among the elements".into(), "numbers"));
            }
            let value = number(i);
            if value.unsigned_abs() > u128::from(DOUBLES) {
                return Some(wrong(
                    row,
                    value.to_string(),
                    "integers from −2⁵³ to 2⁵³, which a float holds exactly",
                ));
            }
            largest = largest.max(value.unsigned_abs() as u64);
            values.push(value as f64);
        }
        ranges.push(Some(start..values.len()));
    }
    let element = if wide || largest > SINGLES { Element::F64 } else { Element::F32 };
    let bytes = match element {
        Element::F32 => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    let size = element.size();
    let ranges =
        ranges.into_iter().map(|r: Option<Range<usize>>| r.map(|r| r.start * size..r.end * size)).collect();
    Some(Ok(Converted { element, bytes, ranges }))
}
